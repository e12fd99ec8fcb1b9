"""How large a study must be, before it starts.

R votes on one picture say less than R votes on R pictures: the variance of a rate over N pictures is

    p (1 - p) / (N R) * (1 + (R - 1) rho),

where rho is the correlation of two votes on one picture and the last factor the design effect. Two systems
that are judged on the same pictures share some of the pictures' effects (``shared``), which cancel:

    variance of the difference = variances of both rates - 2 shared rho sqrt(p (1 - p) q (1 - q)) / N.

For a given number of votes N R both are least for one rater a picture, as long as there are pictures: so more
pictures, not more raters a picture. More raters a picture are for where pictures are few, for rates of single
pictures (the oracle's choice, a gallery of the best liked) and for the agreement of raters.

A rater who judges all systems alike often adds nearly nothing to the difference of two of them. To a single
rate they do: that of 50 raters of 50 votes is less sure than this says (see
`autochrome.study.statistics.intervals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from autochrome.study.statistics.simulation import Crowd, pairs_layout

CORRELATION = 0.05
"""Of two votes on one picture. PixColor's printed errors of 5 raters a picture are those of a design effect
of 1.2 (`autochrome.study.statistics.published.mean_design_effect`): (1.2 - 1) / (5 - 1) = .05."""
SHARED = 0.5
"""Share of the pictures' effects that two systems have in common. Nobody has published it; 0 is cautious."""
POWER = 0.8
ALPHA = 0.05
"""Two-sided."""
RATERS = (1, 2, 3, 5, 10, 20)


@dataclass(frozen=True)
class Question:
    """What a study is to find out.

    Attributes:
        rate: of one system, in (0, 1).
        difference: how much higher the other's is. It may be negative.
        correlation: of two votes on one picture.
        shared: share of the pictures' effects that the systems have in common; only counts if ``paired``.
        paired: both systems are judged on the same pictures; otherwise each on as many of its own.
        power: chance to find the difference if it is there.
        alpha: two-sided level of the test.
    """

    rate: float
    difference: float
    correlation: float = CORRELATION
    shared: float = SHARED
    paired: bool = True
    power: float = POWER
    alpha: float = ALPHA

    def __post_init__(self) -> None:
        for name, value in (("rate", self.rate), ("rate + difference", self.rate + self.difference)):
            if not 0 < value < 1:
                raise ValueError(f"{name} is {value:g}; give a share between 0 and 1, as .33")
        if self.difference == 0:
            raise ValueError("difference is 0, which no study finds; give one above or below, as .05")
        for name in ("power", "alpha"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name):g}; give a share between 0 and 1")
        for name in ("correlation", "shared"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name):g}; give a number from 0 to 1")

    def variance(self, raters: int) -> float:
        """Of the estimated difference, times the number of pictures."""
        p, q = self.rate, self.rate + self.difference
        effect = design_effect(raters, self.correlation)
        both = (p * (1 - p) + q * (1 - q)) * effect / raters
        common = 2 * self.shared * self.correlation * sqrt(p * (1 - p) * q * (1 - q))
        return both - common if self.paired else both


@dataclass(frozen=True)
class Planned:
    """A row of a plan.

    Attributes:
        raters: votes on each picture of each system.
        design_effect: variance of a rate, over that of as many votes on as many pictures.
        pictures: needed (of each system, where they are not the same) to find the difference.
        votes: needed on both systems together.
        half_width: of the first system's 95% interval over that many pictures.
        detectable: difference that the pictures at hand find; None where their number was not given, or no
            difference is large enough.
    """

    raters: int
    design_effect: float
    pictures: int
    votes: int
    half_width: float
    detectable: float | None


def design_effect(raters: int, correlation: float) -> float:
    """Variance of R votes a picture, over that of as many votes on a picture each: 1 + (R - 1) rho."""
    return 1 + (raters - 1) * correlation


def pictures_needed(question: Question, raters: int) -> int:
    """Pictures that find the difference with the power asked for."""
    return max(2, ceil((_multiple(question) / question.difference) ** 2 * question.variance(raters)))


def detectable_difference(question: Question, raters: int, pictures: int) -> float | None:
    """The least difference, of the sign of the question's, that so many pictures find.

    None if not even a rate of 0 or of 1 would be found.
    """
    from scipy.optimize import root_scalar

    sign = 1 if question.difference > 0 else -1
    room = (1 - question.rate if sign > 0 else question.rate) * (1 - 1e-9)

    def excess(size: float) -> float:
        asked = Question(**{**vars(question), "difference": sign * size})
        return size - _multiple(question) * sqrt(asked.variance(raters) / pictures)

    if excess(room) <= 0:
        return None
    return sign * float(root_scalar(excess, bracket=(1e-12, room)).root)


def half_width(rate: float, raters: int, pictures: int, *, correlation: float = CORRELATION) -> float:
    """Half of a rate's 95% interval over pictures."""
    return 1.96 * sqrt(rate * (1 - rate) / (raters * pictures) * design_effect(raters, correlation))


def plan(question: Question, *, raters: Sequence[int] = RATERS, pictures: int | None = None) -> list[Planned]:
    """What a study needs, for several numbers of raters a picture.

    Args:
        question: what is to be found out.
        raters: votes on each picture; a row for each.
        pictures: that are at hand: adds what difference they find.
    """
    rows = []
    for count in raters:
        needed = pictures_needed(question, count)
        rows.append(
            Planned(
                raters=count,
                design_effect=design_effect(count, question.correlation),
                pictures=needed,
                votes=2 * needed * count,
                half_width=half_width(question.rate, count, needed, correlation=question.correlation),
                detectable=None if pictures is None else detectable_difference(question, count, pictures),
            )
        )
    return rows


def simulated_power(
    question: Question, raters: int, pictures: int, *, studies: int = 1000, seed: int = 0
) -> float:
    """Share of simulated studies that find the difference, by the t test over pictures.

    Raters differ by nothing but chance, as in the formula; pictures' effects are logistic.
    """
    from scipy import stats

    rates = {"system": question.rate, "rival": question.rate + question.difference}
    # One spread serves both systems: that of the mean of their rates.
    spread = picture_sd(sum(rates.values()) / 2, question.correlation)
    crowd = Crowd(rates, picture_sd=spread, shared=question.shared if question.paired else 0.0, rater_sd=0.0)
    layout = pairs_layout(tuple(rates), pictures=pictures, raters=raters, trials=pictures, seed=seed)
    drawn = crowd.draw(layout, studies, np.random.default_rng(seed))
    shares = []
    for number in range(2):
        own = drawn.columns(layout, layout.system == number)
        shares.append(np.stack([np.bincount(own.picture, row) for row in own.success]) / raters)
    test = stats.ttest_rel if question.paired else stats.ttest_ind
    _, p = test(*shares, axis=1)
    return float(np.mean(np.asarray(p) < question.alpha))


def picture_sd(rate: float, correlation: float) -> float:
    """Standard deviation of the logit over pictures that gives two votes on one picture a correlation."""
    from scipy.optimize import root_scalar

    if correlation == 0:
        return 0.0

    def excess(sd: float) -> float:
        return vote_correlation(rate, sd) - correlation

    return float(root_scalar(excess, bracket=(1e-6, 20)).root)


def vote_correlation(rate: float, picture_sd: float) -> float:
    """Correlation of two votes on one picture whose logit has a standard deviation over pictures."""
    crowd = Crowd({"system": rate}, picture_sd=picture_sd, rater_sd=0.0)
    return crowd.variance_over_pictures("system") / (rate * (1 - rate))


def _multiple(question: Question) -> float:
    from scipy import stats

    return float(stats.norm.isf(question.alpha / 2) + stats.norm.isf(1 - question.power))
