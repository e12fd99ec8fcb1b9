"""EXIF, XMP and IPTC between libvips images and a plain dict of bytes.

Keys: "exif" (a block beginning "Exif\\0\\0"), "xmp" (an XMP packet), "iptc" (IPTC-IIM records, without the Photoshop
wrapping that JPEG puts around them). The dict describes an upright photo: Orientation is 1 and there is no thumbnail.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Mapping

import pyvips

from autochrome.io import exif as exif_block
from autochrome.io.loading import PhotoFile

_PHOTOSHOP = b"Photoshop 3.0\0"
_IPTC_RESOURCE = 0x0404
# XMP repeats the EXIF orientation, as an attribute or as an element.
_XMP_ORIENTATION = re.compile(rb"(<tiff:Orientation>\s*|tiff:Orientation\s*=\s*[\"']\s*)[2-8]")


def read_metadata(image: pyvips.Image, file: PhotoFile, page: int = 0) -> dict[str, bytes]:
    """The metadata of an opened page, each block that is there."""
    blocks: dict[str, bytes] = {}
    exif = _tiff_exif(file, page) if file.format == "tiff" else _blob(image, "exif-data")
    if exif:
        blocks["exif"] = exif_block.upright(exif)
    if xmp := _blob(image, "xmp-data"):
        blocks["xmp"] = _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)
    if iptc := _blob(image, "iptc-data"):
        records = _unwrap_iptc(iptc) if iptc.startswith(_PHOTOSHOP) else iptc
        blocks |= {"iptc": records} if records else {}
    return blocks


def read_resolution(image: pyvips.Image, metadata: Mapping[str, bytes]) -> tuple[float, float] | None:
    """Dots per inch across and down, or None where the file does not say."""
    # 1 pixel per mm is what libvips gives for a file that says nothing.
    if (image.xres, image.yres) != (1.0, 1.0):
        return (image.xres * 25.4, image.yres * 25.4)
    said = exif_block.resolution(metadata["exif"]) if "exif" in metadata else None
    # libvips, too, wrote that 1 pixel per mm down in the EXIF of files that it made.
    return None if said and abs(said[0] - 25.4) < 0.01 else said


def attach_metadata(image: pyvips.Image, metadata: Mapping[str, bytes], format: str) -> None:
    """Puts the blocks onto `image`, so that libvips writes those which the format can hold.

    IPTC is kept in JPEG and TIFF alone; EXIF in TIFF is added after writing (`exif.add_to_tiff`).
    """
    if "exif" in metadata and format != "tiff":
        _attach_exif(image, metadata["exif"])
    if "xmp" in metadata:
        image.set_type(pyvips.GValue.blob_type, "xmp-data", metadata["xmp"])
    if "iptc" in metadata:
        iptc = _wrap_iptc(metadata["iptc"]) if format == "jpeg" else metadata["iptc"]
        image.set_type(pyvips.GValue.blob_type, "iptc-data", iptc)


def _blob(image: pyvips.Image, field: str) -> bytes | None:
    return bytes(image.get(field)) if image.get_typeof(field) else None


def _tiff_exif(file: PhotoFile, page: int) -> bytes | None:
    if file.path is None:
        return exif_block.from_tiff(io.BytesIO(file.origin), page)
    with file.path.open("rb") as opened:
        return exif_block.from_tiff(opened, page)


def _attach_exif(image: pyvips.Image, exif: bytes) -> None:
    """Libvips drops every tag that is not also a field of the image; a PNG of one pixel makes it parse them."""
    png = pyvips.Image.black(1, 1).pngsave_buffer(keep="none")
    chunk = b"eXIf" + exif[len(exif_block.PREFIX) :]
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    header_end = 8 + 12 + 13  # signature, then the IHDR chunk
    carrier = pyvips.Image.pngload_buffer(png[:header_end] + chunk + png[header_end:])
    for field in carrier.get_fields():
        if field.startswith("exif-"):
            image.set_type(carrier.get_typeof(field), field, carrier.get(field))


def _unwrap_iptc(block: bytes) -> bytes | None:
    """The IPTC records among the image resources of a JPEG's APP13 segment."""
    position = len(_PHOTOSHOP)
    while block[position : position + 4] == b"8BIM" and position + 12 <= len(block):
        resource = int.from_bytes(block[position + 4 : position + 6], "big")
        name_length = block[position + 6] + 1
        position += 6 + name_length + name_length % 2
        size = int.from_bytes(block[position : position + 4], "big")
        position += 4
        if resource == _IPTC_RESOURCE:
            return block[position : position + size]
        position += size + size % 2
    return None


def _wrap_iptc(records: bytes) -> bytes:
    padding = b"\0" * (len(records) % 2)
    return _PHOTOSHOP + b"8BIM" + struct.pack(">HHI", _IPTC_RESOURCE, 0, len(records)) + records + padding
