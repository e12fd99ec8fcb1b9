"""A photo as opaque sRGB of 8 bits, shrunk while it is decoded: what training and evaluation look at.

Formats, limits and checks are those of `read_photo`. JPEG and WebP are shrunk by their decoders, which takes
a fraction of the time.
"""

from __future__ import annotations

import numpy as np
import pyvips

from autochrome.io import icc
from autochrome.io.decoding import orientation_of
from autochrome.io.loading import PhotoFile, locate
from autochrome.io.photo import Photo, read_photo
from autochrome.io.vips import Pixels, from_array, to_array, to_depth

_SHRUNK_BY_DECODER = ("jpeg", "webp")


def read_reduced(content: bytes, max_side: int | None = None) -> Pixels:
    """Return an encoded photo as "h w 3", uint8, upright, on white where it is transparent.

    Args:
        content: of the file.
        max_side: shrink the shorter side to at most this many pixels.

    Raises:
        PhotoError: as `read_photo`.
    """
    file = locate(content)
    if max_side and file.format in _SHRUNK_BY_DECODER:
        image = file.open()
        if min(image.width, image.height) > max_side and image.interpretation != "cmyk":
            return _shrunk_by_decoder(file, _target(image, max_side))
    image = _opaque(read_photo(content, page=0))
    if max_side and min(image.width, image.height) > max_side:
        width, height = _target(image, max_side)
        image = image.thumbnail_image(width, height=height, size="force")
    return _three_channels(to_array(image))


def _shrunk_by_decoder(file: PhotoFile, size: tuple[int, int]) -> Pixels:
    width, height = size
    try:
        with file.watched():
            # The loader's own option: thumbnail's fail_on argument lets some truncated files pass.
            image = pyvips.Image.thumbnail_buffer(
                file.origin, width, height=height, size="force", option_string="[fail_on=error]"
            )
            image = image.flatten(background=[255.0]) if image.hasalpha() else image
            return _three_channels(to_array(icc.to_srgb(image)))
    except pyvips.Error as error:
        raise file.decoding_failed(error) from error


def _target(image: pyvips.Image, max_side: int) -> tuple[int, int]:
    """Return the width and height of an image when it is shrunk and upright."""
    scale = max_side / min(image.width, image.height)
    width, height = round(image.width * scale), round(image.height * scale)
    return (height, width) if orientation_of(image) >= 5 else (width, height)


def _opaque(photo: Photo) -> pyvips.Image:
    """Return a photo with 8 bits, on white."""
    image = from_array(photo.pixels)
    if photo.alpha is not None:
        image = image.bandjoin(from_array(photo.alpha))
        image = image.flatten(background=[photo.white], max_alpha=photo.white)
    return to_depth(image, "uchar")


def _three_channels(pixels: Pixels) -> Pixels:
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
