"""Lists of photos."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from autochrome.cli.listed import place_of, read_list


@pytest.mark.parametrize(
    ("content", "null", "expected"),
    [
        (b"a.jpg\nb c.jpg\n\n", False, ["a.jpg", "b c.jpg"]),
        (b"\xef\xbb\xbfa.jpg\r\n b.jpg", False, ["a.jpg", " b.jpg"]),
        (b"a\nb.jpg\0c.jpg\0", True, ["a\nb.jpg", "c.jpg"]),
        (b"caf\xe9.jpg\n", False, ["caf\udce9.jpg"]),
    ],
)
def test_paths_in_their_order(
    tmp_path: Path, monkeypatch: Any, content: bytes, null: bool, expected: list
) -> None:
    (tmp_path / "list").write_bytes(content)
    assert read_list(str(tmp_path / "list"), null=null) == [Path(each) for each in expected]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert read_list("-", null=null) == [Path(each) for each in expected]


@pytest.mark.parametrize("content", [None, b"", b"\n\n", b"a.jpg\0b.jpg\0"])
def test_lists_that_are_none(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "list").write_bytes(content)
    with pytest.raises(click.BadParameter):
        read_list(str(tmp_path / "list"))


def test_places_are_below_the_results(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    below = str(tmp_path).lstrip("/")
    for path, place in (
        ("a.jpg", "a.jpg"),
        ("./box/../box/a.jpg", "box/a.jpg"),
        ("/archive/1920/a.jpg", "archive/1920/a.jpg"),
        ("x/../../a.jpg", f"{Path(below).parent}/a.jpg"),
    ):
        assert str(place_of(Path(path))) == place
