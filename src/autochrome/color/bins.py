"""Discrete colour: the 313 in-gamut ab bins of Zhang, Isola and Efros (2016), section 3.1 and 3.2.

The chroma plane of CIE Lab is cut into a grid of 10 units; the 313 cells that the authors kept are listed
here, because no simple gamut rule reproduces their table. The order is lexicographic: a first, then b.

Paper -> name here
    Q = 313, grid size 10              ``AB_CENTERS``
    H_gt^-1 soft encoding, k=10, s=5   ``soft_encode``
    G_sigma * p                        ``smooth_prior``
    v(Z) = w_q*, equations 5 and 6     ``rebalancing_weights``
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

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
"""Bin centres (a, b) in CIE units, in the paper's order."""

AB_BINS = len(AB_CENTERS)
"""Q, the number of bins: 313."""

_OFFSET = 110  # the lowest coordinate of the look-up lattice below


@lru_cache(maxsize=8)
def _neighbour_table(k: int) -> Int[Tensor, "cells k"]:
    """Candidates among which the k nearest centres of any ab in a 1-unit cell are found.

    The lattice covers a and b in [-110, 110] with step 1. For a point inside a cell the exact k nearest are
    among the k + 14 nearest of the cell's middle: the tests compare with a full search.
    """
    axis = torch.arange(-_OFFSET, _OFFSET + 1, dtype=torch.float32)
    lattice = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    distance = torch.cdist(lattice, AB_CENTERS)
    return distance.topk(min(k + 14, AB_BINS), largest=False).indices


def _flatten(ab: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "n 2"]:
    return ab.permute(0, 2, 3, 1).reshape(-1, 2)


def _nearest(points: Float[Tensor, "n 2"], k: int) -> tuple[Float[Tensor, "n k"], Int[Tensor, "n k"]]:
    """Squared distances to, and indices of, the k nearest centres, nearest first."""
    table = _neighbour_table(k).to(points.device)
    cell = (points.round().clamp(-_OFFSET, _OFFSET) + _OFFSET).long()
    candidates = table[cell[:, 0] * (2 * _OFFSET + 1) + cell[:, 1]]
    centers = AB_CENTERS.to(points)
    squared = (points[:, None] - centers[candidates]).square().sum(-1)
    squared, order = squared.topk(k, largest=False)
    return squared, candidates.gather(1, order)


def nearest_bin(ab: Float[Tensor, "b 2 h w"]) -> Int[Tensor, "b h w"]:
    """Index of the bin whose centre is nearest to each ab (CIE units)."""
    b, _, h, w = ab.shape
    return _nearest(_flatten(ab), 1)[1].reshape(b, h, w)


def soft_encode(
    ab: Float[Tensor, "b 2 h w"], *, k: int = 10, sigma: float = 5.0
) -> tuple[Float[Tensor, "b k h w"], Int[Tensor, "b k h w"]]:
    """Soft-encode ab over its k nearest bins with a Gaussian kernel (section 3.1).

    Args:
        ab: chroma in CIE units.
        k: number of neighbours, 10 in the paper.
        sigma: kernel width in CIE units, 5 in the paper.

    Returns:
        The weights (they sum to 1 over ``k``, nearest first, so index 0 is argmax Z) and the bins they belong to.
    """
    b, _, h, w = ab.shape
    squared, index = _nearest(_flatten(ab), k)
    weight = torch.softmax(-squared / (2 * sigma**2), dim=1)
    return weight.reshape(b, h, w, k).permute(0, 3, 1, 2), index.reshape(b, h, w, k).permute(0, 3, 1, 2)


def smooth_prior(prior: Float[Tensor, " q"], *, sigma: float = 5.0) -> Float[Tensor, " q"]:
    """G_sigma * p of equation 6 on the 313 centres.

    The kernel exp(-d^2 / 2 sigma^2) is normalised by columns, so that the mass of every bin is spread and
    none is lost: the result sums to 1 where ``prior`` does.
    """
    centers = AB_CENTERS.to(prior)
    kernel = torch.exp(-torch.cdist(centers, centers).square() / (2 * sigma**2))
    return (kernel / kernel.sum(0, keepdim=True)) @ prior


def rebalancing_weights(prior: Float[Tensor, " q"], *, mix: float = 0.5) -> Float[Tensor, " q"]:
    """Class-rebalancing weights w of equations 5 and 6.

    ``w ~ ((1 - mix) * p + mix * u)^-1`` with u uniform over the bins that occur, scaled so that the expected
    weight under p is 1. Equation 6 prints ``+ lambda``; taken literally the weights would all be near 1, so
    this uses lambda / Q, as the authors' code and the paper's later version do.

    Args:
        prior: the smoothed colour prior; it must be non-negative and is normalised here.
        mix: lambda in [0, 1]; 0 weighs by the full inverse, 1 gives every bin the weight 1 (no rebalancing).

    Returns:
        Weights (q,); bins that never occur (prior 0) get the largest weight among those that do.
    """
    if not 0 <= mix <= 1:
        raise ValueError(f"mix (lambda) must be within 0 and 1, not {mix}")
    if prior.min() < 0 or prior.sum() <= 0:
        raise ValueError("a colour prior needs non-negative values with a positive sum")
    prior = prior / prior.sum()
    occurs = prior > 0
    uniform = occurs / occurs.sum()
    weight = torch.where(occurs, 1 / ((1 - mix) * prior + mix * uniform).clamp_min(1e-30), 0.0)
    weight = weight / (prior * weight).sum()
    return torch.where(occurs, weight, weight.max())


def count_bins(ab: Float[Tensor, "b 2 h w"]) -> Int[Tensor, "313"]:
    """How many pixels have each bin as their nearest: the raw material of a prior."""
    return torch.bincount(nearest_bin(ab).flatten(), minlength=AB_BINS)


@lru_cache(maxsize=1)
def reference_prior() -> Float[Tensor, "313"]:
    """The smoothed colour prior that the evaluator rebalances with.

    Estimated once by ``autochrome prior`` on the photos that the shipped weights were trained with, and fixed
    since, so that rebalanced figures of different systems and dates can be compared.
    """
    path = files("autochrome.color") / "ab_prior.txt"
    values = np.loadtxt(path.read_text(encoding="utf-8").splitlines(), dtype=np.float64)
    return smooth_prior(torch.from_numpy(values / values.sum())).float()
