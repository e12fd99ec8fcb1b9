"""Boxes of ISO base media files: HEIC and AVIF (ISO/IEC 14496-12, 23008-12)."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

_FULL_BOXES = {b"meta"}  # begin with four bytes of version and flags
_MOST = 10_000  # boxes that are looked at


def nclx(stream: io.BufferedIOBase) -> tuple[int, int] | None:
    """Return primaries and transfer (H.273) of a HEIC or AVIF picture, if all its `nclx` boxes agree."""
    found = set()
    for start, stop in find(stream, b"meta", b"iprp", b"ipco", b"colr"):
        stream.seek(start)
        content = stream.read(min(stop - start, 11))
        if content[:4] == b"nclx" and len(content) >= 8:
            found.add(struct.unpack_from(">HH", content, 4))
    return found.pop() if len(found) == 1 else None


def find(stream: io.BufferedIOBase, *path: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the content of each box at a path begins and ends."""
    places = [(0, stream.seek(0, 2))]
    for name in path:
        places = [
            (first + 4 if kind in _FULL_BOXES else first, last)
            for start, stop in places
            for kind, first, last in _boxes(stream, start, stop)
            if kind == name
        ]
    yield from places


def _boxes(stream: io.BufferedIOBase, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kinds of the boxes in a place, and where their contents begin and end."""
    for _ in range(_MOST):
        stream.seek(start)
        head = stream.read(16)
        if len(head) < 8 or start + 8 > stop:
            return
        size, kind = struct.unpack_from(">I4s", head)
        header = 8
        if size == 1 and len(head) == 16:
            size, header = struct.unpack_from(">Q", head, 8)[0], 16
        end = stop if size == 0 else start + size
        if (size and size < header) or end > stop:
            return
        yield kind, start + header, end
        start = end
