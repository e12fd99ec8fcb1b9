"""Errors of single pixels, and PSNR of single photos.

Pictures are sRGB (gamma encoded) in [0, 1], "b 3 h w". A function that returns a map leaves the averaging to
the caller, because the protocols differ in it: PSNR is averaged over photos, everything else over pixels.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.color.difference import ciede2000
from autochrome.color.spaces import ALPHA_BETA, LAB


def psnr(rgb: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " b"]:
    """Peak signal-to-noise ratio of each photo in dB, over all pixels of all three channels, peak 1.

    A picture equal to the truth has no noise: its value is infinite. Larsson et al. (2016) average the dB of
    the photos arithmetically.
    """
    mean_square = (rgb.double() - truth.double()).square().mean(dim=(1, 2, 3))
    return (-10 * mean_square.log10()).float()


def alpha_beta_error(
    rgb: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]
) -> Float[Tensor, "b h w"]:
    """``sqrt((d_alpha^2 + d_beta^2) / 2)`` of every pixel, in Deshpande's color ratios.

    alpha = (B - (R + G) / 2) / (L + eps), beta = (R - G) / (L + eps), L the mean of R, G and B, eps 1e-4.
    The RMSE of Larsson et al. (2016, table 3) is best reproduced by the mean of this map over all pixels.
    """
    return _distance(ALPHA_BETA.split(rgb)[1], ALPHA_BETA.split(truth)[1]) / math.sqrt(2)


def delta_e(rgb: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b h w"]:
    """CIEDE2000 color difference of every pixel (D65)."""
    return ciede2000(_lab(rgb), _lab(truth))


def lightness_drift(rgb: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b h w"]:
    """|dL*| of every pixel: what colorizing did to the one thing that was given, on L* of 0 to 100."""
    return (LAB.split(rgb)[0] - LAB.split(truth)[0]).abs().squeeze(1)


def _lab(rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
    return torch.cat(LAB.split(rgb), dim=1)


def _distance(chroma: Float[Tensor, "b 2 h w"], truth: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b h w"]:
    return (chroma - truth).square().sum(1).sqrt()
