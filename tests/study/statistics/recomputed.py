"""What can be recomputed from the papers' printed figures: which tests and which errors they are.

Rates and errors are in percent, as printed.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from math import sqrt

from autochrome.study.statistics.published import CAO_GENERATED, CAO_P, CAO_TRUE, PIXCOLOR_FIGURE_6, Printed
from autochrome.study.statistics.questionnaire import Welch

CIC_LEARCH = (Printed("Ours", 17.2, 1.9), Printed("Deshpande et al.", 9.8, 1.5))
"""Zhang et al. (2016), Figure 10."""

CIC_P = 0.093
"""Printed for 20.4 against 18.9 (section 4.2)."""

PIXCOLOR_PICTURES = 500
PIXCOLOR_RATERS = 5
"""Votes on each picture."""

CAO_QUESTIONS, CAO_VERSIONS, CAO_RATERS = 20, 4, 80
"""20 questions with one true and 4 generated pictures, 80 raters."""


def p_from_intervals(
    rate: float,
    half_width: float,
    rival: float,
    rival_half_width: float,
    *,
    tails: int = 1,
    multiple: float = 1.96,
) -> float:
    """The p-value of the z test of two rates, from what is printed of them.

    Args:
        rate: of the system, in percent.
        half_width: what stands behind its ±.
        rival: rate of the other system, in percent.
        rival_half_width: what stands behind its ±.
        tails: 1 (rate above rival) or 2.
        multiple: how many standard errors the ± is: 1.96, or 1.
    """
    from scipy import stats

    z = (rate - rival) / (sqrt(half_width**2 + rival_half_width**2) / multiple)
    return float(stats.norm.sf(z)) if tails == 1 else float(2 * stats.norm.sf(abs(z)))


def p_range_from_intervals(
    rate: float,
    half_width: float,
    rival: float,
    rival_half_width: float,
    *,
    tails: int = 1,
    multiple: float = 1.96,
) -> tuple[float, float]:
    """The least and the greatest p that figures which round to the printed ones, to .1, can give.

    A p outside of it was not computed that way. CIC's .093 is within the .070-.113 of a one-sided test of 95%
    intervals: 20.39 and 18.91 give it. A two-sided test needs .140 or more, standard errors .225.
    """
    corners = product(
        *([value - 0.05, value + 0.05] for value in (rate, half_width, rival, rival_half_width))
    )
    found = [p_from_intervals(*corner, tails=tails, multiple=multiple) for corner in corners]
    return min(found), max(found)


def trials_from_interval(rate: float, half_width: float) -> float:
    """Independent votes behind a printed 95% interval: p (1 - p) (1.96 / half width)²."""
    return rate * (100 - rate) * (1.96 / half_width) ** 2


def binomial_error(rate: float, votes: int) -> float:
    """One standard error of a rate of independent votes, in percent."""
    return sqrt(rate * (100 - rate) / votes)


def design_effect(rate: float, standard_error: float, votes: int) -> float:
    """How many times the variance of independent votes a printed standard error is."""
    return (standard_error / binomial_error(rate, votes)) ** 2


def intra_picture_correlation(effect: float, raters: int) -> float:
    """Correlation of two votes on one picture, from the design effect 1 + (raters - 1) correlation."""
    return (effect - 1) / (raters - 1)


def mean_design_effect(printed: Iterable[Printed] = PIXCOLOR_FIGURE_6[:-1]) -> float:
    """Mean design effect of PixColor's figure 6: 1.19 without the oracle, whose pictures are chosen ones."""
    votes = PIXCOLOR_PICTURES * PIXCOLOR_RATERS
    effects = [design_effect(row.rate, row.error, votes) for row in printed]
    return sum(effects) / len(effects)


def deviation_for_p(
    p: float = CAO_P,
    *,
    mean: float = CAO_TRUE,
    count: int = CAO_QUESTIONS,
    rival: float = CAO_GENERATED,
    rival_count: int = CAO_QUESTIONS * CAO_VERSIONS,
) -> float:
    """Standard deviation, alike in both groups, with which Welch's test gives a printed p.

    Cao et al. print neither t nor deviations. Over 20 and 80 pictures their p asks for |t| = 1.53 and 19
    percentage points from picture to picture, a deviation that such percentages have. Over their 1,600 and
    6,400 judgments p would be below 1e-7 (`judgment_z`): the paper's test is one of pictures.
    """
    from scipy.optimize import root_scalar

    def excess(deviation: float) -> float:
        return welch_from_moments(mean, deviation, count, rival, deviation, rival_count).p - p

    return float(root_scalar(excess, bracket=(1e-3, 1e3)).root)


def judgment_z(
    rate: float = CAO_TRUE,
    votes: int = CAO_QUESTIONS * CAO_RATERS,
    rival: float = CAO_GENERATED,
    rival_votes: int = CAO_QUESTIONS * CAO_VERSIONS * CAO_RATERS,
) -> float:
    """Difference of two rates in standard errors, as if every judgment were independent of every other."""
    return (rate - rival) / sqrt(binomial_error(rate, votes) ** 2 + binomial_error(rival, rival_votes) ** 2)


def welch_from_moments(
    mean: float, deviation: float, count: int, rival: float, rival_deviation: float, rival_count: int
) -> Welch:
    """Compute Welch's t test from the means, standard deviations (n - 1) and sizes of two groups."""
    from scipy import stats

    variances = deviation**2 / count, rival_deviation**2 / rival_count
    test = stats.ttest_ind_from_stats(
        mean, deviation, count, rival, rival_deviation, rival_count, equal_var=False
    )
    degrees = sum(variances) ** 2 / (variances[0] ** 2 / (count - 1) + variances[1] ** 2 / (rival_count - 1))
    return Welch(float(test.statistic), degrees, float(test.pvalue))
