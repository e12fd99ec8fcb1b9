"""How sure a model is, through the API."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import skimage.data
import torch

from autochrome.io.photo import Photo
from autochrome.models.base import DistributionColorizer, Samples
from autochrome.models.registry import create_model, model_spec
from autochrome.pipeline.painter import ColorizeSettings, Painter
from autochrome.pipeline.predict import UNSURE
from autochrome.pipeline.uncertainty import Uncertainty, entropy_share, spread_of, uncertainty_of
from tests.drawing_model import Drawing
from tests.hue_model import HUES, HueModel

# All but flat: what has one level all over would stay without color.
FLAT = Photo(np.tile(np.linspace(124, 132, 96).round().astype(np.uint8)[:, None], (64, 1, 1)))
CAMERA = Photo(np.ascontiguousarray(skimage.data.camera()[::4, ::4, None]))


def test_a_colorization_knows_its_uncertainty() -> None:
    """An untrained network is almost as unsure as can be, ln 313, at every fourth pixel."""
    [colored] = Painter("cic.test").colorize(CAMERA)
    assert colored.uncertainty is not None
    assert colored.uncertainty.values.shape == (16, 16)
    assert colored.uncertainty.unit == "nats"
    assert colored.uncertainty.most == pytest.approx(log(313))
    np.testing.assert_allclose(colored.uncertainty.values, log(313), atol=0.1)


def test_sure_and_unsure_places_are_told_apart() -> None:
    [colored] = Painter(HueModel(sureness=(0.0, 20.0))).colorize(FLAT, ColorizeSettings(fuse="none"))
    assert colored.uncertainty is not None
    values = colored.uncertainty.values
    np.testing.assert_allclose(values[:, : values.shape[1] // 2], log(HUES), atol=1e-3)
    assert values[:, values.shape[1] // 2 :].max() < 1e-3


def test_in_hue_and_chroma_white_is_what_vivid_colors_reach() -> None:
    """The paper's measure is of the hue times a chroma that is seldom above .4."""
    model = HueModel()
    samples = Samples(torch.zeros(1, 1, 2, 3, 4), "hue_chroma", uncertainty=torch.ones(1, 1, 3, 4))
    unsure = uncertainty_of(samples, model)
    assert unsure is not None
    assert unsure.most == pytest.approx(0.25 * log(HUES))
    assert unsure.values.shape == (3, 4)


def test_drawn_samples_are_as_unsure_as_they_differ() -> None:
    colored = Painter(Drawing()).colorize(FLAT, ColorizeSettings(samples=3, refine=False))
    unsure = colored[0].uncertainty
    assert unsure is not None
    assert unsure.unit == "CIE units"
    answer = Painter(Drawing()).predict(FLAT, ColorizeSettings(samples=3, refine=False)).answer.numpy()
    expected = np.sqrt(answer.var(axis=0, ddof=1).sum(0))
    np.testing.assert_allclose(unsure.values, expected, rtol=1e-4)


def test_one_sample_and_no_distribution_know_nothing() -> None:
    assert Painter(Drawing()).colorize(FLAT)[0].uncertainty is None
    assert Painter("gray").colorize(FLAT)[0].uncertainty is None
    assert spread_of(torch.zeros(1, 2, 3, 3)) is None


def test_share_of_the_greatest_entropy() -> None:
    model = HueModel()
    assert entropy_share(torch.zeros(1, 20, 3, 3), model) == pytest.approx(1)
    half = torch.zeros(1, 20, 3, 4)
    half[:, 0, :, :2] = half[:, 12, :, :2] = 100.0
    assert entropy_share(half, model) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("sureness", "told"), [((0.0, 0.0), True), ((20.0, 20.0), False), ((0.0, 20.0), False)]
)
def test_it_is_told_where_most_is_unsure(sureness: tuple[float, float], told: bool) -> None:
    assert 0.5 < model_spec("cic").unsure_above < model_spec("lrac").unsure_above < 1
    [colored] = Painter(HueModel(sureness=sureness)).colorize(FLAT)
    assert (UNSURE in colored.notes) is told


def test_shares_are_of_the_model_s_own_bins() -> None:
    model = create_model("cic.test")
    assert isinstance(model, DistributionColorizer)
    assert entropy_share(torch.zeros(1, 313, 2, 2), model) == pytest.approx(1)


def test_the_share_compares_photos() -> None:
    values = np.array([[0.0, 1.0], [2.0, 3.0]], np.float32)
    assert Uncertainty(values, "nats", 6.0).share == pytest.approx(0.25)
    assert Uncertainty(values, "CIE units", 1.0).share == 1
