"""Changes of a photo's lightness."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from autochrome.color.spaces import rgb_to_lab
from autochrome.evaluation.files import rgb_of
from autochrome.io.photo import Photo
from autochrome.laboratory.sections.stability.perturbations import (
    NEUTRAL,
    PERTURBATIONS,
    gray_photo,
    lightness_of,
)
from tests.laboratory.conftest import draw_photo

NAMED = {perturbation.name: perturbation for perturbation in PERTURBATIONS}


def changed(name: str, lightness: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return NAMED[name](lightness, generator)


def test_every_family_has_a_neutral_strength_that_is_not_tried() -> None:
    assert {p.family for p in PERTURBATIONS} == NEUTRAL.keys()
    assert all(p.strength != NEUTRAL[p.family] for p in PERTURBATIONS)
    assert len(NAMED) == len(PERTURBATIONS)


def test_by_hand(generator: torch.Generator) -> None:
    plane = torch.tensor([[0.0, 25.0], [50.0, 95.0]])
    assert changed("lightness +20", plane, generator).tolist() == [[20, 45], [70, 100]]
    assert changed("lightness -20", plane, generator).tolist() == [[0, 5], [30, 75]]
    assert torch.allclose(changed("gamma 0.5", plane, generator)[0, 1], torch.tensor(50.0))
    assert torch.allclose(changed("gamma 2", plane, generator)[1, 0], torch.tensor(25.0))
    assert changed("contrast 0.5", plane, generator).tolist() == [[21.25, 33.75], [46.25, 68.75]]


def test_blur_is_a_gaussian_and_keeps_the_mean(generator: torch.Generator) -> None:
    # A step of 100 through a Gaussian of sigma 2: at x pixels from it, 100 Phi(x / 2).
    plane = torch.zeros(256, 256)
    plane[:, 128:] = 100
    found = changed("blur 2", plane, generator)[100]
    x = torch.arange(256) - 127.5
    expected = 50 * (1 + torch.erf(x / 2 / 2**0.5))
    assert torch.allclose(found, expected, atol=0.7)  # a pixel's width, not a point
    assert float(found.mean()) == pytest.approx(50, abs=1e-3)
    # Told in pixels of 256: of a photo twice as large it is twice as wide.
    large = changed("blur 2", plane.repeat_interleave(2, 0).repeat_interleave(2, 1), generator)
    assert torch.allclose(large[::2, ::2][100, 100:156], found[100:156], atol=8)


def test_noise_has_the_strength_it_says(generator: torch.Generator) -> None:
    found = changed("noise 5", torch.full((200, 200), 50.0), generator) - 50
    assert float(found.std()) == pytest.approx(5, rel=0.02)
    again = changed("noise 5", torch.full((4, 4), 50.0), torch.Generator().manual_seed(1))
    assert torch.equal(again, changed("noise 5", torch.full((4, 4), 50.0), torch.Generator().manual_seed(1)))


def test_gray_photos_have_the_lightness_asked_for() -> None:
    photo = Photo(draw_photo(3))
    lightness = lightness_of(photo)
    gray = gray_photo(lightness)
    assert gray.is_gray
    assert np.allclose(rgb_to_lab(rgb_of(gray))[0, 0], lightness, atol=0.01)
    assert np.allclose(rgb_to_lab(rgb_of(photo))[0, 0], lightness, atol=0.01)
