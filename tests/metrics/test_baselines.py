"""Gray and random colors."""

from __future__ import annotations

import pytest
import torch
from skimage import data

from autochrome.color.spaces import LAB
from autochrome.metrics.baselines import derangement, gray, random_colors


def photo(name: str) -> torch.Tensor:
    return torch.from_numpy(getattr(data, name)()[:96, :128].copy()).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize("n", [2, 3, 10, 101])
def test_derangement_is_a_permutation_without_fixed_points(n: int) -> None:
    for seed in range(5):
        order = derangement(n, seed)
        assert sorted(order) == list(range(n))
        assert all(place != value for place, value in enumerate(order))


def test_derangement_is_the_seeds() -> None:
    assert derangement(30, 1) == derangement(30, 1)
    assert derangement(30, 1) != derangement(30, 2)


def test_gray_keeps_lightness_and_is_8_bit() -> None:
    truth = photo("astronaut")
    result = gray(truth)
    assert (result - result[:, :1]).abs().max() == 0
    assert torch.allclose(result * 255, (result * 255).round(), atol=1e-4)
    # Rounding to 8 bits alone moves L* by up to .5 / 255 times the steepest slope of L* (about 0.2).
    assert (LAB.split(result)[0] - LAB.split(truth)[0]).abs().max() < 0.25


def test_random_colors_have_the_truths_lightness_and_the_others_color() -> None:
    truth, other = photo("astronaut"), photo("coffee")
    light = LAB.split(truth)[0]
    result = random_colors(truth, torch.flip(other, [3])[..., ::2])
    drift = (LAB.split(result)[0] - light).abs().mean()
    assert drift < 0.2
    # A mid-gray photo has room for the other's chroma: it comes through unscaled.
    plain = torch.full_like(truth, 0.5)
    soft = 0.4 + 0.2 * other
    ab = LAB.split(random_colors(plain, soft))[1]
    assert (ab - LAB.split(soft)[1]).abs().mean() < 0.5
