"""The tone curve that drawn chroma passes through."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from autochrome.models.tone_curves import LEVELS, apply_curve, fit_curve, identity_curve

NEUTRAL = 128 / 255


def spread(deviation: float, seed: int = 0, count: int = 40_000) -> Tensor:
    noise = torch.randn(1, 2, count, 1, generator=torch.Generator().manual_seed(seed))
    return NEUTRAL + deviation / 255 * noise


def test_the_identity_changes_nothing() -> None:
    chroma = torch.rand(2, 2, 5, 7)
    torch.testing.assert_close(apply_curve(chroma, identity_curve()), chroma, atol=1e-6, rtol=0)


def test_between_its_points_the_curve_is_linear_as_numpy_s() -> None:
    curve = torch.rand(2, LEVELS, generator=torch.Generator().manual_seed(0)).sort(1).values
    chroma = torch.rand(1, 2, 9, 4, generator=torch.Generator().manual_seed(1))
    chroma[0, 0, 0, :2] = torch.tensor([0.0, 1.0])
    levels = np.linspace(0, 1, LEVELS)
    for channel in (0, 1):
        expected = np.interp(chroma[0, channel].numpy(), levels, curve[channel].numpy())
        np.testing.assert_allclose(apply_curve(chroma, curve)[0, channel].numpy(), expected, atol=1e-5)


def test_pale_draws_become_as_vivid_as_the_truth() -> None:
    """Two normal distributions: the curve is the ratio of their deviations, 20 to 10."""
    curve = fit_curve(spread(10), spread(20, seed=1), neutral=NEUTRAL)
    moved = 255 * (apply_curve(torch.full((1, 2, 1, 1), NEUTRAL + 15 / 255), curve) - NEUTRAL)
    assert moved.flatten().tolist() == pytest.approx([30, 30], abs=1.0)
    after = apply_curve(spread(10, seed=2), curve)
    assert (255 * after.std()).item() == pytest.approx(20, rel=0.02)


def test_each_channel_has_its_own_curve() -> None:
    drawn = spread(10)
    true = torch.cat((spread(10, seed=3)[:, :1], spread(15, seed=4)[:, 1:]), 1)
    curve = fit_curve(drawn, true, neutral=NEUTRAL)
    slopes = 255 * (curve[:, 143] - curve[:, 113]) / 30
    assert slopes.tolist() == pytest.approx([1.0, 1.5], abs=0.05)


def test_neutral_stays_neutral_and_the_curve_never_falls() -> None:
    biased = spread(20, seed=1) + 6 / 255
    curve = fit_curve(spread(10), biased, neutral=NEUTRAL)
    assert curve[:, 128].tolist() == pytest.approx([NEUTRAL] * 2, abs=1e-6)
    assert (curve.diff(dim=1) >= 0).all()
    assert curve.min() >= 0
    assert curve.max() <= 1


def test_many_draws_of_one_value_take_their_mean_move() -> None:
    """Draws of one bin only: its value goes to the truth's mean, here 3 bytes up (far from neutral)."""
    drawn = torch.full((1, 2, 1000, 1), 150 / 255)
    curve = fit_curve(drawn, drawn + 3 / 255, neutral=NEUTRAL)
    assert (255 * curve[:, 150]).tolist() == pytest.approx([153, 153], abs=0.01)


def test_what_lies_outside_is_clipped() -> None:
    chroma = torch.tensor([-0.5, 1.5]).view(1, 2, 1, 1)
    assert apply_curve(chroma, identity_curve()).flatten().tolist() == [0.0, 1.0]


HALF = 0.5  # neutral of what lies in [-1, 1]; between two points


@pytest.mark.parametrize("bias", [0.0, 3.0, -3.0, 25.0, -25.0])
@pytest.mark.parametrize("deviation", [2.0, 30.0])
def test_neutral_between_two_points_stays_exactly(bias: float, deviation: float) -> None:
    drawn, true = spread(10) - NEUTRAL + HALF, spread(deviation, seed=1) - NEUTRAL + HALF + bias / 255
    curve = fit_curve(drawn, true, neutral=HALF)
    half = torch.full((1, 2, 1, 1), HALF)
    assert torch.equal(apply_curve(half, curve), half)
    assert (curve.diff(dim=1) >= 0).all()


def test_the_identity_leaves_the_middle_exactly() -> None:
    half = torch.full((1, 2, 1, 1), HALF)
    assert torch.equal(apply_curve(half, identity_curve()), half)


def test_around_the_middle_the_curve_is_as_steep_as_around_a_point() -> None:
    """The same draws and truth, half a byte lower: the same curve there."""
    lower = HALF - NEUTRAL
    curve = fit_curve(spread(10), spread(20, seed=1), neutral=NEUTRAL)
    other = fit_curve(spread(10) + lower, spread(20, seed=1) + lower, neutral=HALF)
    chroma = torch.linspace(-20 / 255, 20 / 255, 81).expand(1, 2, 1, -1)
    expected = apply_curve(chroma + NEUTRAL, curve) - NEUTRAL
    torch.testing.assert_close(apply_curve(chroma + HALF, other) - HALF, expected, atol=0.3 / 255, rtol=0)
