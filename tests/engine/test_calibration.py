"""Fitting a model's tone curve to photos."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from autochrome.data.sources import DataError, open_source
from autochrome.engine.calibration import calibrate
from autochrome.models.pixcolor.calibration import identity_curve
from autochrome.models.pixcolor.model import PixColor
from autochrome.models.registry import create_model
from tests.data.made_photos import write_folder


@pytest.fixture
def model() -> PixColor:
    torch.manual_seed(0)
    found = create_model("pixcolor.test")
    assert isinstance(found, PixColor)
    return found


def test_the_model_gets_the_curve_and_draws_with_it(model: PixColor, tmp_path: Path) -> None:
    source = open_source(write_folder(tmp_path / "photos", 3))
    bins = torch.randint(0, 32, (1, 2, 8, 8), generator=torch.Generator().manual_seed(0))
    before = model.dequantise(bins)
    done: list[tuple[int, int]] = []
    curve = calibrate(model, source, seed=4, progress=lambda *now: done.append(now))
    assert done == [(3, 3)]
    assert torch.equal(model.calibration, curve)
    assert not torch.equal(curve, identity_curve())
    assert not torch.equal(model.dequantise(bins), before)
    # An untrained network draws all colours alike: the photos' are fewer, so the curve is flatter.
    assert (curve[:, 200] - curve[:, 50] < 150 / 255).all()


def test_it_starts_from_no_curve_and_follows_the_seed(model: PixColor, tmp_path: Path) -> None:
    source = open_source(write_folder(tmp_path / "photos", 2))
    first = calibrate(model, source, numbers=[1], seed=1)
    other = calibrate(model, source, numbers=[1], seed=2)
    assert torch.equal(calibrate(model, source, numbers=[1], seed=1), first)
    assert not torch.equal(first, other)


def test_what_has_no_curve_and_what_cannot_be_read_is_told(model: PixColor, tmp_path: Path) -> None:
    photos = write_folder(tmp_path / "photos", 1)
    source = open_source(photos)
    model.dequantisation = None
    with pytest.raises(ValueError, match="leaves its draws as they are"):
        calibrate(model, source)
    other = create_model("pixcolor.test")
    assert isinstance(other, PixColor)
    (photos / "bad.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"bad\.png is not a readable picture"):
        calibrate(other, open_source(photos))
