"""Fooling rates and their errors, against closed forms; protocols through the records."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import numpy as np
import pytest

from autochrome.io.plain import to_plain
from autochrome.study.records import (
    TRUTH,
    Answer,
    Judgment,
    Protocol,
    Stage,
    Trial,
    Unit,
    Vote,
    judgments,
)
from autochrome.study.statistics.intervals import Bootstrap
from autochrome.study.statistics.rates import BINOMIAL, first_slot_share, fooling_rates


def votes(shares: dict[str, tuple[int, int]], system: str = "cic") -> list[Judgment]:
    """So many successes of so many votes on each photo, every vote by another rater."""
    found: list[Judgment] = []
    for picture, (successes, count) in shares.items():
        for k in range(count):
            found.append(Judgment(len(found) + 1, picture, system, k < successes))
    return found


def test_rate_of_unequal_votes_is_the_share_of_votes() -> None:
    rate = fooling_rates(votes({"a": (1, 1), "b": (0, 3), "c": (2, 6)}))["cic"]
    assert rate.value == pytest.approx(3 / 10)
    assert (rate.votes, rate.pictures, rate.raters) == (10, 3, 10)
    # Picture c has most votes: a resample of c alone has 2/6, one of b alone 0, of a alone 1.
    assert rate.over_pictures.low == 0
    assert rate.over_pictures.high == 1


def test_the_papers_errors_under_their_names() -> None:
    # 500 photos with 5 votes: 250 with 1 of 5, 250 with 3 of 5. Rate .4; photos' deviation .2, so the
    # bootstrap's error is .2 / sqrt(500) = .894%; of independent votes sqrt(.4 .6 / 2500) = .980%.
    shares = {f"p{k:03d}": (1 + 2 * (k % 2), 5) for k in range(500)}
    rate = fooling_rates(votes(shares), Bootstrap(5000))["cic"]
    assert rate.binomial.method == BINOMIAL == "binomial 95% (as CIC prints)"
    half = 1.96 * np.sqrt(0.4 * 0.6 / 2500)
    assert (rate.binomial.low, rate.binomial.high) == pytest.approx((0.4 - half, 0.4 + half))
    assert rate.binomial_error == pytest.approx(half / 1.96)
    assert rate.standard_error == pytest.approx(0.2 / np.sqrt(500), rel=0.03)
    assert rate.design_effect == pytest.approx((0.2**2 / 500) / (0.24 / 2500), rel=0.06)
    # That votes on one photo differ more than independent ones is chance: the interval is as of those.
    assert rate.interval.high - rate.interval.low == pytest.approx(2 * half, rel=0.01)


def test_order_of_votes_does_not_matter_but_the_seed_does() -> None:
    rows = votes({f"p{k}": (k % 4, 5) for k in range(20)})
    shuffled = rows.copy()
    random.Random(0).shuffle(shuffled)
    assert fooling_rates(rows, Bootstrap(500)) == fooling_rates(shuffled, Bootstrap(500))
    other = fooling_rates(rows, Bootstrap(500, seed=1))["cic"]
    assert other.standard_error != fooling_rates(rows, Bootstrap(500))["cic"].standard_error


def test_raters_of_many_votes_widen_the_interval_for_new_raters_alone() -> None:
    # Five raters of 40 photos: two are always fooled, three never.
    rows = [Judgment(r, f"p{k:02d}", "cic", r < 2) for k in range(40) for r in range(5)]
    rate = fooling_rates(rows)["cic"]
    # Over photos nothing differs; over raters 0 and 1 do.
    assert rate.over_pictures.high - rate.over_pictures.low == 0
    assert rate.interval.low < 0.1
    assert rate.interval.high > 0.8


def test_practice_and_vigilance_are_not_counted_and_no_vote_gives_no_rate() -> None:
    rows = votes({"a": (2, 4), "b": (1, 4)})
    others = [
        replace(row, stage=stage, success=True) for stage in (Stage.PRACTICE, Stage.VIGILANCE) for row in rows
    ]
    assert fooling_rates([*rows, *others]) == fooling_rates(rows)
    assert fooling_rates(others) == {}


def test_votes_that_all_agree_are_not_certainty() -> None:
    rate = fooling_rates(votes({f"p{k}": (0, 5) for k in range(20)}))["cic"]
    assert rate.value == 0
    assert rate.design_effect is None
    # Exact bound of no success in 20: 1 - .025 ** (1 / 20) = .168.
    assert rate.interval.high == pytest.approx(0.1684, abs=1e-4)
    assert rate.over_pictures.high == pytest.approx(0.1684, abs=1e-4)


def test_results_are_json() -> None:
    rates = fooling_rates(votes({"a": (2, 4), "b": (1, 4)}))
    plain = json.loads(json.dumps(to_plain(rates), allow_nan=False))
    assert plain["cic"]["interval"]["method"] == "95% for new pictures and new raters"
    assert to_plain([float("nan"), (1, float("inf"))]) == [None, [1, None]]


@pytest.mark.parametrize("protocol", [Protocol.TWO_AFC, Protocol.TURING, Protocol.PREFERENCE])
def test_a_rater_who_always_takes_the_first_slot(protocol: Protocol) -> None:
    versions = ("a", "b") if protocol is Protocol.PREFERENCE else (TRUTH, "a")
    answers = []
    for k in range(20):
        unit = Unit(k, 1, Stage.TEST, f"p{k}", versions)
        order = (0, 1) if k % 4 else (1, 0)
        trial = Trial(str(k), unit, order, k + 1, 20)
        slot = 0 if k != 19 else 1
        answers.append(Answer(k % 2 + 1, trial, Vote((slot,)), "2025-01-01T00:00:00Z"))
    share = first_slot_share(protocol, judgments(protocol, answers))
    assert share is not None
    assert share.value == pytest.approx(19 / 20)


def test_first_slot_without_votes_or_of_a_questionnaire() -> None:
    assert first_slot_share(Protocol.TURING, []) is None
    with pytest.raises(ValueError, match="use a protocol with pairs"):
        first_slot_share(Protocol.QUESTIONNAIRE, [])
