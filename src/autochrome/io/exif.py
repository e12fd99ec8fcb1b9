"""EXIF blocks as bytes: read, made upright, and carried in and out of TIFF files.

An EXIF block is a small TIFF file ("Exif\\0\\0", a header, directories of tags; CIPA DC-008, 4.5). libvips reads
and writes it in JPEG, PNG, WebP, HEIC and AVIF but passes over it in TIFF, where the same tags lie in the page's own
directory. Here they are gathered from there, and added to a TIFF that libvips has written.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import BinaryIO

PREFIX = b"Exif\0\0"
_ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x0112, 0x011A, 0x011B, 0x0128
_EXIF, _GPS, _INTEROP = 0x8769, 0x8825, 0xA005
_POINTERS = (_EXIF, _GPS, _INTEROP)
# What a TIFF page's directory says about the picture, against how its pixels are stored: description, make, model,
# software, date, artist, host, copyright, rating, Windows' title to subject.
_DESCRIPTIVE = {0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298}
_DESCRIPTIVE |= {*range(0x9C9B, 0x9CA0), _EXIF, _GPS}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_SWAPPED = {**_SIZES, 5: 4, 10: 4}  # a rational is two numbers of 4 bytes
_LONGEST_TAG = 8_000_000
_BROKEN = (struct.error, ValueError, KeyError, RecursionError, OverflowError)


@dataclass(frozen=True)
class Tag:
    """One entry of a directory: its type and count as in the file, its data in the file's byte order."""

    kind: int
    count: int
    data: bytes
    children: Directory | None = None


Directory = dict[int, Tag]


@dataclass(frozen=True)
class _Layout:
    """Byte order, and the widths that tell BigTIFF from classic TIFF."""

    order: str
    big: bool

    @property
    def offset(self) -> str:
        return self.order + ("Q" if self.big else "I")

    @property
    def count(self) -> str:
        return self.order + ("Q" if self.big else "H")

    @property
    def entry(self) -> str:
        return self.order + ("HHQ8s" if self.big else "HHI4s")


def upright(exif: bytes) -> bytes:
    """The block with Orientation 1 and no thumbnail (which would show the photo as it was)."""
    patched = bytearray(exif)
    try:
        file = io.BytesIO(exif[len(PREFIX) :])
        layout, start = _header(file)
        count = struct.unpack_from(layout.count, exif, len(PREFIX) + start)[0]
        first = len(PREFIX) + start + struct.calcsize(layout.count)
        for position in range(first, first + 12 * count, 12):
            if struct.unpack_from(layout.order + "H", exif, position)[0] == _ORIENTATION:
                struct.pack_into(layout.order + "HIHH", patched, position + 2, 3, 1, 1, 0)
        struct.pack_into(layout.offset, patched, first + 12 * count, 0)
    except _BROKEN:
        return exif
    return bytes(patched)


def resolution(exif: bytes) -> tuple[float, float] | None:
    """Dots per inch across and down, as the block says, or None."""
    try:
        file = io.BytesIO(exif[len(PREFIX) :])
        layout, start = _header(file)
        tags, _ = _read_directory(file, layout, start)
        unit = struct.unpack(layout.order + "H", tags[_RESOLUTION_UNIT].data)[0] if _RESOLUTION_UNIT in tags else 2
        pairs = [struct.unpack(layout.order + "II", tags[tag].data) for tag in (_X_RESOLUTION, _Y_RESOLUTION)]
        x, y = (top / bottom * (2.54 if unit == 3 else 1.0) for top, bottom in pairs)
    except (*_BROKEN, ZeroDivisionError):
        return None
    return (x, y) if unit in (2, 3) and x > 0 and y > 0 else None


def from_tiff(file: BinaryIO, page: int = 0) -> bytes | None:
    """The EXIF block that a TIFF's page amounts to, or None where it describes nothing.

    Args:
        file: a classic or Big TIFF, open for reading.
        page: the page, counted from 0.
    """
    try:
        layout, offset = _header(file)
        for _ in range(page):
            offset = _next_directory(file, layout, offset)
        tags, _ = _read_directory(file, layout, offset, only=_DESCRIPTIVE)
    except _BROKEN:
        return None
    if not tags:
        return None
    classic = _Layout(layout.order, big=False)
    return PREFIX + _signature(classic) + _serialise(tags, classic, start=8)


def add_to_tiff(file: BinaryIO, exif: bytes) -> None:
    """Adds the block's descriptive tags, EXIF and GPS directories to the first page of a TIFF.

    The page's directory is written anew at the file's end; tags that it has already are left as they are.
    """
    source = io.BytesIO(exif[len(PREFIX) :])
    try:
        theirs, start = _header(source)
        added, _ = _read_directory(source, theirs, start, only=_DESCRIPTIVE)
    except _BROKEN:
        return
    layout, offset = _header(file)
    added = _reordered(added, theirs.order, layout.order)
    raw, following = _raw_entries(file, layout, offset)
    added = {tag: entry for tag, entry in added.items() if tag not in raw}
    end = file.seek(0, io.SEEK_END)
    if end % 2:
        end += file.write(b"\0")
    file.write(_serialise(added, layout, end, raw=raw, following=following))
    file.seek(8 if layout.big else 4)
    file.write(struct.pack(layout.offset, end))


def _signature(layout: _Layout) -> bytes:
    return (b"II" if layout.order == "<" else b"MM") + struct.pack(layout.order + "HI", 42, 8)


def _header(file: BinaryIO) -> tuple[_Layout, int]:
    file.seek(0)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}[head[:2]]
    layout = _Layout(order, struct.unpack(order + "H", head[2:4])[0] == 43)
    return layout, struct.unpack_from(layout.offset, head, 8 if layout.big else 4)[0]


def _raw_entries(file: BinaryIO, layout: _Layout, offset: int) -> tuple[dict[int, bytes], int]:
    """The entries of a directory as they lie in the file, and where the next directory is (0: none)."""
    file.seek(offset)
    count = struct.unpack(layout.count, file.read(struct.calcsize(layout.count)))[0]
    size = struct.calcsize(layout.entry)
    block = file.read(size * count)
    following = struct.unpack(layout.offset, file.read(struct.calcsize(layout.offset)))[0]
    entries = [block[i : i + size] for i in range(0, len(block), size)]
    return {struct.unpack_from(layout.order + "H", entry)[0]: entry for entry in entries}, following


def _next_directory(file: BinaryIO, layout: _Layout, offset: int) -> int:
    following = _raw_entries(file, layout, offset)[1]
    if not following:
        raise ValueError("no such page")
    return following


def _read_directory(
    file: BinaryIO, layout: _Layout, offset: int, *, only: set[int] | None = None, nesting: int = 0
) -> tuple[Directory, int]:
    raw, following = _raw_entries(file, layout, offset)
    tags: Directory = {}
    for tag, entry in raw.items():
        if only is not None and tag not in only:
            continue
        _, kind, count, inline = struct.unpack(layout.entry, entry)
        size = _SIZES.get(kind, 0) * count
        if not 0 < size <= _LONGEST_TAG:
            continue
        data = inline[:size]
        if size > len(inline):
            file.seek(struct.unpack(layout.offset, inline)[0])
            data = file.read(size)
        children = None
        if tag in _POINTERS:
            if nesting == 2:
                continue
            where = struct.unpack(layout.order + ("I" if size == 4 else "Q"), data)[0]
            children, _ = _read_directory(file, layout, where, nesting=nesting + 1)
        if len(data) == size:
            tags[tag] = Tag(kind, count, data, children)
    return tags, following


def _serialise(
    tags: Directory, layout: _Layout, start: int, *, raw: dict[int, bytes] | None = None, following: int = 0
) -> bytes:
    """A directory that will lie at `start`, then the data and directories that its entries point to."""
    entries = dict(raw or {})
    length = struct.calcsize(layout.count) + struct.calcsize(layout.offset)
    length += struct.calcsize(layout.entry) * (len(entries) + len(tags))
    heap = bytearray()
    for tag, entry in sorted(tags.items()):
        kind, count, data = entry.kind, entry.count, entry.data
        heap += b"\0" * (len(heap) % 2)
        here = start + length + len(heap)
        if entry.children is not None:
            kind, count, data = 4, 1, struct.pack(layout.order + "I", here)
            heap += _serialise(entry.children, layout, here)
        elif len(data) > struct.calcsize(layout.offset):
            heap += data
            data = struct.pack(layout.offset, here)
        entries[tag] = struct.pack(layout.entry, tag, kind, count, data)
    table = b"".join(entries[tag] for tag in sorted(entries))
    return struct.pack(layout.count, len(entries)) + table + struct.pack(layout.offset, following) + bytes(heap)


def _reordered(tags: Directory, theirs: str, ours: str) -> Directory:
    if theirs == ours:
        return tags
    return {
        tag: Tag(
            entry.kind,
            entry.count,
            _swap(entry.data, _SWAPPED[entry.kind]),
            _reordered(entry.children, theirs, ours) if entry.children is not None else None,
        )
        for tag, entry in tags.items()
    }


def _swap(data: bytes, width: int) -> bytes:
    return b"".join(data[i : i + width][::-1] for i in range(0, len(data), width))
