"""A photo in memory, read from a file and written back to one.

Depth, color profile, alpha, resolution, EXIF, XMP, IPTC and texts are kept from the file to the result. The
photo is held upright and in sRGB; `write_photo` returns to the file's own RGB profile.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyvips

from autochrome.errors import shown
from autochrome.io import icc
from autochrome.io.decoding import decode, orientation_of
from autochrome.io.limits import MAX_PIXELS
from autochrome.io.loading import locate
from autochrome.io.metadata import fit_metadata, read_metadata, read_resolution
from autochrome.io.provenance import Provenance, add_provenance, parse_provenance
from autochrome.io.saving import format_for, save
from autochrome.io.vips import SAMPLE_TYPES, WHITE, Pixels, from_array, interpretation, to_array, to_depth

__all__ = [
    "JPEG_QUALITY",
    "MAX_PIXELS",
    "Photo",
    "Provenance",
    "page_count",
    "read_photo",
    "read_provenance",
    "write_photo",
]

JPEG_QUALITY = 92
Source = str | os.PathLike[str] | bytes

# What EXIF says to write where the resolution is unknown (CIPA DC-008, XResolution).
_UNKNOWN_DPI = (72.0, 72.0)


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture, upright, in sRGB, at its file's own depth.

    Attributes:
        pixels: (H, W, 1) gray or (H, W, 3) color, gamma-encoded sRGB; uint8, uint16, or float32 in [0, 1].
        alpha: (H, W) of the same type, not multiplied into the pixels; None if there is none.
        icc_profile: the file's own profile, to which `write_photo` returns; None means sRGB.
        metadata: the blocks "exif", "xmp", "iptc", "photoshop" and "texts" that exist (see `metadata.py`).
        dpi: dots per inch across and down, None if unknown.
        source: the file, None for bytes.
        format: a key of `sniff.READABLE`: "jpeg", "png", "tiff" ...; None for a photo made in memory.
        notes: sentences for the user about what could not be read as it is in the file.
    """

    pixels: Pixels = field(repr=False)
    alpha: Pixels | None = field(default=None, repr=False)
    icc_profile: bytes | None = field(default=None, repr=False)
    metadata: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    dpi: tuple[float, float] | None = None
    source: Path | None = None
    format: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] not in (1, 3) or 0 in self.pixels.shape:
            raise ValueError(f"pixels must have the shape (H, W, 1) or (H, W, 3), not {self.pixels.shape}")
        if self.pixels.dtype not in SAMPLE_TYPES:
            raise ValueError(f"pixels must be uint8, uint16 or float32, not {self.pixels.dtype}")
        if self.alpha is not None and self.alpha.shape != self.size:
            raise ValueError(f"alpha must have the shape {self.size}, not {self.alpha.shape}")
        if self.alpha is not None and self.alpha.dtype != self.pixels.dtype:
            raise ValueError(f"alpha must be {self.pixels.dtype} like the pixels, not {self.alpha.dtype}")

    @property
    def is_gray(self) -> bool:
        """Whether there is one channel (a color file of gray pixels has three)."""
        return self.pixels.shape[2] == 1

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def bits(self) -> int:
        """Bits per sample: 8, 16, or 32 (floating point)."""
        return 8 * self.pixels.dtype.itemsize

    @property
    def white(self) -> float:
        """The sample value of white: 255, 65535, or 1 (floating point)."""
        return WHITE[SAMPLE_TYPES[self.pixels.dtype]]


def read_photo(source: Source, *, page: int | None = None, max_pixels: int | None = None) -> Photo:
    """Read one photo; its content decides what it is, not its name.

    Palettes are expanded, CMYK and Lab converted to RGB, and a GRAY profile's tones to sRGB's. Floating
    point is taken as gamma-encoded in [0, 1] unless the file has a profile; a slight overshoot is clipped.

    Args:
        source: a path, or the file's bytes.
        page: which page of a TIFF (picture of a HEIC or AVIF, frame of a WebP or GIF), counted from 0; None
            for the first, with a note if there are more.
        max_pixels: the largest width times height to decode, of photos with at most 6 bytes per pixel; of
            others (with floats, say) proportionally less. None for `MAX_PIXELS`, 400 million.

    Raises:
        PhotoError: it cannot be read; the message names it and says what to do.
    """
    file = locate(source)
    try:
        with file.watched() as notes:
            image = file.open(page or 0, max_pixels=max_pixels)
            metadata = read_metadata(image, file, page or 0)
            decoded = decode(image, file)
    except pyvips.Error as error:
        raise file.decoding_failed(error) from error
    notes += [*file.notes(), *metadata.notes]
    if page is None and (note := file.note_of_first()):
        notes.append(note)
    dpi = read_resolution(image, metadata.blocks)
    if dpi and orientation_of(image) >= 5:
        dpi = (dpi[1], dpi[0])
    return Photo(
        decoded.pixels,
        decoded.alpha,
        decoded.profile,
        metadata.blocks,
        dpi,
        file.path,
        file.format,
        notes=tuple(notes),
    )


def page_count(source: Source) -> int:
    """Return the number of pages, at least 1. Errors as `read_photo`."""
    return locate(source).page_count()


def read_provenance(photo: Photo | Source) -> Provenance | None:
    """Return how a picture was made, if Autochrome made it; only the header of a file is read.

    Raises:
        PhotoError: the file cannot be read.
    """
    if isinstance(photo, Photo):
        return parse_provenance(photo.metadata.get("xmp"))
    file = locate(photo)
    return parse_provenance(read_metadata(file.open(), file).blocks.get("xmp"))


def write_photo(
    photo: Photo,
    target: str | os.PathLike[str] | None = None,
    *,
    format: str | None = None,
    quality: int = JPEG_QUALITY,
    like: Photo | None = None,
    provenance: Provenance | None = None,
) -> bytes | None:
    """Write a photo to a file (whole or not at all), or return it encoded if `target` is None.

    A photo is converted to what the format can hold: JPEG and WebP have 8 bits per sample, PNG 16 (also for
    floats), AVIF and HEIC 12; JPEG puts a transparent photo onto white; WebP, AVIF and HEIC have no gray
    pictures; only JPEG, PNG and TIFF keep IPTC (`losses` says what of a photo a format does not hold).
    Lossless formats stay lossless. An existing file is replaced; a new one gets the access rights of the
    photo's own.

    Args:
        photo: what to write.
        target: the file; its folder must exist.
        format: "jpeg", "png", "tiff", "webp", "avif" or "heic"; else the target's ending, else the photo's
            format.
        quality: 1 to 100, for JPEG (chroma at full size from 90 on), WebP, AVIF and HEIC.
        like: whose depth to take, and whose alpha, profile, metadata and dpi if `photo` has none.
        provenance: how it was made, added to the XMP.

    Raises:
        PhotoError: it cannot be written that way; the message says what to do. No partial file is left.
    """
    for each in (photo, *([] if like is None else [like])):
        if not isinstance(each, Photo):
            raise TypeError(f"write_photo takes a Photo, as read_photo returns it, not {shown(each)}")
    kind = SAMPLE_TYPES[(like or photo).pixels.dtype]
    if like is not None:
        photo = _completed(photo, like)
    path = None if target is None else Path(target)
    chosen = format_for(path, format, photo.format)
    image = _encodable(photo, kind if kind in chosen.sample_types else chosen.sample_types[-1], chosen.alpha)
    metadata = dict(photo.metadata)
    if provenance is not None:
        metadata["xmp"] = add_provenance(metadata.get("xmp"), provenance)
    blocks = fit_metadata(metadata, chosen.name, photo.size, dpi=photo.dpi, is_srgb=photo.icc_profile is None)
    return save(image, path, chosen, quality=quality, blocks=blocks, dpi=photo.dpi, like=photo.source)


def _completed(photo: Photo, like: Photo) -> Photo:
    """Return `photo` with what it lacks taken from `like`."""
    alpha = photo.alpha
    if alpha is None and like.alpha is not None:
        if like.size != photo.size:
            raise ValueError(f"a photo of {photo.size} cannot take the alpha of one of {like.size}")
        alpha = to_array(to_depth(from_array(like.alpha), SAMPLE_TYPES[photo.pixels.dtype]))[:, :, 0]
    return replace(
        photo,
        alpha=alpha,
        icc_profile=photo.icc_profile or like.icc_profile,
        metadata=photo.metadata or like.metadata,
        dpi=photo.dpi or like.dpi,
        format=photo.format or like.format,
    )


def _encodable(photo: Photo, kind: str, alpha: bool) -> pyvips.Image:
    """Return the photo in its own profile with samples of `kind`, with its alpha or on white."""
    image = from_array(photo.pixels)
    if photo.alpha is not None and not alpha:
        image = image.bandjoin(from_array(photo.alpha))
        image = image.flatten(background=[photo.white], max_alpha=photo.white)
    image = to_depth(icc.from_srgb(image, photo.icc_profile), kind)
    if photo.alpha is not None and alpha:
        image = image.bandjoin(to_depth(from_array(photo.alpha), kind))
    across, down = photo.dpi or _UNKNOWN_DPI
    return image.copy(xres=across / 25.4, yres=down / 25.4, interpretation=interpretation(kind, image.bands))
