"""Intervals of rates and of differences of rates, for votes that share photos and raters.

The population to which an interval refers decides what is resampled:

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
from functools import lru_cache
from math import inf, sqrt

import numpy as np
from jaxtyping import Float, Int

from autochrome.study.statistics.columns import cluster_sums

LEVEL = 0.95

OVER_PICTURES = "95% bootstrap over pictures"
OVER_BOTH = "95% for new pictures and new raters"
CROSSED = "95% bootstrap over pictures and raters"

Bounds = tuple[float, float]
Spread = tuple[float, float]
"""A variance and its degrees of freedom; the variance is infinite if nothing is known."""


@dataclass(frozen=True)
class Interval:
    """The ends of an interval, and the method that gave it."""

    low: float
    high: float
    method: str


@dataclass(frozen=True)
class Estimate:
    """A value and its interval."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Bootstrap:
    """Resampling of whole clusters, such as photos with all of their votes.

    Attributes:
        replicates: number of resamples.
        seed: of the draws; resamples of equally many clusters are the same for all values.
    """

    replicates: int = 2000
    seed: int = 0

    def counts(self, clusters: int) -> Float[np.ndarray, "replicates clusters"]:
        """Count how often each cluster is drawn in each resample; rows sum to ``clusters``.

        Times sums by cluster this gives the sum of every resample.
        """
        return _counts(self, clusters)


BOOTSTRAP = Bootstrap()


@lru_cache(maxsize=2)
def _counts(bootstrap: Bootstrap, clusters: int) -> Float[np.ndarray, "replicates clusters"]:
    generator = np.random.default_rng(bootstrap.seed)
    chances = np.full(clusters, 1 / clusters)
    return generator.multinomial(clusters, chances, size=bootstrap.replicates).astype(float)


def expanded_tail(clusters: int, level: float = LEVEL) -> float:
    """Return the share of resamples beyond each end: less than (1 - level) / 2 for few clusters.

    A bootstrap's spread is smaller than the standard error by sqrt((n - 1) / n), and its percentiles are
    those of a normal distribution where n values call for Student's t. Both are corrected if the normal
    quantile is t * sqrt(n / (n - 1)): Hesterberg (2015), "What Teachers Should Know About the Bootstrap".
    """
    from scipy import stats

    wide = stats.t.ppf((1 + level) / 2, clusters - 1) * np.sqrt(clusters / (clusters - 1))
    return float(stats.norm.sf(wide))


def percentile_bounds(
    resampled: Float[np.ndarray, "replicates *figures"], clusters: int
) -> Float[np.ndarray, "2 *figures"]:
    """Return the ends of the expanded percentile interval of values resampled from two clusters or more."""
    tail = expanded_tail(clusters)
    return np.quantile(resampled, [tail, 1 - tail], axis=0)


def two_way_spread(
    residuals: Float[np.ndarray, " votes"],
    picture: Int[np.ndarray, " votes"],
    rater: Int[np.ndarray, " votes"],
) -> Spread:
    """Return the variance of a sum over votes whose pictures and raters are both random.

    Squared sums over pictures, plus those over raters, minus those over votes of one rater on one picture,
    which are in both. Neither part may fall below that of independent votes, which it would only by chance.
    If every rater judges every photo, subtracting the mean removes some of the effects: the photos' part is
    too small by one in the number of raters, the raters' part by one in the number of photos.

    ``residuals`` are the votes' shares of the estimate's deviation: for a mean (success - mean) / votes.
    """
    _, dense = np.unique(rater, return_inverse=True)
    pictures, raters = len(np.unique(picture)), int(dense.max()) + 1
    if pictures < 2 or raters < 2:
        return inf, 1.0
    of_cells = _squares(residuals, picture * raters + dense)
    between = max(_squares(residuals, picture), of_cells)
    added = max(_squares(residuals, rater) - of_cells, 0.0)
    total = between + added
    if total == 0:
        return 0.0, 1.0
    return total, total**2 / (between**2 / (pictures - 1) + added**2 / (raters - 1))


def _squares(residuals: Float[np.ndarray, " votes"], clusters: Int[np.ndarray, " votes"]) -> float:
    sums = cluster_sums(residuals, clusters)
    return float((sums**2).sum() * len(sums) / (len(sums) - 1))


def rate_bounds(value: float, spread: Spread, clusters: int) -> Bounds:
    """Return Student's interval on the logit scale, which stays within [0, 1] and is skewed as rates are."""
    from scipy.special import expit, logit

    if spread[0] == inf:
        return 0.0, 1.0
    if value in (0, 1):
        return unanimous_bounds(value, clusters)
    wide = _half_width(spread) / (value * (1 - value))
    return float(expit(logit(value) - wide)), float(expit(logit(value) + wide))


def difference_bounds(value: float, spread: Spread, clusters: int) -> Bounds:
    """Return Student's interval of a difference of two rates, within [-1, 1]."""
    if spread[0] == inf:
        return -1.0, 1.0
    # If no photo differs from another, the bound is that of a rate of 0.
    wide = _half_width(spread) if spread[0] else zero_success_bound(clusters)
    return max(value - wide, -1.0), min(value + wide, 1.0)


def _half_width(spread: Spread) -> float:
    from scipy import stats

    variance, degrees = spread
    return float(stats.t.ppf((1 + LEVEL) / 2, degrees)) * sqrt(variance)


def unanimous_bounds(value: float, clusters: int) -> Bounds:
    """Return the interval of a rate of 0 or 1.

    Votes that all agree have no spread, which does not mean certainty: the interval ends at the exact
    binomial bound for as many trials as there are clusters.
    """
    bound = zero_success_bound(clusters)
    return (0.0, bound) if value == 0 else (1 - bound, 1.0)


def zero_success_bound(trials: int) -> float:
    """Return the upper end of the exact (Clopper-Pearson) interval for no success in ``trials``."""
    return float(1 - ((1 - LEVEL) / 2) ** (1 / trials))
