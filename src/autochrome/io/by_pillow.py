"""JPEG 2000, BMP and PNM, which the libvips of Python's wheels does not read: by Pillow's own three readers.

No other reader of Pillow is ever asked, whatever the file says.
"""

from __future__ import annotations

import io
import re
import struct
from typing import TYPE_CHECKING

import numpy as np
import pyvips

from autochrome.io import iso_media
from autochrome.io.vips import PROFILE_FIELD, from_array, set_blob

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

FORMATS = ("jp2", "bmp", "pnm")
FEWER_BITS = "its colors have more than 8 bits, of which 8 were read; save it as TIFF to keep them all"

_DAMAGED = (OSError, SyntaxError, ValueError, IndexError, OverflowError, struct.error)  # what Pillow raises
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # the boxes that ExifTool and Adobe write
_EXIF = b"JpgTiffExif->JP2"
_LONGEST_BOX = 16_000_000


class PillowError(Exception):
    """Pillow cannot read the file."""


def open_picture(stream: io.BufferedIOBase, format: str) -> ImageFile:
    """Read the header; the picture keeps the stream.

    Raises:
        PillowError: it is damaged.
    """
    from PIL.BmpImagePlugin import BmpImageFile
    from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
    from PIL.PpmImagePlugin import PpmImageFile

    reader = {"jp2": Jpeg2KImageFile, "bmp": BmpImageFile, "pnm": PpmImageFile}[format]
    try:
        return reader(stream)
    except _DAMAGED as error:
        raise PillowError(str(error)) from error


def sample_bytes(picture: ImageFile) -> int:
    """Return the bytes of a decoded sample."""
    return 2 if picture.mode.startswith("I") else 1


def decode(picture: ImageFile, stream: io.BufferedIOBase, format: str) -> pyvips.Image:
    """Return the pixels of an opened picture, with resolution, profile and metadata.

    Raises:
        PillowError: it is damaged, or of a kind that photos are not.
    """
    try:
        picture.load()
        image = from_array(_samples(picture))
    except _DAMAGED as error:
        raise PillowError(str(error)) from error
    if picture.mode == "CMYK":
        image = image.copy(interpretation="cmyk")
    across, down = picture.info.get("dpi", (72, 72))
    image = image.copy(xres=float(across) / 25.4, yres=float(down) / 25.4)
    for field, content in (_boxes(stream) if format == "jp2" else {}).items():
        set_blob(image, field, content)
    return image


def loses_bits(stream: io.BufferedIOBase, format: str) -> bool:
    """Return whether the file's samples have more than the 8 bits that Pillow reads of colors."""
    head = stream.read(1 << 16)
    if format == "jp2":
        size = head.find(b"\xff\x4f\xff\x51")  # SOC, SIZ: their fields are in ISO/IEC 15444-1, A.5.1
        if not 0 <= size < len(head) - 42:
            return False
        components, depth = struct.unpack_from(">HB", head, size + 40)
        return components > 1 and depth & 0x7F >= 8  # bits less 1
    if format == "pnm" and head[:2] in (b"P3", b"P6"):
        words = re.sub(rb"#[^\r\n]*", b"", head).split(maxsplit=4)  # P6, width, height, the largest sample
        return len(words) > 3 and words[3].isdigit() and int(words[3][:9]) > 255
    return False


def _samples(picture: ImageFile) -> np.ndarray:
    mode = picture.mode
    if mode == "I" or mode.startswith("I;16"):
        return np.asarray(picture).clip(0, 65535).astype(np.uint16)
    if mode == "F":
        raise ValueError("floating point")
    if mode in ("L", "LA", "RGB", "RGBA", "CMYK"):
        return np.asarray(picture)
    if mode == "1":
        return np.asarray(picture.convert("L"))
    return np.asarray(picture.convert("RGBA" if picture.has_transparency_data else "RGB"))


def _boxes(stream: io.BufferedIOBase) -> dict[str, bytes]:
    """Return the profile, XMP and EXIF of a JPEG 2000 file, by libvips' names."""
    found: dict[str, bytes] = {}
    for start, stop in iso_media.find(stream, b"jp2h", b"colr"):
        content = _read(stream, start, stop)
        if content[:1] in (b"\2", b"\3"):  # an ICC profile, restricted or any
            found.setdefault(PROFILE_FIELD, content[3:])
    for start, stop in iso_media.find(stream, b"uuid"):
        content = _read(stream, start, stop)
        if content.startswith(_XMP):
            found["xmp-data"] = content[16:]
        elif content.startswith(_EXIF):
            found["exif-data"] = content[16:]
    return found


def _read(stream: io.BufferedIOBase, start: int, stop: int) -> bytes:
    stream.seek(start)
    return stream.read(min(stop - start, _LONGEST_BOX))
