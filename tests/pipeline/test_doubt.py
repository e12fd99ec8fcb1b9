"""Every model says when most of a photo's colors are a guess."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
import pytest

from autochrome.io.photo import Photo
from autochrome.models.registry import create_model, list_models, model_spec
from autochrome.pipeline.painter import Painter
from autochrome.pipeline.predict import UNSURE
from autochrome.pipeline.settings import ColorizeSettings


def photo(seed: int = 0) -> Photo:
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 15, 1), dtype=np.uint8)
    return Photo(coarse.repeat(8, 0).repeat(8, 1))


def painter_with(name: str, threshold: float) -> Painter:
    model = create_model(name)
    model.spec = replace(model.spec, unsure_above=threshold)
    return Painter(model)


@pytest.mark.parametrize("name", ["cgan.test", "cic.test", "lrac.test", "pixcolor.test"])
def test_the_note_comes_above_the_threshold_and_not_at_it(name: str) -> None:
    painter = painter_with(name, inf)
    doubt = painter.predict(photo()).doubt
    assert doubt is not None and doubt > 0
    for threshold, told in ((doubt * 0.99, True), (doubt * 1.01, False)):
        painter.model.spec = replace(painter.model.spec, unsure_above=threshold)
        assert (UNSURE in painter.predict(photo()).notes) == told


@pytest.mark.parametrize("name", ["cgan.test", "pixcolor.test"])
def test_a_photo_has_one_doubt_whatever_came_before_it(name: str) -> None:
    painter = painter_with(name, inf)
    first = painter.predict(photo()).doubt
    painter.predict(photo(1))
    assert painter.predict(photo()).doubt == first


@pytest.mark.parametrize("name", ["cgan.test", "pixcolor.test"])
@pytest.mark.parametrize("asked", [{"samples": 3}, {"seed": 7}, {"temperature": 0.25}, {"size": 96}])
def test_how_a_model_is_asked_to_draw_does_not_change_its_doubt(name: str, asked: dict[str, Any]) -> None:
    painter = painter_with(name, inf)
    assert painter.predict(photo(), ColorizeSettings(**asked)).doubt == painter.predict(photo()).doubt


@pytest.mark.parametrize("name", ["cgan", "cic", "lrac", "pixcolor"])
def test_noise_is_a_guess_and_a_checkerboard_is_not(name: str) -> None:
    painter = Painter(name, device="cpu")
    y, x = np.mgrid[:192, :256] // 24
    board = Photo(np.where((x + y) % 2 == 0, 80, 190).astype(np.uint8)[:, :, None])
    noise = np.random.default_rng(0).integers(0, 256, (192, 256, 1), dtype=np.uint8)
    assert UNSURE not in painter.predict(board).notes
    assert UNSURE in painter.predict(Photo(noise)).notes


def test_every_shipped_model_has_a_threshold() -> None:
    shipped = [name for name in list_models(internal=True) if model_spec(name).weights is not None]
    assert len(shipped) == 4
    assert all(model_spec(name).unsure_above < inf for name in shipped)


def test_a_photo_without_a_picture_is_not_called_a_guess() -> None:
    flat = Photo(np.full((96, 120, 1), 128, np.uint8))
    assert UNSURE not in painter_with("cic.test", 0.0).predict(flat).notes
