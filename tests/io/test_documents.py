"""JSON and YAML beyond the bounds: refused quickly, in little memory."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import pytest

from autochrome.errors import DocumentError
from autochrome.io.documents import (
    MOST_BITS,
    MOST_DEPTH,
    MOST_JSON_BYTES,
    MOST_VALUES,
    parse_json,
    parse_yaml,
    read_text,
)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_what_is_within_the_bounds_is_read() -> None:
    most = (1 << MOST_BITS) - 1
    deep = nested(MOST_DEPTH - 1)
    text = f'{{"a": [1, 2.5, null, true, "x"], "most": {most}, "least": -{most}, "deep": {deep}}}'
    assert parse_json(text) == parse_yaml(text)
    assert parse_json(text)["least"] == -most
    assert parse_yaml("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: [*a, *a]") == {
        "a": {"x": 1},
        "b": {"x": 1, "y": 2},
        "c": [{"x": 1}, {"x": 1}],
    }
    assert parse_yaml("# nothing") is None


@pytest.mark.parametrize("parse", [parse_json, parse_yaml])
@pytest.mark.parametrize(
    "text",
    [
        nested(MOST_DEPTH + 1),
        nested(3000),
        "[" * 3000,
        f"[1{'0' * 400}]",
        f"[-1{'0' * 400}]",
        f"[1{'0' * 5000}]",
        "[",
        "]",
    ],
)
def test_what_is_beyond_them_is_refused(parse, text: str) -> None:
    with pytest.raises(DocumentError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": [0, 1e999]}', "a.1"),
        ('{"a": {"b": NaN}}', "a.b"),
        ("[-Infinity]", "0"),
        ("1e999", "only place"),
    ],
)
def test_numbers_that_are_not_finite_are_named(text: str, place: str) -> None:
    with pytest.raises(DocumentError, match=place):
        parse_json(text)


@pytest.mark.parametrize(
    "text",
    [
        "[.inf]",
        "{a: .nan}",
        "? 0x" + "f" * 10_000 + "\n: 1",
        "2020-02-30",
        "!!python/name:os.system",
        "a: *b",
        "{[]: 1}",
    ],
)
def test_yaml_that_is_refused(text: str) -> None:
    with pytest.raises(DocumentError):
        parse_yaml(text)


def lists_of_aliases(levels: int) -> str:
    return "a0: &a0 [x]\n" + "".join(
        f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, levels)
    )


def merged_aliases(levels: int) -> str:
    return "a0: &a0 {k: x}\n" + "".join(
        f"a{k}: &a{k} {{<<: [{', '.join([f'*a{k - 1}'] * 3)}]}}\n" for k in range(1, levels)
    )


@pytest.mark.parametrize("text", [lists_of_aliases(9), merged_aliases(25), "&a [*a]", "&a {x: {y: *a}}"])
def test_aliases_of_aliases_take_no_memory(text: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DocumentError):
            parse_yaml(text)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()


def test_aliases_count_as_often_as_they_are_used() -> None:
    a_list = f"&a [{'1, ' * 100}]"
    assert len(parse_yaml(f"[{a_list}{', *a' * 500}]")) == 501
    with pytest.raises(DocumentError, match=str(MOST_VALUES)):
        parse_yaml(f"[{a_list}{', *a' * (MOST_VALUES // 100)}]")


def test_no_more_of_a_file_is_read_than_there_may_be(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_text(tmp_path / "a.json", 6) == "[1]"
    for place in (tmp_path / "a.json", Path("/dev/zero")):
        with pytest.raises(DocumentError, match="longer than"):
            read_text(place, 5)
    os.truncate(tmp_path / "a.json", MOST_JSON_BYTES + 1)
    with pytest.raises(DocumentError, match="longer than 4096 kB"):
        read_text(tmp_path / "a.json", MOST_JSON_BYTES)
    (tmp_path / "a.json").write_bytes(b"\xff\xfe")
    with pytest.raises(DocumentError, match="UTF-8"):
        read_text(tmp_path / "a.json", 5)
    with pytest.raises(OSError):
        read_text(tmp_path, 5)
