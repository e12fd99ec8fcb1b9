"""Figures of a report with their 95% intervals: bootstrap over photos.

Every figure of a report over the same photos has the same resamples, so that two systems differ in pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite

import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.evaluation.intervals import percentile_interval, resample_counts
from autochrome.evaluation.scores import LEVEL, Estimate
from autochrome.laboratory.run import LabSettings

_FOLDS = 10


def resamples(photos: int, settings: LabSettings) -> Float[Tensor, "rows photos"]:
    """How often each photo counts: once in the first row, which is the set itself; then its resamples."""
    once = torch.ones(1, photos, dtype=torch.float64)
    return torch.cat([once, resample_counts(photos, settings.replicates, settings.seed)])


def estimate_of(values: Float[Tensor, " rows"]) -> Estimate:
    """A figure of each row of `resamples`: that of the set, and its interval.

    Resamples in which it is undefined (nan), because no photo in them has what it is of, are left out.
    """
    return Estimate(float(values[0]), *percentile_interval(values[1:], LEVEL))


def crossed_estimate(
    sums: Float[Tensor, "photos *what"],
    figure: Callable[[Tensor, Tensor], Tensor],
    weigh: Callable[[Tensor], Tensor],
    settings: LabSettings,
) -> Estimate:
    """A figure without sign, such as a calibration error, to which chance adds nothing.

    Of one tenth of the photos after the other, with the rest to tell the signs; their weighted mean. In the
    resamples a photo stays in its tenth however often it is drawn, so that it never tells its own sign. Where
    differences are no larger than chance makes them the figure comes out a little too small, and around 0 it
    may be negative.

    Args:
        sums: additive over the photos; two at least.
        figure: of sums, "rows ..." each: those to judge, and those that tell the signs.
        weigh: what sums to judge count, "rows".
        settings: of the intervals.
    """
    counts = resamples(len(sums), settings)
    total = torch.tensordot(counts, sums, dims=1)
    above = below = torch.zeros(len(counts), dtype=torch.float64)
    for fold in range(min(_FOLDS, len(sums))):
        part = torch.tensordot(counts[:, fold::_FOLDS], sums[fold::_FOLDS], dims=1)
        weight = weigh(part)
        above = above + weight * figure(part, total - part).nan_to_num()  # of a tenth that was not drawn
        below = below + weight
    return estimate_of(above / below)


def halves(
    photos: int, settings: LabSettings
) -> tuple[Float[Tensor, "rows first"], Float[Tensor, "rows second"]]:
    """`resamples` of every second photo from the first on, and of the others, drawn independently."""
    other = replace(settings, seed=settings.seed + 1)
    return resamples((photos + 1) // 2, settings), resamples(photos // 2, other)


def mean_estimate(values: Float[Tensor, " photos"] | Sequence[float], settings: LabSettings) -> Estimate:
    """Mean over the photos of which there is a value; the others are nan."""
    known = torch.as_tensor(values, dtype=torch.float64)
    counts = resamples(len(known), settings) * ~known.isnan()
    return estimate_of((counts @ known.nan_to_num()) / counts.sum(1))


def ratio_estimate(
    above: Float[Tensor, " photos"], below: Float[Tensor, " photos"], settings: LabSettings
) -> Estimate:
    """Sum of one figure over the photos, over the sum of another."""
    counts = resamples(len(above), settings)
    return estimate_of((counts @ above.double()) / (counts @ below.double()))


def cell(estimate: Estimate, digits: int = 2, sign: str = "") -> str:
    """``value [low, high]``; a dash where there is none."""
    if not isfinite(estimate.value):
        return "–"
    value, low, high = (f"{x:{sign}z.{digits}f}" for x in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"
