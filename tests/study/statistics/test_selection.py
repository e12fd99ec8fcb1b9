"""Which votes count, and the reasons for the threshold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scipy import stats

from autochrome.study.records import RANDOM, Judgment, Stage
from autochrome.study.statistics.intervals import Bootstrap
from autochrome.study.statistics.rates import fooling_rates
from autochrome.study.statistics.selection import MAIN, MOST_FAILED, SELECTIONS, attention, select
from tests.study.simulation import Crowd, pairs_layout, simulate


def rater(number: int, failed: int, *, slipped: bool = False) -> list[Judgment]:
    """Four vigilance trials, and two votes that were fooled on one photo of two."""
    check = [
        Judgment(number, f"v{k}", RANDOM, k < failed, Stage.VIGILANCE, slipped=slipped) for k in range(4)
    ]
    test = [Judgment(number, f"p{k}", "cic", k == 0, slipped=slipped) for k in range(2)]
    return check + test


def test_raters_who_fail_more_than_a_quarter_are_out() -> None:
    rows = rater(1, 0) + rater(2, 1) + rater(3, 2) + [Judgment(4, "p0", "cic", True)]
    found = attention(rows)
    assert found.failed == {"1": 0.0, "2": 0.25, "3": 0.5}
    assert found.inattentive == (3,)
    assert found.caught is not None
    assert found.caught.value == pytest.approx(9 / 12)
    kept = select(rows)
    assert {j.rater for j in kept.judgments} == {1, 2, 4}, "who did no vigilance trial is kept"
    assert kept.inattentive == (3,)
    assert select(rows, inattentive=True).inattentive == ()
    assert attention([]).caught is None


def test_the_threshold_parts_guessing_from_watching() -> None:
    # CIC: 96% caught. What MOST_FAILED says of four trials, by the binomial distribution.
    fails = {failures: stats.binom.pmf(failures, 4, [0.04, 0.5]) for failures in (1, 2)}
    assert MOST_FAILED == 1 / 4
    assert stats.binom.sf(1, 4, [0.04, 0.5]) == pytest.approx([0.009, 0.69], abs=3e-3)
    assert fails[2][1] / fails[2][0] == pytest.approx(43, abs=1)
    assert fails[1][1] / fails[1][0] == pytest.approx(1.8, abs=0.05)


def test_slipped_trials_neither_count_nor_speak_against_a_rater() -> None:
    rows = rater(1, 0) + rater(2, 4, slipped=True)
    assert attention(rows).inattentive == ()
    kept = select(rows)
    assert kept.slipped == 2
    assert not any(j.slipped for j in kept.judgments)
    assert len(select(rows, slipped=True).judgments) == len(rows)


def test_in_a_preference_the_other_picture_is_to_be_preferred() -> None:
    good = Judgment(1, "v", "cic", True, Stage.VIGILANCE, rival=RANDOM)
    also = Judgment(2, "v", RANDOM, False, Stage.VIGILANCE, rival="cic")
    bad = replace(good, rater=3, success=False)
    assert attention([good, also, bad]).inattentive == (3,)


def test_main_figure_and_what_leaving_votes_out_has_done() -> None:
    crowd = Crowd({"cic": 0.2}, inattentive=0.2)
    layout = pairs_layout(("cic",), pictures=300, raters=4, trials=12)
    rows = simulate(crowd, layout, vigilance=4, seed=1)
    rows = [replace(j, slipped=k % 10 == 0, success=j.success or k % 10 == 0) for k, j in enumerate(rows)]
    found = {
        name: fooling_rates(select(rows, slipped=slipped, inattentive=out).judgments, Bootstrap(200))["cic"]
        for name, (slipped, out) in SELECTIONS.items()
    }
    assert found["every vote"].votes == 1200
    assert found[MAIN].votes < found["inattentive raters too"].votes < 1200
    # A fifth of the raters answers by chance: .2 * .5 + .8 * .2 = .26; left out, 31% of
    # them remain, which is .22.
    assert found["inattentive raters too"].value == pytest.approx(0.26, abs=0.03)
    assert found[MAIN].value == pytest.approx(0.22, abs=0.03)
    assert found["slipped trials too"].value > found[MAIN].value + 0.05
