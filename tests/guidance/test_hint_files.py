from __future__ import annotations

import json
from pathlib import Path

import pytest

from autochrome.errors import HintError
from autochrome.guidance.hint_files import (
    MOST_CORNERS,
    MOST_HINTS,
    Hint,
    Length,
    Point,
    Polygon,
    Rectangle,
    as_entry,
    check_hints,
    parse_entries,
    parse_hint,
    read_hints,
    write_hints,
)

RED = (200 / 255, 50 / 255, 50 / 255)


def test_a_hint_in_pixels() -> None:
    hint = parse_hint("120, 80.5, #C83232")
    assert hint.color == RED
    assert hint.strength == 1
    assert isinstance(hint.where, Point)
    assert [length.pixels(1000) for length in hint.where.at] == [120, 80.5]
    assert hint.where.radius is None


def test_percentages_are_of_the_side() -> None:
    hint = parse_hint("40%,25 %,tomato,3%")
    assert isinstance(hint.where, Point)
    x, y = hint.where.at
    assert (x.pixels(200), y.pixels(400)) == (80, 100)
    assert hint.where.radius is not None
    assert hint.where.radius.pixels(200) == 6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120,80", "write x,y,color"),
        ("120;80;red", "write x,y,color"),
        ("a,80,red", "'a' is not a length"),
        ("120,80%%,red", "'80%%' is not a length"),
        ("1e400,80,red", "'1e400' is not a length"),
        ("120,80,rde", "did you mean red"),
        ("120,80,red,0", "radius must be above 0"),
        ("", "write x,y,color"),
    ],
)
def test_the_message_says_how_to_write_a_hint(text: str, expected: str) -> None:
    with pytest.raises(HintError) as raised:
        parse_hint(text)
    assert expected in str(raised.value)
    assert "as in 120,80,#c83232" in str(raised.value)


def test_a_file_of_points_and_regions(tmp_path: Path) -> None:
    path = tmp_path / "hints.json"
    entries = [
        {"point": ["40%", 25], "radius": "3%", "color": "#c83232", "strength": 0.5},
        {"rectangle": ["0%", "0%", "100%", "30%"], "color": "sky blue"},
        {"polygon": [[10, 10], [60, 10], [30, 50.5]], "color": "#0f0"},
    ]
    path.write_text(json.dumps({"version": 1, "hints": entries}), encoding="utf-8")
    point, rectangle, polygon = read_hints(path)
    assert isinstance(point.where, Point)
    assert (point.color, point.strength, str(point.where.radius)) == (RED, 0.5, "3%")
    assert isinstance(rectangle.where, Rectangle)
    assert [x.pixels(50) for x, _ in rectangle.where.corners] == [0, 50, 50, 0]
    assert [y.pixels(50) for _, y in rectangle.where.corners] == [0, 0, 15, 15]
    assert isinstance(polygon.where, Polygon)
    assert polygon.color == (0, 1, 0)
    assert polygon.where.corners[2][1].pixels(1) == 50.5


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "hints.json"
    path.write_text("old", encoding="utf-8")
    hints = [
        read_entry(tmp_path, {"point": ["40%", 25.5], "radius": "2%", "color": "tomato"}),
        Hint(parse_hint("1,2,red").where, RED, 0.25),
        read_entry(tmp_path, {"rectangle": [0, 1, "50%", 4], "color": "teal"}),
        read_entry(tmp_path, {"polygon": [[0, 1], ["50%", 4], [3, 3], [1, 2]], "color": "teal"}),
    ]
    write_hints(hints, path)
    assert read_hints(path) == tuple(hints)
    assert [file.name for file in tmp_path.iterdir() if "partial" in file.name] == []
    assert as_entry(hints[0]) == {"point": ["40%", 25.5], "radius": "2%", "color": "#ff6347"}


def read_entry(folder: Path, entry: object) -> Hint:
    path = folder / "entry.json"
    path.write_text(json.dumps({"version": 1, "hints": [entry]}), encoding="utf-8")
    return read_hints(path)[0]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            {"point": [1, 2], "color": "tomatoe"},
            "hints[0].color: 'tomatoe' is not a color; did you mean tomato",
        ),
        (
            {"point": [1, 2], "color": [200, 50, 50]},
            "hints[0].color: [200, 50, 50] is not a color; write a text",
        ),
        ({"point": [1, 2], "color": "red", "strenght": 1}, "did you mean 'strength'"),
        ({"point": [1, 2], "color": "red", "strength": 0}, "hints[0]: strength must be above 0"),
        ({"point": [1, 2], "color": "red", "strength": "1"}, "hints[0]: strength must be a number"),
        ({"point": [1, 2], "color": "red", "strength": True}, "hints[0]: strength must be a number"),
        ({"point": [1, 2, 3], "color": "red"}, "hints[0].point: [1, 2, 3] is not a point; write [x, y]"),
        ({"point": "1,2", "color": "red"}, "hints[0].point: '1,2' is not a point"),
        ({"point": [1, None], "color": "red"}, "hints[0].point: null is not a length"),
        ({"point": [1, float("nan")], "color": "red"}, "hints.0.point.1"),
        ({"point": [1, True], "color": "red"}, "hints[0].point: true is not a length"),
        ({"point": [1, 2], "color": "red", "radius": -1}, "hints[0].radius: a radius must be above 0"),
        ({"rectangle": [1, 2, 3], "color": "red"}, "[left, top, right, bottom]"),
        ({"rectangle": [1, 2, 3, 4], "radius": 1, "color": "red"}, "radius belongs to a point"),
        ({"polygon": [[1, 2], [3, 4]], "color": "red"}, "at least three corners"),
        ({"polygon": [[1, 2], [3, 4], 5], "color": "red"}, "hints[0].polygon: 5 is not a point"),
        ({"color": "red"}, "hints[0] has no place; write one of point, rectangle, polygon"),
        ({"point": [1, 2], "polygon": [], "color": "red"}, "hints[0] has point and polygon"),
        ({"point": [1, 2]}, "hints[0] needs one color"),
        ({"point": [1, 2], "color": "red", "colour": "red"}, "hints[0] needs one color"),
        ([1, 2, "red"], 'hints[0] is [1, 2, "red"]; write an object in braces'),
    ],
)
def test_errors_in_an_entry_name_file_and_place(tmp_path: Path, entry: object, expected: str) -> None:
    with pytest.raises(HintError) as raised:
        read_entry(tmp_path, entry)
    assert str(raised.value).startswith(str(tmp_path / "entry.json"))
    assert expected in str(raised.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"version": 1, "hints": [}', "is not JSON: line 1, column 26"),
        ("[]", "the file is []; write an object in braces, with version, hints"),
        ('{"hints": []}', 'version is missing; this program reads "version": 1'),
        ('{"version": 2, "hints": []}', 'version is 2; this program reads "version": 1'),
        ('{"version": true, "hints": []}', "version is true"),
        ('{"version": 1, "hints": []}', "hints is not a list of hints"),
        ('{"version": 1, "hints": {}}', "hints is not a list of hints"),
        ('{"version": 1, "hint": []}', "did you mean 'hints'"),
        ("[" * 100_000, "levels deep"),
    ],
)
def test_errors_of_a_file(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "hints.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(HintError) as raised:
        read_hints(path)
    assert expected in str(raised.value)
    assert str(path) in str(raised.value)


def test_a_file_that_is_not_text_or_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "photo.json").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(HintError, match="UTF-8"):
        read_hints(tmp_path / "photo.json")
    with pytest.raises(HintError, match=r"none.json: cannot be read \(No such file"):
        read_hints(tmp_path / "none.json")


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "hints.json"
    document = json.dumps({"version": 1, "hints": [{"point": [1, 2], "color": "red"}]})
    path.write_bytes(b"\xef\xbb\xbf" + document.encode())
    assert read_hints(path) == (parse_hint("1,2,red"),)


def test_more_hints_than_a_photo_has_room_for(tmp_path: Path) -> None:
    entry = {"point": [1, 2], "color": "red"}
    path = tmp_path / "many.json"
    path.write_text(json.dumps({"version": 1, "hints": [entry] * MOST_HINTS}))
    hints = read_hints(path)
    assert len(check_hints(hints)) == MOST_HINTS
    path.write_text(json.dumps({"version": 1, "hints": [entry] * (MOST_HINTS + 1)}))
    for read in (lambda: read_hints(path), lambda: check_hints((*hints, hints[0]))):
        with pytest.raises(HintError, match=f"{MOST_HINTS + 1} hints"):
            read()


def test_more_corners_than_there_may_be() -> None:
    ring = Polygon(((Length(1), Length(1)),) * (MOST_CORNERS // 2))
    check_hints([Hint(ring, RED)] * 2)
    with pytest.raises(HintError, match="corners"):
        check_hints([Hint(ring, RED), Hint(ring, RED), parse_hint("1,2,red")])


@pytest.mark.parametrize("number", [10**9, 10**400, 1e999, float("nan")])
def test_a_number_that_is_no_length(number: float) -> None:
    with pytest.raises(HintError, match=r"hints\[0\]\.point"):
        parse_entries([{"point": [1, number], "color": "red"}])
    with pytest.raises(HintError):
        parse_hint(f"{number},1,red")


def test_what_is_no_hint() -> None:
    for wrong in (1, None, "1,2,red", {"point": [1, 2]}):
        with pytest.raises(HintError, match="is not a hint; give a Hint"):
            check_hints([wrong])
    with pytest.raises(HintError) as caught:
        parse_hint("9" * 100_000 + ",1,red")
    assert len(str(caught.value)) < 300


def test_values_out_of_range_are_refused() -> None:
    where = parse_hint("1,2,red").where
    with pytest.raises(HintError, match="strength"):
        Hint(where, RED, 1.5)
    with pytest.raises(HintError, match="three values from 0 to 1"):
        Hint(where, (200.0, 50.0, 50.0))


@pytest.mark.parametrize("text", ["71,75%,green", "71%,75,green", "0%,10,100%,30%,skyblue"])
def test_pixels_mixed_with_percentages_are_refused(text: str) -> None:
    with pytest.raises(HintError, match="mixes pixels with percentages"):
        parse_hint(text)


def test_zero_is_of_either_unit() -> None:
    assert parse_hint("0,75%,green").where == Point((Length(0), Length(75, True)))


def test_a_rectangle_on_the_command_line() -> None:
    assert parse_hint("0%,10%,100%,30%,skyblue").where == Rectangle(
        *(Length(value, True) for value in (0, 10, 100, 30))
    )
    with pytest.raises(HintError):
        parse_hint("1,2,3,4,5,red")


def test_a_file_may_mix_units_as_earlier_results_do(tmp_path: Path) -> None:
    hint = read_entry(tmp_path, {"point": [120, "80%"], "color": "red"})
    assert hint.where == Point((Length(120), Length(80, True)))
