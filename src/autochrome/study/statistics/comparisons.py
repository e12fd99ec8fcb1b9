"""Systems against each other, and against 50%, on the photos on which both were judged.

The permutation tests flip the signs of photos. They also hold for new raters if every rater judges both
systems equally often, as the server arranges: a rater's skill then affects both alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

from autochrome.study.records import Judgment
from autochrome.study.statistics.columns import Columns, by_system, tested
from autochrome.study.statistics.intervals import (
    BOOTSTRAP,
    OVER_BOTH,
    OVER_PICTURES,
    Bootstrap,
    Interval,
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
        difference: mean over photos of the system's rate minus the rival's, in [-1, 1].
        interval: 95%, for new pictures and new raters.
        over_pictures: 95% paired bootstrap over pictures: for new pictures and the same raters.
        p: two-sided, of the sign-flip permutation test over photos.
        exact: whether every flip was tried, and not `FLIPS` random ones.
        p_holm: p, corrected by Holm's method for all comparisons made at once.
        pictures: number of photos that both have.
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
class Difference:
    """A difference with its intervals, as in `Comparison`, and the difference on each photo."""

    value: float
    per_picture: Float[np.ndarray, " pictures"]
    interval: Interval
    over_pictures: Interval


def compare_systems(judgments: Sequence[Judgment], bootstrap: Bootstrap = BOOTSTRAP) -> list[Comparison]:
    """Compare all pairs of systems that share photos; p-values are corrected for all of them."""
    groups = by_system(tested(judgments))
    comparisons = [
        compare(groups[system], groups[rival], bootstrap) for system, rival in combinations(groups, 2)
    ]
    return corrected([comparison for comparison in comparisons if comparison])


def compare(
    votes: Sequence[Judgment], rival_votes: Sequence[Judgment], bootstrap: Bootstrap = BOOTSTRAP
) -> Comparison | None:
    """Compare one system with another; None if they share no photo."""
    shared = {j.picture for j in votes} & {j.picture for j in rival_votes}
    rows = [j for j in votes if j.picture in shared]
    rivals = [j for j in rival_votes if j.picture in shared]
    if not shared:
        return None
    second = np.arange(len(rows) + len(rivals)) >= len(rows)
    measured = measure_difference(Columns.of([*rows, *rivals]), second, bootstrap)
    return _comparison(rows[0].system, rivals[0].system, measured, bootstrap.seed)


def against_half(judgments: Sequence[Judgment], bootstrap: Bootstrap = BOOTSTRAP) -> list[Comparison]:
    """Compare every system with the 50% of pictures that cannot be told from true ones."""
    comparisons = []
    for system, rows in by_system(tested(judgments)).items():
        measured = measure_difference(Columns.of(rows), None, bootstrap)
        comparisons.append(_comparison(system, HALF, measured, bootstrap.seed))
    return corrected(comparisons)


def _comparison(system: str, rival: str, measured: Difference, seed: int) -> Comparison:
    p, exact = sign_flip(measured.per_picture, seed=seed)
    return Comparison(
        system=system,
        rival=rival,
        difference=measured.value,
        interval=measured.interval,
        over_pictures=measured.over_pictures,
        p=p,
        exact=exact,
        p_holm=p,
        pictures=len(measured.per_picture),
    )


def measure_difference(
    columns: Columns, second: Bool[np.ndarray, " votes"] | None, bootstrap: Bootstrap = BOOTSTRAP
) -> Difference:
    """Return the mean over photos of the difference of two rates, with intervals.

    Every photo counts once, however many votes it has.

    Args:
        columns: votes on both systems, on the photos that both have.
        second: which votes are on the second system; None compares the only system with 50%.
        bootstrap: over photos.
    """
    success, picture = columns.success, columns.picture
    sides = [np.ones(len(columns), dtype=bool)] if second is None else [~second, second]
    _, place = np.unique(picture, return_inverse=True)
    pictures = int(place.max()) + 1
    residuals = np.zeros_like(success)
    per_picture = np.full(pictures, -0.5 if second is None else 0.0)
    for side, sign in zip(sides, (1, -1), strict=False):
        below = np.bincount(place[side], minlength=pictures)
        rates = np.bincount(place[side], success[side]) / below
        per_picture += sign * rates
        residuals[side] = sign / (below[place[side]] * pictures) * (success[side] - rates.mean())
    value = float(per_picture.mean())
    spread = two_way_spread(residuals, picture, columns.rater)
    low, high = -1.0, 1.0
    if pictures > 1:
        resampled = bootstrap.counts(pictures) @ per_picture / pictures
        low, high = percentile_bounds(resampled, pictures).clip(-1, 1).tolist()
    return Difference(
        value,
        per_picture,
        Interval(*difference_bounds(value, spread, pictures), OVER_BOTH),
        Interval(low, high, OVER_PICTURES),
    )


def sign_flip(
    differences: Float[np.ndarray, " pictures"], *, flips: int = FLIPS, seed: int = 0
) -> tuple[float, bool]:
    """Test the hypothesis that each photo's difference is equally likely to have the other sign.

    Returns the two-sided p-value, and whether it is exact, as it is for at most ``flips`` possible flips.
    """
    from scipy import stats

    moved = differences[differences != 0]
    exact = 2 ** len(moved) <= flips
    if len(moved) < 2:  # a single photo is equally far from 0, flipped or not
        return 1.0, True
    test = stats.permutation_test(
        (moved,),
        np.mean,
        permutation_type="samples",
        n_resamples=flips,
        vectorized=True,
        batch=max(1, 4_000_000 // len(moved)),
        rng=np.random.default_rng(seed),
    )
    return float(test.pvalue), exact


def holm(p_values: Sequence[float]) -> list[float]:
    """Apply Holm's (1979) correction: the k-th smallest of m times m - k + 1, monotone, at most 1."""
    p = np.array(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    p[order] = np.maximum.accumulate(np.minimum(p[order] * np.arange(len(p), 0, -1), 1))
    return p.tolist()


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the same comparisons with Holm's correction over all of them."""
    p_values = holm([c.p for c in comparisons])
    return [replace(c, p_holm=p) for c, p in zip(comparisons, p_values, strict=True)]
