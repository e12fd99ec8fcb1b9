"""Files are written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from autochrome.io.whole_file import file_sha256, write_json, write_whole, written_whole


def test_what_is_written_reads_back_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text("old")
    write_json({"psnr": 22.5, "names": ["a", "ü"]}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"psnr": 22.5, "names": ["a", "ü"]}
    assert path.read_text().endswith("}\n")
    assert list(tmp_path.iterdir()) == [path]


def test_what_json_does_not_hold_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text("old")
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json({"psnr": float("nan")}, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), written_whole(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_do_not_clobber_each_other(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    with written_whole(path) as first, written_whole(path) as second:
        first.write_text("first")
        second.write_text("second")
        assert not path.exists()
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("mode", "expected"), [(0o666, 0o640), (0o600, 0o600)])
def test_permissions_follow_the_umask(mode: int, expected: int, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole("text", tmp_path / "file", mode=mode)
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == expected


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    write_whole(b"abc", tmp_path / "file")
    assert file_sha256(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()
