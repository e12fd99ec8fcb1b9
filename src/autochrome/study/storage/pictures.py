"""The pictures that raters see: all made in the same way, with nothing that tells them apart.

All files of one picture size have the same length, because PNG is written without compression: otherwise a
true photo, with more color detail, would be the larger file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from torch.nn import functional as F

from autochrome.color.spaces import LAB
from autochrome.evaluation.files import pixels_of
from autochrome.io.vips import from_array
from autochrome.metrics.baselines import random_colors
from autochrome.metrics.sizing import Sizing
from autochrome.types import RGB

LARGEST = 1280
"""Longer side, in pixels, of pictures that are shown whole."""

CLEARLY_DIFFERENT = 12.0
"""Mean distance in ab from which a photo clearly has colors other than its own."""


def prepare(rgb: RGB, size: int) -> UInt8[np.ndarray, "shown_h shown_w 3"]:
    """Return a picture as shown: central square of ``size`` pixels, scaled; 0: whole, at most `LARGEST`."""
    longer = max(rgb.shape[-2:])
    if not size and longer > LARGEST:
        height, width = (max(1, round(side * LARGEST / longer)) for side in rgb.shape[-2:])
        rgb = F.interpolate(rgb, (height, width), mode="bilinear", antialias=True).clamp(0, 1)
    if size:
        rgb = Sizing("resize", size).apply(rgb, (rgb.shape[-2], rgb.shape[-1]))
        rgb = Sizing("crop", size).apply(rgb, (rgb.shape[-2], rgb.shape[-1]))
    return pixels_of(rgb)


def random_version(truth: RGB, donors: Sequence[Path], load: Callable[[Path], RGB]) -> tuple[RGB, Path]:
    """Return a photo in the colors of another photo, and that donor.

    It is the first donor that changes the colors by `CLEARLY_DIFFERENT` on average, so that raters can tell;
    if none does, the one that changes them most.
    """
    tried: list[tuple[float, RGB, Path]] = []
    own = LAB.split(truth)[1]
    for donor in donors:
        made = random_colors(truth, load(donor))
        change = float((LAB.split(made)[1] - own).norm(dim=1).mean())
        tried.append((change, made, donor))
        if change >= CLEARLY_DIFFERENT:
            break
    if not tried:
        raise ValueError("random colors need another photo")
    _, made, donor = max(tried, key=lambda each: each[0])
    return made, donor


def encode(pixels: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """Return a PNG with the pixels and nothing else; its length depends only on the picture's size."""
    content = from_array(pixels).pngsave_buffer(compression=0, keep="none")  # type: ignore[arg-type]
    assert isinstance(content, bytes)
    return _essential(content)


def _essential(png: bytes) -> bytes:
    """Remove a PNG's ancillary chunks, whose names begin in lower case (PNG specification, 5.4)."""
    kept, at = [png[:8]], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        end = at + 12 + length
        if png[at + 4 : at + 5].isupper():
            kept.append(png[at:end])
        at = end
    return b"".join(kept)
