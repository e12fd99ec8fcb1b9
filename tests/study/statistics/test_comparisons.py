"""Paired comparisons against scipy and exact permutation counts; Holm's correction by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from autochrome.study.records import Judgment
from autochrome.study.statistics.comparisons import (
    HALF,
    against_half,
    compare_systems,
    holm,
    sign_flip,
)
from autochrome.study.statistics.questionnaire import welch
from tests.study.statistics.recomputed import welch_from_moments
from tests.study.statistics.test_rates import votes

A = {f"p{k:02d}": (k % 5, 5) for k in range(30)}
B = {f"p{k:02d}": (k * k % 6, 6) for k in range(30)}


def test_difference_with_raters_who_vote_once_is_the_paired_t_interval() -> None:
    rows = votes(A) + [Judgment(j.rater + 1000, j.picture, "lrac", j.success) for j in votes(B)]
    found = compare_systems(rows)[0]
    differences = np.array([A[p][0] / 5 - B[p][0] / 6 for p in A])
    test = stats.ttest_1samp(differences, 0)
    interval, p = test.confidence_interval(), np.asarray(test)[1]
    assert (found.system, found.rival, found.pictures) == ("cic", "lrac", 30)
    assert found.difference == pytest.approx(differences.mean())
    assert (found.interval.low, found.interval.high) == pytest.approx((interval.low, interval.high))
    assert (found.over_pictures.low, found.over_pictures.high) == pytest.approx(
        (interval.low, interval.high), abs=0.02
    )
    assert found.p == pytest.approx(p, abs=0.03)
    assert not found.exact


def test_only_photos_that_both_have_are_compared() -> None:
    rows = votes({"a": (4, 5), "b": (3, 5), "only": (5, 5)}, "x")
    rows += votes({"a": (1, 5), "b": (2, 5)}, "y") + votes({"elsewhere": (1, 5)}, "z")
    (found,) = compare_systems(rows)
    assert (found.system, found.rival, found.pictures) == ("x", "y", 2)
    assert found.difference == pytest.approx((3 / 5 + 1 / 5) / 2)


def test_sign_flips_are_counted_exactly_where_photos_are_few() -> None:
    # Six differences that are all positive: of 2^6 flips only all + and all - are as far off: 2 / 64.
    p, exact = sign_flip(np.array([0.1, 0.3, 0.2, 0.5, 0.4, 0.2, 0.0]))
    assert (p, exact) == (pytest.approx(2 / 64), True)
    # Three differences: 1, 1, -1 has sum 1; six of eight flips have |sum| 1 and two 3: p = 1.
    assert sign_flip(np.array([1.0, 1.0, -1.0]))[0] == 1
    assert sign_flip(np.zeros(5)) == (1.0, True)
    assert sign_flip(np.array([0.4])) == (1.0, True)


def test_sign_flips_of_many_photos_approach_the_t_test_and_follow_the_seed() -> None:
    differences = np.random.default_rng(4).normal(0.04, 0.2, 200).round(1)
    p, exact = sign_flip(differences)
    assert not exact
    assert p == pytest.approx(np.asarray(stats.ttest_1samp(differences, 0))[1], abs=0.01)
    assert sign_flip(differences)[0] == p


def test_holm_by_hand() -> None:
    # Sorted: .005 * 4, .01 * 3, .03 * 2, .04 * 1 = .02, .03, .06, .04 -> .06, since they may not fall.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_all_pairs_are_corrected_together() -> None:
    rows = votes(A, "a") + votes(B, "b") + votes({p: (0, 5) for p in A}, "c")
    found = compare_systems(rows)
    assert [(c.system, c.rival) for c in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [c.p_holm for c in found] == pytest.approx(holm([c.p for c in found]))
    assert found[1].p_holm > found[1].p


def test_against_half() -> None:
    below, even = against_half(votes({f"p{k}": (1, 4) for k in range(12)}, "a") + votes(A, "b"))
    assert (below.rival, below.difference) == (HALF, pytest.approx(-0.25))
    assert below.p == pytest.approx(2 / 2**12)
    assert even.difference == pytest.approx(0.4 - 0.5)


def test_welch_of_pictures_and_of_moments_are_the_same() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(0.7, 0.1, 20), generator.normal(0.6, 0.2, 80)
    moments = [float(x) for x in (a.mean(), a.std(ddof=1), b.mean(), b.std(ddof=1))]
    found = welch_from_moments(moments[0], moments[1], 20, moments[2], moments[3], 80)
    theirs = welch(a.tolist(), b.tolist())
    assert theirs and (found.t, found.degrees, found.p) == pytest.approx((theirs.t, theirs.degrees, theirs.p))
    assert found.p == pytest.approx(float(2 * stats.t.sf(abs(found.t), found.degrees)))
