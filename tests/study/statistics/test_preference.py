"""Preferences: shares and tests against scipy, Bradley-Terry against cases that can be solved by hand."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from scipy import stats

from autochrome.study.records import Judgment
from autochrome.study.statistics.intervals import Bootstrap
from autochrome.study.statistics.preference import PSEUDO_VOTES, bradley_terry, log_strengths, preferences
from tests.study.simulation import Crowd, simulate_preferences


def pair(system: str, rival: str, wins: int, count: int) -> list[Judgment]:
    """Votes of one rater a photo."""
    return [Judgment(k + 1, f"p{k:03d}", system, k < wins, rival=rival) for k in range(count)]


def test_share_preferred_and_its_tests() -> None:
    (found,) = preferences(pair("a", "b", 9, 12)).pairs
    assert (found.system, found.rival, found.share.value) == ("a", "b", 0.75)
    assert found.binomial_p == pytest.approx(float(stats.binomtest(9, 12).pvalue))
    # With one vote a photo every flip is a coin: the same distribution.
    assert found.p == pytest.approx(found.binomial_p)
    assert preferences(pair("a", "b", 9, 12)).strengths == {}, "two systems make no scale"


def test_strengths_of_votes_that_fit_a_scale_exactly() -> None:
    # Strengths 4, 2, 1: a beats b in 4/6 of votes, a beats c in 4/5, b beats c in 2/3.
    wins = np.array([[[0.0, 40, 48], [20, 0, 40], [12, 20, 0]]])
    wanted = np.log([4, 2, 1]) - np.log(2)
    assert log_strengths(wins)[0] == pytest.approx(wanted, abs=1e-7)


def test_strengths_of_two_systems_are_log_odds() -> None:
    strengths = log_strengths(np.array([[[0.0, 30], [10, 0]]]))[0]
    assert strengths[0] - strengths[1] == pytest.approx(log(3))


def test_half_a_vote_keeps_a_winner_of_all_votes_finite() -> None:
    rows = pair("a", "b", 10, 10) + pair("b", "c", 10, 10)
    found = bradley_terry(rows, Bootstrap(50))
    assert list(found) == ["a", "b", "c"]
    # A chain: each link is a pair of its own, with odds of 10.5 to .5.
    gap = log((10 + PSEUDO_VOTES) / PSEUDO_VOTES)
    assert [found[name].value for name in "abc"] == pytest.approx([gap, 0, -gap], abs=1e-6)


def test_systems_that_no_votes_link_have_no_scale() -> None:
    assert bradley_terry(pair("a", "b", 5, 9) + pair("c", "d", 5, 9)) == {}


def test_simulated_preferences_come_back() -> None:
    # Without effects of photos the logit of a preference is the difference of the rates' logits.
    crowd = Crowd({"a": 0.5, "b": 0.3, "c": 0.2}, picture_sd=0.0, rater_sd=0.0)
    found = preferences(simulate_preferences(crowd, pictures=60, raters=5, trials=30, seed=1), Bootstrap(300))
    assert list(found.strengths) == ["a", "b", "c"]
    truth = np.log([0.5 / 0.5, 0.3 / 0.7, 0.2 / 0.8])
    for strength, wanted in zip(found.strengths.values(), truth - truth.mean(), strict=True):
        assert strength.interval.low < wanted < strength.interval.high
    assert [(p.system, p.rival) for p in found.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert all(p.p_holm >= p.p for p in found.pairs)
    assert found.pairs[0].share.value == pytest.approx(0.7, abs=0.08), "odds of 1 to 3/7"
