"""Pictures for the report, small enough that a hundred of them make a file that can be sent."""

from __future__ import annotations

import numpy as np
import pyvips
from jaxtyping import UInt8

from autochrome.laboratory.run import Run, System
from autochrome.report.contact_sheet import Layout, fit
from autochrome.report.html import Figure
from autochrome.types import RGB

SIDE = 256
"""Longest side of a picture in the report, in pixels."""

_QUALITY = 88


def pixels_of(rgb: RGB) -> UInt8[np.ndarray, "h w 3"]:
    """Return the 8-bit pixels of one picture, sRGB in [0, 1], "1 3 h w"."""
    return (rgb[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def picture(pixels: UInt8[np.ndarray, "h w c"], alt: str, caption: str = "", side: int = SIDE) -> Figure:
    """Return a picture of the report: WebP with its colors at full resolution, shrunk to fit.

    Args:
        pixels: 8-bit sRGB, or gray with one channel.
        alt: what it shows, in words.
        caption: below it.
        side: the longest side in pixels.
    """
    small = fit(pixels, Layout(cell_width=side, cell_height=side))
    image = pyvips.Image.new_from_array(small).copy(interpretation="srgb")
    return Figure(image.webpsave_buffer(Q=_QUALITY, smart_subsample=True), alt, caption)


def true_picture(run: Run, name: str, side: int = SIDE) -> Figure:
    """Return the picture of a true photo."""
    return picture(pixels_of(run.truth(name)), f"photo {name}", side=side)


def result_picture(
    run: Run, system: System, name: str, sample: int = 0, caption: str = "", side: int = SIDE
) -> Figure:
    """Return the picture of a system's result."""
    number = f", sample {sample + 1}" if system.has_several else ""
    rgb = run.result(system, name, sample)
    return picture(pixels_of(rgb), f"photo {name} by {system.name}{number}", caption, side)
