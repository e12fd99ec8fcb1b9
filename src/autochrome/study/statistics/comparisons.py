"""Systems against each other, and against 50%, on the photos that both were judged on.

The permutation tests flip photos. They are right about new raters, too, where every rater judges both systems
alike often, as the server has them do: what a rater sees better, is seen better of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

from autochrome.study.records import Judgment
from autochrome.study.statistics.columns import Columns, by_system, cluster_sums, tested
from autochrome.study.statistics.intervals import (
    OVER_BOTH,
    OVER_PICTURES,
    REPLICATES,
    Bounds,
    Interval,
    Values,
    bootstrap_ratio,
    difference_bounds,
    percentile_bounds,
    two_way_spread,
)

HALF = "50%"
"""The rival of a system that is compared with what the truth itself would score."""
FLIPS = 9999


@dataclass(frozen=True)
class Comparison:
    """Two systems on the photos that both have.

    Attributes:
        system, rival: what is compared; the rival may be `HALF`.
        difference: mean over photos of the system's rate less the rival's, in [-1, 1].
        interval: 95%, for new pictures and new raters.
        over_pictures: 95% bootstrap over pictures, in pairs: the same raters.
        p: two-sided, of the sign-flip permutation test over photos.
        exact: every flip was tried; otherwise `FLIPS` random ones.
        p_holm: p, corrected by Holm's method for all comparisons that were made at once.
        pictures: photos that both have.
    """

    system: str
    rival: str
    difference: float
    interval: Interval
    over_pictures: Interval
    p: float
    exact: bool
    p_holm: float
    pictures: int


@dataclass(frozen=True, eq=False)
class DifferenceBounds:
    """Figures of a difference in each of many studies of one layout.

    Attributes:
        value: mean over photos.
        per_picture: the differences.
        interval: for new pictures and new raters.
        over_pictures: for new pictures and the same raters.
    """

    value: Values
    per_picture: Float[np.ndarray, "studies pictures"]
    interval: Bounds
    over_pictures: Bounds


def compare_systems(
    judgments: Sequence[Judgment], *, replicates: int = REPLICATES, seed: int = 0
) -> list[Comparison]:
    """All pairs of systems that share photos; the p-values are corrected for all of them."""
    groups = by_system(tested(judgments))
    found = [
        compare(groups[system], groups[rival], replicates=replicates, seed=seed)
        for system, rival in combinations(groups, 2)
    ]
    return corrected([comparison for comparison in found if comparison])


def compare(
    votes: Sequence[Judgment],
    rival_votes: Sequence[Judgment],
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Comparison | None:
    """One system against another; None if they share no photo."""
    shared = {j.picture for j in votes} & {j.picture for j in rival_votes}
    rows = [j for j in votes if j.picture in shared]
    rivals = [j for j in rival_votes if j.picture in shared]
    if not shared:
        return None
    second = np.arange(len(rows) + len(rivals)) >= len(rows)
    measured = measure_difference(Columns.of([*rows, *rivals]), second, replicates=replicates, seed=seed)
    return _comparison(rows[0].system, rivals[0].system, measured, seed)


def against_half(
    judgments: Sequence[Judgment], *, replicates: int = REPLICATES, seed: int = 0
) -> list[Comparison]:
    """Every system against the 50% of pictures that cannot be told from true ones."""
    found = []
    for system, rows in by_system(tested(judgments)).items():
        measured = measure_difference(Columns.of(rows), None, replicates=replicates, seed=seed)
        found.append(_comparison(system, HALF, measured, seed))
    return corrected(found)


def _comparison(system: str, rival: str, found: DifferenceBounds, seed: int) -> Comparison:
    p, exact = sign_flip(found.per_picture[0], seed=seed)
    return Comparison(
        system=system,
        rival=rival,
        difference=float(found.value[0]),
        interval=Interval.first(found.interval, OVER_BOTH),
        over_pictures=Interval.first(found.over_pictures, OVER_PICTURES),
        p=p,
        exact=exact,
        p_holm=p,
        pictures=found.per_picture.shape[1],
    )


def measure_difference(
    columns: Columns,
    second: Bool[np.ndarray, " votes"] | None,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> DifferenceBounds:
    """Mean over photos of the difference of two rates, with its intervals, of each of many studies.

    Every photo counts once, however many votes it has.

    Args:
        columns: votes of both systems on the photos that both have.
        second: which votes are the second system's; None compares the one system with 50%.
        replicates: of the bootstrap.
        seed: of the bootstrap.
    """
    success, picture = columns.success, columns.picture
    sides = [np.ones(len(columns), dtype=bool)] if second is None else [~second, second]
    _, place = np.unique(picture, return_inverse=True)
    pictures = int(place.max()) + 1
    residuals = np.zeros_like(success)
    per_picture = np.full((len(success), pictures), -0.5 if second is None else 0.0)
    for side, sign in zip(sides, (1, -1), strict=False):
        below = np.bincount(place[side], minlength=pictures)
        rates = cluster_sums(success[:, side], place[side]) / below
        per_picture += sign * rates
        weights = sign / (below[place[side]] * pictures)
        residuals[:, side] = weights * (success[:, side] - rates.mean(1)[:, None])
    value = per_picture.mean(1)
    spread = two_way_spread(residuals, picture, columns.rater)
    ends = value - 2, value + 2
    if pictures > 1:
        resampled = bootstrap_ratio(per_picture, np.ones(pictures), replicates=replicates, seed=seed)
        ends = percentile_bounds(resampled, pictures)
    clipped = np.maximum(ends[0], -1), np.minimum(ends[1], 1)
    return DifferenceBounds(value, per_picture, difference_bounds(value, spread, pictures), clipped)


def sign_flip(
    differences: Float[np.ndarray, " pictures"], *, flips: int = FLIPS, seed: int = 0
) -> tuple[float, bool]:
    """Two-sided p of the hypothesis that each photo's difference might as well have had the other sign.

    Returns:
        p, and whether it is exact: all flips were tried, which they are if they are no more than ``flips``.
        Photos without a difference are the same either way and are left out.
    """
    from scipy import stats

    moved = differences[differences != 0]
    exact = 2 ** len(moved) <= flips
    if len(moved) < 2:  # one photo may be flipped or not: both are as far from 0
        return 1.0, True
    block = max(1, 4_000_000 // len(moved))
    found = stats.permutation_test(
        (moved,),
        np.mean,
        permutation_type="samples",
        n_resamples=flips,
        vectorized=True,
        batch=block,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue), exact


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) correction: of m values the k-th smallest times m - k + 1, never falling, at most 1."""
    order = np.argsort(p_values, kind="stable")
    m = len(p_values)
    found = [0.0] * m
    highest = 0.0
    for k, index in enumerate(order):
        highest = max(highest, min(1.0, (m - k) * p_values[index]))
        found[index] = highest
    return found


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same comparisons with Holm's correction over all of them."""
    p_values = holm([c.p for c in comparisons])
    return [replace(c, p_holm=p) for c, p in zip(comparisons, p_values, strict=True)]


@dataclass(frozen=True)
class Welch:
    """Welch's t test, two-sided."""

    t: float
    degrees: float
    p: float


def welch_from_moments(
    mean: float, deviation: float, count: int, rival: float, rival_deviation: float, rival_count: int
) -> Welch:
    """Welch's t test from the means, standard deviations (n - 1) and sizes of two groups."""
    from scipy import stats

    variances = deviation**2 / count, rival_deviation**2 / rival_count
    found = stats.ttest_ind_from_stats(
        mean, deviation, count, rival, rival_deviation, rival_count, equal_var=False
    )
    degrees = sum(variances) ** 2 / (variances[0] ** 2 / (count - 1) + variances[1] ** 2 / (rival_count - 1))
    return Welch(float(found.statistic), degrees, float(found.pvalue))
