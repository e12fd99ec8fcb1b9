"""Warnings when a run does not learn as it should."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from autochrome.color.bins import AB_BINS
from autochrome.data.priors import estimate_prior
from autochrome.data.sources import open_source
from autochrome.engine.progress import LogEntry
from autochrome.engine.validation import ValidationMetrics
from autochrome.engine.warnings import step_warnings
from autochrome.models.cic.model import CIC
from autochrome.models.registry import create_model
from tests.engine.test_validation import Painted

HEALTHY = ValidationMetrics(
    psnr_gain=0.5, chroma=8.0, true_chroma=16.0, colorfulness=30.0, true_colorfulness=40.0, diversity=6.0
)
SURE = {"entropy": 3.0}
BALANCE = {"discriminator_loss": 1.2, "generator_loss": 0.8, "accuracy": 0.6}
BEATEN = {"discriminator_loss": 0.05, "generator_loss": 4.0, "accuracy": 0.99}
GUESSING = {"discriminator_loss": 1.386, "generator_loss": 0.693, "accuracy": 0.5}


def lines(until: int, means: dict[str, float], metrics: ValidationMetrics | None = None) -> list[LogEntry]:
    """A line each 50 steps, before one at step ``until``."""
    return [LogEntry(step, means, metrics) for step in range(50, until, 50)]


def test_a_healthy_run_gives_no_warning() -> None:
    for step in (1, 300, 1000, 100_000):
        assert step_warnings(step, SURE, HEALTHY) == {}
        assert step_warnings(step, SURE, None) == {}
        for means in (BALANCE, GUESSING):
            assert step_warnings(step, means, HEALTHY, lines(step, means, HEALTHY)) == {}


def test_early_uncertainty_and_grayness_are_natural() -> None:
    assert step_warnings(100, {"entropy": math.log(AB_BINS)}, replace(HEALTHY, chroma=0.1)) == {}


@pytest.mark.parametrize(
    ("kind", "step", "means", "metrics"),
    [
        ("uncertain", 300, {"entropy": 0.99 * math.log(AB_BINS)}, None),
        ("gray", 1000, SURE, replace(HEALTHY, chroma=1.0, diversity=0.3)),
        ("garish", 1000, SURE, replace(HEALTHY, chroma=40.0)),
        ("gray photos", 1, SURE, replace(HEALTHY, chroma=1.0, true_chroma=0.5)),
    ],
)
def test_each_warning_fires_alone(
    kind: str, step: int, means: dict[str, float], metrics: ValidationMetrics | None
) -> None:
    assert list(step_warnings(step, means, metrics)) == [kind]


@pytest.mark.parametrize(
    ("highest", "diversity", "told"),
    [
        (8.0, 1.1, True),  # 15% of 8.0 are 1.2
        (8.0, 1.3, False),
        (60.0, 2.3, True),  # beyond the photos' mean chroma, 16, it was noise: 15% of 16 are 2.4
        (60.0, 2.5, False),
        (2.0, 0.9, True),  # nobody sees a spread below 1
        (2.0, 1.1, False),
    ],
)
def test_samples_that_have_become_alike_are_a_collapse(highest: float, diversity: float, told: bool) -> None:
    earlier = [
        *lines(1000, BALANCE, replace(HEALTHY, diversity=highest)),
        *[LogEntry(step, BALANCE, replace(HEALTHY, diversity=1.5)) for step in range(1000, 2000, 50)],
    ]
    metrics = replace(HEALTHY, diversity=diversity)
    assert list(step_warnings(2000, BALANCE, metrics, earlier)) == (["collapse"] if told else [])
    assert step_warnings(999, BALANCE, metrics, earlier) == {}


def test_a_collapse_without_earlier_lines_is_told_when_nothing_is_left() -> None:
    assert list(step_warnings(1000, BALANCE, replace(HEALTHY, diversity=0.9))) == ["collapse"]
    assert step_warnings(1000, BALANCE, replace(HEALTHY, diversity=1.1)) == {}
    assert step_warnings(1000, BALANCE, replace(HEALTHY, diversity=None)) == {}


def test_a_collapse_names_settings_that_the_run_has() -> None:
    metrics = replace(HEALTHY, diversity=0.1)
    assert "wgan_gp" in step_warnings(1000, BALANCE, metrics)["collapse"]
    alone = step_warnings(1000, SURE, metrics)["collapse"]
    assert "lower optimizer.lr" in alone and "wgan" not in alone


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, True),
        ({"generator_loss": -0.01}, True),  # saturating: hardly a slope is left
        ({"accuracy": 0.97}, False),
        ({"discriminator_loss": 0.12}, False),
        ({"discriminator_loss": -3.0}, False),  # a critic that ranks all pairs right, as it should
    ],
)
def test_a_discriminator_that_has_won_is_told(changed: dict[str, float], told: bool) -> None:
    means = {**BEATEN, **changed}
    found = step_warnings(2000, means, HEALTHY, lines(2000, means))
    assert list(found) == (["discriminator won"] if told else [])


@pytest.mark.parametrize(
    ("accuracy", "strength", "told"),
    [
        (0.5, 18.0, True),  # below half of the photos' 40
        (0.5, 22.0, False),
        (0.5, 62.0, True),
        (0.5, 58.0, False),
        (0.53, 18.0, False),
    ],
)
def test_a_discriminator_that_guesses_is_told_where_it_could_know(
    accuracy: float, strength: float, told: bool
) -> None:
    means = {**GUESSING, "accuracy": accuracy}
    metrics = replace(HEALTHY, colorfulness=strength)
    found = step_warnings(2000, means, metrics, lines(2000, means))
    assert list(found) == (["discriminator lost"] if told else [])
    assert step_warnings(2000, means, None, lines(2000, means)) == {}


@pytest.mark.parametrize("means", [BEATEN, GUESSING])
def test_a_discriminator_is_judged_by_many_steps(means: dict[str, float]) -> None:
    """The mean of the last 500 counts: 200 of balance among them, or a log that is shorter, say nothing."""
    pale = replace(HEALTHY, colorfulness=10.0)
    always = lines(2000, means)
    assert step_warnings(2000, means, pale, always)
    changing = [*always[:-5], *[replace(moment, means=BALANCE) for moment in always[-5:-1]], always[-1]]
    assert step_warnings(2000, means, pale, changing) == {}
    early = [replace(moment, means=BALANCE) for moment in always[:20]] + always[20:]
    assert step_warnings(2000, means, pale, early)
    assert step_warnings(2000, means, pale, always[-8:]) == {}
    assert step_warnings(900, means, pale, lines(900, means)) == {}


def test_rebalancing_by_a_flat_prior_is_noticed(photos: Path) -> None:
    colorizer = create_model("cic.test", pretrained=False)
    assert isinstance(colorizer, CIC)
    assert "rebalancing has no effect" in colorizer.start_warnings()[0]
    colorizer.set_prior(estimate_prior(open_source(photos)))
    assert colorizer.start_warnings() == []
    assert create_model("cic.test", pretrained=False, rebalance_mix=1.0).start_warnings() == []
    assert Painted((0.0, 0.0)).start_warnings() == []
