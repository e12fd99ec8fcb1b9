"""EXIF, XMP and IPTC between libvips images and a plain dict of bytes.

Keys: "exif" (a block with its "Exif" signature), "xmp" (an XMP packet), "iptc" (IPTC-IIM records, without
JPEG's Photoshop wrapping). The dict describes an upright photo: Orientation is 1, and there is no thumbnail.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping

import pyvips

from autochrome.io import exif as exif_block
from autochrome.io.loading import PhotoFile
from autochrome.io.vips import blob, set_blob

_PHOTOSHOP = b"Photoshop 3.0\0"
_IPTC_RESOURCE = 0x0404
# XMP repeats the EXIF orientation, as an attribute or as an element.
_XMP_ORIENTATION = re.compile(rb"(<tiff:Orientation>\s*|tiff:Orientation\s*=\s*[\"']\s*)[2-8]")


def read_metadata(image: pyvips.Image, file: PhotoFile, page: int = 0) -> dict[str, bytes]:
    """Return the metadata blocks of an opened page."""
    blocks = _blocks_of_tiff(file, file.place_of(page)) if file.format == "tiff" else _other_blocks(image)
    if "exif" in blocks:
        blocks["exif"] = exif_block.upright(blocks["exif"])
    if xmp := blob(image, "xmp-data"):
        blocks["xmp"] = _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)
    return blocks


def read_resolution(image: pyvips.Image, metadata: Mapping[str, bytes]) -> tuple[float, float] | None:
    """Return dots per inch across and down; None if the file gives none, or 72, which means the same."""
    dpi: tuple[float, float] | None = (round(image.xres * 25.4, 2), round(image.yres * 25.4, 2))
    if _is_default(dpi) and "exif" in metadata:  # where WebP, HEIC and AVIF have it
        dpi = exif_block.resolution(metadata["exif"])
    return None if dpi is None or _is_default(dpi) else dpi


def _is_default(dpi: tuple[float, float]) -> bool:
    """Return whether this is what libvips gives without a resolution: 72 dpi, or 1 pixel per mm."""
    return dpi[0] == dpi[1] and (abs(dpi[0] - 72) < 0.1 or abs(dpi[0] - 25.4) < 0.01)


def attach_metadata(image: pyvips.Image, metadata: Mapping[str, bytes], format: str) -> None:
    """Put the blocks onto `image`, so that libvips writes those that the format can hold.

    Only JPEG and TIFF keep IPTC. EXIF and IPTC enter a TIFF after writing (`exif.add_blocks_to_tiff`).
    """
    if "xmp" in metadata:
        set_blob(image, "xmp-data", metadata["xmp"])
    if "exif" in metadata and format != "tiff":
        _attach_exif(image, metadata["exif"])
    if "iptc" in metadata and format == "jpeg":
        set_blob(image, "iptc-data", _wrap_iptc(metadata["iptc"]))


def _other_blocks(image: pyvips.Image) -> dict[str, bytes]:
    blocks: dict[str, bytes] = {}
    if exif := blob(image, "exif-data"):
        # PNG and WebP carry the block without the prefix that JPEG needs.
        blocks["exif"] = exif if exif.startswith(exif_block.PREFIX) else exif_block.PREFIX + exif
    if iptc := _unwrap_iptc(blob(image, "iptc-data") or b""):
        blocks["iptc"] = iptc
    return blocks


def _blocks_of_tiff(file: PhotoFile, page: int) -> dict[str, bytes]:
    with file.stream() as stream:
        return exif_block.blocks_of_tiff(stream, page)


def _attach_exif(image: pyvips.Image, exif: bytes) -> None:
    """Set every tag as a field, or libvips drops it; a PNG of one pixel makes it parse them."""
    png = pyvips.Image.black(1, 1).pngsave_buffer()
    chunk = b"eXIf" + exif[len(exif_block.PREFIX) :]
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    header_end = 8 + 12 + 13  # signature, then the IHDR chunk
    carrier = pyvips.Image.pngload_buffer(png[:header_end] + chunk + png[header_end:])
    for field in carrier.get_fields():
        if field.startswith("exif-"):
            image.set_type(carrier.get_typeof(field), field, carrier.get(field))


def _unwrap_iptc(block: bytes) -> bytes | None:
    """Return the IPTC records among the image resources of a JPEG's APP13 segment."""
    position = len(_PHOTOSHOP) if block.startswith(_PHOTOSHOP) else len(block)
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
