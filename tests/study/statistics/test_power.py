"""Planning: textbook sample sizes, and simulated studies of the size that the formula asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autochrome.study.statistics.power import (
    CORRELATION,
    Question,
    design_effect,
    detectable_difference,
    half_width,
    pictures_needed,
    plan,
)
from tests.study.simulation import picture_sd, simulated_power, vote_correlation
from tests.study.statistics.recomputed import intra_picture_correlation, mean_design_effect


def test_the_textbooks_two_proportions() -> None:
    # Fleiss, Levin and Paik's formula without continuity correction and with unpooled variances:
    # (1.95996 + .84162)² (.3 .7 + .35 .65) / .05² = 1373.9 in each group.
    assert pictures_needed(Question(0.3, 0.05, correlation=0.0, paired=False), 1) == 1374
    # Votes on one picture that say nothing new: five raters are worth one.
    assert pictures_needed(Question(0.3, 0.05, correlation=1.0, paired=False), 5) == 1374


def test_default_correlation_is_pixcolors() -> None:
    assert intra_picture_correlation(mean_design_effect(), 5) == pytest.approx(CORRELATION, abs=0.005)
    assert design_effect(5, CORRELATION) == pytest.approx(1.2)


def test_half_width_is_pixcolors_error() -> None:
    # Printed: one standard error of 1.04 at 33.3% with 500 pictures and 5 raters.
    assert half_width(0.333, 5, 500) / 1.96 == pytest.approx(0.0104, abs=1e-4)


@pytest.mark.parametrize(("raters", "paired"), [(1, True), (5, True), (5, False), (20, True)])
def test_simulated_studies_of_the_planned_size_find_the_difference(raters: int, paired: bool) -> None:
    question = Question(0.3, 0.08, paired=paired)
    found = simulated_power(question, raters, pictures_needed(question, raters), studies=1000)
    # Three standard errors of 1000 studies are 3.8%.
    assert found == pytest.approx(0.8, abs=0.04)


def test_a_strong_and_shared_effect_of_pictures_is_worth_pairing() -> None:
    question = Question(0.4, 0.08, correlation=0.2, shared=0.8)
    pictures = pictures_needed(question, 10)
    assert pictures < 0.5 * pictures_needed(Question(0.4, 0.08, correlation=0.2, paired=False), 10)
    assert simulated_power(question, 10, pictures, studies=1000) == pytest.approx(0.8, abs=0.04)


def test_more_pictures_beat_more_raters() -> None:
    rows = plan(Question(0.3, 0.05), pictures=500)
    assert [row.votes for row in rows] == sorted(row.votes for row in rows)
    assert rows[0].raters == 1
    assert rows[-1].votes > 1.4 * rows[0].votes
    assert [row.pictures for row in rows] == sorted((row.pictures for row in rows), reverse=True)
    # Nothing is lost where pictures do not differ.
    even = plan(Question(0.3, 0.05, correlation=0.0))
    assert max(row.votes for row in even) < 1.02 * min(row.votes for row in even)


def test_what_is_needed_and_what_is_found_are_inverse() -> None:
    for difference in (0.05, -0.05):
        question = Question(0.3, difference)
        pictures = pictures_needed(question, 5)
        assert detectable_difference(question, 5, pictures) == pytest.approx(difference, rel=0.01)
    assert detectable_difference(Question(0.9, 0.05), 1, 20) is None
    assert plan(Question(0.9, 0.05), raters=[1], pictures=20)[0].detectable is None


def test_spread_of_pictures_for_a_correlation() -> None:
    assert vote_correlation(0.3, picture_sd(0.3, 0.05)) == pytest.approx(0.05)
    assert picture_sd(0.3, 0.0) == 0


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rate": 33.0}, "rate is 33; give a share between 0 and 1"),
        ({"difference": 0.9}, r"rate \+ difference is 1.2"),
        ({"difference": 0.0}, "difference is 0, which no study detects"),
        ({"power": 80.0}, "power is 80"),
        ({"shared": 2.0}, "shared is 2"),
    ],
)
def test_questions_that_make_no_sense(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(Question(0.3, 0.05), **wrong)
