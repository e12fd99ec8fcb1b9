"""Intervals of rates and of differences of rates, for votes that share photos and raters.

Votes on one photo agree more than votes on different photos, and so do votes of one rater. The population to
which an interval refers decides what is resampled:

- **new pictures, the same raters**: the percentile bootstrap over photos, each with all of its votes. Raters
  are nested in photos: resampling the votes within the drawn photos as well would count their noise twice.
  The percentiles are Hesterberg's (2015) expanded ones, since a bootstrap of few photos is too narrow.
- **new pictures and new raters**: the two-way cluster-robust variance of Cameron, Gelbach and Miller (2011),
  pictures + raters - votes, with Student's t for its degrees of freedom (Satterthwaite). If raters do not
  differ it equals the first interval; if few raters gave many votes each, it is far wider, and correct.

``tests/study/statistics/coverage.py`` measures how often each of them contains the true value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from autochrome.study.statistics.columns import cluster_sums

LEVEL = 0.95
_BLOCK = 4_000_000  # numbers of a bootstrap in memory at once

OVER_PICTURES = "95% bootstrap over pictures"
OVER_BOTH = "95% for new pictures and new raters"
CROSSED = "95% bootstrap over pictures and raters"

Values = Float[np.ndarray, " studies"]
Bounds = tuple[Values, Values]


@dataclass(frozen=True)
class Interval:
    """The ends of an interval, and the method that gave it."""

    low: float
    high: float
    method: str

    @classmethod
    def first(cls, bounds: Bounds, method: str) -> Interval:
        """Return the interval of the first study."""
        return cls(float(bounds[0][0]), float(bounds[1][0]), method)


@dataclass(frozen=True)
class Estimate:
    """A value and its interval."""

    value: float
    interval: Interval


@dataclass(frozen=True, eq=False)
class Spread:
    """A variance and its degrees of freedom; the variance is infinite if nothing is known."""

    variance: Values
    degrees: Values


@dataclass(frozen=True)
class Bootstrap:
    """Resampling of whole clusters, such as photos with all of their votes.

    Attributes:
        replicates: number of resamples.
        seed: of the draws; resamples of equally many clusters are the same for all values.
    """

    replicates: int = 2000
    seed: int = 0

    def sums(self, values: Float[np.ndarray, "rows clusters"]) -> Float[np.ndarray, "rows replicates"]:
        """Return the sum of each row in each resample."""
        clusters = values.shape[1]
        generator = np.random.default_rng(self.seed)
        chances = np.full(clusters, 1 / clusters)
        block = max(1, _BLOCK // clusters)
        parts = []
        for start in range(0, self.replicates, block):
            counts = generator.multinomial(clusters, chances, size=min(block, self.replicates - start))
            parts.append(values @ counts.T.astype(float))
        return np.concatenate(parts, axis=1)

    def ratios(
        self, above: Float[np.ndarray, "studies clusters"], below: Float[np.ndarray, " clusters"]
    ) -> Float[np.ndarray, "studies replicates"]:
        """Return the sum of ``above`` over the sum of ``below`` in each resample."""
        sums = self.sums(np.vstack([above, below]))
        return sums[:-1] / sums[-1]

    def counts(self, clusters: int) -> Float[np.ndarray, "replicates clusters"]:
        """Count how often each cluster is drawn in each resample; rows sum to ``clusters``."""
        return self.sums(np.eye(clusters)).T


BOOTSTRAP = Bootstrap()


def expanded_tail(clusters: int, level: float = LEVEL) -> float:
    """Return the share of resamples beyond each end: less than (1 - level) / 2 for few clusters.

    A bootstrap's spread is smaller than the standard error by sqrt((n - 1) / n), and its percentiles are
    those of a normal distribution where n values call for Student's t. Both are corrected if the normal
    quantile is t * sqrt(n / (n - 1)): Hesterberg (2015), "What Teachers Should Know About the Bootstrap".
    """
    from scipy import stats

    wide = stats.t.ppf((1 + level) / 2, clusters - 1) * np.sqrt(clusters / (clusters - 1))
    return float(stats.norm.sf(wide))


def percentile_bounds(resampled: Float[np.ndarray, "studies replicates"], clusters: int) -> Bounds:
    """Return the expanded percentile interval of values resampled from at least two clusters."""
    tail = expanded_tail(clusters)
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=1)
    return low, high


def two_way_spread(
    residuals: Float[np.ndarray, "studies votes"],
    picture: Int[np.ndarray, " votes"],
    rater: Int[np.ndarray, " votes"],
) -> Spread:
    """Return the variance of a sum over votes whose pictures and raters are both random.

    Squared sums over pictures, plus those over raters, minus those over votes of one rater on one picture,
    which are in both. Neither part may fall below that of independent votes, which it would only by chance.
    If every rater judges every photo, subtracting the mean removes some of the effects: the photos' part is
    too small by one in the number of raters, the raters' part by one in the number of photos.

    ``residuals`` are the votes' contributions to the estimate's deviation: for a mean (success - mean) /
    votes.
    """
    studies = len(residuals)
    pictures, raters = len(np.unique(picture)), len(np.unique(rater))
    if pictures < 2 or raters < 2:
        return Spread(np.full(studies, np.inf), np.ones(studies))
    of_pictures = _squares(residuals, picture)
    of_raters = _squares(residuals, rater)
    _, dense = np.unique(rater, return_inverse=True)
    of_cells = _squares(residuals, picture * raters + dense)
    between = np.maximum(of_pictures, of_cells)
    added = np.maximum(of_raters - of_cells, 0)
    total = between + added
    with np.errstate(invalid="ignore"):
        degrees = total**2 / (between**2 / (pictures - 1) + added**2 / (raters - 1))
    return Spread(total, np.nan_to_num(degrees, nan=1.0))


def _squares(residuals: Float[np.ndarray, "studies votes"], clusters: Int[np.ndarray, " votes"]) -> Values:
    sums = cluster_sums(residuals, clusters)
    count = sums.shape[1]
    return (sums**2).sum(1) * count / (count - 1)


def rate_bounds(value: Values, spread: Spread, clusters: int) -> Bounds:
    """Return Student's interval on the logit scale, which stays within [0, 1] and is skewed as rates are."""
    from scipy.special import expit, logit

    inside = (value > 0) & (value < 1) & np.isfinite(spread.variance)
    safe = np.where(inside, value, 0.5)
    wide = _quantile(spread.degrees) * np.sqrt(np.where(inside, spread.variance, 1)) / (safe * (1 - safe))
    low, high = expit(logit(safe) - wide), expit(logit(safe) + wide)
    ends = np.where(inside, low, value), np.where(inside, high, value)
    return without_spread(value, ends, clusters, spread)


def difference_bounds(value: Values, spread: Spread, clusters: int) -> Bounds:
    """Return Student's interval of a difference of two rates, within [-1, 1]."""
    known = np.isfinite(spread.variance)
    wide = _quantile(spread.degrees) * np.sqrt(np.where(known, spread.variance, 0))
    wide = np.where(known, wide, 2)
    # If no photo differs from another, the bound is that of a rate of 0.
    wide = np.where(spread.variance > 0, wide, zero_success_bound(clusters))
    return np.maximum(value - wide, -1), np.minimum(value + wide, 1)


def without_spread(value: Values, bounds: Bounds, clusters: int, spread: Spread | None = None) -> Bounds:
    """Correct the interval of a rate if all votes agree, or if there is only one cluster.

    Votes that all agree have no spread, which does not mean certainty: the interval then ends at the exact
    binomial bound for as many trials as there are clusters. One cluster says nothing: [0, 1].
    """
    low, high = bounds
    bound = zero_success_bound(clusters)
    high = np.where(value == 0, bound, high)
    low = np.where(value == 1, 1 - bound, low)
    unknown = np.full(len(value), clusters < 2) if spread is None else ~np.isfinite(spread.variance)
    return np.where(unknown, 0.0, low), np.where(unknown, 1.0, high)


def zero_success_bound(trials: int) -> float:
    """Return the upper end of the exact (Clopper-Pearson) interval for no success in ``trials``."""
    return float(1 - ((1 - LEVEL) / 2) ** (1 / trials))


def _quantile(degrees: Values) -> Values:
    from scipy import stats

    return stats.t.ppf((1 + LEVEL) / 2, degrees)
