"""From an opened libvips image to arrays: upright, in sRGB, alpha apart, at the file's own depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyvips

from autochrome.errors import PhotoError
from autochrome.io import icc
from autochrome.io.color_tags import color_tags
from autochrome.io.loading import PhotoFile
from autochrome.io.vips import (
    PROFILE_FIELD,
    SAMPLE_TYPES,
    WHITE,
    Pixels,
    from_array,
    number,
    sample_type,
    scale,
    set_blob,
    to_array,
)

# Floats may overshoot [0, 1] a little (resampling does that) and are clipped; beyond this they mean
# something else.
_OVERSHOOT = 0.5
_ROWS = 256  # that are looked at together


def orientation_of(image: pyvips.Image) -> int:
    """Return the EXIF orientation, 1 (upright) to 8; from 5 on width and height change places."""
    return number(image, "orientation", 1)


@dataclass(frozen=True)
class Decoded:
    """What a file's pixels are.

    Attributes:
        pixels: (H, W, 1 or 3), upright, in sRGB; uint8, uint16 or float32.
        alpha: (H, W) of the same type, or None.
        profile: the ICC profile to which the colors return when they are written, or None.
    """

    pixels: Pixels
    alpha: Pixels | None
    profile: bytes | None


def decode(image: pyvips.Image, file: PhotoFile) -> Decoded:
    """Decode an opened page.

    Raises:
        PhotoError: samples or channels that photos do not have, NaN, or floats far outside [0, 1].
        pyvips.Error: the content is damaged.
    """
    if orientation_of(image) != 1:
        image = image.copy_memory().autorot()  # turning needs the whole picture, not one pass
    image = _in_known_samples(image, file)
    count = _color_bands(image, file)
    values = None
    if sample_type(image) == "float":
        values = _finite(to_array(image), file.name)
        image = _with_pixels(image, values)
    alpha = None
    if image.bands > count:
        image = image.copy_memory()  # read twice, and the file can be read only once
        alpha = to_array(image.extract_band(count))[:, :, 0]
        image, values = image.extract_band(0, n=count), None
    tags = color_tags(file, icc.has_profile(image))
    converted = icc.to_srgb(image) if tags is None else tags.to_srgb(image)
    # Floats are in memory already; the array would be a copy of them.
    pixels = values if converted is image and values is not None else to_array(converted)
    return Decoded(pixels, alpha, icc.embedded_profile(image) if tags is None else None)


def _with_pixels(image: pyvips.Image, values: Pixels) -> pyvips.Image:
    """Return an image of an array, with the interpretation and the profile of another."""
    copy = from_array(values).copy(interpretation=image.interpretation)
    if profile := icc.embedded_profile(image):
        set_blob(copy, PROFILE_FIELD, profile)
    return copy


def _color_bands(image: pyvips.Image, file: PhotoFile) -> int:
    """Return the number of color bands; alpha follows them, then channels that are left out."""
    if image.interpretation == "cmyk":
        return 4
    if image.interpretation in ("b-w", "grey16", "multiband") and image.bands > 4:
        raise PhotoError(file.name, f"has {image.bands} channels", "Save it as a gray or RGB picture")
    return 1 if image.bands < 3 else 3


def _in_known_samples(image: pyvips.Image, file: PhotoFile) -> pyvips.Image:
    """Return the image with uchar, ushort or float samples of full range."""
    if sample_type(image) == "double":
        image = image.cast("float")
    if sample_type(image) not in SAMPLE_TYPES.values():
        problem = f"has samples of a kind that photos do not have ({sample_type(image)})"
        raise PhotoError(file.name, problem, "Save it with 8 or 16 bits per sample")
    if sample_type(image) == "ushort" and file.format in ("avif", "heic"):
        bits = number(image, "bits-per-sample", 16)
        # libvips shifts 10 or 12 bits up to 16, which leaves white a little below 65535.
        return scale(image, WHITE["ushort"] / (((1 << bits) - 1) << (16 - bits)), "ushort")
    return image


def _finite(values: Pixels, name: str) -> Pixels:
    """Check floats, and clip them to [0, 1] in place."""
    strips = [values[start : start + _ROWS] for start in range(0, len(values), _ROWS)]
    low = float(np.min([strip.min() for strip in strips]))  # NaN where any value is
    high = float(np.max([strip.max() for strip in strips]))
    if not np.isfinite([low, high]).all():
        broken = sum(int(np.count_nonzero(~np.isfinite(strip))) for strip in strips)
        problem = f"has {broken} values that are not finite (NaN or infinite)"
        raise PhotoError(name, problem, "Replace them and save it again")
    if low < -_OVERSHOOT or high > 1 + _OVERSHOOT:
        problem = f"has values from {low:g} to {high:g} where 0 to 1 is expected"
        raise PhotoError(name, problem, "Scale them to 0 to 1, or save it with 16 bits per sample")
    if low < 0 or high > 1:
        for strip in strips:
            strip.clip(0, 1, out=strip)
    return values
