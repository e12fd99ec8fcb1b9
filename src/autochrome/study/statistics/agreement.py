"""How much raters agree on the same picture: Krippendorff's alpha, percent agreement, Fleiss' kappa.

Neither the raters nor their number need be the same for every picture. For two categories alpha is nearly the
correlation of two votes on one picture, by which `autochrome.study.statistics.power` plans a study.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from autochrome.study.records import Judgment
from autochrome.study.statistics.columns import by_system, cluster_sums, tested
from autochrome.study.statistics.intervals import (
    BOOTSTRAP,
    OVER_PICTURES,
    Bootstrap,
    Estimate,
    Interval,
    percentile_bounds,
)

Counts = Int[np.ndarray, "units categories"]
"""Number of raters who put each unit into each category."""


@dataclass(frozen=True)
class Agreement:
    """Agreement on the units that two or more raters judged.

    Attributes:
        alpha: Krippendorff's, nominal, with its bootstrap over photos: 1 is full agreement, 0 the agreement
            expected by chance. None if all votes are alike, so that nobody could disagree.
        percent: share of pairs of raters of a unit who agree, in [0, 1].
        kappa: Fleiss'; None if units have different numbers of raters, or if all votes are alike.
        units, votes: number of units, each a photo and what was judged of it, and of votes on them.
    """

    alpha: Estimate | None
    percent: float
    kappa: float | None
    units: int
    votes: int


def agreement(judgments: Sequence[Judgment], bootstrap: Bootstrap = BOOTSTRAP) -> Agreement | None:
    """Return the agreement of the test verdicts; None if no unit has two votes.

    Pass one system's verdicts to measure agreement on its pictures: over several systems together alpha is
    higher, since raters agree that some systems are better.
    """
    votes: dict[tuple[str, str, str], list[int]] = {}
    for j in tested(judgments):
        votes.setdefault((j.picture, j.system, j.rival), [0, 0])[int(j.success)] += 1
    keys = sorted(key for key, count in votes.items() if sum(count) > 1)
    if not keys:
        return None
    counts = np.array([votes[key] for key in keys], dtype=np.int64)
    _, photo = np.unique([picture for picture, _, _ in keys], return_inverse=True)
    return agreement_of(counts, photo.astype(np.int64), bootstrap)


def agreement_by_system(
    judgments: Sequence[Judgment], bootstrap: Bootstrap = BOOTSTRAP
) -> dict[str, Agreement]:
    """Return the agreement on each system's pictures, for the systems with two votes on some picture."""
    results = {name: agreement(rows, bootstrap) for name, rows in by_system(tested(judgments)).items()}
    return {name: value for name, value in results.items() if value is not None}


def agreement_of(
    counts: Counts, photo: Int[np.ndarray, " units"], bootstrap: Bootstrap = BOOTSTRAP
) -> Agreement:
    """Return the agreement on units with two or more votes; units of one ``photo`` are resampled together."""
    alpha = krippendorff_alpha(counts)
    photos = int(photo.max()) + 1
    interval = Interval(-1.0, 1.0, OVER_PICTURES)
    if photos > 1 and alpha is not None:
        *totals, observed = (cluster_sums(row, photo) for row in (*counts.T, disagreement(counts)))
        drawn = bootstrap.counts(photos)
        resampled = _alphas(drawn @ np.stack(totals, 1), drawn @ observed)
        # A resample in which all votes are alike has no alpha.
        low, high = percentile_bounds(resampled[np.isfinite(resampled)], photos).tolist()
        interval = Interval(low, high, OVER_PICTURES)
    return Agreement(
        alpha=None if alpha is None else Estimate(alpha, interval),
        percent=percent_agreement(counts),
        kappa=fleiss_kappa(counts),
        units=len(counts),
        votes=int(counts.sum()),
    )


def krippendorff_alpha(counts: Counts) -> float | None:
    """Return Krippendorff's alpha for nominal data; units with fewer than two votes are left out.

    alpha = 1 - observed / expected disagreement. With n votes that have a partner, n_c of them in category c:
    expected = (n² - sum n_c²) / (n (n - 1)). None if that is 0: all votes are alike, or there are none.
    """
    pairable = counts[counts.sum(1) > 1]
    alpha = _alphas(pairable.sum(0)[None].astype(float), np.array([disagreement(pairable).sum()]))[0]
    return float(alpha) if np.isfinite(alpha) else None


def disagreement(counts: Counts) -> Float[np.ndarray, " units"]:
    """Return, for each unit of m votes, the pairs of votes in different categories over m - 1."""
    m = counts.sum(1)
    return (m**2 - (counts**2).sum(1)) / (m - 1)


def _alphas(
    totals: Float[np.ndarray, "samples categories"], observed: Float[np.ndarray, " samples"]
) -> Float[np.ndarray, " samples"]:
    n = totals.sum(1)
    expected = (n**2 - (totals**2).sum(1)) / (n - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - observed / expected, np.nan)


def percent_agreement(counts: Counts) -> float:
    """Return the mean over units of the share of pairs of raters who agree."""
    m = counts.sum(1)
    return float(np.mean(1 - disagreement(counts) / m))


def fleiss_kappa(counts: Counts) -> float | None:
    """Return Fleiss' (1971) kappa; None if units have different numbers of raters or all votes are alike."""
    m = counts.sum(1)
    if (m != m[0]).any():
        return None
    shares = counts.sum(0) / counts.sum()
    by_chance = float((shares**2).sum())
    return None if by_chance == 1 else (percent_agreement(counts) - by_chance) / (1 - by_chance)
