"""The questionnaire of Cao et al. (section 5): true and generated pictures of each photo; which look poor?

A picture's percentage is the share of raters who did not mark it. The paper tests the 20 percentages of true
pictures against the 80 of generated ones, so the test is over pictures, not judgments (docs/study.md).
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from autochrome.study.records import TRUTH, Judgment
from autochrome.study.statistics.columns import Columns, by_system, tested
from autochrome.study.statistics.comparisons import measure_difference
from autochrome.study.statistics.intervals import (
    BOOTSTRAP,
    CROSSED,
    LEVEL,
    OVER_PICTURES,
    Bootstrap,
    Estimate,
    Interval,
    percentile_bounds,
)
from autochrome.study.statistics.rates import Rate, rate_of

GENERATED = "generated"
"""All generated pictures together."""


@dataclass(frozen=True)
class Rank:
    """A version's rank among the versions of its photo.

    Attributes:
        average: over photos, of its rank by percentage: 1 is the most credible; ties share their mean rank.
        versions: their number.
        more_credible: the paper's (average - 1) / (versions - 1): the share of the others that rank higher.
    """

    average: Estimate
    versions: int
    more_credible: float


@dataclass(frozen=True)
class Welch:
    """Welch's t test, two-sided."""

    t: float
    degrees: float
    p: float


@dataclass(frozen=True)
class Questionnaire:
    """Results of a questionnaire.

    Attributes:
        rates: share not marked as poor, of the truth, of `GENERATED`, and of each system.
        percentages: share not marked, of each version and photo.
        welch: truth against generated over the pictures' percentages: the paper's test, and the one to
            report. It treats the generated pictures of one photo as independent.
        difference: truth minus generated, each photo counting once; for new pictures and new raters.
        difference_bootstrap: of the difference of the two rates, resampling photos and raters (crossed).
        ranks: of each version, over the photos where all versions have votes.
    """

    rates: dict[str, Rate]
    percentages: dict[str, dict[str, float]]
    welch: Welch | None
    difference: Estimate | None
    difference_bootstrap: Interval | None
    ranks: dict[str, Rank]


def questionnaire(judgments: Sequence[Judgment], bootstrap: Bootstrap = BOOTSTRAP) -> Questionnaire:
    """Return the results of the test verdicts.

    ``welch`` and the differences are None if the truth or everything generated has no votes on the photos
    that both share; ``welch`` also with fewer than two pictures on a side, or if all are alike.
    """
    rows = tested(judgments)
    groups = by_system(rows)
    made = [j for j in rows if j.system != TRUTH]
    named = {**groups, **({GENERATED: made} if made else {})}
    rates = {name: rate_of(name, Columns.of(part), bootstrap) for name, part in named.items()}
    shares = {name: percentages(part) for name, part in groups.items()}
    of_truth = list(shares.get(TRUTH, {}).values())
    of_made = [share for name, part in shares.items() if name != TRUTH for share in part.values()]
    both = {j.picture for j in groups.get(TRUTH, [])} & {j.picture for j in made}
    judged = [j for j in rows if j.picture in both]
    difference, crossed = None, None
    if judged:
        columns, generated = Columns.of(judged), np.array([j.system != TRUTH for j in judged])
        measured = measure_difference(columns, generated, bootstrap)
        difference = Estimate(measured.value, measured.interval)
        crossed = crossed_interval(columns, generated, bootstrap)
    return Questionnaire(
        rates=rates,
        percentages=shares,
        welch=welch(of_truth, of_made),
        difference=difference,
        difference_bootstrap=crossed,
        ranks=credibility_ranks(shares, bootstrap),
    )


def percentages(judgments: Sequence[Judgment]) -> dict[str, float]:
    """Return the share of successes on each photo, by name."""
    votes: dict[str, list[bool]] = defaultdict(list)
    for judgment in judgments:
        votes[judgment.picture].append(judgment.success)
    return {name: sum(votes[name]) / len(votes[name]) for name in sorted(votes)}


def welch(values: Sequence[float], rivals: Sequence[float]) -> Welch | None:
    """Compute Welch's t test of two groups; None if a group has fewer than two values or nothing varies."""
    from scipy import stats

    if min(len(values), len(rivals)) < 2 or np.ptp(values) == np.ptp(rivals) == 0:
        return None
    # Scipy warns if one group does not vary, which the test allows.
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
        test: Any = stats.ttest_ind(values, rivals, equal_var=False)
    return Welch(float(test.statistic), float(test.df), float(test.pvalue))


def crossed_interval(
    columns: Columns, second: Bool[np.ndarray, " votes"], bootstrap: Bootstrap = BOOTSTRAP
) -> Interval:
    """Return the bootstrap interval of the difference of two pooled rates, resampling photos and raters.

    A vote is weighted by how often its photo and its rater were drawn: Owen's (2007) pigeonhole bootstrap,
    with plain percentiles. It counts the noise of single votes three times, which makes it wide for many
    photos; few photos make percentiles narrow. At the paper's size the two cancel.
    """
    _, picture = np.unique(columns.picture, return_inverse=True)
    _, rater = np.unique(columns.rater, return_inverse=True)
    pictures, raters = int(picture.max()) + 1, int(rater.max()) + 1
    if min(pictures, raters) < 2:
        return Interval(-1.0, 1.0, CROSSED)
    of_pictures = bootstrap.counts(pictures)
    of_raters = replace(bootstrap, seed=bootstrap.seed + 1).counts(raters)

    def resampled(weights: Float[np.ndarray, " votes"]) -> Float[np.ndarray, " replicates"]:
        cells = np.bincount(rater * pictures + picture, weights, minlength=raters * pictures)
        return np.einsum("bp,bp->b", of_raters @ cells.reshape(raters, pictures), of_pictures)

    with np.errstate(invalid="ignore"):
        first, other = (
            resampled(columns.success * side) / resampled(side.astype(float)) for side in (~second, second)
        )
    # A resample without a vote of one side says nothing about it.
    differences = (first - other)[np.isfinite(first - other)]
    if not len(differences):
        return Interval(-1.0, 1.0, CROSSED)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(differences, [tail, 1 - tail]).tolist()
    return Interval(low, high, CROSSED)


def credibility_ranks(
    shares: dict[str, dict[str, float]], bootstrap: Bootstrap = BOOTSTRAP
) -> dict[str, Rank]:
    """Return the average rank of each version among those of its photo, ties averaged.

    ``shares`` has the percentage of each version and photo; photos that lack a version are skipped.
    """
    from scipy import stats

    names = list(shares)
    photos = sorted(set.intersection(*(set(part) for part in shares.values()))) if shares else []
    if len(names) < 2 or not photos:
        return {}
    table = np.array([[shares[name][photo] for name in names] for photo in photos])
    ranks = np.asarray(stats.rankdata(-table, method="average", axis=1), dtype=float)
    count = len(names)
    ends = np.tile([[1.0], [count]], count)
    if len(photos) > 1:
        resampled = bootstrap.counts(len(photos)) @ ranks / len(photos)
        ends = percentile_bounds(resampled, len(photos)).clip(1, count)
    results = {}
    for name, mean, low, high in zip(names, ranks.mean(0).tolist(), *ends.tolist(), strict=True):
        average = Estimate(mean, Interval(low, high, OVER_PICTURES))
        results[name] = Rank(average, count, (mean - 1) / (count - 1))
    return results
