"""How large a study must be, before it starts.

R votes on one picture say less than one vote on each of R pictures: the variance of a rate over N pictures is

    p (1 - p) / (N R) * (1 + (R - 1) rho),

where rho is the correlation of two votes on one picture and the last factor is the design effect. Two systems
judged on the same pictures share some of the pictures' effects (``shared``), which cancel:

    variance of the difference = variances of both rates - 2 shared rho sqrt(p (1 - p) q (1 - q)) / N.

For a given number of votes N R both are smallest for one rater per picture: prefer more pictures to more
raters per picture, except for rates of single pictures (the oracle's choice) and the raters' agreement.
Raters who judge all systems equally often add almost nothing to the variance of a difference, but do to that
of a rate, which is less certain than computed here (`autochrome.study.statistics.intervals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

CORRELATION = 0.05
"""Of two votes on one picture. PixColor's printed errors, with 5 raters per picture, imply a design effect of
1.2: (1.2 - 1) / (5 - 1) = .05."""
SHARED = 0.5
"""Share of the pictures' effects common to two systems. It has not been published; 0 is cautious."""
POWER = 0.8
ALPHA = 0.05
"""Two-sided."""
RATERS = (1, 2, 3, 5, 10, 20)


@dataclass(frozen=True)
class Question:
    """The question that a study is to answer.

    Attributes:
        rate: of one system, in (0, 1).
        difference: how much higher the other's is; may be negative.
        correlation: of two votes on one picture.
        shared: share of the pictures' effects common to both systems; used only if ``paired``.
        paired: both systems are judged on the same pictures; otherwise each on as many of its own.
        power: probability of detecting the difference.
        alpha: two-sided significance level of the test.
    """

    rate: float
    difference: float
    correlation: float = CORRELATION
    shared: float = SHARED
    paired: bool = True
    power: float = POWER
    alpha: float = ALPHA

    def __post_init__(self) -> None:
        shares = {
            "rate": self.rate,
            "rate + difference": self.rate + self.difference,
            "power": self.power,
            "alpha": self.alpha,
        }
        for name, value in shares.items():
            if not 0 < value < 1:
                raise ValueError(f"{name} is {value:g}; give a share between 0 and 1, such as .33")
        if self.difference == 0:
            raise ValueError("difference is 0, which no study detects; give one above or below, such as .05")
        for name in ("correlation", "shared"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name):g}; give a number from 0 to 1")

    def variance(self, raters: int) -> float:
        """Return the variance of the estimated difference, times the number of pictures."""
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
        pictures: needed to detect the difference (per system, if not ``paired``).
        votes: needed on both systems together.
        half_width: of the first system's 95% interval over that many pictures.
        detectable: difference that the available pictures detect; None if unknown or if none is.
    """

    raters: int
    design_effect: float
    pictures: int
    votes: int
    half_width: float
    detectable: float | None


def design_effect(raters: int, correlation: float) -> float:
    """Return the variance of R votes per picture over that of one vote per picture: 1 + (R - 1) rho."""
    return 1 + (raters - 1) * correlation


def pictures_needed(question: Question, raters: int) -> int:
    """Return the number of pictures that detect the difference with the required power."""
    return max(2, ceil((_multiple(question) / question.difference) ** 2 * question.variance(raters)))


def detectable_difference(question: Question, raters: int, pictures: int) -> float | None:
    """Return the smallest difference, of the question's sign, that the pictures detect; None if none is."""
    from scipy.optimize import root_scalar

    sign = 1 if question.difference > 0 else -1
    room = (1 - question.rate if sign > 0 else question.rate) * (1 - 1e-9)

    def excess(size: float) -> float:
        resized = Question(**{**vars(question), "difference": sign * size})
        return size - _multiple(question) * sqrt(resized.variance(raters) / pictures)

    if excess(room) <= 0:
        return None
    return sign * float(root_scalar(excess, bracket=(1e-12, room)).root)


def half_width(rate: float, raters: int, pictures: int, *, correlation: float = CORRELATION) -> float:
    """Return half the width of a rate's 95% interval over pictures."""
    return 1.96 * sqrt(rate * (1 - rate) / (raters * pictures) * design_effect(raters, correlation))


def plan(question: Question, *, raters: Sequence[int] = RATERS, pictures: int | None = None) -> list[Planned]:
    """Compute a study's size by raters per picture, and the difference that available ``pictures`` detect."""

    def row(count: int) -> Planned:
        needed = pictures_needed(question, count)
        return Planned(
            raters=count,
            design_effect=design_effect(count, question.correlation),
            pictures=needed,
            votes=2 * needed * count,
            half_width=half_width(question.rate, count, needed, correlation=question.correlation),
            detectable=detectable_difference(question, count, pictures) if pictures else None,
        )

    return [row(count) for count in raters]


def _multiple(question: Question) -> float:
    from scipy import stats

    return float(stats.norm.isf(question.alpha / 2) + stats.norm.isf(1 - question.power))
