"""Hints as people write them: on the command line, and in a JSON file that applies to many photos.

    {
      "version": 1,
      "hints": [
        {"point": ["40%", "25%"], "color": "#c83232"},
        {"point": [120, 80], "radius": "3%", "color": "tomato", "strength": 0.5},
        {"rectangle": ["0%", "0%", "100%", "30%"], "color": "sky blue"},
        {"polygon": [[10, 10], [60, 10], [30, 50]], "color": "seagreen"}
      ]
    }

Numbers are pixels of the upright photo from its top left corner; percentages are of its width (x), its height
(y), and its shorter side (radius). A rectangle is left, top, right, bottom.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from autochrome.color.names import format_color, parse_color
from autochrome.errors import ColorError, DocumentError, HintError, shown
from autochrome.io.documents import MOST_JSON_BYTES, parse_json, read_text
from autochrome.io.whole_file import write_json

VERSION = 1
"""Of the file's format."""

MOST_HINTS = 1000
"""On a photo, on which they share some 5000 cells (`guidance.hints.CELLS`)."""
MOST_CORNERS = 10_000
"""Of all hints together."""

_HOW_TO_WRITE = (
    "x,y,color, as in 120,80,#c83232 or 40%,25%,tomato; or left,top,right,bottom,color, as in "
    "0%,0%,100%,30%,skyblue"
)


@dataclass(frozen=True)
class Length:
    """A length on a photo: pixels, or a percentage of one of its sides."""

    value: float | int
    percent: bool = False

    def pixels(self, side: float | int) -> float:
        """Return it in pixels of a photo that has this side."""
        return self.value * side / 100 if self.percent else float(self.value)

    def __str__(self) -> str:
        return f"{self.value:g}%" if self.percent else f"{self.value:g}"


Corner = tuple[Length, Length]
"""x and y."""


@dataclass(frozen=True)
class Point:
    """A place: everything within a radius, a fingertip's if None."""

    at: Corner
    radius: Length | None = None

    @property
    def corners(self) -> tuple[Corner, ...]:
        """The point."""
        return (self.at,)

    def __str__(self) -> str:
        return f"{self.at[0]},{self.at[1]}"


@dataclass(frozen=True)
class Rectangle:
    """Everything between two corners."""

    left: Length
    top: Length
    right: Length
    bottom: Length

    @property
    def corners(self) -> tuple[Corner, ...]:
        """The four, in turn around it."""
        left, top, right, bottom = self.left, self.top, self.right, self.bottom
        return ((left, top), (right, top), (right, bottom), (left, bottom))

    def __str__(self) -> str:
        return f"{self.left},{self.top} to {self.right},{self.bottom}"


@dataclass(frozen=True)
class Polygon:
    """Everything inside lines between at least three corners (even-odd rule where they cross)."""

    corners: tuple[Corner, ...]

    def __str__(self) -> str:
        return " ".join(f"{x},{y}" for x, y in self.corners)


@dataclass(frozen=True)
class Hint:
    """A known color.

    Attributes:
        where: the place.
        color: sRGB in [0, 1].
        strength: above 0, up to 1: its weight against the model's prediction; 1 fixes the color.

    Raises:
        HintError: a value is out of its range.
    """

    where: Point | Rectangle | Polygon
    color: tuple[float, float, float]
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.where, (Point, Rectangle, Polygon)):
            raise HintError(f"a hint's place is a Point, a Rectangle or a Polygon, not {shown(self.where)}")
        if not 0 < self.strength <= 1:
            raise HintError(f"strength must be above 0 and at most 1, not {self.strength:g}")
        if len(self.color) != 3 or not all(0 <= value <= 1 for value in self.color):
            raise HintError(f"a color is three values from 0 to 1, not {shown(self.color)}")

    def __str__(self) -> str:
        return f"{self.where} {format_color(self.color)}"


def check_hints(hints: Sequence[object]) -> tuple[Hint, ...]:
    """Return the hints, if there are not too many of them for a photo.

    Raises:
        HintError: there are too many hints or corners, or one of them is not a `Hint`.
    """
    _check_count(len(hints))
    known = tuple(hint for hint in hints if isinstance(hint, Hint))
    if len(known) < len(hints):
        other = next(hint for hint in hints if not isinstance(hint, Hint))
        raise HintError(f"{shown(other)} is not a hint; give a Hint, or parse_hint(TEXT)")
    corners = sum(len(hint.where.corners) for hint in known)
    if corners > MOST_CORNERS:
        raise HintError(f"the hints have {corners} corners, more than {MOST_CORNERS}; give simpler ones")
    return known


def _check_count(count: int) -> None:
    if count > MOST_HINTS:
        raise HintError(f"{count} hints are more than {MOST_HINTS}; give fewer and larger ones")


# On the command line ------------------------------------------------------------------------------


def parse_hint(text: str) -> Hint:
    """Parse ``x,y,color``, ``x,y,color,radius`` or, for a rectangle, ``left,top,right,bottom,color``.

    Args:
        text: lengths are pixels or, with a percent sign, percentages; the color is ``#rrggbb``, ``#rgb`` or a
            CSS name.

    Raises:
        HintError: it is something else.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (3, 4, 5):
        raise HintError(f"{shown(text)} is not a hint; write {_HOW_TO_WRITE}")
    try:
        if len(parts) == 5:
            rectangle = _read_rectangle(parts[:4])
            _check_units(*(getattr(rectangle, side) for side in ("left", "top", "right", "bottom")))
            return Hint(rectangle, parse_color(parts[4]))
        x, y, *radius = (_length(part) for part in (*parts[:2], *parts[3:]))
        _check_units(x, y)
        return Hint(Point((x, y), _radius(radius[0]) if radius else None), parse_color(parts[2]))
    except ValueError as error:
        raise HintError(f"{shown(text)} is not a hint: {error}; write {_HOW_TO_WRITE}") from error


def _length(value: object) -> Length:
    """Return pixels for a number, or for a text without a percent sign; else percentages."""
    if isinstance(value, str) and (
        match := re.fullmatch(r"([+-]?[0-9]{1,9}(?:\.[0-9]*)?|\.[0-9]+)\s*(%?)", value.strip())
    ):
        return Length(float(match[1]), bool(match[2]))
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9:
        return Length(float(value))
    raise HintError(f"{_shown(value)} is not a length; write pixels, as in 120, or a percentage, as in 40%")


def _check_units(*lengths: Length) -> None:
    """Refuse a place in pixels and percentages, which is a forgotten percent sign; 0 may be either."""
    if len({length.percent for length in lengths if length.value}) > 1:
        place = ", ".join(map(str, lengths))
        raise HintError(f"{place} mixes pixels with percentages; write all of them with %, or none")


def _radius(length: Length) -> Length:
    if length.value <= 0:
        raise HintError(f"a radius must be above 0, not {length}")
    return length


# In a file ----------------------------------------------------------------------------------------


def read_hints(path: str | os.PathLike[str]) -> tuple[Hint, ...]:
    """Return the hints of a JSON file of the module's format.

    Raises:
        HintError: the file does not exist or has another format; the message names the place in it.
    """
    try:
        return _read_document(parse_json(read_text(path, MOST_JSON_BYTES)))
    except OSError as error:
        reason = f"cannot be read ({error.strerror}); name a JSON file of hints"
        raise HintError(f"{os.fspath(path)}: {reason}") from error
    except (HintError, DocumentError) as error:
        raise HintError(f"{os.fspath(path)}: {error}") from error


def write_hints(hints: Sequence[Hint], path: str | os.PathLike[str]) -> None:
    """Write hints as a file that `read_hints` reads; an existing file is replaced as a whole."""
    document = {"version": VERSION, "hints": [as_entry(hint) for hint in hints]}
    write_json(document, Path(path))


def as_entry(hint: Hint) -> dict[str, object]:
    """Return a hint as a file holds it."""
    where = hint.where
    if isinstance(where, Point):
        entry: dict[str, object] = {"point": [_written(length) for length in where.at]}
        if where.radius is not None:
            entry["radius"] = _written(where.radius)
    elif isinstance(where, Rectangle):
        entry = {"rectangle": [_written(s) for s in (where.left, where.top, where.right, where.bottom)]}
    else:
        entry = {"polygon": [[_written(x), _written(y)] for x, y in where.corners]}
    entry["color"] = format_color(hint.color)
    if hint.strength != 1:
        entry["strength"] = hint.strength
    return entry


def _written(length: Length) -> float | str:
    return f"{length.value!r}".removesuffix(".0") + "%" if length.percent else length.value


def _read_document(document: Any) -> tuple[Hint, ...]:
    _check_object(document, "the file", ("version", "hints"))
    if document.get("version") != VERSION or isinstance(document["version"], bool):
        version = _shown(document["version"]) if "version" in document else "missing"
        raise HintError(f'version is {version}; this program reads "version": {VERSION}')
    return parse_entries(document.get("hints"))


def parse_entries(entries: Any) -> tuple[Hint, ...]:
    """Return the hints of a list of what `as_entry` returns.

    Raises:
        HintError: it is something else; the message names the place in the list.
    """
    if not isinstance(entries, list) or not entries:
        raise HintError(
            'hints is not a list of hints; write "hints": [{"point": [120, 80], "color": "#c83232"}]'
        )
    _check_count(len(entries))
    return tuple(_read_entry(entry, f"hints[{index}]") for index, entry in enumerate(entries))


def _read_entry(entry: Any, place: str) -> Hint:
    _check_object(entry, place, (*_PLACES, "radius", "color", "colour", "strength"))
    named = [name for name in _PLACES if name in entry]
    if len(named) != 1:
        raise HintError(f"{place} has {' and '.join(named) or 'no place'}; write one of {', '.join(_PLACES)}")
    if "radius" in entry and named != ["point"]:
        raise HintError(f"{place}.radius belongs to a point; leave it out of a {named[0]}")
    if ("color" in entry) == ("colour" in entry):
        raise HintError(f'{place} needs one color; write "color": "#c83232" or a CSS name')
    where = _reading(_PLACES[named[0]], entry[named[0]], f"{place}.{named[0]}")
    if "radius" in entry:
        where = Point(
            where.at, _reading(lambda value: _radius(_length(value)), entry["radius"], f"{place}.radius")
        )
    color = _reading(_read_color, entry.get("color", entry.get("colour")), f"{place}.color")
    return _reading(lambda value: Hint(where, color, _read_number(value)), entry.get("strength", 1.0), place)


def _reading(read: Callable[[Any], Any], value: Any, place: str) -> Any:
    """Return ``read(value)``; its errors are given the place."""
    try:
        return read(value)
    except ValueError as error:
        raise HintError(f"{place}: {error}") from error


def _read_point(value: Any) -> Point:
    return Point(_read_corner(value))


def _read_rectangle(value: Any) -> Rectangle:
    if not isinstance(value, list) or len(value) != 4:
        raise HintError(f"{_shown(value)} is not a rectangle; write [left, top, right, bottom]")
    return Rectangle(*(_length(side) for side in value))


def _read_polygon(value: Any) -> Polygon:
    if not isinstance(value, list) or len(value) < 3:
        raise HintError(
            f"{_shown(value)} is not a polygon; write at least three corners, [[x, y], [x, y], [x, y]]"
        )
    return Polygon(tuple(_read_corner(corner) for corner in value))


def _read_corner(value: Any) -> Corner:
    if not isinstance(value, list) or len(value) != 2:
        raise HintError(f"{_shown(value)} is not a point; write [x, y]")
    return _length(value[0]), _length(value[1])


def _read_color(value: Any) -> tuple[float, float, float]:
    if not isinstance(value, str):
        raise ColorError(f'{_shown(value)} is not a color; write a text such as "#c83232" or "tomato"')
    return parse_color(value)


def _read_number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise HintError(f"strength must be a number above 0 and at most 1, not {_shown(value)}")
    return float(value)


_PLACES: Mapping[str, Callable[[Any], Any]] = {
    "point": _read_point,
    "rectangle": _read_rectangle,
    "polygon": _read_polygon,
}


def _check_object(value: Any, place: str, known: Sequence[str]) -> None:
    if not isinstance(value, dict):
        raise HintError(f"{place} is {_shown(value)}; write an object in braces, with {', '.join(known)}")
    for key in value:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            advice = f"did you mean {close[0]!r}?" if close else f"the keys are {', '.join(known)}"
            raise HintError(f"{place} has {key!r}, which is not a key; {advice}")


def _shown(value: object) -> str:
    if isinstance(value, str):
        return shown(value)
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
