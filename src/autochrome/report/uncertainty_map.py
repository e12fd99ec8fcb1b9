"""A model's uncertainty about the color of each place, as a gray picture of the photo's size."""

from __future__ import annotations

import numpy as np
import pyvips
import torch
from jaxtyping import Bool, Float32, UInt8

from autochrome.color.spaces import lab_curve_inverse, linear_to_srgb
from autochrome.pipeline.extent import Extent


def draw_uncertainty(
    values: Float32[np.ndarray, "h w"], size: tuple[int, int], most: float, extent: Extent | None = None
) -> UInt8[np.ndarray, "height width 1"]:
    """Draw values from 0 (black) to ``most`` and more (white).

    L* is proportional to the value, so equal steps look equal; a pixel's value is ``most * L* / 100``.

    Args:
        values: on the model's grid, covering the whole photo.
        size: (height, width) of the photo.
        most: the value of white, above 0.
        extent: of a photo of that size; what is not picture is black, up to its edge.
    """
    shares = np.ascontiguousarray((values / most).clip(0, 1).astype(np.float32))
    if extent is None or extent.is_whole:
        wide = _enlarged(shares * 255, size)
    else:
        # The cells of a mat, which are 0, count for nothing, so that they do not darken the picture's rim.
        cells = extent.picture(*shares.shape).astype(np.float32)
        weights = _enlarged(np.ascontiguousarray(cells * 255), size)
        # Beyond all cells' reach there may be a pixel of picture yet.
        wide = (weights > 0).ifthenelse(_enlarged(shares * cells * 255, size) * 255 / weights, 0)
        wide *= pyvips.Image.new_from_array(_picture(extent).astype(np.uint8))
    levels = (wide + 0.5).cast("uchar")
    return levels.maplut(pyvips.Image.new_from_array(_lightness_codes()[None])).numpy().reshape(*size, 1)


def _enlarged(cells: Float32[np.ndarray, "h w"], size: tuple[int, int]) -> pyvips.Image:
    small = pyvips.Image.new_from_array(cells)
    # libvips copies the border: pixels beyond the outermost cells' centers take their values.
    return small.resize(size[1] / small.width, vscale=size[0] / small.height, kernel="linear")


def _picture(extent: Extent) -> Bool[np.ndarray, "height width"]:
    """Return which pixels of the photo are picture."""
    top, left, bottom, right = extent.box
    shown = np.zeros(extent.size, bool)
    outside = extent.outside(top, bottom)
    shown[top:bottom, left:right] = True if outside is None else ~outside
    return shown


def _lightness_codes() -> UInt8[np.ndarray, " 256"]:
    """Return the sRGB code of each of 256 even steps of L*."""
    lightness = torch.linspace(0, 100, 256, dtype=torch.float64)
    return (linear_to_srgb(lab_curve_inverse((lightness + 16) / 116)) * 255).round().byte().numpy()
