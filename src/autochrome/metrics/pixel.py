"""Errors of single pixels, and PSNR of single photos.

Pictures are gamma-encoded sRGB in [0, 1], "b 3 h w". Functions that return a map leave averaging to the
caller, because protocols differ: PSNR is averaged over photos, everything else over pixels.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.color.difference import ciede2000
from autochrome.color.spaces import rgb_to_lab


def psnr(rgb: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " b"]:
    """Return the peak signal-to-noise ratio of each photo in dB, over all pixels of the channels, peak 1.

    It is infinite for a picture equal to the truth. Larsson et al. (2016) average the dB over photos.
    """
    mean_square = (rgb.double() - truth.double()).square().mean(dim=(1, 2, 3))
    return (-10 * mean_square.log10()).float()


def alpha_beta_error(
    rgb: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]
) -> Float[Tensor, "b h w"]:
    """Return ``sqrt((d_alpha^2 + d_beta^2) / 2)`` of each pixel, in Deshpande's color ratios (2015).

    The RMSE of Larsson et al. (2016, table 3) is best reproduced by the mean of this map over all pixels.
    """
    difference = _alpha_beta(rgb) - _alpha_beta(truth)
    return difference.square().sum(1).sqrt() / math.sqrt(2)


def _alpha_beta(rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 2 h w"]:
    """Return alpha = (B - (R + G) / 2) / (L + eps) and beta = (R - G) / (L + eps), L = (R + G + B) / 3."""
    r, g, b = rgb.unbind(1)
    luma = rgb.mean(1) + 1e-4  # finite in black, as in the papers' code, converttobmyrmg.m
    return torch.stack(((b - (r + g) / 2) / luma, (r - g) / luma), dim=1)


def delta_e(rgb: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b h w"]:
    """Return the CIEDE2000 color difference of each pixel (D65)."""
    return ciede2000(rgb_to_lab(rgb), rgb_to_lab(truth))
