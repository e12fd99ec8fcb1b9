"""What comes when and where: in balance, and not to be foreseen."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autochrome.study.records import Stage
from autochrome.study.storage.assignment import choose_order, keyed, stages, stock


def test_a_key_gives_the_same_draws_everywhere() -> None:
    # What `random.Random("3/1/2").random()` gives in CPython 3.11.
    assert keyed(3, 1, 2).random() == 0.06041597908088003
    draws = {keyed(*key).random() for key in ((3, 1, 2), (3, 12), (3, 1, 3), (4, 1, 2), (3, 2, 1))}
    assert len(draws) == 5


@given(st.integers(0, 12), st.integers(1, 60), st.integers(0, 12), st.integers())
def test_a_rater_has_the_trials_of_the_design(practice: int, trials: int, vigilance: int, seed: int) -> None:
    plan = stages(practice, trials, vigilance, Random(seed))
    assert Counter(plan) == +Counter(
        {Stage.PRACTICE: practice, Stage.TEST: trials, Stage.VIGILANCE: vigilance}
    )
    assert set(plan[:practice]) <= {Stage.PRACTICE}


def test_vigilance_is_strewn_over_the_whole_test() -> None:
    places = Counter()
    for rater in range(2000):
        plan = stages(10, 40, 4, keyed(0, rater, "stages"))
        watched = [i - 10 for i, stage in enumerate(plan) if stage is Stage.VIGILANCE]
        assert [place // 11 for place in watched] == [0, 1, 2, 3]
        places.update(watched)
    # Each of the 44 places is as likely: 2000 / 11 = 182 times each, with a deviation of 13.
    assert set(places) == set(range(44))
    assert all(abs(times - 2000 / 11) < 4.5 * 13 for times in places.values())


@given(st.integers(2, 6), st.integers(1, 60), st.integers())
def test_over_a_raters_trials_every_slot_comes_equally_often(slots: int, trials: int, seed: int) -> None:
    used: Counter[int] = Counter()
    for number in range(trials):
        order = choose_order(Counter(), stock(slots, trials, used, keyed(seed, "stock")), keyed(seed, number))
        assert sorted(order) == list(range(slots))
        used[order.index(0)] += 1
    counts = [used[slot] for slot in range(slots)]
    assert sum(counts) == trials
    assert max(counts) - min(counts) <= 1


def test_what_a_rater_saw_does_not_tell_what_follows() -> None:
    """After "first" comes "first" about as often as chance has it: (n/2 - 1) / (n - 1) of the time."""
    same = total = 0
    for rater in range(300):
        used: Counter[int] = Counter()
        places = []
        for number in range(40):
            left = stock(2, 40, used, keyed(0, rater, "stock"))
            places.append(choose_order(Counter(), left, keyed(0, rater, number)).index(0))
            used[places[-1]] += 1
        same += sum(a == b for a, b in pairwise(places))
        total += 39
    # 19 / 39 = 0.487, with a deviation of 0.5 / sqrt(11,700) = 0.0046.
    assert same / total == pytest.approx(19 / 39, abs=4 * 0.0046)


def test_a_unit_shows_its_first_version_where_it_was_least() -> None:
    plenty = Counter({0: 10, 1: 10})
    for seed in range(20):
        assert choose_order(Counter({0: 3, 1: 2}), plenty, Random(seed)) == (1, 0)
        assert choose_order(Counter({0: 2, 1: 3}), plenty, Random(seed)) == (0, 1)
        # The rater's own balance comes first: no slot is taken that they have had enough of.
        assert choose_order(Counter({0: 3, 1: 2}), Counter({0: 1, 1: 0}), Random(seed)) == (0, 1)


def test_the_other_versions_are_shuffled() -> None:
    orders = Counter(
        choose_order(Counter(), Counter({slot: 4 for slot in range(5)}), Random(seed)) for seed in range(6000)
    )
    # 120 orders, 50 times each, with a deviation of 7.
    assert len(orders) == 120
    assert max(orders.values()) < 50 + 5 * 7 and min(orders.values()) > 50 - 5 * 7
