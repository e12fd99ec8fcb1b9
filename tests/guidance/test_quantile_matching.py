"""Lightness-normalized quantile matching."""

from __future__ import annotations

import numpy as np
import skimage.color
import skimage.data
import skimage.exposure
import torch
from torch import Tensor

from autochrome.color.spaces import lab_to_rgb, rgb_to_lab
from autochrome.guidance import QuantileMatching


def photo(name: str) -> Tensor:
    """A bundled photo as sRGB "1 3 h w" in [0, 1]."""
    pixels = np.ascontiguousarray(getattr(skimage.data, name)()[::8, ::8])
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def ratios(rgb: Tensor) -> Tensor:
    return (rgb + 1e-3) / (rgb.mean(1, keepdim=True) + 1e-3)


def test_a_photo_matched_to_itself_stays() -> None:
    rgb = photo("coffee")
    lab = rgb_to_lab(rgb)
    matched = QuantileMatching.of(rgb)(lab[:, 1:], lab[:, :1])
    difference = (matched - lab[:, 1:]).norm(dim=1)
    assert float(difference.median()) < 1
    assert float(difference.quantile(0.95)) < 3


def test_ratios_take_the_reference_s_distribution() -> None:
    """As scikit-image matches histograms, of each channel divided by lightness."""
    source, reference = photo("astronaut"), photo("coffee")
    lab = rgb_to_lab(source)
    guide = QuantileMatching.of(reference)
    expected = skimage.exposure.match_histograms(
        ratios(source)[0].permute(1, 2, 0).numpy(),
        ratios(reference)[0].permute(1, 2, 0).numpy(),
        channel_axis=2,
    )
    luma = source.mean(1)[0].numpy()
    rgb = (expected * (luma + 1e-3)[..., None] - 1e-3).clip(0, 1)
    rgb = (rgb - rgb.mean(2, keepdims=True) + luma[..., None]).clip(0, 1)
    wanted = torch.from_numpy(skimage.color.rgb2lab(rgb)[..., 1:]).permute(2, 0, 1)
    found = guide(lab[:, 1:], lab[:, :1])[0]
    assert float((found - wanted).norm(dim=0).median()) < 1


def test_gray_gets_one_tint_and_its_noise_no_colors() -> None:
    """The reference's middle ratios at every lightness; not its whole palette stretched over noise."""
    lightness = torch.full((1, 1, 20, 20), 55.0)
    noise = torch.randn(1, 2, 20, 20, generator=torch.Generator().manual_seed(0)) * 0.01
    matched = QuantileMatching.of(photo("coffee"))(noise, lightness)
    middle = ratios(photo("coffee"))[0].flatten(1).median(1).values
    luma = float(lab_to_rgb(torch.tensor([55.0, 0, 0])[None, :, None, None]).mean())
    recolored = middle * luma
    tint = rgb_to_lab((recolored - recolored.mean() + luma)[None, :, None, None])[0, 1:, 0, 0]
    torch.testing.assert_close(matched.mean((0, 2, 3)), tint, atol=1, rtol=0)
    assert matched.std((0, 2, 3)).max() < 0.5


def test_black_stays_black() -> None:
    matched = QuantileMatching.of(photo("coffee"))(torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 4, 4))
    assert matched.abs().max() < 1


def test_lightness_of_another_size_is_averaged() -> None:
    guide = QuantileMatching.of(photo("coffee"))
    lab = rgb_to_lab(photo("astronaut"))
    fine = lab[:, :1].repeat_interleave(4, 2).repeat_interleave(4, 3)
    torch.testing.assert_close(guide(lab[:, 1:], fine), guide(lab[:, 1:], lab[:, :1]), atol=0.2, rtol=0)


def test_smooth_colors_stay_smooth() -> None:
    """A faint gradient stretched over a whole palette has no steps."""
    ab = torch.zeros(1, 2, 1, 400)
    ab[0, 0, 0] = torch.linspace(-4, 4, 400)
    reference = torch.stack((torch.linspace(0.3, 0.9, 400), torch.full((400,), 0.5), torch.full((400,), 0.5)))
    matched = QuantileMatching.of(reference[None, :, None])(ab, torch.full((1, 1, 1, 400), 55.0))
    steps = matched[0, 0, 0].diff()
    assert float(matched[0, 0, 0, -1] - matched[0, 0, 0, 0]) > 30
    assert float(steps.max()) < 1
