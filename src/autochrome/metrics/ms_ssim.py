"""Multi-scale structural similarity of color pictures.

Wang, Simoncelli, Bovik: "Multi-scale structural similarity for image quality assessment", Asilomar 2003, the
measure by which Guadarrama et al. (2017, section 5.1) tell how different two samples of one photo are.

The 2003 paper is about gray pictures, and PixColor's says no more than its name. Two samples of a photo have
the same luma, so that of their gray versions would be 1 by construction. Here every channel of sRGB in [0, 1]
is compared by itself and the mean of the three is taken, as widespread implementations do. Open in the papers
and chosen here: windows lie wholly inside the picture, the low-pass filter is the mean of 2 x 2 pixels (an
odd last row or column is dropped), and a negative mean of the structure term counts as 0.
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


def ms_ssim(x: Float[Tensor, "b 3 h w"], y: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " b"]:
    """MS-SSIM of pairs of color pictures: the mean over R, G and B. 1 where they are equal.

    Args:
        x: sRGB in [0, 1].
        y: the same size.

    Raises:
        ValueError: a side is below 176 pixels.
    """
    return ms_ssim_channels(x, y).mean(1)


def ms_ssim_channels(x: Float[Tensor, "b c h w"], y: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c"]:
    """MS-SSIM of every channel by itself: R, G and B, or chroma planes such as Cb and Cr; all in [0, 1].

    Raises:
        ValueError: a side is below 176 pixels.
    """
    count, channels = x.shape[:2]
    index = torch.arange(count * channels, device=x.device)
    planes = torch.cat((x, y)).flatten(0, 1)
    return _compare(planes, index, index + count * channels).reshape(count, channels)


def pairwise_ms_ssim(samples: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n n"]:
    """MS-SSIM of every sample of a photo with every other: symmetric, 1 on the diagonal.

    Args:
        samples: sRGB in [0, 1].

    Raises:
        ValueError: a side is below 176 pixels.
    """
    return pairwise_ms_ssim_channels(samples).mean(2)


def pairwise_ms_ssim_channels(samples: Float[Tensor, "n c h w"]) -> Float[Tensor, "n n c"]:
    """MS-SSIM of every pair of samples, channel by channel; channels in [0, 1].

    What concerns one picture (its local means and variances) is worked out once and not for every pair.

    Raises:
        ValueError: a side is below 176 pixels.
    """
    n, channels = samples.shape[:2]
    first, second = torch.triu_indices(n, n, offset=1, device=samples.device)
    channel = torch.arange(channels, device=samples.device)
    left, right = ((i[:, None] * channels + channel).flatten() for i in (first, second))
    values = _compare(samples.flatten(0, 1), left, right).reshape(-1, channels)
    table = samples.new_ones(n, n, channels)
    table[first, second] = values
    table[second, first] = values
    return table


def _compare(planes: Plane, left: Tensor, right: Tensor) -> Float[Tensor, " pairs"]:
    """MS-SSIM of ``planes[left]`` with ``planes[right]``, pair by pair (eq 7)."""
    if min(planes.shape[1:]) < SMALLEST:
        height, width = planes.shape[1:]
        raise ValueError(
            f"MS-SSIM of five scales needs sides of {SMALLEST} pixels at least, not {width} x {height};"
            " compare the pictures at a larger size"
        )
    result = planes.new_ones(len(left))
    for scale, weight in enumerate(WEIGHTS):
        coarsest = scale == len(WEIGHTS) - 1
        result = result * _similarity(planes, left, right, luminance=coarsest).clamp(min=0) ** weight
        planes = planes if coarsest else F.avg_pool2d(planes, 2)
    return result


def _similarity(planes: Plane, left: Tensor, right: Tensor, *, luminance: bool) -> Float[Tensor, " pairs"]:
    """Mean of contrast times structure (eq 2, 3) over the picture; times luminance (eq 1) if asked."""
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
    """The mean under the Gaussian window, wherever it lies wholly inside.

    Two products with band matrices: on a CPU several times as fast as convolving single planes.
    """
    height, width = planes.shape[1:]
    return _window_matrix(height).to(planes) @ planes @ _window_matrix(width).T.to(planes)


@lru_cache(maxsize=32)
def _window_matrix(side: int) -> Float[Tensor, "inside side"]:
    """Row i holds the Gaussian window from pixel i on."""
    position = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    window = torch.exp(-(position**2) / (2 * SIGMA**2))
    matrix = torch.zeros(side - WINDOW + 1, side, dtype=torch.float64)
    first = torch.arange(len(matrix))[:, None]
    return matrix.scatter_(1, first + torch.arange(WINDOW), (window / window.sum()).expand(len(matrix), -1))
