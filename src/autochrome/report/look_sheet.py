"""A photo in many versions on one labeled page, each above the command that makes it, to choose from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pyvips

from autochrome.report.contact_sheet import Layout, Page, Picture, blank, fit, paste

SIDE = 400
"""Longer side of a picture, in pixels: four rows of three fill two screens."""

_GAP, _MARGIN = 28, 8  # between cells; between a picture and its label
_FONT, _DPI = "sans 11", 96


@dataclass(frozen=True)
class Label:
    """The text beside or below a picture.

    Attributes:
        title: the first line, in bold.
        command: a line that can be typed, in a monospaced font.
        text: further paragraphs; `backquotes` set their content in the same font.
    """

    title: str
    command: str = ""
    text: tuple[str, ...] = ()

    @property
    def markup(self) -> str:
        """The label as Pango markup."""
        lines = [f"<b>{escape(self.title, quote=False)}</b>"]
        lines += [f"<tt>{escape(self.command, quote=False)}</tt>"] if self.command else []
        for paragraph in self.text:
            parts = escape(paragraph, quote=False).split("`")
            parts[1::2] = [_typed(part) for part in parts[1::2]]
            lines += ["", "".join(parts)]
        return "\n".join(lines)


def _typed(text: str) -> str:
    """Return what is typed as Pango markup, in which no line ends within an option and its value."""
    kept = re.sub(
        r"(?<!\S)--?[\w-]+( [^-\s]\S{0,30}(?!\S))?", r'<span allow_breaks="false">\g<0></span>', text
    )
    return f"<tt>{kept}</tt>"


def look_sheet(original: Picture, heading: Label, rows: Sequence[Sequence[tuple[Picture, Label]]]) -> Page:
    """Draw the page.

    Args:
        original: the photo, at the top left.
        heading: of the page, beside it.
        rows: the versions and their labels, from left to right; rows may differ in length.

    Raises:
        ValueError: there are no rows, or an empty one.
    """
    if not rows or not all(rows):
        raise ValueError("a sheet of looks needs a row of one picture or more")
    layout = Layout(cell_width=SIDE, cell_height=SIDE)
    strips = [[_labeled(fit(picture, layout), label) for picture, label in row] for row in rows]
    first = fit(original, layout)
    # All columns are equally wide, so that nothing is cut: neither a wide picture nor a long command.
    column = max(first.shape[1], *(cell.shape[1] for cells in strips for cell in cells))
    columns = max(2, *(len(cells) for cells in strips))
    width = _GAP + columns * (column + _GAP)
    # The heading begins where the second column does.
    text = _drawn(heading, width - column - 3 * _GAP)
    top = blank(max(first.shape[0], text.shape[0]), column + _GAP + text.shape[1])
    paste(top, first, 0, 0)
    paste(top, text, 0, column + _GAP)
    parts = [_strip([top], column, width), *(_strip(cells, column, width) for cells in strips)]
    return np.concatenate([blank(_GAP, width), *parts])


def _labeled(picture: Page, label: Label) -> Page:
    """Return a picture with its label below."""
    text, (height, width) = _drawn(label), picture.shape[:2]
    cell = blank(height + _MARGIN + text.shape[0], max(width, text.shape[1]))
    paste(cell, picture, 0, 0)
    paste(cell, text, height + _MARGIN, 0)
    return cell


def _strip(cells: Sequence[Page], column: int, width: int) -> Page:
    """Return cells side by side, with a gap below."""
    strip = blank(max(cell.shape[0] for cell in cells) + _GAP, width)
    for number, cell in enumerate(cells):
        paste(strip, cell, 0, _GAP + number * (column + _GAP))
    return strip


def _drawn(label: Label, width: int | None = None) -> Page:
    """Return the label in black on white, wrapped where a width is given."""
    options = {} if width is None else {"width": width, "wrap": "word-char"}
    ink = pyvips.Image.text(label.markup, font=_FONT, dpi=_DPI, spacing=4, **options).numpy()
    return np.repeat(255 - np.atleast_3d(ink), 3, axis=2)
