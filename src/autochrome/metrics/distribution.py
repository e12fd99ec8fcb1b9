"""Measures of the distribution of chroma over pooled pixels: AuC of the CMF, histogram intersection.

Chroma is (a, b) of CIE Lab, "b 2 h w", D65. Counts and sums are additive over photos: the score of a set is
the score of its totals.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from autochrome.color.bins import AB_BINS

MAX_ERROR = 150
"""Largest threshold of the cumulative mass function, in CIE units: t = 0, 1, ..., 150."""

HISTOGRAM_LIMIT = 100
"""Histograms of a and b cover [-100, 100]; the outermost bins also count what little lies outside."""

HISTOGRAM_BINS = 200


def cumulative_mass(
    ab: Float[Tensor, "b 2 h w"],
    truth: Float[Tensor, "b 2 h w"],
    weight: Float[Tensor, "b h w"] | None = None,
) -> Float[Tensor, "b 151"]:
    """Count the pixels of each photo that lie within t of the truth in ab, for t = 0, 1, ..., 150.

    Args:
        ab: the chroma to score.
        truth: the true chroma.
        weight: of each pixel; 1 if None.

    Returns:
        Counts, or sums of weights, in float64. Divided by the number of pixels (or the sum of all weights)
        they are the cumulative mass function of the raw ab error (Zhang et al. 2016, section 4.1).
    """
    error = (ab - truth).square().sum(1).sqrt()
    # The smallest whole t that reaches the error; those beyond 150 share one slot, which is dropped.
    first = error.ceil().clamp(max=MAX_ERROR + 1).long().flatten(1)
    mass = torch.ones_like(first, dtype=torch.float64) if weight is None else weight.double().flatten(1)
    slots = torch.zeros(len(first), MAX_ERROR + 2, dtype=torch.float64, device=first.device)
    return slots.scatter_add_(1, first, mass)[:, :-1].cumsum(1)


def score_by_bin(
    ab: Float[Tensor, "b 2 h w"], truth: Float[Tensor, "b 2 h w"], bins: Int[Tensor, "b h w"]
) -> Float[Tensor, "b 313"]:
    """Sum the AuC (0 to 1) of single pixels of each photo, by the bin of their true color.

    AuC is linear in the cumulative mass function: it is the mean over pixels of the share of thresholds that
    reach the pixel's error. So these sums give the rebalanced AuC for any prior.
    """
    error = (ab - truth).square().sum(1).sqrt()
    score = ((MAX_ERROR + 1 - error.ceil()) / (MAX_ERROR + 1)).clamp(min=0).double().flatten(1)
    sums = torch.zeros(len(score), AB_BINS, dtype=torch.float64, device=score.device)
    return sums.scatter_add_(1, bins.flatten(1), score)


def area_under_cmf(mass: Float[Tensor, "*n 151"], total: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Return the AuC in percent: the mean of the 151 values of the cumulative mass function, times 100.

    The mean of the values, not the trapezoid rule over [0, 150], gives the paper's figure for gray.
    """
    return 100 * mass.mean(-1) / total


def chroma_histogram(ab: Float[Tensor, "b 2 h w"], bins: int = HISTOGRAM_BINS) -> Float[Tensor, "b 2 bins"]:
    """Return histograms of a and b of each photo: float64 counts in equal bins over [-100, 100]."""
    position = (ab.double() + HISTOGRAM_LIMIT) * (bins / (2 * HISTOGRAM_LIMIT))
    index = position.floor().clamp(0, bins - 1).long().flatten(2)
    counts = torch.zeros(*index.shape[:2], bins, dtype=torch.float64, device=ab.device)
    return counts.scatter_add_(2, index, torch.ones_like(index, dtype=torch.float64))


def histogram_intersection(
    histogram: Float[Tensor, "*n bins"], truth: Float[Tensor, "*n bins"]
) -> Float[Tensor, "*n"]:
    """Return ``sum min(p, q)`` of two histograms, each scaled to sum 1: 1 if equal, 0 if disjoint."""
    p = histogram / histogram.sum(-1, keepdim=True)
    q = truth / truth.sum(-1, keepdim=True)
    return torch.minimum(p, q).sum(-1)
