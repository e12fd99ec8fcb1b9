"""Faded tones are stretched; normal ones are left alone."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.color
import skimage.data
import torch
from torch import Tensor

from autochrome.color.tones import Tones, fit_tones


def lightness_of(gray: np.ndarray) -> Tensor:
    """L* "1 1 h w" of gamma-encoded gray in [0, 1], by scikit-image."""
    rgb = np.broadcast_to(gray[..., None], (*gray.shape, 3))
    return torch.from_numpy(skimage.color.rgb2lab(rgb)[..., 0]).float()[None, None]


def camera() -> np.ndarray:
    return skimage.data.camera()[::4, ::4] / 255


@pytest.mark.parametrize("contrast", [0.3, 0.4, 0.6])
def test_a_faded_photo_comes_near_to_its_unfaded_self(contrast: float) -> None:
    plain = lightness_of(camera())
    faded = lightness_of(camera() * contrast + 0.35 * (1 - contrast) / 0.6)
    restored = fit_tones(faded)(faded)
    assert (restored - plain).abs().mean() < 7
    assert (restored - plain).abs().mean() < (faded - plain).abs().mean() / 2
    assert 0 <= restored.min() <= restored.max() <= 100


def test_a_normal_photo_is_left_as_it_is() -> None:
    plain = lightness_of(camera())
    assert fit_tones(plain) == Tones()
    assert Tones()(plain) is plain


def test_a_line_through_gray_values() -> None:
    gray = np.linspace(0.3, 0.5, 20)[None]
    torch.testing.assert_close(
        Tones(2.0, -0.4)(lightness_of(gray)), lightness_of(2 * gray - 0.4), atol=0.05, rtol=0
    )


def test_the_gain_has_limits(rng: np.random.Generator) -> None:
    faint = lightness_of(0.45 + 0.13 * camera())
    assert 3 < fit_tones(faint).gain <= 3.5
    assert fit_tones(lightness_of(0.5 + 0.02 * (rng.random((50, 50)) - 0.5))).gain == 1
    assert fit_tones(lightness_of(0.5 + 0.06 * (rng.random((50, 50)) - 0.5))).gain < 2


def test_dark_and_bright_photos_keep_their_end_of_the_range() -> None:
    night, snow = lightness_of(0.4 * camera()), lightness_of(0.6 + 0.4 * camera())
    for photo, place in ((night, 0.0), (snow, 1.0)):
        tones = fit_tones(photo)
        assert 1 < tones.gain < 1.8
        at = photo.flatten().quantile(place)
        assert (tones(at.reshape(1, 1, 1, 1)) - at).abs() < 3


def test_only_places_of_weight_count() -> None:
    faded = 0.35 + 0.4 * camera()
    framed = np.pad(faded, 20)
    weights = torch.from_numpy(np.pad(np.ones_like(faded), 20)).float()[None, None]
    alone, within = fit_tones(lightness_of(faded)), fit_tones(lightness_of(framed), weights)
    assert within.gain == pytest.approx(alone.gain)
    assert fit_tones(lightness_of(framed)).gain < 1.5 < alone.gain
