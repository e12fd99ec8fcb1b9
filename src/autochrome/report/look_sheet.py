"""A photo in many versions on one labeled page, to choose from on a screen.

The page begins with the photo as it was and what is to be said of all versions; below stand the versions, a
row each, with the command that makes one under it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyvips
from jaxtyping import Float

from autochrome.report.contact_sheet import Layout, Page, Picture, fit

SIDE = 400
"""Longer side of a picture, in pixels: four rows of three fill two screens."""

_GAP, _MARGIN = 28, 8  # between cells; between a picture and its label
_FONT, _DPI = "sans 11", 96


@dataclass(frozen=True)
class Label:
    """What stands beside or below a picture.

    Attributes:
        title: the first line, in bold.
        command: a line that can be typed, in letters of one width.
        text: further paragraphs; what stands between `backquotes` is set as the command is.
    """

    title: str
    command: str = ""
    text: tuple[str, ...] = ()

    @property
    def markup(self) -> str:
        """The label in Pango's markup."""
        lines = [f"<b>{_escaped(self.title)}</b>"]
        lines += [f"<tt>{_escaped(self.command)}</tt>"] if self.command else []
        for paragraph in self.text:
            parts = _escaped(paragraph).split("`")
            parts[1::2] = [f"<tt>{part}</tt>" for part in parts[1::2]]
            lines += ["", "".join(parts)]
        return "\n".join(lines)


def look_sheet(
    original: Picture,
    heading: Label,
    rows: Sequence[Sequence[tuple[Picture, Label]]],
    *,
    side: int = SIDE,
) -> Page:
    """Draw the page.

    Args:
        original: the photo; it stands at the top left, the heading beside it.
        heading: of the page.
        rows: the versions and their labels, from left to right. Rows may be of different lengths.
        side: what a picture's longer side is shrunk to (never enlarged), in pixels.

    Raises:
        ValueError: there are no rows, or an empty one.
    """
    if not rows or not all(rows):
        raise ValueError("a sheet of looks needs a row of one picture or more")
    layout = Layout(cell_width=side, cell_height=side)
    strips = [[_cell(fit(picture, layout), _ink(label)) for picture, label in row] for row in rows]
    first = fit(original, layout)
    # All columns are equally wide, so that nothing is cut: neither a wide picture nor a long command.
    column = max(first.shape[1], *(cell.shape[1] for cells in strips for cell in cells))
    columns = max(2, *(len(cells) for cells in strips))
    width = _GAP + columns * (column + _GAP)
    top = _beside(first, _ink(heading, width - column - 3 * _GAP), column)
    parts = [_strip([top], width - 2 * _GAP, width)]
    parts += [_strip(cells, column, width) for cells in strips]
    return np.concatenate([np.full((_GAP, width, 3), 255, np.uint8), *parts])


def _cell(picture: Page, ink: Float[np.ndarray, "_ _"]) -> Page:
    """A picture with its label below."""
    height = picture.shape[0] + _MARGIN + ink.shape[0]
    cell = np.full((height, max(picture.shape[1], ink.shape[1]), 3), 255, np.uint8)
    cell[: picture.shape[0], : picture.shape[1]] = picture
    cell[picture.shape[0] + _MARGIN :, : ink.shape[1]] = _black(ink)
    return cell


def _beside(picture: Page, ink: Float[np.ndarray, "_ _"], column: int) -> Page:
    """A picture with the heading at its right, where the second column begins."""
    height = max(picture.shape[0], ink.shape[0])
    cell = np.full((height, column + _GAP + ink.shape[1], 3), 255, np.uint8)
    cell[: picture.shape[0], : picture.shape[1]] = picture
    cell[: ink.shape[0], column + _GAP :] = _black(ink)
    return cell


def _strip(cells: Sequence[Page], column: int, width: int) -> Page:
    """Cells side by side, with a gap below."""
    strip = np.full((max(cell.shape[0] for cell in cells) + _GAP, width, 3), 255, np.uint8)
    for number, cell in enumerate(cells):
        left = _GAP + number * (column + _GAP)
        strip[: cell.shape[0], left : left + cell.shape[1]] = cell
    return strip


def _ink(label: Label, width: int | None = None) -> Float[np.ndarray, "_ _"]:
    """The label drawn: 0 where there is nothing, 1 within the letters; wrapped where a width is given."""
    options = {} if width is None else {"width": width, "wrap": "word-char"}
    mask = pyvips.Image.text(label.markup, font=_FONT, dpi=_DPI, spacing=4, **options).numpy()
    return mask.reshape(mask.shape[:2]) / 255


def _black(ink: Float[np.ndarray, "_ _"]) -> Page:
    return np.repeat(np.round(255 * (1 - ink)).astype(np.uint8)[:, :, None], 3, axis=2)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
