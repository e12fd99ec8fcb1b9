"""Where hints are: a photo under a grid of percentages, with a cross or an outline for each hint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyvips

from autochrome.guidance.hint_files import Hint, Point
from autochrome.report.contact_sheet import Layout, Page, Picture, blank, fit, paste

SIDE = 1200
"""Longer side of the photo on the preview, in pixels."""

_MARGIN = 44  # left and top, for the percentages
_ARM = 13  # of a cross, in pixels
_FONT = "sans 10"


def hint_preview(photo: Picture, hints: Sequence[Hint]) -> Page:
    """Draw a photo with a grid line every tenth of its sides, and its hints, numbered, in their colors.

    Args:
        photo: at its full size, to which hints in pixels refer.
        hints: of the photo; without any, the grid helps to find places.
    """
    picture = fit(photo, Layout(cell_width=SIDE, cell_height=SIDE)).copy()
    height, width = picture.shape[:2]
    for tenth in range(1, 10):
        picture[height * tenth // 10] = _mixed(picture[height * tenth // 10])
        picture[:, width * tenth // 10] = _mixed(picture[:, width * tenth // 10])
    for number, hint in enumerate(hints, 1):
        _draw(picture, hint, (photo.shape[1], photo.shape[0]), str(number))
    page = blank(height + _MARGIN, width + _MARGIN)
    paste(page, picture, _MARGIN, _MARGIN)
    for tenth in range(11):
        label = _text(f"{10 * tenth}%")
        high, wide = label.shape[:2]
        left = min(_MARGIN + width * tenth // 10 - wide // 2, page.shape[1] - wide)
        paste(page, label, _MARGIN - high - 6, left)
        top = min(_MARGIN + height * tenth // 10 - high // 2, page.shape[0] - high)
        paste(page, label, top, max(0, _MARGIN - wide - 6))
    return page


def _mixed(line: np.ndarray) -> np.ndarray:
    """Return pixels halfway to black or white, whichever is farther, so that a line shows on any ground."""
    return np.where(line > 127, line // 2, 128 + line // 2)


def _draw(picture: Page, hint: Hint, sides: tuple[int, int], number: str) -> None:
    """Draw a hint in its color between black and white, and its number beside it."""
    height, width = picture.shape[:2]
    corners = [
        (x.pixels(sides[0]) * width / sides[0], y.pixels(sides[1]) * height / sides[1])
        for x, y in hint.where.corners
    ]
    color = (np.array(hint.color) * 255).round().astype(np.uint8)
    for thickness, ink in ((7, 0), (5, 255), (3, color)):
        for start, end in _lines(hint, corners):
            _stroke(picture, start, end, thickness, ink)
    label = np.pad(_text(number), ((3, 3), (3, 3), (0, 0)), constant_values=255)
    x, y = corners[0]
    top = int(np.clip(y + 6, 0, max(0, height - label.shape[0])))
    left = int(np.clip(x + 8, 0, max(0, width - label.shape[1])))
    paste(picture, label[: height - top, : width - left], top, left)


def _lines(
    hint: Hint, corners: Sequence[tuple[float, float]]
) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    if isinstance(hint.where, Point):
        [(x, y)] = corners
        yield (x - _ARM, y), (x + _ARM, y)
        yield (x, y - _ARM), (x, y + _ARM)
        return
    yield from zip(corners, [*corners[1:], corners[0]], strict=True)


def _stroke(
    picture: Page, start: tuple[float, float], end: tuple[float, float], thickness: int, ink: np.ndarray | int
) -> None:
    """Draw a line, cut off at the picture's rim."""
    count = int(max(abs(end[0] - start[0]), abs(end[1] - start[1]))) + 1
    for x, y in zip(np.linspace(start[0], end[0], count), np.linspace(start[1], end[1], count), strict=True):
        top, left = round(float(y)) - thickness // 2, round(float(x)) - thickness // 2
        if top + thickness > 0 and left + thickness > 0:
            picture[max(0, top) : top + thickness, max(0, left) : left + thickness] = ink


def _text(text: str) -> Page:
    ink = pyvips.Image.text(text, font=_FONT, dpi=96).numpy()
    return np.repeat(255 - np.atleast_3d(ink), 3, axis=2)
