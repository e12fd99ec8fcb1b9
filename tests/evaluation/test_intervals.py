"""Figures with bootstrap intervals: deterministic, and the intervals cover."""

from __future__ import annotations

import math

import pytest
import torch

from autochrome.evaluation.intervals import Bootstrap, Estimate, percentile_interval

BOOTSTRAP = Bootstrap(replicates=400)


def test_every_resample_draws_as_many_photos_as_there_are() -> None:
    counts = Bootstrap(50, seed=1).counts(7)[1:]
    assert counts.shape == (50, 7)
    assert (counts.sum(1) == 7).all()
    assert (counts == 0).any(), "with replacement, some photo is left out"


def test_the_seed_decides() -> None:
    assert torch.equal(Bootstrap(20, seed=3).counts(9), Bootstrap(20, seed=3).counts(9))
    assert not torch.equal(Bootstrap(20, seed=3).counts(9), Bootstrap(20, seed=4).counts(9))


def test_interval_of_known_values() -> None:
    low, high = percentile_interval(torch.arange(1001) / 1000, level=0.9)
    assert (round(low, 3), round(high, 3)) == (0.05, 0.95)
    assert percentile_interval(torch.full((10,), math.inf)) == (math.inf, math.inf)


def test_resamples_without_a_value_are_left_out() -> None:
    assert percentile_interval(torch.tensor([math.nan, 2.0, math.nan])) == (2, 2)
    assert all(math.isnan(end) for end in percentile_interval(torch.full((3,), math.nan)))


def test_intervals_cover_the_mean_about_as_often_as_they_say() -> None:
    # 200 experiments of 40 normal draws around 5: 95% intervals should hold 5 in 180 to 198 of them.
    generator = torch.Generator().manual_seed(0)
    held = 0
    for seed in range(200):
        draws = 5 + torch.randn(40, generator=generator, dtype=torch.float64)
        low, high = percentile_interval((Bootstrap(400, seed).counts(40) @ draws / 40)[1:])
        held += low <= 5 <= high
    assert 178 <= held <= 198


def test_the_first_row_is_the_set_itself() -> None:
    counts = BOOTSTRAP.counts(5)
    assert counts.shape == (401, 5)
    assert counts[0].tolist() == [1] * 5
    assert set(counts.sum(1).tolist()) == {5}


def test_a_mean_has_the_interval_of_its_standard_error(generator: torch.Generator) -> None:
    values = torch.randn(400, generator=generator)
    found = BOOTSTRAP.mean(values)
    assert found.value == pytest.approx(float(values.mean()))
    assert (found.high - found.low) / 2 == pytest.approx(1.96 / math.sqrt(400), rel=0.12)


def test_photos_without_a_value_are_left_out() -> None:
    assert BOOTSTRAP.mean([1.0, float("nan"), 3.0]).value == 2
    found = BOOTSTRAP.mean([float("nan")] * 3)
    assert math.isnan(found.value)
    assert found.cell() == "–"
    # Resamples without the one photo that counts are left out too.
    assert BOOTSTRAP.mean([float("nan"), 7.0]) == Estimate(7.0, 7.0, 7.0)


def test_a_ratio_is_of_sums() -> None:
    found = BOOTSTRAP.ratio(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 10.0]))
    assert found == Estimate(0.5, 0.5, 0.5)
    assert BOOTSTRAP.ratio(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0])).value == 1.5


def test_chance_adds_nothing_to_what_has_no_sign(generator: torch.Generator) -> None:
    def size(sums: torch.Tensor, others: torch.Tensor | None = None) -> torch.Tensor:
        signs = (sums if others is None else others)[..., 1:].sign()
        return (sums[..., 1:] * signs).mean(-1) / sums[..., 0]

    def weigh(sums: torch.Tensor) -> torch.Tensor:
        return sums[..., 0]

    noise = torch.randn(60, 40, 10, generator=generator, dtype=torch.float64)
    noise[..., 0] = 1  # what a photo counts
    found = [BOOTSTRAP.crossed(study, size, weigh) for study in noise]
    # The truth is 0. Without signs from others no interval holds it; with them 57 of 60 should.
    assert all(Estimate.of(size(BOOTSTRAP.counts(40) @ study)).low > 0 for study in noise)
    assert sum(each.low <= 0 <= each.high for each in found) >= 52
    assert sum(each.value for each in found) / 60 == pytest.approx(0, abs=0.05)
    # What is far from 0 is found, and known as well as any mean of 40 photos.
    far = noise[0] + torch.tensor([0.0] + [3.0] * 9)
    crossed, plain = (
        BOOTSTRAP.crossed(far, size, weigh),
        Estimate.of(size(BOOTSTRAP.counts(40) @ far)),
    )
    assert list(vars(crossed).values()) == pytest.approx(list(vars(plain).values()))


def test_cells() -> None:
    assert Estimate(1.234, 1.0, 1.5).cell() == "1.23 [1.00, 1.50]"
    assert Estimate(-0.001, -0.2, 0.1).cell(1, "+") == "+0.0 [-0.2, +0.1]"
    assert Estimate(float("inf"), 1.0, 2.0).cell(1, gap="") == "∞ [1.0,2.0]"
    assert Estimate(float("nan"), 1.0, 2.0).cell() == "–"
    assert Estimate(0.5, float("-inf"), 2.0).cell() == "0.50 [-∞, 2.00]"
    assert Estimate(0.5, 0.25, 0.75).scaled(100.0).cell(0) == "50 [25, 75]"
