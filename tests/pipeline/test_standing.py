"""When a photo's results are made again, and when they are left alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autochrome.pipeline import ledger as ledgers
from autochrome.pipeline.ledger import Entry, Failure, FileStamp, Ledger, MadeWith
from autochrome.pipeline.standing import Standing, standing_of

MADE_WITH = MadeWith("cic.test", "ab" * 32, {"version": 1, "settings": {}}, quality=92)


def put(path: Path, content: str, time: int = 1000) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    os.utime(path, (time, time))
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return put(tmp_path / "album" / "a.jpg", "gray")


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return put(tmp_path / "out" / "a.jpg", "color", 1001)


@pytest.fixture
def record(photo: Path, result: Path) -> Callable[..., Ledger]:
    """Append an entry about the files as they are, and open the ledger again."""

    def append(**changes: Any) -> Ledger:
        ledger = Ledger(result.parent / ledgers.NAME)
        source = FileStamp.of(photo, "../album/a.jpg")
        files = (FileStamp.of(result, "a.jpg"),) if result.exists() else ()
        ledger.append(replace(Entry("a.jpg", source, MADE_WITH, files), **changes))
        return Ledger(ledger.path)

    return append


def test_without_a_ledger(photo: Path, result: Path, tmp_path: Path) -> None:
    map_of = tmp_path / "out" / "a.uncertainty.png"
    empty = Ledger(tmp_path / "out" / "ledger.jsonl")
    for ledger in (None, empty):
        assert standing_of(photo, [result], MADE_WITH, ledger) == Standing("current", result)
        assert standing_of(photo, [result, map_of], MADE_WITH, ledger) == Standing("missing", result)
        assert standing_of(photo, [map_of], MADE_WITH, ledger) == Standing("missing")
    os.utime(photo, (1002, 1002))
    assert standing_of(photo, [result]) == Standing("stale", result)


def test_nothing_has_changed(photo: Path, result: Path, record: Any, monkeypatch: Any) -> None:
    ledger = record()
    monkeypatch.setattr(ledgers, "file_sha256", None)  # not read
    assert standing_of(photo, [result], MADE_WITH, ledger) == Standing("current", recorded=True)


def test_a_result_that_is_gone(photo: Path, result: Path, record: Any) -> None:
    ledger = record()
    result.unlink()
    assert standing_of(photo, [result], MADE_WITH, ledger) == Standing("missing", recorded=True)


def test_another_photo_of_the_same_name(photo: Path, result: Path, record: Any) -> None:
    ledger = record()
    put(photo, "GRAY", 1003)  # of the same size
    assert standing_of(photo, [result], MADE_WITH, ledger) == Standing("stale", recorded=True)
    put(photo, "gray", 1003)
    standing = standing_of(photo, [result], MADE_WITH, ledger)
    assert standing.reason == "current"
    assert standing.touched is not None
    assert standing.touched.source.mtime_ns == 1003 * 10**9


def test_times_that_were_lost_are_kept_from_then_on(photo: Path, result: Path, record: Any) -> None:
    ledger = record()
    os.utime(result, (2000, 2000))
    touched = standing_of(photo, [result], MADE_WITH, ledger).touched
    assert touched is not None
    ledger.append(touched)
    assert standing_of(photo, [result], MADE_WITH, Ledger(ledger.path)) == Standing("current", recorded=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "lrac"},
        {"weights_sha256": "cd"},
        {"look": {"version": 1}},
        {"quality": 80},
        {"reference_sha256": "ef"},
    ],
)
def test_another_way_of_making(photo: Path, result: Path, record: Any, changes: dict[str, Any]) -> None:
    ledger = record()
    assert standing_of(photo, [result], replace(MADE_WITH, **changes), ledger) == Standing(
        "changed", recorded=True
    )
    assert standing_of(photo, [result], None, ledger) == Standing("current", recorded=True)


def test_an_edited_result_is_foreign(photo: Path, result: Path, record: Any) -> None:
    ledger = record()
    put(result, "tuned", 1005)  # of the same size
    assert standing_of(photo, [result], MADE_WITH, ledger) == Standing("current", result, recorded=True)
    put(photo, "another", 1006)
    assert standing_of(photo, [result], MADE_WITH, ledger) == Standing("stale", result, recorded=True)
    put(result, "color", 1007)  # the edit was undone
    assert standing_of(photo, [result], MADE_WITH, ledger) == Standing("stale", recorded=True)


def test_an_earlier_result_is_ours(photo: Path, result: Path, record: Any) -> None:
    """So is left what a kill between the line and the file's new name leaves behind."""
    ledger = record()
    later = FileStamp("a.jpg", 7, 5, "ee" * 32)
    ledger.append(Entry("a.jpg", FileStamp.of(photo, "../album/a.jpg"), MADE_WITH, (later,)))
    assert standing_of(photo, [result], MADE_WITH, Ledger(ledger.path)) == Standing("missing", recorded=True)


def test_a_failure_is_tried_again(photo: Path, result: Path, record: Any) -> None:
    record()
    ledger = record(failure=Failure("PhotoError", "is empty"), files=())
    assert standing_of(photo, [result], MADE_WITH, ledger) == Standing("failed", recorded=True)
    result.unlink()
    assert standing_of(photo, [result], MADE_WITH, ledger) == Standing("failed", recorded=True)


def test_more_files_than_were_made(photo: Path, result: Path, record: Any) -> None:
    ledger = record()
    extra = result.with_name("a.uncertainty.png")
    assert standing_of(photo, [result, extra], MADE_WITH, ledger) == Standing("missing", recorded=True)
    put(extra, "a map of somebody else's")
    assert standing_of(photo, [result, extra], MADE_WITH, ledger) == Standing("current", extra, recorded=True)
