"""A photo in memory, and the way in from a file and back out to one.

What is kept from the file to the result: depth, colour profile, alpha, resolution, EXIF, XMP and IPTC. The photo is
held upright and in sRGB; `write_photo` returns to the file's own RGB profile and says "upright" in the metadata.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyvips

from autochrome.io import icc
from autochrome.io.errors import PhotoError
from autochrome.io.loading import MAX_PIXELS, PhotoFile, locate
from autochrome.io.metadata import attach_metadata, read_metadata, read_resolution
from autochrome.io.provenance import Provenance, add_provenance, parse_provenance
from autochrome.io.saving import check_fits, format_for, interpretation, save, to_depth

__all__ = [
    "MAX_PIXELS",
    "Photo",
    "PhotoError",
    "Provenance",
    "page_count",
    "read_pages",
    "read_photo",
    "read_provenance",
    "write_photo",
]

JPEG_QUALITY = 92
Source = str | os.PathLike[str] | bytes
Samples = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.float32]

_VIPS_FORMATS = {np.dtype(np.uint8): "uchar", np.dtype(np.uint16): "ushort", np.dtype(np.float32): "float"}
_NO_METADATA: Mapping[str, bytes] = MappingProxyType({})
_UNKNOWN_DPI = (72.0, 72.0)  # what EXIF says to write where the resolution is unknown (CIPA DC-008, XResolution)
# Floats may overshoot [0, 1] a little (resampling does that) and are clipped; beyond this they mean something else.
_OVERSHOOT = 0.5


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture, upright, in sRGB, at its file's own depth.

    Attributes:
        pixels: (H, W, 1) gray or (H, W, 3) colour, gamma-encoded sRGB; uint8, uint16, or float32 in [0, 1].
        alpha: (H, W) of the same type, not multiplied into the pixels; None where there is none.
        icc_profile: the file's own profile, to which `write_photo` returns; None means sRGB.
        metadata: the blocks "exif", "xmp" and "iptc" that there are (see `metadata.py`).
        dpi: dots per inch across and down, None where unknown.
        source: where it was read from, None for bytes.
        format: "jpeg", "png", "tiff", "webp", "heic" or "avif"; None for a photo made in memory.
    """

    pixels: Samples
    alpha: Samples | None = None
    icc_profile: bytes | None = field(default=None, repr=False)
    metadata: Mapping[str, bytes] = field(default=_NO_METADATA, repr=False)
    dpi: tuple[float, float] | None = None
    source: Path | None = None
    format: str | None = None

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] not in (1, 3) or 0 in self.pixels.shape:
            raise ValueError(f"pixels must have the shape (H, W, 1) or (H, W, 3), not {self.pixels.shape}")
        if self.pixels.dtype not in _VIPS_FORMATS:
            raise ValueError(f"pixels must be uint8, uint16 or float32, not {self.pixels.dtype}")
        if self.alpha is not None and self.alpha.shape != self.pixels.shape[:2]:
            raise ValueError(f"alpha must have the shape {self.pixels.shape[:2]}, not {self.alpha.shape}")
        if self.alpha is not None and self.alpha.dtype != self.pixels.dtype:
            raise ValueError(f"alpha must be {self.pixels.dtype} like the pixels, not {self.alpha.dtype}")

    @property
    def is_gray(self) -> bool:
        """Whether there is one channel (a colour file of gray pixels has three)."""
        return self.pixels.shape[2] == 1

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    @property
    def bits(self) -> int:
        """Bits a sample: 8, 16, or 32 (floating point)."""
        return 8 * self.pixels.dtype.itemsize


def read_photo(source: Source, *, page: int = 0, max_pixels: int = MAX_PIXELS) -> Photo:
    """Reads one photo; the content decides what it is, not the name.

    Palettes are expanded, CMYK and Lab converted to RGB, and a GRAY profile's tones to sRGB's. Floating point is
    taken as gamma-encoded in [0, 1] unless the file has a profile; a slight overshoot is clipped.

    Args:
        source: a path, or the file's bytes.
        page: which page of a TIFF (picture of a HEIC, frame of a WebP), counted from 0.
        max_pixels: the largest width times height to decode.

    Raises:
        PhotoError: it cannot be read; the message names it and says what to do.
    """
    return _read_page(locate(source), page, max_pixels)


def read_pages(source: Source, *, max_pixels: int = MAX_PIXELS) -> Iterator[Photo]:
    """Reads all pages in turn, one in memory at a time. Errors as `read_photo`."""
    file = locate(source)
    for page in range(file.page_count()):
        yield _read_page(file, page, max_pixels)


def page_count(source: Source) -> int:
    """How many pages `read_pages` would give. Errors as `read_photo`."""
    return locate(source).page_count()


def read_provenance(photo: Photo | Source) -> Provenance | None:
    """How a picture was made, if Autochrome made it; of a file, only the header is read.

    Raises:
        PhotoError: the file cannot be read.
    """
    if isinstance(photo, Photo):
        return parse_provenance(photo.metadata.get("xmp"))
    file = locate(photo)
    return parse_provenance(read_metadata(file.open(), file).get("xmp"))


def write_photo(
    photo: Photo,
    target: str | os.PathLike[str] | None = None,
    *,
    format: str | None = None,
    quality: int = JPEG_QUALITY,
    like: Photo | None = None,
    provenance: Provenance | None = None,
) -> bytes | None:
    """Writes a photo to a file (whole or not at all), or returns it encoded where `target` is None.

    A format that cannot hold the photo converts it: JPEG and WebP have 8 bits a sample, PNG 16 (floats become 16
    bits), AVIF and HEIC 12; JPEG puts a transparent photo onto white; WebP, AVIF and HEIC have no gray pictures and no
    IPTC, PNG no IPTC either. An existing file is replaced.

    Args:
        photo: what to write.
        target: the file; its folder must exist.
        format: "jpeg", "png", "tiff", "webp", "avif" or "heic"; else the target's ending says, else the photo's format.
        quality: 1 to 100, for JPEG (chroma at full size from 90 on), WebP, AVIF and HEIC.
        like: the photo to take depth from, and alpha, profile, metadata, resolution where `photo` has none.
        provenance: how it was made, added to the XMP.

    Raises:
        PhotoError: it cannot be written so; the message says what to do. No partial file stays.
    """
    if like is not None:
        photo = _dressed(photo, like)
    path = None if target is None else Path(target)
    chosen = format_for(path, format, photo.format)
    samples = photo.pixels if like is None else like.pixels
    depth = _VIPS_FORMATS[samples.dtype]
    if depth not in chosen.depths:
        depth = chosen.depths[-1]
    image = _to_vips(photo, depth, alpha=chosen.alpha)
    metadata = dict(photo.metadata)
    if provenance is not None:
        metadata["xmp"] = add_provenance(metadata.get("xmp"), provenance)
    attach_metadata(image, metadata, chosen.name)
    check_fits(image, chosen, path or "the result")
    return save(image, path, chosen, quality=quality, exif=metadata.get("exif"))


def _read_page(file: PhotoFile, page: int, max_pixels: int) -> Photo:
    image = file.open(page, max_pixels=max_pixels)
    try:
        metadata = read_metadata(image, file, page)
        dpi = read_resolution(image, metadata)
        profile = icc.embedded_profile(image)
        orientation = image.get("orientation") if image.get_typeof("orientation") else 1
        if orientation != 1:
            image = image.copy_memory().autorot()  # turning needs the whole picture, not one pass
            dpi = dpi if dpi is None or orientation < 5 else (dpi[1], dpi[0])
        pixels, alpha = _decode(_in_known_samples(image, file), file)
    except pyvips.Error as error:
        raise file.decoding_failed(error) from error
    return Photo(pixels, alpha, profile, metadata, dpi, file.path, file.format)


def _in_known_samples(image: pyvips.Image, file: PhotoFile) -> pyvips.Image:
    """Samples as uchar, ushort or float, full range."""
    if image.format not in ("uchar", "ushort", "float", "double"):
        raise PhotoError(
            file.name, f"has samples of a kind that photos do not have ({image.format})", "Save it with 8 or 16 bits"
        )
    if image.format == "double":
        return image.cast("float")
    if image.format == "ushort" and file.format in ("avif", "heic"):
        bits = image.get("bits-per-sample")
        # libvips shifts 10 or 12 bits up to 16, which leaves white a little below 65535.
        return image.linear(65535 / (((1 << bits) - 1) << (16 - bits)), 0.5).cast("ushort")
    return image


def _decode(image: pyvips.Image, file: PhotoFile) -> tuple[Samples, Samples | None]:
    """Pixels in sRGB and alpha."""
    colours = 4 if image.interpretation == "cmyk" else 1 if image.bands < 3 else 3
    if image.bands not in (colours, colours + 1) and image.interpretation in ("b-w", "multiband"):
        raise PhotoError(file.name, f"has {image.bands} channels", "Save it as a gray or RGB picture")
    if image.format == "float":
        image = _finite(image.copy_memory(), file.name)
    if image.bands == colours:
        return _samples(icc.to_srgb(image)), None
    image = image.copy_memory()  # read twice below, and the file can be read only once
    return _samples(icc.to_srgb(image.extract_band(0, n=colours))), _samples(image[colours])[:, :, 0]


def _finite(image: pyvips.Image, name: str) -> pyvips.Image:
    """A floating point image clipped to [0, 1]; PhotoError where its values are not of that kind."""
    values = image.numpy()
    if not np.isfinite(values).all():
        broken = int(np.count_nonzero(~np.isfinite(values)))
        raise PhotoError(
            name, f"has {broken} values that are no numbers (NaN or infinite)", "Replace them and save it again"
        )
    low, high = float(values.min()), float(values.max())
    if low < -_OVERSHOOT or high > 1 + _OVERSHOOT:
        raise PhotoError(
            name, f"has values from {low:g} to {high:g}, not 0 to 1", "Scale them to 0..1, or save it with 16 bits"
        )
    if low >= 0 and high <= 1:
        return image
    return image.clamp()


def _samples(image: pyvips.Image) -> Samples:
    """The pixels as (H, W, C), without a copy of what libvips decoded."""
    dtype = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}[image.format]
    return np.frombuffer(image.write_to_memory(), dtype).reshape(image.height, image.width, image.bands)


def _dressed(photo: Photo, like: Photo) -> Photo:
    """`photo` with what it lacks taken from `like`."""
    alpha = photo.alpha
    if alpha is None and like.alpha is not None:
        if like.size != photo.size:
            raise ValueError(f"a photo of {photo.size} cannot take the alpha of one of {like.size}")
        given = _band(like.alpha)
        alpha = _samples(to_depth(given, _VIPS_FORMATS[photo.pixels.dtype]))[:, :, 0]
    return replace(
        photo,
        alpha=alpha,
        icc_profile=photo.icc_profile or like.icc_profile,
        metadata=photo.metadata or like.metadata,
        dpi=photo.dpi or like.dpi,
        format=photo.format or like.format,
    )


def _band(array: Samples) -> pyvips.Image:
    """An (H, W) or (H, W, C) array as a libvips image on the same memory."""
    array = np.ascontiguousarray(array)
    bands = 1 if array.ndim == 2 else array.shape[2]
    depth = _VIPS_FORMATS[array.dtype]
    image = pyvips.Image.new_from_memory(array.data, array.shape[1], array.shape[0], bands, depth)
    return image.copy(interpretation=interpretation(depth, bands))


def _to_vips(photo: Photo, depth: str, *, alpha: bool) -> pyvips.Image:
    """The photo in its own profile at `depth`, with its alpha or on white, and its resolution."""
    image = _band(photo.pixels)
    if photo.alpha is not None and not alpha:
        white = {"uchar": 255, "ushort": 65535, "float": 1}[image.format]
        image = image.bandjoin(_band(photo.alpha)).flatten(background=white, max_alpha=white)
    image = to_depth(icc.from_srgb(image, photo.icc_profile), depth)
    if photo.alpha is not None and alpha:
        image = image.bandjoin(to_depth(_band(photo.alpha), depth))
    across, down = photo.dpi or _UNKNOWN_DPI
    return image.copy(xres=across / 25.4, yres=down / 25.4, interpretation=interpretation(depth, image.bands))
