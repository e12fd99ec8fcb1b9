"""Discrete color: the 313 in-gamut ab bins of Zhang, Isola and Efros (2016), sections 3.1 and 3.2.

The chroma plane of CIE Lab is cut into a grid of 10 units; the 313 cells that the authors kept are listed
here, because no simple gamut rule reproduces their table. The order is lexicographic: a first, then b.

Section or equation -> name here
    3.1, Q = 313 bins, grid size 10            ``AB_CENTERS``, ``nearest_bin``
    3.1, H_gt^-1: soft encoding, k=10, s=5     ``soft_encode``
    3.2, p, the empirical distribution         ``count_bins``, ``reference_prior``
    3.2, G_sigma * p of equation 6             ``smooth_prior``
    3.2, w of equations 5, 6 and 7             ``rebalancing_weights``
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

GRID = 10
"""Side of one ab bin in CIE units."""

# For every a, the lowest and highest b that is kept; the rows have no holes.
_ROWS = {
    -90: (50, 90),
    -80: (20, 90),
    -70: (0, 90),
    -60: (-20, 90),
    -50: (-30, 100),
    -40: (-40, 100),
    -30: (-50, 100),
    -20: (-50, 100),
    -10: (-60, 100),
    0: (-70, 100),
    10: (-80, 90),
    20: (-80, 90),
    30: (-90, 90),
    40: (-100, 90),
    50: (-100, 80),
    60: (-110, 80),
    70: (-110, 80),
    80: (-110, 70),
    90: (-110, 70),
    100: (-90, 0),
}

AB_CENTERS: Float[Tensor, "313 2"] = torch.tensor(
    [(a, b) for a, (low, high) in _ROWS.items() for b in range(low, high + 1, GRID)], dtype=torch.float32
)
"""Bin centers (a, b) in CIE units, in the paper's order."""

AB_BINS = len(AB_CENTERS)
"""Q, the number of bins: 313."""

_REACH = 110
"""The look-up lattice below covers a and b within +-110: all of sRGB, which spans -86..98 and -108..94."""


@lru_cache(maxsize=8)
def _candidates(k: int, device: torch.device) -> Int[Tensor, "cells width"]:
    """Return, for every lattice point, bins that include the k nearest of any ab that rounds to it.

    Such an ab is at most sqrt(1/2) away from its lattice point, so no distance differs by more than that
    between the two, and a bin farther from the point than its k-th nearest plus sqrt(2) cannot be among the
    k nearest of the ab. The table is as wide as the cell with the most bins in that reach (16 for k = 10).
    """
    axis = torch.arange(-_REACH, _REACH + 1, dtype=torch.float32)
    distance = _distances(torch.cartesian_prod(axis, axis), AB_CENTERS)
    kth = distance.topk(k, largest=False).values[:, -1:]
    width = int((distance < kth + math.sqrt(2) + 1e-3).sum(1).max())
    return distance.topk(width, largest=False).indices.to(device)


def _distances(points: Float[Tensor, "n 2"], others: Float[Tensor, "m 2"]) -> Float[Tensor, "n m"]:
    # cdist's own choice multiplies matrices, which is fast but leaves distances of 0.1 between equal points.
    return torch.cdist(points, others, compute_mode="donot_use_mm_for_euclid_dist")


def _nearest(ab: Float[Tensor, "b 2 h w"], k: int) -> tuple[Float[Tensor, "b k h w"], Int[Tensor, "b k h w"]]:
    """Return squared distances to, and indices of, the k nearest centers, nearest first."""
    batch, _, height, width = ab.shape
    points = ab.permute(0, 2, 3, 1).reshape(-1, 2)
    cell = (points.round().clamp(-_REACH, _REACH) + _REACH).long()
    candidates = _candidates(k, points.device)[cell[:, 0] * (2 * _REACH + 1) + cell[:, 1]]
    center_a, center_b = AB_CENTERS.to(points).unbind(1)
    squared = (points[:, :1] - center_a[candidates]).square()
    squared += (points[:, 1:] - center_b[candidates]).square()
    squared, order = squared.topk(k, largest=False)
    index = candidates.gather(1, order)
    outside = points.abs().amax(1) > _REACH + 0.5
    if outside.any():
        distance, nearest = _distances(points[outside], AB_CENTERS.to(points)).topk(k, largest=False)
        squared[outside], index[outside] = distance.square(), nearest
    shape = (batch, height, width, k)
    return squared.reshape(shape).permute(0, 3, 1, 2), index.reshape(shape).permute(0, 3, 1, 2)


def nearest_bin(ab: Float[Tensor, "b 2 h w"]) -> Int[Tensor, "b h w"]:
    """Return the index of the bin whose center is nearest to each ab (CIE units)."""
    return _nearest(ab, 1)[1][:, 0]


def soft_encode(
    ab: Float[Tensor, "b 2 h w"], *, k: int = 10, sigma: float = 5.0
) -> tuple[Float[Tensor, "b k h w"], Int[Tensor, "b k h w"]]:
    """Soft-encode ab over its k nearest bins with a Gaussian kernel (section 3.1).

    Args:
        ab: chroma in CIE units.
        k: number of neighbors, 10 in the paper.
        sigma: kernel width in CIE units, 5 in the paper.

    Returns:
        The weights, which sum to 1 over ``k``, and the bins they belong to; nearest first, so that index 0 is
        argmax Z. All other bins of Z are 0.
    """
    squared, index = _nearest(ab, k)
    return torch.softmax(-squared / (2 * sigma**2), dim=1), index


def smooth_prior(prior: Float[Tensor, " q"]) -> Float[Tensor, " q"]:
    """Return G_sigma * p of equation 6 on the 313 centers; sigma is 5.

    The kernel exp(-d^2 / 2 sigma^2) is normalized by columns, so that the mass of every bin is spread and
    none is lost: the result sums to 1 where ``prior`` does.
    """
    centers = AB_CENTERS.to(prior)
    kernel = torch.exp(-_distances(centers, centers).square() / (2 * 5.0**2))
    return (kernel / kernel.sum(0, keepdim=True)) @ prior


def rebalancing_weights(prior: Float[Tensor, " q"], *, mix: float = 0.5) -> Float[Tensor, " q"]:
    """Return the class-rebalancing weights w of equations 5 and 6.

    ``w ~ ((1 - mix) * p + mix * u)^-1`` with u uniform over the bins that occur, scaled so that the expected
    weight under p is 1. Equation 6 prints ``+ lambda``; taken literally the weights would all be near 1, so
    this uses lambda / Q, as the authors' code and the paper's later version do.

    Args:
        prior: the smoothed color prior; it must be non-negative and is normalized here.
        mix: lambda in [0, 1]; 0 weighs by the full inverse, 1 gives every bin the weight 1 (no rebalancing).

    Returns:
        Weights (q,); bins that never occur (prior 0) get the largest weight among those that do.
    """
    if not 0 <= mix <= 1:
        raise ValueError(f"mix (lambda) must be within 0 and 1, not {mix}")
    if prior.min() < 0 or prior.sum() <= 0:
        raise ValueError("a color prior needs non-negative values with a positive sum")
    prior = prior / prior.sum()
    occurs = prior > 0
    uniform = occurs / occurs.sum()
    weight = torch.where(occurs, 1 / ((1 - mix) * prior + mix * uniform).clamp_min(1e-30), 0.0)
    weight = weight / (prior * weight).sum()
    return torch.where(occurs, weight, weight.max())


def count_bins(ab: Float[Tensor, "b 2 h w"]) -> Int[Tensor, "313"]:
    """Count the pixels that have each bin as their nearest: the raw material of a prior."""
    return torch.bincount(nearest_bin(ab).flatten(), minlength=AB_BINS)


REFERENCE_FLOOR = 1e-5
"""Smallest share of a bin in ``reference_prior``; our own choice, the paper has none."""


@lru_cache(maxsize=1)
def reference_prior() -> Float[Tensor, "313"]:
    """Return the smoothed color prior that the evaluator rebalances with.

    Counted once on the 144 px photos that the shipped weights were trained with, by an earlier revision of
    ``autochrome prior`` (today's shrinks otherwise: its shares differ by up to .005), and fixed since,
    so that rebalanced scores of different systems and dates can be compared. No bin counts as rarer than
    ``REFERENCE_FLOOR``: otherwise a single photo with colors that the training photos hardly have decides.
    """
    path = files("autochrome.color") / "ab_prior.txt"
    values = np.loadtxt(path.read_text(encoding="utf-8").splitlines(), dtype=np.float64)
    prior = smooth_prior(torch.from_numpy(values / values.sum())).clamp_min(REFERENCE_FLOOR)
    return (prior / prior.sum()).float()


# Cb and Cr (Guadarrama 2017) ----------------------------------------------------------------------


@dataclass(frozen=True)
class ChromaBins:
    """Cb and Cr cut into equal bins, each channel on its own (Guadarrama 2017, section 3.1).

    Channels come in the order of the paper's factorization, Cr before Cb; chroma is in the space's order.
    """

    count: int = 32
    """Bins of a channel; their width is 256 / count bytes."""
    shift: int = 0
    """Bytes by which the bins are moved down. At 0, as in the paper, neutral (byte 128) is the edge between
    two bins; half a bin's width makes it a center."""

    @property
    def width(self) -> int:
        """Width of a bin in bytes."""
        return 256 // self.count

    def encode(self, chroma: Float[Tensor, "b 2 h w"]) -> Int[Tensor, "b 2 h w"]:
        """Return the bins (Cr, Cb) of chroma (Cb, Cr) in [0, 1]; values outside take the outermost bin."""
        bins = ((chroma.flip(1) * 255 + self.shift) / self.width).floor().long()
        return bins.clamp(0, self.count - 1)

    def centers(self) -> Float[Tensor, " k"]:
        """Return the middle of every bin, in [0, 1]."""
        return (torch.arange(self.count) * self.width + self.width / 2 - self.shift) / 255

    def decode(self, bins: Int[Tensor, "b 2 h w"], values: Float[Tensor, "2 k"]) -> Float[Tensor, "b 2 h w"]:
        """Return the chroma (Cb, Cr) of bins (Cr, Cb), each by its value in ``values`` (Cr, Cb)."""
        cr, cb = (channel[index] for channel, index in zip(values, bins.unbind(1), strict=True))
        return torch.stack((cb, cr), 1)

    def bounds(
        self, bins: Int[Tensor, "b 2 h w"]
    ) -> tuple[Float[Tensor, "b 2 h w"], Float[Tensor, "b 2 h w"]]:
        """Return the lowest and highest chroma (Cb, Cr) of bins (Cr, Cb), a thousandth short of the edges."""
        centers = self.decode(bins, self.centers().to(bins.device).expand(2, -1))
        half = 0.499 * self.width / 255
        return centers - half, centers + half


def smooth_within(
    chroma: Float[Tensor, "b 2 h w"],
    low: Float[Tensor, "b 2 h w"],
    high: Float[Tensor, "b 2 h w"],
    steps: int,
) -> Float[Tensor, "b 2 h w"]:
    """Smooth chroma as far as bounds allow: ``steps`` times the 3x3 mean, each clamped to the bounds.

    Where neighboring bins meet, this turns the steps of quantization into slopes.
    """
    chroma = chroma.clamp(low, high)
    for _ in range(steps):
        padded = F.pad(chroma, (1, 1, 1, 1), mode="replicate")
        chroma = F.avg_pool2d(padded, 3, stride=1).clamp(low, high)
    return chroma
