"""The questionnaire of Cao et al.: Welch against scipy, ranks by hand, the crossed bootstrap's spread."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from autochrome.study.records import TRUTH
from autochrome.study.statistics.columns import Columns
from autochrome.study.statistics.intervals import Bootstrap
from autochrome.study.statistics.questionnaire import (
    GENERATED,
    credibility_ranks,
    crossed_interval,
    questionnaire,
    welch,
)
from tests.study.simulation import Crowd, questionnaire_layout, simulate
from tests.study.statistics.test_rates import votes

MADE = ("s1", "s2", "s3", "s4")
CROWD = Crowd({TRUTH: 0.7, **dict.fromkeys(MADE, 0.626)}, picture_sd=1.0)


def test_a_questionnaire_of_the_papers_photos() -> None:
    rows = simulate(CROWD, questionnaire_layout(MADE, questions=20, raters=80), seed=3)
    found = questionnaire(rows, Bootstrap(1000))
    assert list(found.rates) == [TRUTH, *MADE, GENERATED]
    assert (found.rates[TRUTH].votes, found.rates[GENERATED].votes) == (1600, 6400)
    true = list(found.percentages[TRUTH].values())
    made = [share for name in MADE for share in found.percentages[name].values()]
    theirs = np.asarray(stats.ttest_ind(true, made, equal_var=False))
    assert found.welch is not None
    assert found.welch.p == pytest.approx(theirs[1])
    assert (len(true), len(made)) == (20, 80)
    # The deviation from picture to picture that Cao's p asks for is some 19 points.
    assert np.std(true, ddof=1) == pytest.approx(0.19, abs=0.06)
    assert found.difference is not None
    assert found.difference.value == pytest.approx(np.mean(true) - np.mean(made))
    crossed = found.difference_bootstrap
    assert crossed is not None
    middle = (crossed.low + crossed.high) / 2
    assert middle == pytest.approx(found.difference.value, abs=0.02)
    wide = found.difference.interval.high - found.difference.interval.low
    assert crossed.high - crossed.low == pytest.approx(wide, rel=0.2)
    assert sum(rank.average.value for rank in found.ranks.values()) == pytest.approx(5 * 3)


def test_ranks_share_ties() -> None:
    # One photo: .9 first; .5 and .5 share ranks 2 and 3; .4 fourth; 0 fifth. Another: all alike, rank 3.
    first = {"a": 0.5, "b": 0.9, "c": 0.5, "d": 0.4, "e": 0.0}
    shares = {name: {"one": share, "two": 0.25} for name, share in first.items()}
    ranks = credibility_ranks(shares)
    assert [ranks[name].average.value for name in "abcde"] == pytest.approx([2.75, 2.0, 2.75, 3.5, 4.0])
    assert ranks["b"].more_credible == pytest.approx(0.25)
    # As Cao et al. compute it: "(2.5-1)/(5-1) = 37.5%".
    assert ranks["d"].more_credible == pytest.approx((3.5 - 1) / (5 - 1))


def test_ranks_need_all_versions_of_a_photo() -> None:
    shares = {"a": {"one": 0.5, "two": 0.2}, "b": {"one": 0.4}}
    assert credibility_ranks(shares)["a"].average.value == 1
    assert credibility_ranks({"a": {"one": 0.5}}) == {}
    assert credibility_ranks({}) == {}


def test_without_truth_or_variation_there_is_no_test() -> None:
    assert welch([0.5], [0.2, 0.3]) is None
    assert welch([0.5, 0.5], [0.2, 0.2]) is None
    made = questionnaire(votes({"a": (1, 2), "b": (1, 2)}))
    assert (made.welch, made.difference, made.difference_bootstrap) == (None, None, None)
    empty = questionnaire([])
    assert (empty.rates, empty.ranks) == ({}, {})


def test_crossed_bootstrap_holds_effects_of_photos_and_of_raters() -> None:
    # The first side's votes are all successes by raters 0-9 and none by raters 10-19, on all of 30 photos;
    # the second side's all. Over photos nothing differs; over raters the first rate has an error of
    # .5 / sqrt(20).
    picture, rater, side = (index.ravel() for index in np.indices((30, 20, 2)))
    success = ((rater < 10) | (side == 1)).astype(float)
    columns = Columns(success, picture, rater)
    crossed = crossed_interval(columns, side == 1, Bootstrap(4000))
    assert (crossed.high - crossed.low) / 2 == pytest.approx(1.96 * 0.5 / np.sqrt(20), rel=0.1)
    alone = crossed_interval(Columns(success, picture, np.zeros_like(rater)), side == 1)
    assert (alone.low, alone.high) == (-1, 1)
