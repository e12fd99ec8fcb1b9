"""Colors as people write them: ``#c83232``, ``#c33``, or a name such as ``tomato``.

The names and values are those of CSS Color Module Level 4, section 6.1 ("Named colors").
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from autochrome.errors import ColorError


def parse_color(text: str) -> tuple[float, float, float]:
    """Return the sRGB values in [0, 1] of ``#rgb``, ``#rrggbb`` or a CSS name, in any case.

    Raises:
        ColorError: it is none of these; the message names similar ones.
    """
    word = text.strip().lower()
    digits = word[1:] if word.startswith("#") else _table().get(word.replace(" ", ""))
    if digits is not None and re.fullmatch("[0-9a-f]{3}|[0-9a-f]{6}", digits):
        pairs = [digit * 2 for digit in digits] if len(digits) == 3 else re.findall("..", digits)
        red, green, blue = (int(pair, 16) / 255 for pair in pairs)
        return red, green, blue
    raise ColorError(f"{text!r} is not a color; {_advice(word)}")


def format_color(color: tuple[float, float, float]) -> str:
    """Return ``#rrggbb`` of sRGB values in [0, 1], rounded to bytes."""
    return "#" + "".join(f"{round(min(max(value, 0), 1) * 255):02x}" for value in color)


@cache
def _table() -> dict[str, str]:
    """Return the six hexadecimal digits of each name."""
    lines = (files("autochrome.color") / "css_colors.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split() for line in lines if not line.startswith("#"))


def _advice(word: str) -> str:
    if re.fullmatch("[0-9a-f]{3}|[0-9a-f]{6}", word):
        return f"did you mean #{word}?"
    if word.startswith("#"):
        return "write # and 3 or 6 digits from 0 to f, as in #c83232"
    close = get_close_matches(word.replace(" ", ""), _table(), n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return "write #rrggbb, as in #c83232, or a CSS name such as tomato"
