"""What a signal does to a run; `tests/reliability` ends whole runs at random moments."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from autochrome.cli.stopping import WATCHER, ended_at_once, ended_orderly

BEGIN = """
import os, sys, time
from pathlib import Path
from autochrome.cli.stopping import ended_at_once, ended_orderly
from autochrome.io.workspace import uninterrupted, workspace
from autochrome.io.whole_file import written_whole
def busy():  # one step of the main thread, in which Python runs no handler
    import ctypes
    print("ready", flush=True)
    ctypes.CDLL(None).usleep(5_000_000)
    ctypes.CDLL(None).usleep(5_000_000)
"""


def end(code: str, *signals: int, folder: Path, pause: float = 0.1) -> tuple[int, str, float]:
    """Run code until it is ready, send signals, and return its code, what it printed, and the seconds."""
    command = [sys.executable, "-c", BEGIN + code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        for number in signals:
            process.send_signal(number)
            time.sleep(pause)
        printed = process.stdout.read()
        return process.wait(), printed, time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_long_step_and_leaves_nothing(tmp_path: Path, number: int) -> None:
    code, printed, seconds = end(
        "with ended_orderly(lambda: print('last words')), written_whole(Path('a.txt')) as place:\n"
        "    place.write_text('half')\n"
        "    busy()",
        number,
        folder=tmp_path,
    )
    assert (code, printed) == (128 + number, "last words\n")
    assert seconds < 2
    assert list(tmp_path.iterdir()) == []


def test_what_must_be_whole_is_done_first(tmp_path: Path) -> None:
    code, _, _ = end(
        "with ended_orderly(lambda: None), uninterrupted():\n"
        "    Path('1').touch()\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(0.5)\n"
        "    Path('2').touch()\n"
        "time.sleep(5)",
        signal.SIGTERM,
        folder=tmp_path,
    )
    assert code == 128 + signal.SIGTERM
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


@pytest.mark.parametrize("stuck", ["uninterrupted()", "ended_orderly(lambda: time.sleep(9))"])
def test_it_ends_even_where_something_is_stuck(tmp_path: Path, stuck: str) -> None:
    code, _, seconds = end(
        f"with ended_orderly(lambda: None), {stuck}:\n    busy()", signal.SIGINT, folder=tmp_path
    )
    assert code == 130
    assert seconds < 2.5


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    code, _, seconds = end(
        "with ended_orderly(lambda: time.sleep(9)):\n    busy()",
        signal.SIGINT,
        signal.SIGTERM,
        folder=tmp_path,
    )
    assert code == 128 + signal.SIGTERM
    assert seconds < 1


def test_before_anything_is_half_made_it_just_ends(tmp_path: Path) -> None:
    code, printed, seconds = end("with ended_at_once():\n    busy()", signal.SIGINT, folder=tmp_path)
    assert (code, printed) == (-signal.SIGINT, "")
    assert seconds < 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_commands_leave_nothing_either(tmp_path: Path, number: int) -> None:
    """Every command is called like this; `autochrome try`, for example, writes sheets."""
    code, printed, _ = end(
        "import click\n"
        "from autochrome.cli.main import LazyGroup\n"
        "@click.command()\n"
        "def write():\n"
        "    with written_whole(Path('a.txt')) as place:\n"
        "        place.write_text('half')\n"
        "        print('ready', flush=True)\n"
        "        time.sleep(5)\n"
        "LazyGroup.get_command = lambda *_: write\n"
        "LazyGroup.resolve_command = lambda self, ctx, args: ('write', write, args[1:])\n"
        "LazyGroup()(['write'])",
        number,
        folder=tmp_path,
    )
    assert (code, printed) == (128 + number, "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("block", ["ended_at_once()", "ended_orderly(lambda: None)"])
def test_nohup_is_respected(tmp_path: Path, block: str) -> None:
    code, printed, _ = end(
        "import signal\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        f"with {block}:\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(0.5)\n"
        "print('done')",
        signal.SIGHUP,
        folder=tmp_path,
    )
    assert (code, printed) == (0, "done\n")


def test_handlers_are_as_before() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, block in enumerate((ended_at_once(), ended_orderly(lambda: None))):
        with block:
            assert [thread.name for thread in threading.enumerate()].count(WATCHER) == number
            assert {number: signal.getsignal(number) for number in before} != before
        assert {number: signal.getsignal(number) for number in before} == before
    assert WATCHER not in [thread.name for thread in threading.enumerate()]


def test_in_another_thread_nothing_changes() -> None:
    done: list[object] = []

    def work() -> None:
        with ended_at_once(), ended_orderly(lambda: None):
            done.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [signal.getsignal(signal.SIGINT)]
