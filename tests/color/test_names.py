from __future__ import annotations

from importlib.resources import files

import pytest

from autochrome.color.names import format_color, parse_color
from autochrome.errors import ColorError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # CSS Color Module Level 4, section 6.1.
        ("tomato", (255, 99, 71)),
        ("RebeccaPurple", (102, 51, 153)),
        ("dark slate gray", (47, 79, 79)),
        ("grey", (128, 128, 128)),
        ("#C83232", (200, 50, 50)),
        (" #c33 ", (204, 51, 51)),
    ],
)
def test_colors_as_people_write_them(text: str, expected: tuple[int, int, int]) -> None:
    assert parse_color(text) == tuple(value / 255 for value in expected)


def test_all_names_of_css_are_known() -> None:
    lines = (files("autochrome.color") / "css_colors.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert len(lines) == 148
    for name, digits in (line.split() for line in lines):
        assert format_color(parse_color(name)) == f"#{digits}"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("tomatoe", "did you mean tomato"),
        ("blu", "blue"),
        ("c83232", "did you mean #c83232?"),
        ("#c8323", "3 or 6 digits"),
        ("#gggggg", "3 or 6 digits"),
        ("x7q", "#rrggbb"),
        ("", "#rrggbb"),
    ],
)
def test_the_message_says_what_to_write(text: str, advice: str) -> None:
    with pytest.raises(ColorError) as raised:
        parse_color(text)
    assert advice in str(raised.value)
