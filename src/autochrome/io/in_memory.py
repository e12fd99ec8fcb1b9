"""Photos from and to what other Python programs hold: numpy arrays and PIL images."""

from __future__ import annotations

import io
import sys
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from autochrome.io.photo import Photo, read_photo, write_photo

if TYPE_CHECKING:
    from PIL.Image import Image


def from_array(array: np.ndarray) -> Photo:
    """Return a photo of sRGB values: "h w", "h w 1" or "h w 3"; uint8, uint16, or floats in [0, 1].

    Raises:
        TypeError: the type is another one.
        ValueError: the shape is another one, or floats are NaN or outside [0, 1].
    """
    if array.dtype not in (np.uint8, np.uint16) and not np.issubdtype(array.dtype, np.floating):
        kinds = "uint8, uint16 or floats in [0, 1]"
        raise TypeError(f"an array must be {kinds}, not {array.dtype}; convert it first")
    if array.ndim == 3 and array.shape[2] == 4:
        raise ValueError(f"an array with alpha {array.shape} is not supported; give array[..., :3]")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3)) or 0 in array.shape:
        raise ValueError(f"an array must have the shape (h, w), (h, w, 1) or (h, w, 3), not {array.shape}")
    if np.issubdtype(array.dtype, np.floating):
        low, high = float(array.min()), float(array.max())
        if np.isnan(low):
            raise ValueError("the photo contains NaN; replace these values with numbers in [0, 1]")
        if not (low >= 0 and high <= 1):
            found = f"{low:g} to {high:g}"
            raise ValueError(f"floats must lie in [0, 1], not {found}; divide by the largest value")
        array = array.astype(np.float32, copy=False)
    return Photo(np.ascontiguousarray(array.reshape(*array.shape[:2], -1)))


def to_array(photo: Photo, dtype: np.dtype) -> np.ndarray:
    """Return the pixels "h w 3"; floats in the requested precision."""
    return photo.pixels.astype(dtype, copy=False)


def is_pil_image(value: Any) -> bool:
    """Return whether a value is a PIL image, without importing PIL (whoever has one has imported it)."""
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(value, pil.Image)


def from_pil(image: Image) -> Photo:
    """Return a PIL image as a photo: its orientation unchanged, its profile's colors in sRGB.

    Raises:
        ValueError: a floating point image, whose range is unknown.
    """
    if image.mode == "F":
        raise ValueError(
            "a PIL image of mode F has no known range; give numpy.asarray(image) / its largest value"
        )
    if image.mode.startswith("I"):
        return Photo(_sixteen_bits(np.asarray(image))[:, :, None])
    profile = image.info.get("icc_profile")
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        # A palette keeps its profile, which is of RGB; that of CMYK or Lab means colors given up here.
        profile = profile if image.mode == "P" else None
        image = image.convert("RGBA" if "transparency" in image.info else "L" if image.mode == "1" else "RGB")
    if profile:
        encoded = io.BytesIO()
        image.save(encoded, "PNG", compress_level=1, icc_profile=profile, exif=b"")
        return read_photo(encoded.getvalue())
    values = np.atleast_3d(np.asarray(image))
    if image.mode in ("LA", "RGBA"):
        return Photo(np.ascontiguousarray(values[:, :, :-1]), alpha=np.ascontiguousarray(values[:, :, -1]))
    return Photo(np.ascontiguousarray(values))


def _sixteen_bits(values: np.ndarray) -> np.ndarray:
    """Return the integers of PIL's modes I and I;16, which must fit into 16 bits."""
    if values.min() < 0 or values.max() > 65535:
        found = f"{values.min()} to {values.max()}"
        raise ValueError(f"a PIL image of mode I must lie in 0 to 65535, not {found}")
    return np.ascontiguousarray(values, dtype=np.uint16)


def to_pil(photo: Photo, like: Image) -> Image:
    """Return an RGB or RGBA image with the info of another; 8 bits, with a warning if there were more."""
    from PIL import Image as pil

    if photo.pixels.dtype == np.uint16:
        warnings.warn(
            "PIL has no 16-bit color, so the result has 8 bits per channel; to keep 16, colorize"
            " numpy.asarray(image, numpy.uint16) or the file",
            stacklevel=4,
        )
    if photo.icc_profile is None and photo.pixels.dtype == np.uint8:
        image = pil.fromarray(photo.pixels if photo.alpha is None else np.dstack((photo.pixels, photo.alpha)))
    else:
        eight_bits = Photo(np.zeros((1, 1, 1), np.uint8))
        encoded = write_photo(photo, format="png", like=eight_bits)
        assert encoded is not None
        image = pil.open(io.BytesIO(encoded))
        image.load()
    info = {**like.info, "icc_profile": image.info.get("icc_profile")}
    info.pop("transparency", None)  # it is in the alpha channel now
    image.info = {key: value for key, value in info.items() if value is not None}
    return image
