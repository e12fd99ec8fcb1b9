"""EXIF, XMP, IPTC and texts between files and a plain dict of bytes.

Keys: "exif" (a block with its "Exif" signature), "xmp" (an XMP packet), "iptc" (IPTC-IIM records),
"photoshop" (other image resources of Photoshop), "texts" (PNG's texts and comments, see `texts.py`). The dict
describes an upright photo that is written anew: Orientation is 1, and there are no thumbnails, no settings
that a program would apply again, and nothing about how the former file stored its pixels. What people wrote
stays.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyvips

from autochrome.io import exif as exif_block
from autochrome.io import jpeg_header, photoshop, texts
from autochrome.io.encoding import LONGEST_EXIF
from autochrome.io.loading import PhotoFile
from autochrome.io.vips import blob, number
from autochrome.io.xmp import Packet, XmpError

_INCOMPLETE = "a part of its metadata is damaged or too long, and was left out"
_COMPANIONS = (
    "what the file holds beside the photo (a motion photo's video, a gain map or depth) was left out"
)
_LAYERS = "Photoshop's layers were left out; the result is the picture that they make"
_XMP_ORIENTATION = re.compile(rb"(<tiff:Orientation>\s*|tiff:Orientation\s*=\s*[\"']\s*)[2-8]")
_HIGHEST_DPI = 100_000
_NOT_HELD: dict[str, tuple[str, ...]] = dict.fromkeys(("webp", "avif", "heic"), ("iptc", "photoshop"))


@dataclass
class Metadata:
    """What a file says of a photo.

    Attributes:
        blocks: as `Photo.metadata` has them.
        notes: sentences for the user about what was left out.
    """

    blocks: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_metadata(image: pyvips.Image, file: PhotoFile, page: int = 0) -> Metadata:
    """Return the metadata of an opened page."""
    found, extension = Metadata(), b""
    blocks = found.blocks
    for key, name in (("exif", "exif-data"), ("xmp", "xmp-data")):
        if block := blob(image, name):
            blocks[key] = block
    with file.stream() as stream:
        if file.format == "tiff":
            place = file.place_of(page)
            blocks.pop("exif", None)  # libvips' own, of some tags
            blocks |= exif_block.blocks_of_tiff(stream, place)
            found.notes += [_LAYERS] if exif_block.has_layers(stream, place) else []
        elif file.format == "jpeg":
            header = jpeg_header.read_header(stream)
            extension = header.extension
            blocks["iptc"], blocks["photoshop"] = photoshop.parse_resources(header.resources)
            blocks["texts"] = texts.from_comments(header.comments)
            found.notes += [] if header.whole else [_INCOMPLETE]
        elif file.format == "png":
            blocks["texts"], hidden, whole = texts.from_png(stream)
            found.blocks = blocks = hidden | blocks
            found.notes += [] if whole else [_INCOMPLETE]
        elif file.format == "gif":
            blocks["texts"] = texts.from_gif(stream)
    _make_true(found, extension, turned=number(image, "orientation", 1) != 1)
    found.blocks = {key: block for key, block in found.blocks.items() if block}
    return found


def _make_true(found: Metadata, extension: bytes, *, turned: bool) -> None:
    """Remove what does not describe the photo in memory, and what cannot be read."""
    blocks = found.blocks
    if exif := blocks.get("exif"):
        try:
            blocks["exif"] = exif_block.make_true(exif)
        except exif_block.ExifError:
            del blocks["exif"]
            found.notes.append("its EXIF metadata are damaged, and were left out")
    if xmp := blocks.get("xmp"):
        try:
            blocks["xmp"] = _true_xmp(xmp, extension, found)
        except XmpError as error:
            del blocks["xmp"]
            found.notes.append(f"its XMP metadata were left out: they are {error}")
    if "iptc" in blocks:
        blocks["iptc"] = photoshop.true_iptc(blocks["iptc"])
    if "photoshop" in blocks:
        iptc, resources = photoshop.parse_resources(blocks["photoshop"])
        blocks["photoshop"] = photoshop.true_resources(resources, turned=turned)
        blocks.setdefault("iptc", photoshop.true_iptc(iptc))


def _true_xmp(xmp: bytes, extension: bytes, found: Metadata) -> bytes:
    xmp = _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)  # in most packets all there is to change
    packet = Packet.parse(xmp)
    if extension:
        packet.join(Packet.parse(extension))
    if packet.has_companions():
        found.notes.append(_COMPANIONS)
    return bytes(packet) if packet.make_true() or extension else xmp


def fit_metadata(
    blocks: Mapping[str, bytes],
    format: str,
    size: tuple[int, int],
    *,
    dpi: tuple[float, float] | None,
    is_srgb: bool,
) -> dict[str, bytes]:
    """Return metadata as a format holds them for a picture.

    Args:
        blocks: as `Photo.metadata` has them.
        format: "jpeg", "png" ...
        size: height and width.
        dpi: dots per inch across and down.
        is_srgb: the picture is written without a profile.
    """
    fitted = {key: block for key, block in blocks.items() if key not in _NOT_HELD.get(format, ())}
    fitted["exif"] = fitted_exif(blocks, format, size, dpi=dpi, is_srgb=is_srgb)
    if len(fitted["exif"]) > (longest := LONGEST_EXIF.get(format, math.inf)):
        fitted["exif"] = exif_block.shortened(fitted["exif"], int(longest))
    return {key: block for key, block in fitted.items() if block}


def fitted_exif(
    blocks: Mapping[str, bytes],
    format: str,
    size: tuple[int, int],
    *,
    dpi: tuple[float, float] | None,
    is_srgb: bool,
) -> bytes:
    """Return the EXIF block for a picture, however long; the arguments are those of `fit_metadata`."""
    return exif_block.fitted(
        blocks.get("exif", b""),
        size,
        dpi=dpi,
        needs_dpi=format in ("webp", "avif", "heic"),
        is_srgb=is_srgb,
        comment="" if format in ("jpeg", "png") else texts.as_lines(blocks.get("texts", b"")),
    )


def read_resolution(image: pyvips.Image, metadata: Mapping[str, bytes]) -> tuple[float, float] | None:
    """Return dots per inch across and down; None if the file gives none, or 72, which means the same."""
    dpi: tuple[float, float] | None = (round(image.xres * 25.4, 2), round(image.yres * 25.4, 2))
    if _is_default(dpi) and "exif" in metadata:  # where WebP, HEIC and AVIF have it
        dpi = exif_block.resolution(metadata["exif"])
    return None if dpi is None or _is_default(dpi) else dpi


def _is_default(dpi: tuple[float, float]) -> bool:
    """Return whether this is what libvips gives without one, 72 dpi or 1 pixel per mm, or nonsense."""
    if not all(math.isfinite(value) and 0 < value < _HIGHEST_DPI for value in dpi):
        return True
    return dpi[0] == dpi[1] and (abs(dpi[0] - 72) < 0.1 or abs(dpi[0] - 25.4) < 0.01)
