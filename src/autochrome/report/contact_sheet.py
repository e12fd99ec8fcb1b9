"""Contact sheets with names drawn by libvips.

`contact_sheets` compares: one photo per row, one version of it per column. `gallery` shows pictures of one
photo in reading order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    background: int = 255
    rows_per_page: int = 20


def contact_sheets(
    columns: Mapping[str, Sequence[Picture]],
    captions: Sequence[str] | None = None,
    *,
    layout: Layout | None = None,
) -> list[Page]:
    """Draw pages of pictures side by side.

    Args:
        columns: the name of each column and its pictures, all of one length, from left to right. A picture is
            shrunk to fit its cell (never enlarged) with its shape kept, and centered; a row is as high as its
            highest picture.
        captions: a line under each row.
        layout: sizes.

    Returns:
        Pages of at most ``layout.rows_per_page`` rows, all of one width.

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


def write_sheets(pages: Sequence[Page], path: Path) -> list[Path]:
    """Write pages as PNG, JPEG or WebP by the suffix: NAME.png, NAME-2.png, NAME-3.png, ...

    Every file appears only when it is complete.

    Raises:
        ValueError: for another suffix.
    """
    if path.suffix.lower() not in SHEET_SUFFIXES:
        known = ", ".join(sorted(SHEET_SUFFIXES))
        raise ValueError(f"a contact sheet is written as one of {known}, not {path.name}")
    paths = [path if i == 0 else path.with_stem(f"{path.stem}-{i + 1}") for i in range(len(pages))]
    for page, target in zip(pages, paths, strict=True):
        options = {} if target.suffix.lower() == ".png" else {"Q": 92}
        image = pyvips.Image.new_from_array(page).copy(interpretation="srgb")
        write_whole(image.write_to_buffer(target.suffix, **options), target)
    return paths


def gallery(
    pictures: Sequence[Picture],
    labels: Sequence[str],
    *,
    columns: int | None = None,
    layout: Layout | None = None,
) -> Page:
    """Draw pictures in reading order, each with its label below.

    Args:
        pictures: as the cells of `contact_sheets`.
        labels: a line under each picture.
        columns: how many side by side; by default up to five in one row, and more in a square.
        layout: sizes; there is one page, whatever its ``rows_per_page``.

    Raises:
        ValueError: for no pictures, or labels of another number.
    """
    layout = layout or Layout()
    if not pictures or len(pictures) != len(labels):
        raise ValueError(f"a gallery needs a label for each picture; got {len(pictures)} and {len(labels)}")
    count = len(pictures)
    columns = columns or (count if count <= _ONE_ROW else ceil(sqrt(count)))
    cells = [fit(picture, layout) for picture in pictures]
    width = layout.gap + columns * (layout.cell_width + layout.gap)
    strips = [np.full((layout.gap, width, 3), layout.background, np.uint8)]
    for start in range(0, count, columns):
        strip = _row(cells[start : start + columns], None, width, layout, label=layout.label_height)
        for column, label in enumerate(labels[start : start + columns]):
            top = strip.shape[0] - layout.gap - layout.label_height
            _write(strip, label, _left(column, layout), top, layout.cell_width, layout)
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


def _page(
    columns: Mapping[str, Sequence[Picture]], captions: Sequence[str] | None, rows: range, layout: Layout
) -> Page:
    width = layout.gap + len(columns) * (layout.cell_width + layout.gap)
    head = np.full((layout.label_height + layout.gap, width, 3), layout.background, np.uint8)
    for c, name in enumerate(columns):
        _write(head, name, _left(c, layout), 0, layout.cell_width, layout)
    strips = [head]
    for index in rows:
        pictures = [fit(column[index], layout) for column in columns.values()]
        strips.append(_row(pictures, None if captions is None else captions[index], width, layout))
    return np.concatenate(strips)


def _row(
    pictures: Sequence[np.ndarray], caption: str | None, width: int, layout: Layout, label: int = 0
) -> Page:
    """Pictures side by side, as high as the highest of them, with room for the caption or labels below."""
    high = max(picture.shape[0] for picture in pictures)
    label = label if caption is None else layout.label_height
    strip = np.full((high + label + layout.gap, width, 3), layout.background, np.uint8)
    for c, picture in enumerate(pictures):
        height, wide = picture.shape[:2]
        left, top = _left(c, layout) + (layout.cell_width - wide) // 2, (high - height) // 2
        strip[top : top + height, left : left + wide] = picture
    if caption is not None:
        _write(strip, caption, layout.gap, high, width - 2 * layout.gap, layout)
    return strip


def _left(column: int, layout: Layout) -> int:
    return layout.gap + column * (layout.cell_width + layout.gap)


def _write(page: np.ndarray, text: str, left: int, top: int, width: int, layout: Layout) -> None:
    """Draw one line of text, cut where the room ends."""
    if not text.strip():
        return
    markup = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    mask = pyvips.Image.text(markup, font="sans", dpi=round(layout.label_height * 4)).numpy()
    mask = mask.reshape(mask.shape[0], mask.shape[1])[: layout.label_height, :width, None] / 255
    top += (layout.label_height - mask.shape[0]) // 2
    area = page[top : top + mask.shape[0], left : left + mask.shape[1]]
    ink = 0 if layout.background > 127 else 255
    area[:] = np.round(area * (1 - mask) + ink * mask).astype(np.uint8)
