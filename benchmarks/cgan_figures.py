"""The pictures of Cao et al. (2017), figures 6 to 10, drawn of our photos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from autochrome.io.photo import read_photo
from autochrome.report.contact_sheet import Layout, Page, contact_sheets, gallery
from benchmarks.cgan_measures import Colors, painted

ROWS = ("019", "050", "037", "386", "151", "247")
"""Evaluation photos for figures 6, 8 and 9: a car, a beach, petunias, a barn, a burger, a dog on a lawn."""
FREE = ("092", "373")
"""For figure 7: umbrellas and a balloon, which may have any color."""
MANY = (
    *("001", "003", "019", "020", "033", "037", "046", "050", "056", "073"),
    *("076", "092", "151", "174", "297", "349", "373", "386", "389", "397"),
)
"""For figure 10."""

SAMPLES = 4
"""Of each photo, beside the truth."""
GRID = 8
"""Samples of figure 7 in a row and in a column."""

_CELL = 128  # pixels to a picture
_TILE = 80  # in a grid


def side_by_side(sides: Mapping[str, Colors], photos: Sequence[Path]) -> Page:
    """Figures 6, 8 and 9: a row for each photo, with the truth and four samples of each side."""
    shown = chosen(photos, ROWS)
    columns = {"truth": [read_photo(photos[i]).pixels for i in shown]}
    for title, colors in sides.items():
        samples = [_pictures(colors, i, SAMPLES) for i in shown]
        for k, pictures in enumerate(zip(*samples, strict=True)):
            columns[title if k == 0 else _blank(columns)] = list(pictures)
    return contact_sheets(columns, layout=_layout(_CELL, gap=4))[0]


def grids(sides: Mapping[str, Colors], photos: Sequence[Path]) -> Page:
    """Figure 7: for two photos a square of samples of each side."""
    columns = {}
    for title, colors in sides.items():
        columns[title] = [
            gallery(
                pictures := _pictures(colors, i, GRID**2),
                [""] * len(pictures),
                columns=GRID,
                layout=_layout(_TILE, gap=2, label_height=0),
            )
            for i in chosen(photos, FREE)
        ]
    side = max(max(grid.shape[:2]) for column in columns.values() for grid in column)
    return contact_sheets(columns, layout=_layout(side, gap=8))[0]


def gallery_of(colors: Colors, photos: Sequence[Path]) -> Page:
    """Figure 10: many photos, two to a row, each the truth and four samples."""
    shown = chosen(photos, MANY)
    shown = shown[: len(shown) // 2 * 2] or shown
    halves = [shown[k::2] for k in range(min(2, len(shown)))]
    columns: dict[str, list[np.ndarray]] = {}
    for half in halves:
        columns["truth" if not columns else "truth "] = [read_photo(photos[i]).pixels for i in half]
        samples = [_pictures(colors, i, SAMPLES) for i in half]
        for pictures in zip(*samples, strict=True):
            columns[_blank(columns)] = list(pictures)
    return contact_sheets(columns, layout=_layout(_CELL, gap=4))[0]


def chosen(photos: Sequence[Path], names: Sequence[str]) -> list[int]:
    """Places of the photos of these names; where not all are there, as many at equal distances."""
    places = {path.stem: place for place, path in enumerate(photos)}
    if all(name in places for name in names):
        return [places[name] for name in names]
    return sorted(set(np.linspace(0, len(photos) - 1, len(names)).round().astype(int).tolist()))


def _pictures(colors: Colors, index: int, count: int) -> list[UInt8[np.ndarray, "h w 3"]]:
    prediction = colors(index)
    prediction = replace(prediction, answer=prediction.answer[:count])
    return list(painted(colors.painter, prediction).permute(0, 2, 3, 1).contiguous().numpy())


def _blank(taken: Iterable[str]) -> str:
    """A heading without letters that no other column has."""
    return " " * (1 + max((len(name) for name in taken if not name.strip()), default=0))


def _layout(cell: int, *, gap: int, label_height: int = 24) -> Layout:
    return Layout(cell, cell, gap=gap, label_height=label_height)
