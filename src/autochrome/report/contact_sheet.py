"""Contact sheets with names drawn by libvips.

`contact_sheets` compares: one photo per row, one version of it per column. `gallery` shows pictures of one
photo in reading order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, sqrt
from pathlib import Path

import numpy as np
import pyvips
from jaxtyping import Float32, UInt8, UInt16

from autochrome.io.vips import SAMPLE_TYPES, WHITE
from autochrome.io.whole_file import write_whole

Picture = UInt8[np.ndarray, "_ _ _"] | UInt16[np.ndarray, "_ _ _"] | Float32[np.ndarray, "_ _ _"]
"""sRGB, or gray with one channel, uint8, uint16 or float32 in [0, 1]; (height, width, channels)."""

Page = UInt8[np.ndarray, "_ _ 3"]
"""8-bit sRGB, (height, width, 3)."""

SHEET_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
"""What a sheet can be written as."""

_ONE_ROW = 5  # pictures of a gallery that still stand side by side: a photo and four colorizations


@dataclass(frozen=True)
class Layout:
    """Sizes in pixels."""

    cell_width: int = 256
    cell_height: int = 256
    gap: int = 8
    label_height: int = 24
    """Of the line of column names on top, and of the caption under each row."""
    rows_per_page: int = 20


def contact_sheets(
    columns: Mapping[str, Sequence[Picture]],
    captions: Sequence[str] | None = None,
    *,
    layout: Layout | None = None,
) -> list[Page]:
    """Draw pages of pictures side by side.

    Args:
        columns: name of each column and its pictures. Pictures are shrunk to fit their cells (`fit`) and
            centered; a row is as high as its highest picture.
        captions: a line under each row.
        layout: sizes; a page has at most ``rows_per_page`` rows.

    Raises:
        ValueError: for no columns or no pictures, or columns or captions of different lengths.
    """
    layout = layout or Layout()
    lengths = {name: len(pictures) for name, pictures in columns.items()}
    if captions is not None:
        lengths["captions"] = len(captions)
    if len(set(lengths.values())) != 1 or 0 in lengths.values() or not columns:
        raise ValueError(f"a contact sheet needs columns of one length, at least 1; got {lengths}")
    rows = next(iter(lengths.values()))
    starts = range(0, rows, layout.rows_per_page)
    return [_page(columns, captions, range(s, min(s + layout.rows_per_page, rows)), layout) for s in starts]


def sheet_files(path: Path, pages: int) -> list[Path]:
    """Return the files of so many pages: NAME.png, NAME-2.png, NAME-3.png, ..."""
    return [path if i == 0 else path.with_stem(f"{path.stem}-{i + 1}") for i in range(pages)]


def write_sheets(pages: Sequence[Page], path: Path) -> list[Path]:
    """Write pages as PNG, JPEG or WebP by the suffix, under the names of `sheet_files`.

    Every file appears only when it is complete.

    Raises:
        ValueError: for another suffix.
    """
    if path.suffix.lower() not in SHEET_SUFFIXES:
        known = ", ".join(sorted(SHEET_SUFFIXES))
        raise ValueError(f"a contact sheet is written as one of {known}, not {path.name}")
    paths = sheet_files(path, len(pages))
    for page, target in zip(pages, paths, strict=True):
        options = {} if target.suffix.lower() == ".png" else {"Q": 92}
        image = pyvips.Image.new_from_array(page).copy(interpretation="srgb")
        write_whole(image.write_to_buffer(target.suffix, **options), target)
    return paths


def gallery(pictures: Sequence[Picture], labels: Sequence[str], *, layout: Layout | None = None) -> Page:
    """Draw pictures in reading order, each with its label below: up to five in one row, more in a square.

    Raises:
        ValueError: for no pictures, or another number of labels.
    """
    layout = layout or Layout()
    if not pictures or len(pictures) != len(labels):
        raise ValueError(f"a gallery needs a label for each picture; got {len(pictures)} and {len(labels)}")
    count = len(pictures)
    columns = count if count <= _ONE_ROW else ceil(sqrt(count))
    strips = [blank(layout.gap, _left(columns, layout))]
    for start in range(0, count, columns):
        strip = _row(pictures[start : start + columns], columns, layout, layout.label_height)
        top = strip.shape[0] - layout.gap - layout.label_height
        _write_names(strip, labels[start : start + columns], top, layout)
        strips.append(strip)
    return np.concatenate(strips)


def fit(picture: Picture, layout: Layout | None = None) -> Page:
    """Return a picture in 8-bit color, shrunk to fit a cell (never enlarged), its shape kept."""
    layout = layout or Layout()
    picture = picture if picture.shape[2] == 1 else picture[..., :3]
    image = pyvips.Image.new_from_array(np.ascontiguousarray(picture))
    if picture.dtype != np.uint8:
        image = (image * (255 / WHITE[SAMPLE_TYPES[picture.dtype]]) + 0.5).cast("uchar")
    image = image.copy(interpretation="b-w" if picture.shape[2] == 1 else "srgb")
    if image.height > layout.cell_height or image.width > layout.cell_width:
        image = image.thumbnail_image(layout.cell_width, height=layout.cell_height, size="down")
    pixels = np.atleast_3d(image.numpy())
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def blank(height: int, width: int) -> Page:
    """Return a white page."""
    return np.full((height, width, 3), 255, np.uint8)


def paste(page: Page, picture: Page, top: int, left: int) -> None:
    """Draw a picture onto a page."""
    page[top : top + picture.shape[0], left : left + picture.shape[1]] = picture


def _page(
    columns: Mapping[str, Sequence[Picture]], captions: Sequence[str] | None, rows: range, layout: Layout
) -> Page:
    width = _left(len(columns), layout)
    head = blank(layout.label_height + layout.gap, width)
    _write_names(head, list(columns), 0, layout)
    strips = [head]
    for index in rows:
        pictures = [column[index] for column in columns.values()]
        strip = _row(pictures, len(columns), layout, 0 if captions is None else layout.label_height)
        if captions is not None:
            top = strip.shape[0] - layout.gap - layout.label_height
            _write(strip, captions[index], top, layout.gap, width - 2 * layout.gap, layout)
        strips.append(strip)
    return np.concatenate(strips)


def _row(pictures: Sequence[Picture], columns: int, layout: Layout, below: int) -> Page:
    """Draw pictures side by side, with ``below`` empty pixels and a gap under the highest of them."""
    cells = [fit(picture, layout) for picture in pictures]
    high = max(cell.shape[0] for cell in cells)
    strip = blank(high + below + layout.gap, _left(columns, layout))
    for column, cell in enumerate(cells):
        height, width = cell.shape[:2]
        paste(strip, cell, (high - height) // 2, _left(column, layout) + (layout.cell_width - width) // 2)
    return strip


def _left(column: int, layout: Layout) -> int:
    """Return where a column begins; the one after the last begins at the sheet's width."""
    return layout.gap + column * (layout.cell_width + layout.gap)


def _write_names(page: Page, names: Sequence[str], top: int, layout: Layout) -> None:
    for column, name in enumerate(names):
        _write(page, name, top, _left(column, layout), layout.cell_width, layout)


def _write(page: Page, text: str, top: int, left: int, width: int, layout: Layout) -> None:
    """Draw one line of text, cut where the room ends."""
    if not text.strip():
        return
    mask = pyvips.Image.text(escape(text, quote=False), font="sans", dpi=round(layout.label_height * 4))
    ink = np.atleast_3d(mask.numpy())[: layout.label_height, :width]
    paste(page, np.repeat(255 - ink, 3, axis=2), top + (layout.label_height - ink.shape[0]) // 2, left)
