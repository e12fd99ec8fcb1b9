from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from autochrome.io.workspace import PREFIX, open_workspace, remove_leftovers, workspace

NAME = "0123456789abcdef"


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob(f"{PREFIX}*"))


def kill_in(folder: Path, code: str) -> None:
    """Run code in a process that is killed when it sleeps."""
    code = f"""
import os, time
from pathlib import Path
from autochrome.io.workspace import open_workspace, workspace
made = open_workspace(Path({str(folder)!r}), {NAME!r})
{code}
print("ready", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)


def test_nothing_stays_of_it(tmp_path: Path) -> None:
    with workspace(tmp_path) as made:
        (made.path / "a").write_text("a")
        (made.path / "folder").mkdir()
        assert made.path.parent == tmp_path
    assert hidden(tmp_path) == []
    with pytest.raises(KeyError), workspace(tmp_path) as made:
        (made.path / "a").write_text("a")
        raise KeyError
    assert hidden(tmp_path) == []


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_workspace(tmp_path / "nowhere", NAME)


def test_one_name_is_never_had_twice(tmp_path: Path) -> None:
    made = open_workspace(tmp_path, NAME)
    assert made is not None
    (made.path / "mine").write_text("mine")
    assert open_workspace(tmp_path, NAME) is None
    remove_leftovers(tmp_path)
    assert (made.path / "mine").exists()
    made.remove()
    again = open_workspace(tmp_path, NAME)
    assert again is not None
    again.remove()
    assert hidden(tmp_path) == []


def test_many_at_once_have_it_one_after_another(tmp_path: Path) -> None:
    inside, most, done = [], [], []

    def work() -> None:
        for _ in range(20):
            made = open_workspace(tmp_path, NAME, wait=True)
            assert made is not None
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.0005)
            inside.pop()
            made.remove()
            done.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(done), max(most)) == (80, 1)
    assert hidden(tmp_path) == []


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    kill_in(tmp_path, "(made.path / 'half').write_text('half')\n(made.path / 'folder').mkdir()")
    assert hidden(tmp_path) == [f"{PREFIX}{NAME}"]
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_comes_back_from_a_killed_process(tmp_path: Path) -> None:
    kill_in(tmp_path, "(made.path / 'half').write_text('half')")
    made = open_workspace(tmp_path, NAME)
    assert made is not None
    assert not (made.path / "half").exists()
    made.remove()


def test_a_killed_process_s_announced_names_are_given(tmp_path: Path) -> None:
    """Killed between two renamings: the second file gets its name, and an older one is replaced."""
    (tmp_path / "2").write_text("old")
    kill_in(
        tmp_path,
        "for n in '123': (made.path / n).write_text('new')\n"
        "made.announce({n: n for n in '123'})\n"
        "os.replace(made.path / '1', made.path.parent / '1')",
    )
    assert (tmp_path / "2").read_text() == "old"
    remove_leftovers(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys("123", "new")


def test_somebody_else_s_file_is_not_replaced_by_what_was_announced(tmp_path: Path) -> None:
    kill_in(tmp_path, "(made.path / '1').write_text('new')\nmade.announce({'1': '1'})")
    (tmp_path / "1").write_text("somebody else's")
    remove_leftovers(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"1": "somebody else's"}


def test_nothing_is_renamed_that_came_out_of_an_archive(tmp_path: Path) -> None:
    """Files that lie there with the word of another machine that they are to replace a photo."""
    (tmp_path / "photo").write_text("mine")
    kill_in(tmp_path, "(made.path / '1').write_text('new')\nmade.announce({'1': 'photo'})")
    place = tmp_path / f"{PREFIX}{NAME}"
    (place / "1").chmod(0o600)  # as unpacking does, this changes when the file was changed
    remove_leftovers(tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"photo": "mine"}


@pytest.mark.parametrize(("file", "name"), [("1", "../outside"), ("../../secret", "1"), ("1", "/tmp/x")])
def test_names_never_lead_out_of_the_folder(tmp_path: Path, file: str, name: str) -> None:
    folder = tmp_path / "album"
    place = folder / f"{PREFIX}{NAME}"
    place.mkdir(parents=True)
    (place / "1").write_text("1")
    (tmp_path / "secret").write_text("secret")
    changed = (tmp_path / "secret" if "secret" in file else place / "1").lstat().st_ctime_ns
    move = {"file": file, "name": name, "new": False, "changed": changed}
    (place / "commit.json").write_text(json.dumps([move]))
    remove_leftovers(folder)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["album", "secret"]


@pytest.mark.parametrize("content", ["", "{", "[1]", "{}", '[{"file": "a"}]', "\0\0"])
def test_a_broken_announcement_is_none(tmp_path: Path, content: str) -> None:
    place = tmp_path / f"{PREFIX}{NAME}"
    place.mkdir()
    (place / "commit.json").write_text(content)
    remove_leftovers(tmp_path)
    assert hidden(tmp_path) == []


def test_other_hidden_things_stay(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}backup").mkdir()
    (tmp_path / f"{PREFIX}backup" / "precious").write_text("precious")
    (tmp_path / f"{PREFIX}{NAME}").write_text("a file of that name")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").write_text("precious")
    (tmp_path / f"{PREFIX}{NAME[::-1]}").symlink_to("elsewhere")
    before = sorted(tmp_path.rglob("*"))
    remove_leftovers(tmp_path)
    made = open_workspace(tmp_path, NAME[::-1])  # a link is nobody's workspace: another name is taken
    assert made is not None
    made.remove()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    one, two = open_workspace(tmp_path, NAME), open_workspace(tmp_path, NAME)
    assert one is not None
    assert two is not None
    assert one.path != two.path
    (one.path / "a").write_text("a")
    remove_leftovers(tmp_path)
    assert [path.name for path in one.path.iterdir()] == ["a"], "nobody knows that its process is gone"
    one.remove()
    two.remove()
    assert hidden(tmp_path) == []
