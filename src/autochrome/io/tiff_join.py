"""TIFF files of one page each, joined to one of several: page after page, without decoding pixels.

libvips itself writes several pages only if they share size, depth and metadata.
"""

from __future__ import annotations

import io
import struct
import sys

from autochrome.io.tiff_tags import Layout, Tag, read_directory, read_header, serialize

_NEW_SUBFILE_TYPE, _PAGE_NUMBER = 0x00FE, 0x0129
_PLACES = {0x0111: 0x0117, 0x0144: 0x0145}  # StripOffsets: StripByteCounts, TileOffsets: TileByteCounts
_SHORT, _LONG, _LONG8 = 3, 4, 16
_FORMATS = {_SHORT: "H", _LONG: "I", _LONG8: "Q"}
_ONE_OF_SEVERAL = 2  # a bit of NewSubfileType
_CHUNK = 1 << 20


class JoinedTiff:
    """A TIFF that is written page after page.

    Args:
        file: an empty file, open for writing.
        pages: how many there will be.
        big: write a BigTIFF, which may exceed 4 GB.
    """

    def __init__(self, file: io.BufferedIOBase, *, pages: int, big: bool) -> None:
        self._file, self._pages, self._done = file, pages, 0
        self._layout = Layout("<" if sys.byteorder == "little" else ">", big)  # as libtiff writes pages
        magic = (b"II" if self._layout.order == "<" else b"MM") + self._packed("H", 43 if big else 42)
        self._link = file.write(magic + (self._packed("HH", 8, 0) if big else b""))
        file.write(self._packed_place(0))

    def append(self, page: io.BufferedIOBase) -> None:
        """Add the first page of a TIFF in this machine's byte order.

        Raises one of `tiff_tags.BROKEN` if it is damaged.
        """
        layout, offset = read_header(page)
        tags = read_directory(page, layout, offset, longest=sys.maxsize)
        for places, sizes in _PLACES.items():
            if places in tags:
                moved = [
                    self._copy(page, *part)
                    for part in zip(*map(_numbers, (tags[places], tags[sizes])), strict=True)
                ]
                kind = _LONG8 if self._layout.big else _LONG
                tags[places] = Tag(kind, len(moved), self._packed(f"{len(moved)}{_FORMATS[kind]}", *moved))
        tags[_NEW_SUBFILE_TYPE] = Tag(_LONG, 1, self._packed("I", _ONE_OF_SEVERAL))
        if self._pages <= 0xFFFF:
            tags[_PAGE_NUMBER] = Tag(_SHORT, 2, self._packed("HH", self._done, self._pages))
        start = self._end()
        self._file.write(serialize(tags, self._layout, start))
        self._file.seek(self._link)
        self._file.write(self._packed_place(start))
        self._link = (
            start + struct.calcsize(self._layout.count) + len(tags) * struct.calcsize(self._layout.entry)
        )
        self._done += 1

    def _copy(self, page: io.BufferedIOBase, start: int, size: int) -> int:
        """Copy a strip or tile to the end, and return where it begins there."""
        where = self._end()
        page.seek(start)
        while size > 0:
            chunk = page.read(min(size, _CHUNK))
            if not chunk:
                raise ValueError("a strip is cut short")
            self._file.write(chunk)
            size -= len(chunk)
        return where

    def _end(self) -> int:
        end = self._file.seek(0, io.SEEK_END)
        return end + self._file.write(b"\0" * (end % 2))

    def _packed(self, format: str, *values: int) -> bytes:
        return struct.pack(self._layout.order + format, *values)

    def _packed_place(self, place: int) -> bytes:
        return struct.pack(self._layout.offset, place)


def _numbers(tag: Tag) -> tuple[int, ...]:
    order = "<" if sys.byteorder == "little" else ">"
    return struct.unpack(f"{order}{tag.count}{_FORMATS[tag.kind]}", tag.data)
