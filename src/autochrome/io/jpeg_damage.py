"""JPEGs that were cut or damaged and yet decode: what libjpeg noticed, and scans that are missing."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import numpy as np
import pyvips

ODD = "libjpeg finds something in the file odd, which may be damage: look whether the picture is whole"
COARSE = (
    "the file's last scans are missing, so that it has less detail than it once had: look for a whole copy"
)

# The warnings of libjpeg-turbo (jerror.h) that mean lost pixels. Of each file it reports the first one only.
_LOST = re.compile(r"premature end of|bad huffman code|bad arithmetic code|instead of RST", re.IGNORECASE)

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15, without DHT, JPG and DAC
_LOSSLESS = {0xC3, 0xC7, 0xCB, 0xCF}
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a segment
_IN_ENTROPY = np.zeros(256, bool)  # what follows 0xFF within a scan's data
_IN_ENTROPY[[0x00, 0xFF, *range(0xD0, 0xD8)]] = True
_COEFFICIENTS = 64

_one_at_a_time = Lock()


@contextmanager
def watched() -> Iterator[list[str]]:
    """Watch what libjpeg says while a JPEG is opened and decoded in the block; then the list has the notes.

    Raises:
        pyvips.Error: pixels are missing, which libjpeg fills with gray, or wrong.
    """
    notes: list[str] = []
    with _one_at_a_time:  # libvips has one buffer of messages
        pyvips.vips_lib.vips_error_clear()
        yield notes
        said = pyvips.ffi.string(pyvips.vips_lib.vips_error_buffer()).decode("utf-8", "replace")
        pyvips.vips_lib.vips_error_clear()
    if _LOST.search(said):
        raise pyvips.Error("a part of the picture is missing", said)
    if "VipsJpeg" in said:
        notes.append(ODD)


def lacks_scans(stream: io.BufferedIOBase) -> bool:
    """Return whether some coefficient of some component never comes, or not to its last bit.

    Such a file is valid (ITU-T T.81, G.1.1.1.1) but not how programs write it: it was cut between two scans.
    """
    needed: dict[int, list[int]] = {}
    try:
        for marker, segment in _segments(stream):
            if marker in _LOSSLESS:
                return False
            if marker in _FRAMES:
                needed = {segment[6 + 3 * i]: [_COEFFICIENTS] * _COEFFICIENTS for i in range(segment[5])}
            elif marker == _SOS:
                count = segment[0]
                first, last, precision = segment[1 + 2 * count : 4 + 2 * count]
                for component in segment[1 : 1 + 2 * count : 2]:
                    bits = needed[component]
                    bits[first : last + 1] = [precision & 15] * len(bits[first : last + 1])
                if not _any(needed):  # at once, in all but progressive files
                    return False
    except (IndexError, KeyError, ValueError, struct.error):
        return False  # libjpeg has its own words for it
    return _any(needed)


def _any(needed: dict[int, list[int]]) -> bool:
    return any(any(bits) for bits in needed.values())


def _segments(stream: io.BufferedIOBase) -> Iterator[tuple[int, bytes]]:
    """Yield markers with their segments, up to the end of the first picture."""
    content = memoryview(stream.read())
    place = 2
    while place + 4 <= len(content):
        marker = content[place + 1]
        if content[place] != 0xFF or marker == 0xFF:  # padding, or what does not belong there
            place += 1
        elif marker == _EOI:
            return
        elif marker in _ALONE:
            place += 2
        else:
            (length,) = struct.unpack_from(">H", content, place + 2)
            yield marker, bytes(content[place + 4 : place + 2 + length])
            place += 2 + length
            if marker == _SOS:
                place += _length_of_scan(content[place:])


def _length_of_scan(content: memoryview) -> int:
    """Return where the first marker stands that does not belong to the scan's data."""
    values = np.frombuffer(content, np.uint8)
    escapes = np.flatnonzero(values[:-1] == 0xFF)
    ends = escapes[~_IN_ENTROPY[values[escapes + 1]]]
    return int(ends[0]) if ends.size else len(content)
