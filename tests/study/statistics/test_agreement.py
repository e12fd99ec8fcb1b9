"""Agreement, against the worked examples that its authors and textbooks print."""

from __future__ import annotations

import numpy as np
import pytest

from autochrome.study.records import Judgment
from autochrome.study.statistics.agreement import (
    agreement,
    agreement_by_system,
    agreement_of,
    fleiss_kappa,
    krippendorff_alpha,
    percent_agreement,
)
from autochrome.study.statistics.intervals import Bootstrap, Estimate
from tests.study.simulation import Crowd, pairs_layout, simulate, vote_correlation
from tests.study.statistics.test_rates import votes

# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section C: four observers, twelve units.
OBSERVERS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")

# Wikipedia, "Fleiss' kappa": fourteen raters, ten subjects, five categories.
FOURTEEN = """
0 0 0 0 14 | 0 2 6 4 2 | 0 0 3 5 6 | 0 3 9 2 0 | 2 2 8 1 1
7 7 0 0 0 | 3 2 6 3 0 | 2 5 3 2 2 | 6 5 2 1 0 | 0 2 2 3 7
"""

# Fleiss (1971), Psychological Bulletin 76, table 1: six psychiatrists, thirty patients, five diagnoses.
DIAGNOSES = """
0 0 0 6 0 | 0 3 0 0 3 | 0 1 4 0 1 | 0 0 0 0 6 | 0 3 0 3 0 | 2 0 4 0 0
0 0 4 0 2 | 2 0 3 1 0 | 2 0 0 4 0 | 0 0 0 0 6 | 1 0 0 5 0 | 1 1 0 4 0
0 3 3 0 0 | 1 0 0 5 0 | 0 2 0 3 1 | 0 0 5 0 1 | 3 0 0 1 2 | 5 1 0 0 0
0 2 0 4 0 | 1 0 2 0 3 | 0 0 0 0 6 | 0 1 0 5 0 | 0 2 0 1 3 | 2 0 0 4 0
1 0 0 4 1 | 0 5 0 1 0 | 4 0 0 0 2 | 0 2 0 4 0 | 1 0 5 0 0 | 0 0 0 0 6
"""


def table(text: str) -> np.ndarray:
    return np.array([[int(n) for n in row.split()] for row in text.strip().replace("\n", "|").split("|")])


def test_krippendorffs_own_example() -> None:
    counts = np.array(
        [[column.count(value) for value in "12345"] for column in map("".join, zip(*OBSERVERS, strict=True))]
    )
    assert counts.sum() == 41
    assert krippendorff_alpha(counts) == pytest.approx(0.743, abs=5e-4)


def test_fleiss_kappa_of_the_published_tables() -> None:
    assert fleiss_kappa(table(FOURTEEN)) == pytest.approx(0.210, abs=5e-4)
    diagnoses = table(DIAGNOSES)
    # His shares of the diagnoses: .144, .144, .167, .306, .239; agreement .5556; kappa .430.
    assert diagnoses.sum(0) / 180 == pytest.approx([0.144, 0.144, 0.167, 0.306, 0.239], abs=5e-4)
    assert percent_agreement(diagnoses) == pytest.approx(0.5556, abs=5e-4)
    assert fleiss_kappa(diagnoses) == pytest.approx(0.430, abs=5e-4)


def test_alpha_is_kappa_but_for_small_numbers() -> None:
    # With m ratings of every unit 1 - alpha = (1 - kappa) (n - 1) / n, n ratings in all.
    counts = table(DIAGNOSES)
    alpha, kappa = krippendorff_alpha(counts), fleiss_kappa(counts)
    assert alpha is not None and kappa is not None
    assert 1 - alpha == pytest.approx((1 - kappa) * 179 / 180)


def test_units_with_one_vote_are_out_and_unequal_ones_have_no_kappa() -> None:
    counts = np.array([[2, 0], [0, 3], [1, 1]])
    with_single = np.array([[2, 0], [0, 3], [1, 1], [1, 0]])
    assert krippendorff_alpha(with_single) == krippendorff_alpha(counts)
    assert fleiss_kappa(counts) is None
    assert krippendorff_alpha(np.array([[3, 0], [5, 0]])) is None


def test_agreement_of_a_study() -> None:
    rows = [*votes({"a": (5, 5), "b": (0, 5), "c": (4, 5)}), Judgment(99, "d", "cic", True)]
    found = agreement(rows)
    assert found is not None
    assert (found.units, found.votes) == (3, 15)
    # Pairs of five raters that agree: 10, 10 and 6 of 10.
    assert found.percent == pytest.approx((1 + 1 + 0.6) / 3)
    assert found.alpha is not None
    assert found.alpha.interval.low < found.alpha.value < found.alpha.interval.high
    assert agreement(rows[-1:]) is None
    alike = agreement(votes({"a": (0, 5), "b": (0, 5)}))
    assert alike is not None
    assert (alike.alpha, alike.kappa, alike.percent) == (None, None, 1)


def test_alpha_is_the_correlation_of_votes_on_one_picture() -> None:
    crowd = Crowd({"a": 0.3, "b": 0.5}, picture_sd=1.5, rater_sd=0.0)
    rows = simulate(crowd, pairs_layout(("a", "b"), pictures=120, raters=8, trials=40), seed=0)
    found = agreement_by_system(rows, Bootstrap(300))
    for name, rate in crowd.rates.items():
        alpha = found[name].alpha
        assert alpha is not None
        assert alpha.interval.low < vote_correlation(rate, 1.5) < alpha.interval.high
    together = agreement(rows, Bootstrap(10))
    assert together is not None and together.alpha is not None
    assert together.alpha.value > 0.2


def test_photos_are_what_is_resampled() -> None:
    # Two units of each photo that are alike: as units of their own they would look twice as many.
    counts = table(DIAGNOSES)
    twice = np.repeat(counts, 2, axis=0)
    once = agreement_of(counts, np.arange(30)).alpha
    apart = agreement_of(twice, np.arange(60)).alpha
    together = agreement_of(twice, np.repeat(np.arange(30), 2)).alpha
    assert once and apart and together

    def width(estimate: Estimate) -> float:
        return estimate.interval.high - estimate.interval.low

    assert width(together) == pytest.approx(width(once), rel=0.02)
    assert width(apart) < 0.8 * width(together)
