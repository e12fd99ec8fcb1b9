"""Arrays and libvips images: the same memory seen from both sides, sample types and depth.

libvips calls uint8 "uchar", uint16 "ushort" and float32 "float".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyvips

Pixels = npt.NDArray[Any]
"""Samples of type uint8, uint16 or float32."""

PROFILE_FIELD = "icc-profile-data"
WHITE = {"uchar": 255.0, "ushort": 65535.0, "float": 1.0}
SAMPLE_TYPES = {np.dtype(np.uint8): "uchar", np.dtype(np.uint16): "ushort", np.dtype(np.float32): "float"}
SAMPLE_BYTES = {name: dtype.itemsize for dtype, name in SAMPLE_TYPES.items()}
_DTYPES = {name: dtype for dtype, name in SAMPLE_TYPES.items()}

# Each photo is decoded once, so libvips' cache of operations would only hold memory (and show stale files).
pyvips.cache_set_max(0)
# Loaders meant for trusted files (SVG, raw, CSV ...) never see a photo, whoever asks libvips to guess one.
pyvips.block_untrusted_set(True)


def from_array(array: Pixels) -> pyvips.Image:
    """Return an (H, W) or (H, W, C) array as an image, without a copy if the array is contiguous."""
    height, width, bands = array.shape if array.ndim == 3 else (*array.shape, 1)
    kind = SAMPLE_TYPES[array.dtype]
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(array).data, width, height, bands, kind)
    return image.copy(interpretation=interpretation(kind, bands))


def to_array(image: pyvips.Image) -> Pixels:
    """Return the pixels as (H, W, C), in the memory that libvips decoded them into."""
    flat = np.frombuffer(image.write_to_memory(), _DTYPES[sample_type(image)])
    return flat.reshape(image.height, image.width, image.bands)


def sample_type(image: pyvips.Image) -> str:
    """Return libvips' name of the samples' type: "uchar", "ushort", "float" or another."""
    return str(image.format)


def interpretation(kind: str, bands: int) -> str:
    """Return libvips' name of gamma-encoded pixels (floats too: linear light is never held)."""
    if kind == "ushort":
        return "grey16" if bands < 3 else "rgb16"
    return "b-w" if bands < 3 else "srgb"


def scale(image: pyvips.Image, factor: float, kind: str) -> pyvips.Image:
    """Return `image` times `factor` as samples of type `kind`; integers are rounded and clipped."""
    offset = 0.0 if kind == "float" else 0.5  # the cast cuts off what follows the point
    return image.linear([factor], [offset]).cast(kind).copy(interpretation=interpretation(kind, image.bands))


def to_depth(image: pyvips.Image, kind: str) -> pyvips.Image:
    """Return `image` with samples of type `kind`, full range to full range."""
    ours = sample_type(image)
    return image if ours == kind else scale(image, WHITE[kind] / WHITE[ours], kind)


def blob(image: pyvips.Image, field: str) -> bytes | None:
    """Return a block of metadata, or None if the image has none of that name."""
    return bytes(image.get(field)) if image.get_typeof(field) else None  # type: ignore[arg-type]


def number(image: pyvips.Image, field: str, default: int) -> int:
    """Return a whole number of the metadata, or the default."""
    return int(image.get(field)) if image.get_typeof(field) else default  # type: ignore[arg-type]


def set_blob(image: pyvips.Image, field: str, value: bytes) -> None:
    """Put a block of metadata onto an image that is not shared (a fresh `copy()`)."""
    image.set_type(pyvips.GValue.blob_type, field, value)  # type: ignore[arg-type]
