"""Bootstrap intervals: deterministic, and they cover."""

from __future__ import annotations

import math

import torch

from autochrome.evaluation.intervals import percentile_interval, resample_counts


def test_every_resample_draws_as_many_photos_as_there_are() -> None:
    counts = resample_counts(7, 50, seed=1)
    assert counts.shape == (50, 7)
    assert (counts.sum(1) == 7).all()
    assert (counts == 0).any(), "with replacement, some photo is left out"


def test_the_seed_decides() -> None:
    assert torch.equal(resample_counts(9, 20, seed=3), resample_counts(9, 20, seed=3))
    assert not torch.equal(resample_counts(9, 20, seed=3), resample_counts(9, 20, seed=4))


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
        low, high = percentile_interval(resample_counts(40, 400, seed) @ draws / 40)
        held += low <= 5 <= high
    assert 178 <= held <= 198
