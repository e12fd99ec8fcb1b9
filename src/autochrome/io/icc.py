"""Colors between a file's own ICC profile and sRGB, as lazy libvips operations.

Photos are held in sRGB. Writing returns to an RGB profile, and to a GRAY one if the photo stayed gray. GRAY
and CMYK profiles cannot hold colors, so those are written in sRGB with libvips' own profile. Floating point
pixels are converted in 16 bits, which clips them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyvips

from autochrome.io.tone_curve import Floats, gray_to_srgb
from autochrome.io.vips import (
    PROFILE_FIELD,
    WHITE,
    blob,
    from_array,
    sample_type,
    set_blob,
    to_array,
    to_depth,
)

# Levels of 255: the encodings of sRGB that cameras and editors embed differ among themselves by that much.
_SAME_LEVELS = 2
_INTENT = {"intent": "relative", "black_point_compensation": True}


def color_space_of(profile: bytes) -> str:
    """Return the data color space in the profile's header (ICC.1:2022, 7.2.8): "RGB", "GRAY", "CMYK" ..."""
    return profile[16:20].decode("latin-1").strip()


def has_profile(image: pyvips.Image) -> bool:
    """Return whether the file carries a profile that `to_srgb` follows."""
    profile = embedded_profile(image)
    return profile is not None and (image.interpretation == "cmyk" or _applies(profile, image.bands))


def embedded_profile(image: pyvips.Image) -> bytes | None:
    """Return the profile that the file carries, or None."""
    return blob(image, PROFILE_FIELD)


def to_srgb(image: pyvips.Image) -> pyvips.Image:
    """Convert `image` (1, 3 or, for CMYK, 4 bands, no alpha) to sRGB: 1 band stays 1, all else becomes 3.

    A profile that is broken, or for another number of channels, is ignored.

    Raises:
        pyvips.Error: the conversion is not possible.
    """
    profile = embedded_profile(image)
    if image.interpretation == "cmyk":
        depth = 16 if sample_type(image) == "ushort" else 8
        return image.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=depth, **_INTENT)
    if image.interpretation in ("lab", "labs", "xyz"):
        return image.colourspace("srgb" if sample_type(image) == "uchar" else "rgb16")
    if profile is None or not _applies(profile, image.bands) or is_srgb(profile):
        return image
    if image.bands == 1:
        return _through_table(image, lambda levels: _gray_tones(profile, levels))
    return _in_integers(
        image, lambda ints, depth: ints.icc_transform("srgb", embedded=True, depth=depth, **_INTENT)
    )


def from_srgb(image: pyvips.Image, profile: bytes | None) -> pyvips.Image:
    """Convert `image` (sRGB, 1 or 3 bands) to `profile`, and attach the profile to embed.

    If the profile cannot hold the image's colors, sRGB's own takes its place (3 bands), or none (1 band).
    """
    if profile is None:
        return image
    if color_space_of(profile) != ("GRAY" if image.bands == 1 else "RGB") or not _works(profile):
        return image if image.bands == 1 else _attach(image, builtin_profile("srgb"))
    if is_srgb(profile):
        return _attach(image, profile)
    if image.bands == 1:
        return _attach(_through_table(image, lambda levels: _device_levels(profile, levels)), profile)
    with _on_disk(profile) as path:
        return _in_integers(
            image, lambda ints, depth: ints.icc_transform(path, input_profile="srgb", depth=depth, **_INTENT)
        )


@lru_cache(maxsize=32)
def is_srgb(profile: bytes) -> bool:
    """Return whether a profile's colors (RGB) or tones (GRAY) are sRGB's to within two levels of 255."""
    if not _works(profile):
        return False
    if color_space_of(profile) == "GRAY":
        levels = np.linspace(0, 1, 256)
        return bool(np.abs(gray_to_srgb(profile, levels) - levels).max() <= _SAME_LEVELS / 255)
    grid = np.linspace(0, 255, 9).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(grid, grid, grid), axis=-1).reshape(1, -1, 3)
    seen = to_array(_attach(from_array(cube), profile).icc_transform("srgb", embedded=True, **_INTENT))
    return int(np.abs(seen.astype(int) - cube).max()) <= _SAME_LEVELS


@lru_cache(maxsize=3)
def builtin_profile(name: str) -> bytes:
    """Return a profile that libvips carries: "srgb", "p3" or "cmyk"."""
    pixel = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb")
    return blob(pixel.icc_transform(name, input_profile="srgb"), PROFILE_FIELD) or b""


def _applies(profile: bytes, bands: int) -> bool:
    """Return whether the profile works and suits such pixels; gray ones may be RGB's neutral axis."""
    return color_space_of(profile) in (("GRAY", "RGB") if bands == 1 else ("RGB",)) and _works(profile)


@lru_cache(maxsize=32)
def _works(profile: bytes) -> bool:
    """Return whether the profile can be used; broken ones are ignored, as by other programs."""
    try:
        if color_space_of(profile) == "GRAY":
            return bool(np.ptp(gray_to_srgb(profile, np.linspace(0, 1, 17))) > 0)
        pixel = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb")
        _attach(pixel, profile).icc_transform("srgb", embedded=True, **_INTENT).avg()
    except (pyvips.Error, ValueError):
        return False
    return True


def _gray_tones(profile: bytes, levels: Floats) -> Floats:
    """Convert levels in [0, 1] to sRGB's, by a GRAY profile or along an RGB profile's neutral axis."""
    if color_space_of(profile) == "GRAY":
        return gray_to_srgb(profile, levels)
    ramp = np.repeat((levels * 65535).round().astype(np.uint16)[None, :, None], 3, axis=2)
    rgb = _attach(from_array(ramp), profile).icc_transform("srgb", embedded=True, depth=16, **_INTENT)
    return to_array(rgb)[0, :, 1] / 65535


def _device_levels(profile: bytes, levels: Floats) -> Floats:
    """Invert a GRAY profile's curve: sRGB levels in [0, 1] to the profile's."""
    device = np.linspace(0, 1, 65536)
    tones = np.maximum.accumulate(gray_to_srgb(profile, device))
    return np.interp(levels, tones, device)


def _through_table(image: pyvips.Image, curve: Callable[[Floats], Floats]) -> pyvips.Image:
    """Apply a curve on [0, 1] to one channel by a table of all levels."""

    def look_up(ints: pyvips.Image, depth: int) -> pyvips.Image:
        white = WHITE[sample_type(ints)]
        table = (curve(np.linspace(0, 1, int(white) + 1)) * white).round().clip(0, white)
        rows = table[None, :, None].astype(np.uint8 if depth == 8 else np.uint16)
        return ints.maplut(from_array(rows)).copy(interpretation=ints.interpretation)

    return _in_integers(image, look_up)


def _in_integers(image: pyvips.Image, convert: Callable[[pyvips.Image, int], pyvips.Image]) -> pyvips.Image:
    """Call `convert(image, depth)` with 8- or 16-bit integers, all that lcms accepts; floats come back."""
    kind = sample_type(image)
    if kind == "float":
        return to_depth(convert(to_depth(image, "ushort"), 16), "float")
    return convert(image, 8 if kind == "uchar" else 16)


def _attach(image: pyvips.Image, profile: bytes) -> pyvips.Image:
    image = image.copy()
    set_blob(image, PROFILE_FIELD, profile)
    return image


@contextmanager
def _on_disk(profile: bytes) -> Iterator[str]:
    """Yield the profile as a file, as libvips needs it for the target; building the operation reads it."""
    with tempfile.TemporaryDirectory(prefix="autochrome-") as folder:
        path = Path(folder, "profile.icc")
        path.write_bytes(profile)
        yield str(path)
