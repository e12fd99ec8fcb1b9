"""Figures with their bootstrap intervals: photos, not pixels, are the sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite, isnan

import torch
from jaxtyping import Float
from torch import Tensor

LEVEL = 0.95
"""Of every interval."""

_FOLDS = 10


@dataclass(frozen=True)
class Estimate:
    """A figure and the ends of its 95% bootstrap interval over photos."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Float[Tensor, " rows"]) -> Estimate:
        """Return the estimate of a figure that was computed for each row of `Bootstrap.counts`."""
        return cls(float(values[0]), *percentile_interval(values[1:]))

    def scaled(self, factor: float) -> Estimate:
        """Return the same in another unit, such as percent."""
        return Estimate(factor * self.value, factor * self.low, factor * self.high)

    def cell(self, digits: int = 2, sign: str = "", gap: str = " ") -> str:
        """Return ``value [low, high]`` for a table; a dash if the value is undefined.

        Args:
            digits: after the point.
            sign: "+" to write it before positive numbers, too.
            gap: between the ends of the interval; without one, narrow tables break lines before the interval.
        """
        if isnan(self.value):
            return "–"
        value, low, high = (_number(x, f"{sign}z.{digits}f") for x in (self.value, self.low, self.high))
        return f"{value} [{low},{gap}{high}]"


def _number(value: float, form: str) -> str:
    if isfinite(value):
        return format(value, form)
    return "–" if isnan(value) else ("∞" if value > 0 else "-∞")


def percentile_interval(values: Float[Tensor, " replicates"], level: float = LEVEL) -> tuple[float, float]:
    """Return the percentile interval of a figure over resamples; infinite if the figure is.

    Resamples for which the figure is nan are left out; if it is nan for all, so is the interval.
    """
    values = values[~values.isnan()]
    if not len(values):
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    # "nearest", because between two infinite neighbors the linear rule gives nan.
    low, high = torch.quantile(
        values.double(), torch.tensor([tail, 1 - tail], dtype=torch.float64), interpolation="nearest"
    ).tolist()
    return low, high


@dataclass(frozen=True)
class Bootstrap:
    """Resampling of photos with replacement; a seed always gives the same resamples, which pairs systems."""

    replicates: int = 1000
    seed: int = 0

    def counts(self, photos: int) -> Float[Tensor, "rows photos"]:
        """Return how often each photo counts: once in the first row, the set itself; then in each resample.

        Times a matrix of sums per photo this gives the sums of every resample.
        """
        generator = torch.Generator().manual_seed(self.seed)
        drawn = torch.randint(photos, (self.replicates, photos), generator=generator)
        counts = torch.zeros(self.replicates, photos, dtype=torch.float64)
        counts.scatter_add_(1, drawn, torch.ones_like(counts))
        return torch.cat([torch.ones(1, photos, dtype=torch.float64), counts])

    def halves(self, photos: int) -> tuple[Float[Tensor, "rows first"], Float[Tensor, "rows second"]]:
        """Return the `counts` of every second photo from the first on, and of the others, independently."""
        other = replace(self, seed=self.seed + 1)
        return self.counts((photos + 1) // 2), other.counts(photos // 2)

    def mean(self, values: Float[Tensor, " photos"] | Sequence[float]) -> Estimate:
        """Return the mean over the photos that have a value; for the others it is nan."""
        known = torch.as_tensor(values, dtype=torch.float64)
        counts = self.counts(len(known)) * ~known.isnan()
        return Estimate.of((counts @ known.nan_to_num()) / counts.sum(1))

    def ratio(self, above: Float[Tensor, " photos"], below: Float[Tensor, " photos"]) -> Estimate:
        """Return the sum of one figure over the photos, divided by the sum of another."""
        counts = self.counts(len(above))
        return Estimate.of((counts @ above.double()) / (counts @ below.double()))

    def crossed(
        self,
        sums: Float[Tensor, "photos *what"],
        figure: Callable[[Tensor, Tensor], Tensor],
        weigh: Callable[[Tensor], Tensor],
    ) -> Estimate:
        """Return an unsigned figure, such as a calibration error, without the bias that chance adds to it.

        It is computed on each tenth of the photos in turn, with signs taken from the rest, and averaged. In
        resamples a photo stays in its tenth, so that it never decides its own sign. Where differences are no
        larger than by chance the figure is slightly too small, and around 0 it may be negative.

        Args:
            sums: additive over the photos; at least two.
            figure: of sums, "rows ..." each: those to measure, and those that give the signs.
            weigh: the weight of the sums to measure, "rows".
        """
        counts = self.counts(len(sums))
        total = torch.tensordot(counts, sums, dims=1)
        above = below = torch.zeros(len(counts), dtype=torch.float64)
        for fold in range(min(_FOLDS, len(sums))):
            part = torch.tensordot(counts[:, fold::_FOLDS], sums[fold::_FOLDS], dims=1)
            weight = weigh(part)
            above = above + weight * figure(part, total - part).nan_to_num()  # nan: no photo of it was drawn
            below = below + weight
        return Estimate.of(above / below)
