"""Pictures for the report, small enough that a hundred of them make a file that can be sent."""

from __future__ import annotations

import numpy as np
import pyvips
import torch
from jaxtyping import UInt8

from autochrome.io.photo import Photo
from autochrome.report.contact_sheet import Layout, fit
from autochrome.report.html import Figure
from autochrome.types import RGB

SIDE = 256
"""Longest side of a picture in the report, in pixels."""

_QUALITY = 88


def pixels_of(rgb: RGB) -> UInt8[np.ndarray, "h w 3"]:
    """8-bit pixels of one picture, sRGB in [0, 1], "1 3 h w"."""
    return (rgb[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def picture(pixels: UInt8[np.ndarray, "h w c"], alt: str, caption: str = "", side: int = SIDE) -> Figure:
    """A picture of the report: WebP, shrunk to ``side`` where it is larger, its colors at full resolution.

    Args:
        pixels: 8-bit sRGB, or gray with one channel.
        alt: what it shows, in words.
        caption: below it.
        side: the longest there may be.
    """
    small = fit(pixels, Layout(cell_width=side, cell_height=side))
    image = pyvips.Image.new_from_array(small).copy(interpretation="srgb")
    return Figure(image.webpsave_buffer(Q=_QUALITY, smart_subsample=True), alt, caption)


def rgb_of(photo: Photo) -> RGB:
    """A photo's pixels as sRGB in [0, 1], "1 3 h w"; a gray one has three equal channels."""
    white = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}[photo.pixels.dtype.name]
    planes = np.ascontiguousarray(photo.pixels.transpose(2, 0, 1), dtype=np.float32) / np.float32(white)
    return torch.from_numpy(planes)[None].expand(1, 3, -1, -1)
