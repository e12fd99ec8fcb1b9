from __future__ import annotations

import pytest
import torch

from autochrome.data.augment import LumaFaults, degrade_luma

NONE = LumaFaults(blur=0.0, grain=0.0, fading=0.0)


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_all_faults_keep_shape_and_range() -> None:
    luma = torch.rand(16, 1, 24, 20) * 100
    worst = LumaFaults(blur=1.0, grain=1.0, max_grain=50.0, fading=1.0, max_gamma=3.0, max_veil=40.0)
    result = degrade_luma(luma, worst, seeded())
    assert result.shape == luma.shape
    assert result.min() >= 0 and result.max() <= 100
    assert (result - luma).abs().mean() > 5


def test_no_faults_change_nothing() -> None:
    luma = torch.rand(4, 1, 8, 8) * 100
    torch.testing.assert_close(degrade_luma(luma, NONE, seeded()), luma)


def test_a_seed_gives_one_result() -> None:
    luma = torch.rand(4, 1, 8, 8) * 100
    one, same, other = (degrade_luma(luma, LumaFaults(grain=1.0), seeded(s)) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_blur_smooths_and_keeps_the_mean() -> None:
    luma = torch.zeros(1, 1, 9, 9)
    luma[..., 4, 4] = 100
    blurred = degrade_luma(luma, LumaFaults(blur=1.0, grain=0.0, fading=0.0), seeded())
    assert blurred.max() < 75
    assert blurred.sum().item() == pytest.approx(100, rel=1e-4)


def test_grain_has_at_most_its_strength() -> None:
    noise = (
        degrade_luma(torch.full((64, 1, 32, 32), 50.0), LumaFaults(blur=0.0, grain=1.0, fading=0.0), seeded())
        - 50
    )
    deviations = noise.std((1, 2, 3))
    assert deviations.max() < 8.5 and deviations.max() > 6 and deviations.min() < 2


def test_fading_lifts_black_and_lowers_white_by_at_most_the_veil() -> None:
    luma = torch.tensor([0.0, 100.0]).repeat(64, 1, 1, 1)
    faded = degrade_luma(luma, LumaFaults(blur=0.0, grain=0.0, fading=1.0, max_veil=25.0), seeded())
    black, white = faded[..., 0].flatten(), faded[..., 1].flatten()
    assert black.min() >= 0 and 15 < black.max() <= 25
    assert 75 <= white.min() < 85 and white.max() <= 100


def test_probability_is_per_photo() -> None:
    luma = torch.full((400, 1, 4, 4), 50.0)
    changed = (
        (degrade_luma(luma, LumaFaults(blur=0.0, grain=0.25, fading=0.0), seeded()) != luma).flatten(1).any(1)
    )
    assert 70 < changed.sum() < 130


@pytest.mark.parametrize(
    "wrong",
    [
        {"blur": 1.5},
        {"grain": -0.1},
        {"fading": 2.0},
        {"max_grain": -1.0},
        {"max_gamma": 0.5},
        {"max_veil": 50.0},
    ],
)
def test_settings_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LumaFaults(**wrong)
