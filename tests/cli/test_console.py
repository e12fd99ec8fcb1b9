"""What is shown of the progress, on a terminal and elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import Any

import pytest

from autochrome.cli.console import ProgressLines, duration, printable, progress_bar, rate


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (200.0, "3 min 20 s"),
        (7500.0, "2 h 5 min"),
    ],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_rates() -> None:
    assert rate(2.54) == "2.5 a second"
    assert rate(0.05) == "20 s each"


def lines_of(total: int, seconds_each: int, capsys: Any) -> list[str]:
    now = 0.0
    show = ProgressLines(lambda: now)
    for number in range(total):
        show("a.jpg", number, total)
        now += seconds_each
    return capsys.readouterr().err.splitlines()


def test_lines_come_now_and_then(capsys: Any) -> None:
    assert lines_of(20, 1, capsys) == []
    [first, *_] = lines = lines_of(100, 2, capsys)
    assert first == "15 of 100 (15%), 2.0 s each, about 2 min 50 s left"
    assert len(lines) == 6
    assert len(lines_of(3600, 1, capsys)) == 99  # every 1%
    assert len(lines_of(36_000, 1, capsys)) == 119  # every five minutes
    # A hundred photos of half an hour: after each of them.
    assert len(lines_of(100, 1800, capsys)) == 99


def test_nothing_is_printed_where_there_is_no_terminal(capfd: Any) -> None:
    with progress_bar() as show:
        show("a.jpg", 1, 2)
    assert capfd.readouterr() == ("", "")


def test_the_bar_labels_its_times_and_disappears() -> None:
    code = (
        "import time\n"
        "from autochrome.cli.console import print_line, progress_bar\n"
        "with progress_bar() as show:\n"
        "    for number in range(5):\n"
        "        show('a.jpg', number, 5); time.sleep(.3)\n"
        "        if number == 2: print_line('failed: [b]a.jpg[/b]')\n"
    )
    ours, theirs = pty.openpty()
    wide = {**os.environ, "COLUMNS": "150", "TERM": "xterm"}
    with subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env=wide) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
    os.close(ours)
    assert process.returncode == 0
    text = shown.decode()
    assert "\x1b[2Kfailed: [b]a.jpg[/b]" in text  # on a line of its own, above the bar
    assert " passed" in text
    assert " left, " in text
    assert " a second" in text
    assert text.endswith("\x1b[2K")  # the line is erased


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Großmutter 1932, Zürich.jpg", "Großmutter 1932, Zürich.jpg"),
        ("写真 👩\u200d🔬.jpg", "写真 👩\u200d🔬.jpg"),
        ("a\nfailed: b.jpg", r"a\nfailed: b.jpg"),
        ("\x1b[2Ja.jpg", r"\x1b[2Ja.jpg"),
        ("m\udcfcller.jpg", r"m\udcfcller.jpg"),
        ("\u202egpj.a", r"\u202egpj.a"),
    ],
)
def test_a_terminal_obeys_no_name(name: str, shown: str) -> None:
    assert printable(name) == shown
