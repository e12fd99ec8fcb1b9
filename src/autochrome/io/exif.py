"""EXIF blocks as bytes: made upright, read for their resolution, and moved in and out of TIFF files.

An EXIF block is a small TIFF file ("Exif" and two zero bytes, a header, directories of tags; CIPA DC-008,
4.5). libvips reads and writes it in JPEG, PNG, WebP, HEIC and AVIF but ignores it in TIFF, where the same
tags are in the page's own directory, and truncates the IPTC there to a quarter. Both are read from the TIFF
here, and added to a TIFF that libvips has written.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping

from autochrome.io import tiff_tags

PREFIX = b"Exif\0\0"
_ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x0112, 0x011A, 0x011B, 0x0128
_IPTC = 0x83BB
_UNDEFINED = 7  # the TIFF type of plain bytes
# What a TIFF page's directory says about the picture, against how its pixels are stored: description, make,
# model, software, date, artist, host, copyright, rating, Windows' title to subject.
_DESCRIPTIVE = {0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298}
_DESCRIPTIVE |= {*range(0x9C9B, 0x9CA0), tiff_tags.EXIF, tiff_tags.GPS}


def upright(exif: bytes) -> bytes:
    """Return the block with Orientation 1 and no thumbnail (which would show the photo as it was)."""
    patched = bytearray(exif)
    try:
        layout, start = tiff_tags.read_header(io.BytesIO(exif[len(PREFIX) :]))
        count = struct.unpack_from(layout.count, exif, len(PREFIX) + start)[0]
        first = len(PREFIX) + start + struct.calcsize(layout.count)
        for position in range(first, first + 12 * count, 12):
            if struct.unpack_from(layout.order + "H", exif, position)[0] == _ORIENTATION:
                struct.pack_into(layout.order + "HIHH", patched, position + 2, 3, 1, 1, 0)
        # No second directory: it is the thumbnail's.
        struct.pack_into(layout.offset, patched, first + 12 * count, 0)
    except tiff_tags.BROKEN:
        return exif
    return bytes(patched)


def resolution(exif: bytes) -> tuple[float, float] | None:
    """Return the block's dots per inch across and down, or None."""
    try:
        file = io.BytesIO(exif[len(PREFIX) :])
        layout, start = tiff_tags.read_header(file)
        tags = tiff_tags.read_directory(file, layout, start)
        tag = tags.get(_RESOLUTION_UNIT)
        unit = struct.unpack(layout.order + "H", tag.data)[0] if tag else 2  # 2: inch, 3: cm
        ratios = (struct.unpack(layout.order + "II", tags[k].data) for k in (_X_RESOLUTION, _Y_RESOLUTION))
        x, y = (top / bottom * (2.54 if unit == 3 else 1.0) for top, bottom in ratios)
    except (*tiff_tags.BROKEN, ZeroDivisionError):
        return None
    return (round(x, 2), round(y, 2)) if unit in (2, 3) and x > 0 and y > 0 else None


def blocks_of_tiff(file: io.BufferedIOBase, page: int = 0) -> dict[str, bytes]:
    """Return the blocks "exif" and "iptc" of a page, from 0, of an open classic or Big TIFF, if any."""
    try:
        layout, offset = tiff_tags.page_directory(file, page)
        tags = tiff_tags.read_directory(file, layout, offset, only=_DESCRIPTIVE | {_IPTC})
    except tiff_tags.BROKEN:
        return {}
    blocks: dict[str, bytes] = {}
    if iptc := tags.pop(_IPTC, None):
        blocks["iptc"] = iptc.data.rstrip(b"\0")  # padded to whole words
    if tags:
        blocks["exif"] = PREFIX + tiff_tags.standalone(tags, layout.order)
    return blocks


def add_blocks_to_tiff(file: io.BufferedIOBase, blocks: Mapping[str, bytes]) -> None:
    """Add what "exif" says about the picture, and "iptc", to the first page of a TIFF.

    Tags that the page already has are kept.

    Args:
        file: a classic or Big TIFF, open for reading and writing.
        blocks: metadata as in `Photo.metadata`; a broken EXIF block is ignored.
    """
    layout, offset = tiff_tags.read_header(file)
    raw, following = tiff_tags.raw_entries(file, layout, offset)
    added = _described(blocks.get("exif", b""), layout)
    if iptc := blocks.get("iptc"):
        added[_IPTC] = tiff_tags.Tag(_UNDEFINED, len(iptc), iptc)
    added = {tag: entry for tag, entry in added.items() if tag not in raw}
    if added:
        tiff_tags.replace_first_directory(file, layout, added, raw, following)


def _described(exif: bytes, layout: tiff_tags.Layout) -> tiff_tags.Directory:
    """Return the descriptive tags of a block in the byte order of `layout`."""
    source = io.BytesIO(exif[len(PREFIX) :])
    try:
        theirs, start = tiff_tags.read_header(source)
        return tiff_tags.reordered(
            tiff_tags.read_directory(source, theirs, start, only=_DESCRIPTIVE), theirs.order, layout.order
        )
    except tiff_tags.BROKEN:
        return {}
