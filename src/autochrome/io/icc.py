"""Colours between a file's own ICC profile and sRGB, as lazy libvips operations.

Photos are held in sRGB. An RGB profile is returned to when the photo is written; a GRAY or CMYK profile cannot
hold the colours that a result has, so such a result is written in sRGB with libvips' sRGB profile.
Floating point pixels that need a conversion go through 16 bits, which clips them to [0, 1].
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyvips

PROFILE_FIELD = "icc-profile-data"
# Two levels of 255: the encodings of sRGB that cameras and editors embed differ among themselves by that much.
_SAME_LEVELS = 2
_INTENT = {"intent": "relative", "black_point_compensation": True}


def colour_space_of(profile: bytes) -> str:
    """The data colour space in the profile's header (ICC.1:2022, 7.2.8): "RGB", "GRAY", "CMYK" ..."""
    return profile[16:20].decode("latin-1").strip()


def embedded_profile(image: pyvips.Image) -> bytes | None:
    """The profile that the file carries, or None."""
    return bytes(image.get(PROFILE_FIELD)) if image.get_typeof(PROFILE_FIELD) else None


def to_srgb(image: pyvips.Image) -> pyvips.Image:
    """`image` (1, 3 or, for CMYK, 4 bands, no alpha) in sRGB: 1 band stays 1 band, everything else becomes 3.

    Raises:
        pyvips.Error: the profile is broken (when CMYK needs it) or the conversion is not possible.
    """
    profile = embedded_profile(image)
    if image.interpretation == "cmyk":
        depth = 16 if image.format == "ushort" else 8
        return image.icc_transform("srgb", embedded=True, input_profile="cmyk", depth=depth, **_INTENT)
    if image.interpretation in ("lab", "labs", "xyz"):
        return image.colourspace("rgb16" if image.format != "uchar" else "srgb")
    if profile is None or _useless(profile, image.bands) or is_srgb(profile):
        return image
    if image.bands == 1:
        return _gray_to_srgb(image, profile)
    return _in_integers(image, lambda ints, depth: ints.icc_transform("srgb", embedded=True, depth=depth, **_INTENT))


def from_srgb(image: pyvips.Image, profile: bytes | None) -> pyvips.Image:
    """`image` (sRGB, 1 or 3 bands) in the colours of `profile`, with the profile to embed attached.

    A profile that cannot hold the image's colours gives way to sRGB's own (3 bands) or to none (1 band).
    """
    if profile is None:
        return image
    if colour_space_of(profile) != ("GRAY" if image.bands == 1 else "RGB") or not _works(profile):
        return image if image.bands == 1 else _attach(image, srgb_profile())
    if is_srgb(profile):
        return _attach(image, profile)
    if image.bands == 1:
        return _attach(_srgb_to_gray(image, profile), profile)
    with _on_disk(profile) as path:
        return _in_integers(
            image, lambda ints, depth: ints.icc_transform(path, input_profile="srgb", depth=depth, **_INTENT)
        )


@lru_cache(maxsize=32)
def is_srgb(profile: bytes) -> bool:
    """Whether an RGB profile's colours, or a GRAY profile's tones, are sRGB's to within two levels of 255."""
    if colour_space_of(profile) == "GRAY":
        cube = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
    else:
        grid = np.linspace(0, 255, 9).round().astype(np.uint8)
        cube = np.stack(np.meshgrid(grid, grid, grid), axis=-1).reshape(1, -1, 3)
    height, width, bands = cube.shape
    image = pyvips.Image.new_from_memory(cube.tobytes(), width, height, bands, "uchar")
    image = _attach(image.copy(interpretation="srgb" if bands == 3 else "b-w"), profile)
    try:
        seen = image.icc_transform("srgb", embedded=True, **_INTENT).numpy()
    except pyvips.Error:
        return False
    return int(np.abs(seen.astype(int) - cube).max()) <= _SAME_LEVELS


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """libvips' built-in sRGB profile."""
    return builtin_profile("srgb")


def builtin_profile(name: str) -> bytes:
    """A profile that libvips carries: "srgb", "p3" or "cmyk"."""
    pixel = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb")
    return bytes(pixel.icc_transform(name, input_profile="srgb").get(PROFILE_FIELD))


def _useless(profile: bytes, bands: int) -> bool:
    space = colour_space_of(profile)
    return space not in ("RGB", "GRAY") or (space == "GRAY" and bands != 1) or not _works(profile)


@lru_cache(maxsize=32)
def _works(profile: bytes) -> bool:
    """Whether lcms can read the profile: a broken one is passed over, as other programs do."""
    bands = 1 if colour_space_of(profile) == "GRAY" else 3
    pixel = pyvips.Image.black(1, 1, bands=bands).copy(interpretation="b-w" if bands == 1 else "srgb")
    try:
        _attach(pixel, profile).icc_transform("srgb", embedded=True, **_INTENT).avg()
    except pyvips.Error:
        return False
    return True


def _gray_to_srgb(image: pyvips.Image, profile: bytes) -> pyvips.Image:
    """One channel through the profile's tone curve: a table of all levels, looked up pixel by pixel."""

    def curve(levels: pyvips.Image, depth: int) -> pyvips.Image:
        if colour_space_of(profile) == "RGB":  # a gray file with an RGB profile: three equal channels
            levels = levels.bandjoin([levels, levels]).copy(interpretation="srgb" if depth == 8 else "rgb16")
        return _attach(levels, profile).icc_transform("srgb", embedded=True, depth=depth, **_INTENT)[1]

    return _through_table(image, curve)


def _srgb_to_gray(image: pyvips.Image, profile: bytes) -> pyvips.Image:
    def curve(levels: pyvips.Image, depth: int) -> pyvips.Image:
        rgb = levels.bandjoin([levels, levels]).copy(interpretation="srgb" if depth == 8 else "rgb16")
        with _on_disk(profile) as path:
            return rgb.icc_transform(path, input_profile="srgb", depth=depth, **_INTENT).copy_memory()

    return _through_table(image, curve)


def _through_table(image, curve) -> pyvips.Image:  # noqa: ANN001
    def look_up(ints: pyvips.Image, depth: int) -> pyvips.Image:
        levels = pyvips.Image.identity(ushort=depth == 16).copy(interpretation="grey16" if depth == 16 else "b-w")
        return ints.maplut(curve(levels, depth).copy_memory()).copy(interpretation=levels.interpretation)

    return _in_integers(image, look_up)


def _in_integers(image, convert) -> pyvips.Image:  # noqa: ANN001
    """`convert(image, depth)` with 8- or 16-bit integers, which is what lcms takes; floats come back as floats."""
    if image.format == "uchar":
        return convert(image, 8)
    if image.format == "ushort":
        return convert(image, 16)
    ints = image.linear(65535, 0.5).cast("ushort").copy(interpretation="grey16" if image.bands == 1 else "rgb16")
    return convert(ints, 16).linear(1 / 65535, 0).cast("float")


def _attach(image: pyvips.Image, profile: bytes) -> pyvips.Image:
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, PROFILE_FIELD, profile)
    return image


@contextmanager
def _on_disk(profile: bytes) -> Iterator[str]:
    """The profile as a file, which libvips wants for the target; it is read when the operation is built."""
    with tempfile.TemporaryDirectory(prefix="autochrome-") as folder:
        path = Path(folder, "profile.icc")
        path.write_bytes(profile)
        yield str(path)
