"""Pictures for a document, small enough that a hundred of them make a file that can be sent."""

from __future__ import annotations

import pyvips

from autochrome.report.contact_sheet import Layout, Picture, fit
from autochrome.report.html import Figure

SIDE = 256
"""Longest side of a thumbnail, in pixels."""

_QUALITY = 88


def picture(pixels: Picture, alt: str, caption: str = "", side: int = SIDE) -> Figure:
    """Return a picture of a document: WebP with its colors at full resolution, shrunk to fit.

    Args:
        pixels: sRGB, or gray with one channel.
        alt: what it shows, in words.
        caption: below it.
        side: the longest side in pixels.
    """
    small = fit(pixels, Layout(cell_width=side, cell_height=side))
    image = pyvips.Image.new_from_array(small).copy(interpretation="srgb")
    return Figure(image.webpsave_buffer(Q=_QUALITY, smart_subsample=True), alt, caption)
