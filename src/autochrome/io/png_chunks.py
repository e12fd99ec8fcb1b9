"""The chunks of a PNG file that stand before its pixels."""

from __future__ import annotations

import io
import struct
from collections.abc import Set

_SIGNATURE = 8  # bytes
_LONGEST = 1 << 16  # of the chunks asked for; longer ones are passed over


def read_chunks(stream: io.BufferedIOBase, names: Set[bytes]) -> dict[bytes, bytes]:
    """Return the first chunk of each name; a damaged file ends the search."""
    chunks: dict[bytes, bytes] = {}
    stream.seek(_SIGNATURE)
    while len(head := stream.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name in (b"IDAT", b"IEND"):
            break
        if name in names and length <= _LONGEST:
            chunks.setdefault(name, stream.read(length))
            stream.seek(4, 1)  # the checksum
        else:
            stream.seek(length + 4, 1)
    return chunks
