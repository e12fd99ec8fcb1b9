"""JSON files are complete or not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from autochrome.io.json_file import write_json


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
