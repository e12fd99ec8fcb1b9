"""Photoshop's image resources and the IPTC records among them, as JPEG and TIFF hold them.

An IPTC record is a chain of datasets (IPTC-IIM 4.2, 1.6); an image resource is "8BIM", a number, a name and
data (Adobe Photoshop File Formats Specification, "Image Resource Blocks").
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

SIGNATURE = b"Photoshop 3.0\0"
"""What a JPEG's APP13 segment begins with."""
_IPTC = 0x0404
_CAPTION, _COPYRIGHT_FLAG, _URL, _CLIPPING_PATH = 0x03F0, 0x040A, 0x040B, 0x0BB7
_PATHS = range(0x07D0, 0x0BB7)
_WRITTEN_BY_PEOPLE = {_CAPTION, _COPYRIGHT_FLAG, _URL}
# Records 1 and 2 are what people and agencies write, but for the image type (which says "monochrome") and a
# preview of the picture (IIM, 2:130, 2:200 to 2:202). Records 3 to 9 describe the file's own pixels.
_RECORDS = (1, 2)
_UNTRUE = {(2, 130), (2, 200), (2, 201), (2, 202)}

_Resource = tuple[int, bytes, bytes]
"""Number, name (a Pascal string with its padding), data."""


def parse_resources(block: bytes) -> tuple[bytes, bytes]:
    """Return the IPTC records of an APP13 segment or a TIFF tag, and the other resources as they are."""
    iptc, others = b"", []
    for number, name, data in _resources(block.removeprefix(SIGNATURE)):
        if number == _IPTC:
            iptc = iptc or data
        else:
            others.append((number, name, data))
    return iptc, _join(others)


def true_resources(resources: bytes, *, turned: bool) -> bytes:
    """Return the caption, copyright flag, address and paths; paths only if the photo was not turned.

    What else there is shows the photo as it was (thumbnails), describes the file (resolution, layers,
    channels), or repeats its EXIF, XMP and profile.
    """
    kept = _WRITTEN_BY_PEOPLE if turned else {*_WRITTEN_BY_PEOPLE, *_PATHS, _CLIPPING_PATH}
    return _join(each for each in _resources(resources) if each[0] in kept)


def true_iptc(records: bytes) -> bytes:
    """Return IPTC records without datasets that describe or show the file as it was; damage ends them."""
    kept, position = bytearray(), 0
    while position + 5 <= len(records) and records[position] == 0x1C:
        record, dataset, length = struct.unpack_from(">BBH", records, position + 1)
        start = position + 5
        if length & 0x8000:  # the length of the length
            width = length & 0x7FFF
            length, start = int.from_bytes(records[start : start + width], "big"), start + width
        if start + length > len(records):
            break
        if record in _RECORDS and (record, dataset) not in _UNTRUE:
            kept += records[position : start + length]
        position = start + length
    return bytes(kept)


def with_iptc(records: bytes, resources: bytes) -> bytes:
    """Return image resources, the IPTC records first."""
    return (_join([(_IPTC, b"\0\0", records)]) if records else b"") + resources


def _resources(block: bytes) -> Iterator[_Resource]:
    position = 0
    while block[position : position + 4] == b"8BIM" and position + 12 <= len(block):
        number = int.from_bytes(block[position + 4 : position + 6], "big")
        length = block[position + 6] + 1
        name = block[position + 6 : position + 6 + length + length % 2]
        position += 6 + len(name)
        size = int.from_bytes(block[position : position + 4], "big")
        data = block[position + 4 : position + 4 + size]
        if len(data) < size:
            return
        yield number, name, data
        position += 4 + size + size % 2


def _join(resources: Iterable[_Resource]) -> bytes:
    return b"".join(
        b"8BIM"
        + struct.pack(">H", number)
        + name
        + struct.pack(">I", len(data))
        + data
        + b"\0" * (len(data) % 2)
        for number, name, data in resources
    )
