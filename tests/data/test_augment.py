from __future__ import annotations

import pytest
import torch

from autochrome.data.augment import LumaFaults, degrade_luma, exposed_on_film

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
        {"film": 1.1},
        {"max_grain": -1.0},
        {"max_gamma": 0.5},
        {"max_veil": 50.0},
    ],
)
def test_settings_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LumaFaults(**wrong)


# Film

COLORS = {"red": (1.0, 0.0, 0.0), "green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0)}


def on_film(color: tuple[float, float, float], count: int = 400) -> torch.Tensor:
    """The grays of one color on many films."""
    rgb = torch.tensor(color)[:, None, None].expand(count, 3, 2, 2)
    return exposed_on_film(rgb, 1.0, seeded())[:, 0, 0, 0]


def test_a_film_gives_gray_within_the_colors_range() -> None:
    rgb = torch.rand(16, 3, 12, 10)
    gray = exposed_on_film(rgb, 1.0, seeded())
    assert gray.shape == rgb.shape
    assert torch.equal(gray, gray[:, :1].expand_as(gray))
    assert (gray <= rgb.amax(1, keepdim=True) + 1e-6).all() and (
        gray >= rgb.amin(1, keepdim=True) - 1e-6
    ).all()


def test_without_film_photos_stay_as_they_are() -> None:
    rgb = torch.rand(16, 3, 12, 10)
    assert torch.equal(exposed_on_film(rgb, 0.0, seeded()), rgb)


def test_a_share_of_the_photos_is_exposed_each_on_a_film_of_its_own() -> None:
    rgb = torch.tensor([1.0, 0.5, 0.0])[:, None, None].expand(1000, 3, 2, 2)
    gray = exposed_on_film(rgb, 0.25, seeded())
    exposed = (gray != rgb).flatten(1).any(1)
    assert 200 < exposed.sum() < 300
    assert gray[exposed][:, 0, 0, 0].std() > 0.03
    assert torch.equal(gray, exposed_on_film(rgb, 0.25, seeded()))
    assert not torch.equal(gray, exposed_on_film(rgb, 0.25, seeded(2)))


def test_films_darken_red_and_brighten_blue() -> None:
    """Of red and blue the eye has 0.30 and 0.11, films 0.19 and 0.31 on average, 0.02 and 0.60 at the end."""
    red, green, blue = (on_film(color) for color in COLORS.values())
    assert red.mean().item() == pytest.approx(0.19, abs=0.02)
    assert blue.mean().item() == pytest.approx(0.31, abs=0.02)
    assert red.min() < 0.03 and blue.max() > 0.58
    torch.testing.assert_close(red + green + blue, torch.ones(400))


def test_gray_is_gray_on_every_film() -> None:
    torch.testing.assert_close(on_film((0.4, 0.4, 0.4)), torch.full((400,), 0.4))
