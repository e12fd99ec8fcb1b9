"""The oracle: luck in phase 1 is not skill in phase 2."""

from __future__ import annotations

import numpy as np
import pytest

from autochrome.study.records import Judgment
from autochrome.study.statistics.intervals import Bootstrap
from autochrome.study.statistics.oracle import oracles
from autochrome.study.statistics.questionnaire import percentages
from tests.study.simulation import Crowd, pairs_layout, simulate
from tests.study.statistics.test_rates import votes

SAMPLES = ("pix.1", "pix.2", "pix.3")


def phase_two(rows: list[Judgment], generator: np.random.Generator, rate: float) -> list[Judgment]:
    """Five other raters on every photo, for whom all samples are alike."""
    photos = sorted({j.picture for j in rows})
    return [
        Judgment(1000 + k, photo, "pix.oracle", bool(generator.random() < rate), phase=2)
        for photo in photos
        for k in range(5)
    ]


def test_samples_that_do_not_differ_make_no_oracle() -> None:
    crowd = Crowd(dict.fromkeys(SAMPLES, 0.3), picture_sd=0.0, rater_sd=0.0)
    rows = simulate(crowd, pairs_layout(SAMPLES, pictures=150, raters=5, trials=30), seed=2)
    rows += phase_two(rows, np.random.default_rng(0), 0.3)
    found = oracles(rows, Bootstrap(200))["pix"]
    # The largest of three Binomial(5, .3) has a mean of .49 of 5 (sum over k of 1 - F(k)³ = 2.43).
    assert found.best_in_phase_1 == pytest.approx(0.486, abs=0.03)
    assert found.rate is not None
    assert found.rate.value == pytest.approx(0.3, abs=0.045)
    assert found.regression == pytest.approx(found.best_in_phase_1 - found.rate.value)
    assert found.gain is not None
    assert (found.gain.system, found.gain.rival) == ("pix.oracle", "pix")
    assert found.gain.interval.low < 0 < found.gain.interval.high
    assert list(found.samples) == list(SAMPLES)
    assert (found.all_samples.votes, found.all_samples.pictures) == (2250, 150)


def test_best_liked_by_hand_and_before_phase_two() -> None:
    rows = votes({"a": (1, 5), "b": (4, 5)}, "pix.1") + votes({"a": (3, 5), "b": (2, 5)}, "pix.2")
    found = oracles([*rows, *votes({"a": (1, 5)}, "cic")])
    assert list(found) == ["pix"]
    assert found["pix"].best_in_phase_1 == pytest.approx((3 / 5 + 4 / 5) / 2)
    assert (found["pix"].rate, found["pix"].gain, found["pix"].regression) == (None, None, None)
    assert percentages(rows[:5]) == {"a": 0.2}


def test_a_name_that_ends_in_a_number_is_no_oracle_of_its_own() -> None:
    assert oracles(votes({"a": (1, 5)}, "cic.2")) == {}
