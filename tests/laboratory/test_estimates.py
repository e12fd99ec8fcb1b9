"""Figures with their intervals."""

from __future__ import annotations

import math

import pytest
import torch

from autochrome.evaluation.scores import Estimate
from autochrome.laboratory.estimates import (
    cell,
    crossed_estimate,
    estimate_of,
    mean_estimate,
    ratio_estimate,
    resamples,
)
from autochrome.laboratory.run import LabSettings

SETTINGS = LabSettings(replicates=400)


def test_the_first_row_is_the_set_itself() -> None:
    counts = resamples(5, SETTINGS)
    assert counts.shape == (401, 5)
    assert counts[0].tolist() == [1] * 5
    assert set(counts.sum(1).tolist()) == {5}


def test_a_mean_has_the_interval_of_its_standard_error(generator: torch.Generator) -> None:
    values = torch.randn(400, generator=generator)
    found = mean_estimate(values, SETTINGS)
    assert found.value == pytest.approx(float(values.mean()))
    assert (found.high - found.low) / 2 == pytest.approx(1.96 / math.sqrt(400), rel=0.12)


def test_photos_without_a_value_are_left_out() -> None:
    assert mean_estimate([1.0, float("nan"), 3.0], SETTINGS).value == 2
    found = mean_estimate([float("nan")] * 3, SETTINGS)
    assert math.isnan(found.value)
    assert cell(found) == "–"
    # Resamples without the one photo that counts are left out too.
    assert mean_estimate([float("nan"), 7.0], SETTINGS) == Estimate(7.0, 7.0, 7.0)


def test_a_ratio_is_of_sums() -> None:
    found = ratio_estimate(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 10.0]), SETTINGS)
    assert found == Estimate(0.5, 0.5, 0.5)
    assert ratio_estimate(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0]), SETTINGS).value == 1.5


def test_chance_adds_nothing_to_what_has_no_sign(generator: torch.Generator) -> None:
    def size(sums: torch.Tensor, others: torch.Tensor | None = None) -> torch.Tensor:
        signs = (sums if others is None else others)[..., 1:].sign()
        return (sums[..., 1:] * signs).mean(-1) / sums[..., 0]

    def weigh(sums: torch.Tensor) -> torch.Tensor:
        return sums[..., 0]

    noise = torch.randn(60, 40, 10, generator=generator, dtype=torch.float64)
    noise[..., 0] = 1  # what a photo counts
    found = [crossed_estimate(study, size, weigh, SETTINGS) for study in noise]
    # The truth is 0. Without signs from others no interval holds it; with them 57 of 60 should.
    assert all(estimate_of(size(resamples(40, SETTINGS) @ study)).low > 0 for study in noise)
    assert sum(each.low <= 0 <= each.high for each in found) >= 52
    assert sum(each.value for each in found) / 60 == pytest.approx(0, abs=0.05)
    # What is far from 0 is found, and known as well as any mean of 40 photos.
    far = noise[0] + torch.tensor([0.0] + [3.0] * 9)
    crossed, plain = (
        crossed_estimate(far, size, weigh, SETTINGS),
        estimate_of(size(resamples(40, SETTINGS) @ far)),
    )
    assert list(vars(crossed).values()) == pytest.approx(list(vars(plain).values()))


def test_cells() -> None:
    assert cell(Estimate(1.234, 1.0, 1.5)) == "1.23 [1.00, 1.50]"
    assert cell(Estimate(-0.001, -0.2, 0.1), 1, "+") == "+0.0 [-0.2, +0.1]"
    assert cell(Estimate(float("inf"), 1.0, 2.0)) == "–"
