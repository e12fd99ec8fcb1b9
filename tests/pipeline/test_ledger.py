"""The ledger's file: what is written reads back, whatever cut it short and whoever else writes to it."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autochrome.errors import LedgerError
from autochrome.io.locking import locked
from autochrome.pipeline import ledger as module
from autochrome.pipeline.ledger import Entry, Failure, FileStamp, Ledger, MadeWith

LOOK = {"version": 1, "settings": {"look": "vivid"}}
MADE_WITH = MadeWith("cic.test", "ab" * 32, LOOK, quality=92)


def entry(name: str = "a.jpg", **changes: Any) -> Entry:
    source = FileStamp(f"../album/{name}", 10, 1, "00" * 32)
    made = Entry(name, source, MADE_WITH, (FileStamp(name, 20, 2, "11" * 32),), ("a note",), 0.25, 1.5)
    return replace(made, **changes)


def test_entries_read_back(tmp_path: Path) -> None:
    first, again = entry(), entry(seconds=3.0)
    failed = entry("b.jpg", files=(), uncertainty=None, failure=Failure("PhotoError", "is empty. Fetch it"))
    odd = entry(os.fsdecode(b"x/\xff\xe5\x86\x99.jpg"))  # a name that is no UTF-8
    path = tmp_path / "new" / "ledger.jsonl"
    opened = Ledger(path)
    for each in (first, failed, again, odd):
        opened.append(each)
    assert list(opened.latest()) == []  # as the file was when it was opened
    ledger = Ledger(path)
    assert ledger.history(path.parent / "a.jpg") == [first, again]
    assert ledger.history(path.parent / "c.jpg") == []
    assert list(ledger.latest()) == [failed, again, odd]
    assert [json.loads(line)["result"] for line in path.read_text().splitlines()][:2] == ["a.jpg", "b.jpg"]


def test_names_stay_legible(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append(entry("冬.jpg"))
    assert "冬.jpg" in ledger.path.read_text(encoding="utf-8")


@pytest.mark.parametrize("cut", [1, 40, 5000])
def test_a_torn_last_line_is_passed_over_and_removed(tmp_path: Path, cut: int) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    kept, torn, after = entry(), entry("b.jpg", notes=("long " * 2000,)), entry("c.jpg")
    ledger.append(kept)
    ledger.append(torn)
    os.truncate(ledger.path, ledger.path.stat().st_size - cut)
    reopened = Ledger(ledger.path)
    # Where the newline alone is missing, as after an editor, nothing else is.
    whole = [torn] if cut == 1 else []
    assert list(reopened.latest()) == [kept, *whole]
    reopened.append(after)
    assert list(Ledger(ledger.path).latest()) == [kept, *whole, after]
    assert Ledger(ledger.path).damaged == []


def test_a_first_line_that_was_torn(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    for cut in (1, 5, 100):
        path.write_bytes(entry().line()[:cut])
        ledger = Ledger(path)
        assert list(ledger.latest()) == []
        ledger.append(entry("b.jpg"))
        assert [each.result for each in Ledger(path).latest()] == ["b.jpg"]


def test_damaged_lines_are_counted_and_the_others_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(entry().line() + b'{"version": 1}\n\xff\n[]\n' + entry("b.jpg").line())
    ledger = Ledger(path)
    assert ledger.damaged == [2, 3, 4]
    assert [each.result for each in ledger.latest()] == ["a.jpg", "b.jpg"]


def test_a_line_that_is_an_entry_at_a_glance_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    wrong = json.dumps({**json.loads(entry().line()), "source": "a.jpg"}).encode()
    path.write_bytes(entry("b.jpg").line() + wrong + b"\n")
    ledger = Ledger(path)
    assert len(ledger.history(tmp_path / "b.jpg")) == 1
    with pytest.raises(LedgerError, match=rf"byte {len(entry('b.jpg').line())}"):
        ledger.history(tmp_path / "a.jpg")


def test_what_is_no_ledger_is_left_alone(tmp_path: Path) -> None:
    later = json.dumps({**json.loads(entry().line()), "version": 2}).encode() + b"\n"
    for content in (b"\xff\xd8\xff\xe0 a photo", b"{}\n", later, entry().line() + later):
        path = tmp_path / "ledger.jsonl"
        path.write_bytes(content)
        with pytest.raises(LedgerError, match=r"ledger\.jsonl"):
            Ledger(path)
        assert path.read_bytes() == content
    with pytest.raises(LedgerError):
        Ledger(tmp_path)
    with pytest.raises(LedgerError):
        Ledger(path / "below" / "a file.jsonl").append(entry())


def test_keys_of_a_later_release_are_passed_over(tmp_path: Path) -> None:
    content = json.loads(entry().line())
    content["later"] = content["source"]["later"] = 1
    assert Entry.parse(json.dumps(content).encode()) == entry(time=content["time"])


def test_a_disk_that_fills_up_leaves_the_ledger_as_it_was(tmp_path: Path, monkeypatch: Any) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.append(entry())
    before = ledger.path.read_bytes()

    def fill(file: Any, content: bytes) -> None:
        file.write(content[:30])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_write", fill)
    with pytest.raises(LedgerError, match="No space left"):
        ledger.append(entry("b.jpg"))
    assert ledger.path.read_bytes() == before


def test_one_who_writes_is_waited_for(tmp_path: Path) -> None:
    """Without a lock the half line would be taken for a torn one, and removed."""
    path = tmp_path / "ledger.jsonl"
    line = entry().line()
    other = threading.Thread(target=Ledger(path).append, args=[entry("b.jpg")])
    with path.open("ab", buffering=0) as file, locked(file):
        file.write(line[:50])
        other.start()
        other.join(0.2)
        assert other.is_alive()
        file.write(line[50:])
    other.join(10)
    assert [each.result for each in Ledger(path).latest()] == ["a.jpg", "b.jpg"]


def test_many_writers(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"

    def write(who: int) -> None:
        ledger = Ledger(path)
        for number in range(25):
            ledger.append(entry(f"{who}-{number}.jpg"))

    threads = [threading.Thread(target=write, args=[who]) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.result for each in Ledger(path).latest()} == {
        f"{w}-{n}.jpg" for w in range(4) for n in range(25)
    }


def test_paths_are_relative_to_the_ledger(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    path = tmp_path / "out" / "ledger.jsonl"
    Ledger(path).append(entry("x/a.jpg"))
    for result in (Path("x/a.jpg"), Path("../out/x/a.jpg"), tmp_path / "out" / "x" / "a.jpg"):
        assert Ledger(Path("ledger.jsonl")).history(result) == list(Ledger(path).latest())
    moved = (tmp_path / "out").rename(tmp_path / "moved")
    assert len(Ledger(moved / "ledger.jsonl").history(moved / "x/a.jpg")) == 1


@pytest.mark.parametrize("end", ["", "\n"])
def test_another_json_file_is_refused_and_kept(tmp_path: Path, end: str) -> None:
    path = tmp_path / "hints.json"
    path.write_text('{"version": 1, "hints": []}' + end)
    before = path.read_bytes()
    with pytest.raises(LedgerError):
        Ledger(path)
    assert path.read_bytes() == before


def test_a_deeply_nested_line_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text('{"version": 1, "a": ' + "[" * 100_000 + "\n")
    assert Ledger(path).damaged == [1]
