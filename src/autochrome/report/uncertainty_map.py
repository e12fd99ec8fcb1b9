"""A model's uncertainty about the color of each place, as a gray picture of the photo's size."""

from __future__ import annotations

import numpy as np
import pyvips
import torch
from jaxtyping import Float32, UInt8

from autochrome.color.spaces import lab_curve_inverse, linear_to_srgb


def draw_uncertainty(
    values: Float32[np.ndarray, "h w"], size: tuple[int, int], most: float
) -> UInt8[np.ndarray, "height width 1"]:
    """Draw values from 0 (black) to ``most`` and more (white).

    L* is proportional to the value, so equal steps look equal; a pixel's value is ``most * L* / 100``.

    Args:
        values: on the model's grid, covering the whole photo.
        size: (height, width) of the photo.
        most: the value of white, above 0.
    """
    height, width = size
    shares = np.ascontiguousarray((values / most).clip(0, 1).astype(np.float32))
    small = pyvips.Image.new_from_array(shares * 255)
    # libvips copies the border: pixels beyond the outermost cells' centers take their values.
    wide = small.resize(width / small.width, vscale=height / small.height, kernel="linear")
    levels = (wide + 0.5).cast("uchar")
    return levels.maplut(pyvips.Image.new_from_array(_lightness_codes()[None])).numpy().reshape(*size, 1)


def _lightness_codes() -> UInt8[np.ndarray, " 256"]:
    """Return the sRGB code of each of 256 even steps of L*."""
    lightness = torch.linspace(0, 100, 256, dtype=torch.float64)
    return (linear_to_srgb(lab_curve_inverse((lightness + 16) / 116)) * 255).round().byte().numpy()
