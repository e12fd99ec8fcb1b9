"""Errors of single pixels, and PSNR of single photos.

Pictures are gamma-encoded sRGB in [0, 1], "b 3 h w". Functions that return a map leave averaging to the
caller, because protocols differ: PSNR is averaged over photos, everything else over pixels.
"""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from autochrome.color.difference import ciede2000
from autochrome.color.spaces import ALPHA_BETA, rgb_to_lab


def psnr(rgb: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " b"]:
    """Return the peak signal-to-noise ratio of each photo in dB, over all pixels of the channels, peak 1.

    It is infinite for a picture equal to the truth. Larsson et al. (2016) average the dB over photos.
    """
    mean_square = (rgb.double() - truth.double()).square().mean(dim=(1, 2, 3))
    return (-10 * mean_square.log10()).float()


def alpha_beta_error(
    rgb: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]
) -> Float[Tensor, "b h w"]:
    """Return ``sqrt((d_alpha^2 + d_beta^2) / 2)`` of each pixel, in Deshpande's color ratios.

    alpha = (B - (R + G) / 2) / (L + eps), beta = (R - G) / (L + eps), L the mean of R, G and B, eps 1e-4.
    The RMSE of Larsson et al. (2016, table 3) is best reproduced by the mean of this map over all pixels.
    """
    difference = ALPHA_BETA.split(rgb)[1] - ALPHA_BETA.split(truth)[1]
    return difference.square().sum(1).sqrt() / math.sqrt(2)


def delta_e(rgb: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b h w"]:
    """Return the CIEDE2000 color difference of each pixel (D65)."""
    return ciede2000(rgb_to_lab(rgb), rgb_to_lab(truth))
