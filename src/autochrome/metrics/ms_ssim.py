"""Multi-scale structural similarity of color pictures.

Wang, Simoncelli, Bovik: "Multi-scale structural similarity for image quality assessment", Asilomar 2003, the
measure that Guadarrama et al. (2017, section 5.1) use for the difference between two samples of one photo.

The 2003 paper is about gray pictures, and PixColor's gives only the name. Two samples of a photo have the
same luma, so the similarity of their gray versions would be 1 by construction. Here each channel of sRGB in
[0, 1] is compared separately, as widespread implementations do. Choices that the papers leave open: windows
lie wholly inside the picture, the low-pass filter is the mean of 2 x 2 pixels (an odd last row or column is
dropped), and a negative mean of the structure term counts as 0.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales from fine to coarse (section 3.2)."""

WINDOW, SIGMA = 11, 1.5
"""Side and standard deviation in pixels of the Gaussian window (SSIM 2004, section III.B)."""

SMALLEST = WINDOW * 2 ** (len(WEIGHTS) - 1)
"""The least side in pixels: at the coarsest scale the window just fits."""

_C1, _C2 = 0.01**2, 0.03**2

Plane = Float[Tensor, "p h w"]


def pairwise_ms_ssim(samples: Float[Tensor, "n c h w"]) -> Float[Tensor, "n n c"]:
    """Return the MS-SSIM of each pair of samples, channel by channel: symmetric, 1 on the diagonal (eq 7).

    Local means and variances are computed once per sample, not once per pair.

    Args:
        samples: channels in [0, 1], such as sRGB. Papers' MS-SSIM of colors is the mean over R, G and B.

    Raises:
        ValueError: a side is below 176 pixels.
    """
    n, channels, height, width = samples.shape
    if min(height, width) < SMALLEST:
        raise ValueError(
            f"MS-SSIM of five scales needs sides of {SMALLEST} pixels at least, not {width} x {height};"
            " compare the pictures at a larger size"
        )
    first, second = torch.triu_indices(n, n, offset=1, device=samples.device)
    channel = torch.arange(channels, device=samples.device)
    left, right = ((i[:, None] * channels + channel).flatten() for i in (first, second))
    planes, values = samples.flatten(0, 1), samples.new_ones(len(left))
    for scale, weight in enumerate(WEIGHTS):
        coarsest = scale == len(WEIGHTS) - 1
        values = values * _similarity(planes, left, right, luminance=coarsest).clamp(min=0) ** weight
        planes = planes if coarsest else F.avg_pool2d(planes, 2)
    table = samples.new_ones(n, n, channels)
    table[first, second] = table[second, first] = values.reshape(-1, channels)
    return table


def _similarity(planes: Plane, left: Tensor, right: Tensor, *, luminance: bool) -> Float[Tensor, " pairs"]:
    """Return the mean of contrast times structure (eq 2, 3), times luminance (eq 1) if requested."""
    mean = _blur(planes)
    variance = (_blur(planes.square()) - mean.square()).clamp(min=0)
    values = planes.new_empty(len(left))
    for k, (i, j) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
        product = mean[i] * mean[j]
        covariance = _blur((planes[i] * planes[j])[None])[0] - product
        term = (2 * covariance + _C2) / (variance[i] + variance[j] + _C2)
        if luminance:
            term = term * (2 * product + _C1) / (mean[i].square() + mean[j].square() + _C1)
        values[k] = term.mean()
    return values


def _blur(planes: Plane) -> Float[Tensor, "p h2 w2"]:
    """Return the mean under the Gaussian window, wherever it lies wholly inside.

    Two products with band matrices: on a CPU several times as fast as convolving single planes.
    """
    height, width = planes.shape[1:]
    return _window_matrix(height).to(planes) @ planes @ _window_matrix(width).T.to(planes)


@lru_cache(maxsize=32)
def _window_matrix(side: int) -> Float[Tensor, "inside side"]:
    """Return a matrix whose row i holds the Gaussian window from pixel i on."""
    position = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    window = torch.exp(-(position**2) / (2 * SIGMA**2))
    matrix = torch.zeros(side - WINDOW + 1, side, dtype=torch.float64)
    first = torch.arange(len(matrix))[:, None]
    return matrix.scatter_(1, first + torch.arange(WINDOW), (window / window.sum()).expand(len(matrix), -1))
