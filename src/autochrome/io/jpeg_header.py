"""What stands before a JPEG's pixels: EXIF, XMP, Photoshop's resources and comments, read and written.

libvips reads the first EXIF and XMP alone, and writes EXIF through a parser that drops what it does not know.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from autochrome.io import photoshop
from autochrome.io.xmp import Packet, XmpError

LONGEST_SEGMENT = 65_533
"""Bytes of a segment."""
_APP0, _APP1, _APP13, _COM, _SOS, _EOI = 0xE0, 0xE1, 0xED, 0xFE, 0xDA, 0xD9
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a segment
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_EXTENSION_HEAD = len(_EXTENSION) + 32 + 8  # then the MD5 of the whole, its length, the part's place in it
_LONGEST, _MOST = 64_000_000, 100_000  # bytes of all segments; markers, padding included


@dataclass
class JpegHeader:
    """What a JPEG says of itself besides EXIF and XMP's first part.

    Attributes:
        comments: as they are in the file.
        resources: Photoshop's, IPTC among them; several segments are joined.
        extension: the further part of the XMP packet.
        whole: whether everything was read.
    """

    comments: list[bytes] = field(default_factory=list)
    resources: bytes = b""
    extension: bytes = b""
    whole: bool = True


def read_header(stream: io.BufferedIOBase) -> JpegHeader:
    """Read the segments before the pixels; a damaged file ends them."""
    header, extension = JpegHeader(), _Extension()
    resources, size = bytearray(), 0
    for marker, data in _segments(stream):
        size += len(data)
        if size > _LONGEST:
            header.whole = False
            break
        if marker == _COM:
            header.comments.append(data)
        elif marker == _APP13 and data.startswith(photoshop.SIGNATURE):
            resources += data.removeprefix(photoshop.SIGNATURE)
        elif marker == _APP1 and data.startswith(_EXTENSION) and len(data) > _EXTENSION_HEAD:
            header.whole &= extension.add(data)
    header.resources = bytes(resources)
    if extension.content:
        digest = hashlib.md5(extension.content, usedforsecurity=False).hexdigest().upper()
        header.whole &= digest == extension.digest
        header.extension = bytes(extension.content) if digest == extension.digest else b""
    return header


class _Extension:
    """The further part of an XMP packet, put together from its segments."""

    def __init__(self) -> None:
        self.digest, self.content = "", bytearray()

    def add(self, segment: bytes) -> bool:
        """Put a segment in its place; return False if it has none."""
        digest = segment[len(_EXTENSION) : len(_EXTENSION) + 32].decode("latin-1").upper()
        length, place = struct.unpack_from(">II", segment, len(_EXTENSION) + 32)
        part = segment[_EXTENSION_HEAD:]
        if not self.digest and length <= _LONGEST:
            self.digest, self.content = digest, bytearray(length)
        if digest != self.digest or length != len(self.content) or place + len(part) > length:
            return False
        self.content[place : place + len(part)] = part
        return True


def make_header(
    dpi: tuple[float, float] | None, exif: bytes, xmp: bytes, resources: bytes, comments: list[bytes]
) -> bytes:
    """Return the segments that stand behind a JPEG's first marker.

    Args:
        dpi: dots per inch across and down.
        exif: a block with its prefix, or nothing.
        xmp: a packet, or nothing; a long one is split.
        resources: Photoshop's, or nothing.
        comments: the comments; a long one becomes several.

    Raises:
        ValueError: a block is too long for a JPEG; the message is a clause.
    """
    across, down = (min(round(value), 65535) for value in dpi or (72, 72))
    segments = [(_APP0, b"JFIF\0" + struct.pack(">BBBHHBB", 1, 1, 1, max(across, 1), max(down, 1), 0, 0))]
    if exif:
        if len(exif) > LONGEST_SEGMENT:
            raise ValueError(f"has {len(exif)} bytes of EXIF, more than a JPEG can hold")
        segments.append((_APP1, exif))
    segments += [(_APP1, part) for part in _xmp_segments(xmp)]
    step = LONGEST_SEGMENT - len(photoshop.SIGNATURE)
    for i in range(0, len(resources), step):
        segments.append((_APP13, photoshop.SIGNATURE + resources[i : i + step]))
    for comment in comments:
        for i in range(0, max(len(comment), 1), LONGEST_SEGMENT):
            segments.append((_COM, comment[i : i + LONGEST_SEGMENT]))
    return b"".join(
        bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data for marker, data in segments
    )


def _xmp_segments(xmp: bytes) -> Iterator[bytes]:
    longest = LONGEST_SEGMENT - len(_XMP)
    if not xmp:
        return
    if len(xmp) <= longest:
        yield _XMP + xmp
        return
    try:
        first, rest = Packet.parse(xmp).split(longest)
    except XmpError as error:
        raise ValueError(f"has {len(xmp)} bytes of XMP, more than a JPEG can hold") from error
    yield _XMP + first
    digest = hashlib.md5(rest, usedforsecurity=False).hexdigest().upper().encode()
    step = LONGEST_SEGMENT - _EXTENSION_HEAD
    for place in range(0, len(rest), step):
        yield _EXTENSION + digest + struct.pack(">II", len(rest), place) + rest[place : place + step]


def _segments(stream: io.BufferedIOBase) -> Iterator[tuple[int, bytes]]:
    """Yield markers and their segments, up to the first scan."""
    stream.seek(2)
    for _ in range(_MOST):
        head = stream.read(2)
        if len(head) < 2 or head[0] != 0xFF or head[1] in (_SOS, _EOI):
            return
        if head[1] == 0xFF:  # padding
            stream.seek(-1, 1)
        elif head[1] not in _ALONE:
            length = int.from_bytes(stream.read(2), "big") - 2
            data = stream.read(max(length, 0))
            if length < 0 or len(data) < length:
                return
            yield head[1], data
