"""The structure that TIFF files and EXIF blocks share: directories of tags (TIFF 6.0, section 2; BigTIFF)."""

from __future__ import annotations

import io
import struct
from collections.abc import Set
from dataclasses import dataclass

EXIF, GPS, INTEROP = 0x8769, 0x8825, 0xA005
POINTERS = (EXIF, GPS, INTEROP)
BROKEN = (struct.error, ValueError, KeyError, RecursionError, OverflowError, MemoryError)
"""What reading a damaged structure raises."""

# Bytes of a value by TIFF type, from 1 (BYTE) to 13 (IFD), then BigTIFF's 16 to 18.
_SIZES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), start=1)) | {16: 8, 17: 8, 18: 8}
_IFDS = (13, 18)
_SWAPPED = {**_SIZES, 5: 4, 10: 4}  # a rational is two numbers of 4 bytes
LONGEST_TAG, _MOST_TAGS, _DEEPEST = 8_000_000, 4096, 2


@dataclass(frozen=True)
class Tag:
    """One entry of a directory: its type and count as in the file, its data in the file's byte order."""

    kind: int
    count: int
    data: bytes
    children: Directory | None = None


Directory = dict[int, Tag]
"""Tags by number."""


@dataclass(frozen=True)
class Layout:
    """Byte order, and the widths that tell BigTIFF from classic TIFF."""

    order: str
    big: bool

    @property
    def offset(self) -> str:
        """The struct format of a place in the file."""
        return self.order + ("Q" if self.big else "I")

    @property
    def count(self) -> str:
        """The struct format of a directory's number of tags."""
        return self.order + ("Q" if self.big else "H")

    @property
    def entry(self) -> str:
        """The struct format of a directory's entry: tag, type, count, value or place."""
        return self.order + ("HHQ8s" if self.big else "HHI4s")


def read_header(file: io.BufferedIOBase) -> tuple[Layout, int]:
    """Return the layout of a TIFF structure and its first directory's offset. Raises one of `BROKEN`."""
    file.seek(0)
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}[head[:2]]
    layout = Layout(order, struct.unpack(order + "H", head[2:4])[0] == 43)
    return layout, struct.unpack_from(layout.offset, head, 8 if layout.big else 4)[0]


def page_directory(file: io.BufferedIOBase, page: int) -> tuple[Layout, int]:
    """Return the layout and the offset of a page's directory, from 0. Raises one of `BROKEN`."""
    layout, offset = read_header(file)
    for _ in range(page):
        offset = raw_entries(file, layout, offset)[1]
        if not offset:
            raise ValueError("no such page")
    return layout, offset


def raw_entries(file: io.BufferedIOBase, layout: Layout, offset: int) -> tuple[dict[int, bytes], int]:
    """Return a directory's entries as in the file, and the next directory's offset (0: none)."""
    file.seek(offset)
    count = struct.unpack(layout.count, file.read(struct.calcsize(layout.count)))[0]
    if count > _MOST_TAGS:
        raise ValueError(f"a directory of {count} tags")
    size = struct.calcsize(layout.entry)
    block = file.read(size * count)
    following = struct.unpack(layout.offset, file.read(struct.calcsize(layout.offset)))[0]
    entries = [block[i : i + size] for i in range(0, len(block), size)]
    return {struct.unpack_from(layout.order + "H", entry)[0]: entry for entry in entries}, following


def read_directory(
    file: io.BufferedIOBase,
    layout: Layout,
    offset: int,
    *,
    only: Set[int] | None = None,
    without: Set[int] = frozenset(),
    nesting: int = 0,
    longest: int = LONGEST_TAG,
) -> Directory:
    """Return the tags at `offset`, those of `only` if given and none of `without`.

    Damaged tags, and those of more than `longest` bytes, are left out.

    Raises one of `BROKEN` where there is no directory.
    """
    raw, _ = raw_entries(file, layout, offset)
    tags: Directory = {}
    for tag, entry in raw.items():
        if (only is None or tag in only) and tag not in without:
            try:
                tags[tag] = _read_tag(file, layout, entry, nesting, longest)
            except BROKEN:
                continue
    return tags


def standalone(tags: Directory, order: str) -> bytes:
    """Return a small classic TIFF with the tags and no picture: an EXIF block without its prefix."""
    layout = Layout(order, big=False)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    return head + _serialize(tags, {}, 0, layout, start=len(head))


def replace_directory(
    file: io.BufferedIOBase, layout: Layout, pointer: int, offset: int, added: Directory
) -> None:
    """Write a directory again at the file's end, with tags added or replaced.

    Args:
        file: open for reading and writing.
        layout: of the file.
        pointer: the place of the offset that leads to the directory.
        offset: where the directory is.
        added: the tags.
    """
    raw, following = raw_entries(file, layout, offset)
    raw = {tag: entry for tag, entry in raw.items() if tag not in added}
    end = file.seek(0, io.SEEK_END)
    if end % 2:
        end += file.write(b"\0")
    file.write(_serialize(added, raw, following, layout, start=end))
    file.seek(pointer)
    file.write(struct.pack(layout.offset, end))


def reordered(tags: Directory, theirs: str, ours: str) -> Directory:
    """Return the tags with their data in our byte order ("<" or ">")."""
    if theirs == ours:
        return tags
    return {
        tag: Tag(
            entry.kind,
            entry.count,
            _swap(entry.data, _SWAPPED[entry.kind]),
            None if entry.children is None else reordered(entry.children, theirs, ours),
        )
        for tag, entry in tags.items()
    }


def serialize(tags: Directory, layout: Layout, start: int) -> bytes:
    """Return a directory that will lie at `start`, the last of its chain, and the data that it points to."""
    return _serialize(tags, {}, 0, layout, start)


def read_value(file: io.BufferedIOBase, layout: Layout, entry: bytes, *, longest: int = LONGEST_TAG) -> bytes:
    """Return the data of a directory's entry. Raises one of `BROKEN`."""
    tag, kind, count, inline = struct.unpack(layout.entry, entry)
    size = _SIZES[kind] * count
    if not 0 < size <= longest:
        raise ValueError(f"tag {tag:#x} cannot be read")
    data = inline[:size]
    if size > len(inline):
        file.seek(struct.unpack(layout.offset, inline)[0])
        data = file.read(size)
    if len(data) < size:
        raise ValueError(f"tag {tag:#x} is cut short")
    return data


def _read_tag(file: io.BufferedIOBase, layout: Layout, entry: bytes, nesting: int, longest: int) -> Tag:
    tag, kind, count = struct.unpack_from(layout.order + ("HHQ" if layout.big else "HHI"), entry)
    if nesting > _DEEPEST:
        raise ValueError(f"tag {tag:#x} lies too deep")
    data = read_value(file, layout, entry, longest=longest)
    if count != 1 or not (tag in POINTERS or kind in _IFDS):
        return Tag(kind, count, data)
    where = struct.unpack(layout.order + ("I" if len(data) == 4 else "Q"), data)[0]
    return Tag(kind, count, data, read_directory(file, layout, where, nesting=nesting + 1))


def _serialize(tags: Directory, raw: dict[int, bytes], following: int, layout: Layout, start: int) -> bytes:
    """Return a directory that will lie at `start`, then the data and directories its entries point to."""
    entries = dict(raw)
    length = struct.calcsize(layout.count) + struct.calcsize(layout.offset)
    length += struct.calcsize(layout.entry) * (len(entries) + len(tags))
    heap = bytearray()
    for tag, entry in sorted(tags.items()):
        kind, count, data = entry.kind, entry.count, entry.data
        heap += b"\0" * (len(heap) % 2)
        here = start + length + len(heap)
        if entry.children is not None:
            kind, count, data = (16 if layout.big else 4), 1, struct.pack(layout.offset, here)
            heap += _serialize(entry.children, {}, 0, layout, here)
        elif len(data) > struct.calcsize(layout.offset):
            heap += data
            data = struct.pack(layout.offset, here)
        entries[tag] = struct.pack(layout.entry, tag, kind, count, data)
    table = b"".join(entries[tag] for tag in sorted(entries))
    head = struct.pack(layout.count, len(entries))
    return head + table + struct.pack(layout.offset, following) + bytes(heap)


def _swap(data: bytes, width: int) -> bytes:
    return b"".join(data[i : i + width][::-1] for i in range(0, len(data), width))
