"""Negatives are told from photos, by the trunk that the probe was fitted to and by no other."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.color
import skimage.data
import torch

from autochrome.io.photo import Photo
from autochrome.models.base import Colorizer
from autochrome.models.registry import create_model
from autochrome.pipeline.negatives import NEGATIVE, find_trunk, is_negative, read_probe
from autochrome.pipeline.painter import Painter
from reproduce.negatives import fit

CAMERA = skimage.data.camera()[::2, ::2]
ASTRONAUT = (255 * skimage.color.rgb2gray(skimage.data.astronaut()[::2, ::2])).astype(np.uint8)


@pytest.fixture(scope="module")
def painter() -> Painter:
    return Painter("cgan", device="cpu")


@pytest.mark.parametrize("gray", [CAMERA, ASTRONAUT], ids=["camera", "astronaut"])
def test_a_negative_is_noted_and_its_photo_is_not(gray: np.ndarray, painter: Painter) -> None:
    positive, negative = (Photo(np.ascontiguousarray(each[..., None])) for each in (gray, 255 - gray))
    assert NEGATIVE not in painter.predict(positive).notes
    assert NEGATIVE in painter.predict(negative).notes
    assert NEGATIVE not in painter.predict(negative, as_is=True).notes


def test_the_probe_was_fitted_to_the_shipped_trunk() -> None:
    """If this fails, the trunk has changed: fit the probe again (docs/evaluation.md)."""
    trunk = find_trunk(create_model("cic"))
    assert trunk is not None
    assert trunk.identity == read_probe().trunk


def test_another_trunk_says_nothing() -> None:
    lightness = torch.rand(1, 1, 64, 64) * 100
    for name in ("cic.test", "gray"):
        model: Colorizer = create_model(name)
        assert not is_negative(model, lightness)


def test_the_fit_finds_the_direction_that_tells_positives() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(600, 5, generator=generator, dtype=torch.float64)
    inputs[:, 2] += 1.5
    weights = fit(inputs, ridge=1.0)
    assert int(weights.abs().argmax()) == 2
    # The likelihood's gradient is the ridge's, in units of the inputs' deviations.
    scale = inputs.std(0) + 1e-6
    p = torch.sigmoid(inputs @ weights)
    np.testing.assert_allclose((inputs / scale).T @ (1 - p), weights * scale, atol=1e-6)
