"""Fooling rates: how often a system's pictures were taken for the true ones, with every form of error.

CIC's ± is a 95% interval of independent votes, PixColor's one standard error of a bootstrap over photos. Both
are here under their own names, beside the intervals to read (`autochrome.study.statistics.intervals`).
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
    Interval,
    percentile_bounds,
    rate_bounds,
    two_way_spread,
    unanimous_bounds,
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


def fooling_rates(judgments: Sequence[Judgment], bootstrap: Bootstrap = BOOTSTRAP) -> dict[str, Rate]:
    """Return the rate of each system that has test votes (questionnaire: of the true photos as well)."""
    groups = by_system(tested(judgments))
    return {name: rate_of(name, Columns.of(rows), bootstrap) for name, rows in groups.items()}


def first_slot_share(
    protocol: Protocol, judgments: Sequence[Judgment], bootstrap: Bootstrap = BOOTSTRAP
) -> Rate | None:
    """Return the share of test votes for what was in the first slot, 50% without a bias; None without votes.

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
    return rate_of("first slot", Columns.of(rows, chose_first), bootstrap)


def rate_of(name: str, columns: Columns, bootstrap: Bootstrap = BOOTSTRAP) -> Rate:
    """Return the rate of some votes, of which there must be one.

    Successes and votes are summed before dividing, so a picture with more votes counts more.
    """
    success, votes = columns.success, len(columns)
    value = float(success.mean())
    above = cluster_sums(success, columns.picture)
    below = cluster_sums(np.ones(votes), columns.picture)
    pictures = len(below)
    counts = bootstrap.counts(pictures)
    resampled = counts @ above / (counts @ below)
    if pictures < 2:  # one says nothing of others
        low, high = 0.0, 1.0
    elif value in (0, 1):
        low, high = unanimous_bounds(value, pictures)
    else:
        low, high = percentile_bounds(resampled, pictures).tolist()
    spread = two_way_spread((success - value) / votes, columns.picture, columns.rater)
    error, binomial = float(resampled.std()), sqrt(value * (1 - value) / votes)
    return Rate(
        name=name,
        value=value,
        interval=Interval(*rate_bounds(value, spread, pictures), OVER_BOTH),
        over_pictures=Interval(low, high, OVER_PICTURES),
        binomial=Interval(value - 1.96 * binomial, value + 1.96 * binomial, BINOMIAL),
        standard_error=error,
        binomial_error=binomial,
        design_effect=(error / binomial) ** 2 if binomial else None,
        votes=votes,
        pictures=pictures,
        raters=len(np.unique(columns.rater)),
    )
