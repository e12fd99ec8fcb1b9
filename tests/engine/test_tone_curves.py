"""Fitting a model's tone curve to photos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.spaces import YUV
from autochrome.data.sources import PhotoSource, open_source
from autochrome.engine.tone_curves import fit_tone_curves
from autochrome.errors import DataError
from autochrome.models.base import SamplingColorizer
from autochrome.models.cgan.compact import CompactCGAN
from autochrome.models.pixcolor.compact import CompactPixColor
from autochrome.models.registry import create_model, model_spec
from autochrome.models.tone_curves import apply_curve, identity_curve
from tests.data.made_photos import encode, write_folder

SHARES = torch.tensor([0.02, 0.1, 0.2, 0.8, 0.9, 0.98])  # of the draws below, none beside gray


@pytest.fixture
def model() -> CompactPixColor:
    torch.manual_seed(0)
    found = create_model("pixcolor.test")
    assert isinstance(found, CompactPixColor)
    return found


def test_the_model_gets_the_curve_and_draws_with_it(model: CompactPixColor, tmp_path: Path) -> None:
    source = open_source(write_folder(tmp_path / "photos", 3))
    bins = torch.randint(0, 32, (1, 2, 8, 8), generator=torch.Generator().manual_seed(0))
    before = model.dequantize(bins)
    done: list[tuple[int, int]] = []
    curve = fit_tone_curves(model, source, seed=4, progress=lambda *now: done.append(now))
    assert done == [(3, 3)]
    assert torch.equal(model.tone_curves, curve)
    assert not torch.equal(curve, identity_curve())
    assert not torch.equal(model.dequantize(bins), before)
    # An untrained network draws all colors alike: the photos' are fewer, so the curve is flatter.
    assert (curve[:, 200] - curve[:, 50] < 150 / 255).all()


def test_it_starts_from_no_curve_and_follows_the_seed(model: CompactPixColor, tmp_path: Path) -> None:
    source = open_source(write_folder(tmp_path / "photos", 2))
    first = fit_tone_curves(model, source, numbers=[1], seed=1)
    other = fit_tone_curves(model, source, numbers=[1], seed=2)
    assert torch.equal(fit_tone_curves(model, source, numbers=[1], seed=1), first)
    assert not torch.equal(first, other)


def test_strength_leads_from_no_curve_to_the_fitted_one(model: CompactPixColor, tmp_path: Path) -> None:
    source = open_source(write_folder(tmp_path / "photos", 2))
    whole = fit_tone_curves(model, source, seed=1)
    part = fit_tone_curves(model, source, seed=1, strength=0.25)
    torch.testing.assert_close(part, 0.75 * identity_curve() + 0.25 * whole)
    assert torch.equal(model.tone_curves, part)
    with pytest.raises(ValueError, match="strength"):
        fit_tone_curves(model, source, strength=1.5)


def test_a_photo_that_cannot_be_read_is_named(model: CompactPixColor, tmp_path: Path) -> None:
    photos = write_folder(tmp_path / "photos", 1)
    (photos / "bad.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"bad\.png is not a readable picture"):
        fit_tone_curves(model, open_source(photos))


def noise_photos(folder: Path, count: int) -> tuple[PhotoSource, Tensor]:
    """Photos of 128 px whose places of 4x4 px have random colors, and their mean U and V "n 2 32 32"."""
    folder.mkdir()
    places = np.random.default_rng(0).normal((140, 120, 110), (40, 25, 50), (count, 32, 32, 3))
    pixels = places.clip(0, 255).astype(np.uint8).repeat(4, 1).repeat(4, 2)
    for number, photo in enumerate(pixels):
        (folder / f"{number:03d}.png").write_bytes(encode(photo))
    rgb = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    return open_source(folder), F.avg_pool2d(YUV.split(rgb)[1], 4)


def quantiles(chroma: Tensor) -> Tensor:
    return chroma.transpose(0, 1).flatten(1).quantile(SHARES, dim=1)


@pytest.fixture
def pale_gan(monkeypatch: pytest.MonkeyPatch) -> CompactCGAN:
    """A conditional GAN whose U and V are noise, whatever the photo."""
    model = create_model("cgan.compact", pretrained=False)
    assert isinstance(model, CompactCGAN)

    def forward(condition: Tensor, z: Tensor) -> Tensor:
        seed = int(1e6 * z[0, 0].abs())
        noise = torch.randn(len(z), 2, *condition.shape[2:], generator=torch.Generator().manual_seed(seed))
        return 0.05 * noise

    monkeypatch.setattr(model.generator, "forward", forward)
    return model


def test_samples_of_a_gan_become_as_vivid_as_the_photos(pale_gan: CompactCGAN, tmp_path: Path) -> None:
    source, true = noise_photos(tmp_path / "photos", 12)
    luma = torch.zeros(12, 1, 128, 128)

    def sampled() -> Tensor:
        return pale_gan.sample(luma, generator=torch.Generator().manual_seed(3)).chroma[:, 0]

    assert (quantiles(sampled()) - quantiles(true)).abs().max() > 0.15
    curve = fit_tone_curves(pale_gan, source, seed=1)
    assert torch.equal(pale_gan.tone_curves, curve)
    # A byte is 2 / 255.
    torch.testing.assert_close(quantiles(sampled()), quantiles(true), atol=0.015, rtol=0)
    assert torch.equal(fit_tone_curves(pale_gan, source, seed=1), curve)  # the old curve does not matter
    assert not torch.equal(fit_tone_curves(pale_gan, source, seed=2), curve)


class Fading(SamplingColorizer):
    """Has two outputs; in the second, six tenths of the draws' color remain."""

    spec = model_spec("cgan.compact")
    curve_neutral = 0.5

    def __init__(self) -> None:
        super().__init__()
        self.tone_curves = identity_curve()

    def draws_for_curves(
        self, luma: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Callable[[], Tensor], ...]:
        noise = torch.randn(len(luma), 2, 32, 32, generator=generator)

        def shown() -> Tensor:
            return apply_curve(0.5 + 0.025 * noise, self.tone_curves)

        return shown, lambda: 0.5 + 0.6 * (shown() - 0.5)

    def truth_for_curves(self, chroma: Tensor) -> Tensor:
        noise = torch.randn(chroma.shape, generator=torch.Generator().manual_seed(len(chroma)))
        return 0.5 + 0.03 * noise


def test_what_is_lost_after_the_first_output_is_made_up_for(tmp_path: Path) -> None:
    """Deviations .025 and .03, and a loss to .6: the curve's slope is .03 / (.6 * .025) = 2."""
    source = open_source(write_folder(tmp_path / "photos", 12))
    curve = fit_tone_curves(Fading(), source)
    slopes = (curve[:, 137] - curve[:, 118]) * 255 / 19
    assert slopes.tolist() == pytest.approx([2.0, 2.0], abs=0.1)
