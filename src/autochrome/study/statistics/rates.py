"""Fooling rates: how often a system's pictures were taken for the true ones, with every form of error.

The papers print different errors with the same sign: CIC's ± is a 95% interval of independent votes,
PixColor's one standard error of a bootstrap over photos. Both are here under their own names, beside the
intervals that we use to read results (`autochrome.study.statistics.intervals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from autochrome.study.records import Judgment, Protocol
from autochrome.study.statistics.columns import Columns, by_system, cluster_sums, tested
from autochrome.study.statistics.intervals import (
    BOOTSTRAP,
    OVER_BOTH,
    OVER_PICTURES,
    Bootstrap,
    Bounds,
    Interval,
    Values,
    percentile_bounds,
    rate_bounds,
    two_way_spread,
    without_spread,
)

BINOMIAL = "binomial 95% (as CIC prints)"


@dataclass(frozen=True)
class Rate:
    """A share of votes.

    Attributes:
        name: of the system, or of whatever else was counted.
        value: successes over votes, in [0, 1].
        interval: 95%, for new pictures and new raters. This is the one to read.
        over_pictures: 95% bootstrap over pictures: for new pictures, judged by the same raters.
        binomial: "binomial 95% (as CIC prints)": value ± 1.96 sqrt(p (1 - p) / votes).
        standard_error: "one standard error (as PixColor prints)": the bootstrap's, over pictures.
        binomial_error: sqrt(p (1 - p) / votes), one standard error of independent votes.
        design_effect: (standard_error / binomial_error)², above 1 if votes on one picture agree; None if all
            votes do.
        votes, pictures, raters: their numbers.
    """

    name: str
    value: float
    interval: Interval
    over_pictures: Interval
    binomial: Interval
    standard_error: float
    binomial_error: float
    design_effect: float | None
    votes: int
    pictures: int
    raters: int


@dataclass(frozen=True, eq=False)
class RateBounds:
    """A rate with its errors, in each of many studies of one layout."""

    value: Values
    interval: Bounds
    over_pictures: Bounds
    standard_error: Values


def fooling_rates(judgments: Sequence[Judgment], bootstrap: Bootstrap = BOOTSTRAP) -> dict[str, Rate]:
    """Return the rate of each system that has test votes.

    In a questionnaire it is the share of votes that did not mark a picture as poor; true photos count as a
    system there.
    """
    groups = by_system(tested(judgments))
    return {name: rate_of(name, Columns.of(rows), bootstrap) for name, rows in groups.items()}


def first_slot_share(
    protocol: Protocol, judgments: Sequence[Judgment], bootstrap: Bootstrap = BOOTSTRAP
) -> Rate | None:
    """Return the share of test votes for the picture in the first slot: 50% without a bias.

    None without votes.

    Raises:
        ValueError: for the questionnaire, where any number of pictures may be chosen.
    """
    if protocol is Protocol.QUESTIONNAIRE:
        raise ValueError("a questionnaire has no votes for the first slot; use a protocol with pairs")
    rows = tested(judgments)
    # Two-afc asks for the generated picture: whoever was fooled chose the other one.
    chose_first = [(j.success == j.first) != (protocol is Protocol.TWO_AFC) for j in rows]
    if not rows:
        return None
    return rate_of("first slot", Columns.where(rows, chose_first), bootstrap)


def rate_of(name: str, columns: Columns, bootstrap: Bootstrap = BOOTSTRAP) -> Rate:
    """Return the rate of one study, which must have a vote."""
    measured = measure_rate(columns, bootstrap)
    value, error = float(measured.value[0]), float(measured.standard_error[0])
    binomial = sqrt(value * (1 - value) / len(columns))
    half = 1.96 * binomial
    return Rate(
        name=name,
        value=value,
        interval=Interval.first(measured.interval, OVER_BOTH),
        over_pictures=Interval.first(measured.over_pictures, OVER_PICTURES),
        binomial=Interval(value - half, value + half, BINOMIAL),
        standard_error=error,
        binomial_error=binomial,
        design_effect=(error / binomial) ** 2 if binomial else None,
        votes=len(columns),
        pictures=len(np.unique(columns.picture)),
        raters=len(np.unique(columns.rater)),
    )


def measure_rate(columns: Columns, bootstrap: Bootstrap = BOOTSTRAP) -> RateBounds:
    """Return the pooled rate, with its intervals, of each of many studies of one layout.

    Successes and votes are summed before dividing, so a picture with more votes counts more.
    """
    success = columns.success
    votes = success.shape[1]
    value = success.mean(1)
    above = cluster_sums(success, columns.picture)
    below = cluster_sums(np.ones((1, votes)), columns.picture)[0]
    pictures = len(below)
    resampled = bootstrap.ratios(above, below)
    ends = percentile_bounds(resampled, pictures) if pictures > 1 else (value, value)
    spread = two_way_spread((success - value[:, None]) / votes, columns.picture, columns.rater)
    return RateBounds(
        value=value,
        interval=rate_bounds(value, spread, pictures),
        over_pictures=without_spread(value, ends, pictures),
        standard_error=resampled.std(1),
    )
