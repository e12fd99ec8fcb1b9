"""From L* to another space's luma, and back to a* and b*."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.color
import skimage.data
import torch

from autochrome.color.conversion import ab_of_chroma, luma_of_lightness
from autochrome.color.spaces import get_space

SPACES = ("ycbcr", "yuv", "hue_chroma")


@pytest.mark.parametrize("space", ["lab", *SPACES])
def test_luma_of_gray_is_the_space_s_own(space: str) -> None:
    """Gray of every byte: its L* (scikit-image) gives the luma that the space gives to gray."""
    gray = np.repeat(np.arange(256)[None, :, None] / 255, 3, axis=2)
    lightness = torch.tensor(skimage.color.rgb2lab(gray)[None, ..., 0], dtype=torch.float32)[None]
    rgb = torch.tensor(gray, dtype=torch.float32).permute(2, 0, 1)[None]
    expected, _ = get_space(space).split(rgb)
    atol = 2e-4 * (100 if space == "lab" else 1)
    torch.testing.assert_close(luma_of_lightness(lightness, space), expected, atol=atol, rtol=0)


def test_ycbcr_luma_is_the_gray_s_srgb_value() -> None:
    """L* 53.585 is sRGB #808080 (CIE's formulas worked by hand), and the ends are the ends."""
    lightness = torch.tensor([0.0, 53.585, 100.0]).reshape(1, 1, 1, 3)
    expected = torch.tensor([0.0, 128 / 255, 1.0])
    torch.testing.assert_close(luma_of_lightness(lightness, "ycbcr")[0, 0, 0], expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("space", ["ycbcr", "yuv"])  # the bicone clips
def test_colors_come_back_as_lab_s(space: str) -> None:
    picture = skimage.data.astronaut()[100:160, 200:280] / 255
    rgb = torch.tensor(picture, dtype=torch.float32).permute(2, 0, 1)[None]
    luma, chroma = get_space(space).split(rgb)
    expected = torch.tensor(skimage.color.rgb2lab(picture)[..., 1:], dtype=torch.float32).permute(2, 0, 1)
    torch.testing.assert_close(ab_of_chroma(luma, chroma, space)[0], expected, atol=0.02, rtol=0)


def test_lab_is_returned_as_it_is() -> None:
    chroma = torch.full((1, 2, 3, 3), 120.0)
    assert ab_of_chroma(torch.zeros(1, 1, 3, 3), chroma, "lab") is chroma


def test_luma_is_averaged_over_the_cells() -> None:
    luma = torch.tensor([[0.2, 0.6], [0.6, 0.2]]).repeat(4, 4)[None, None]
    chroma = torch.tensor([0.55, 0.45])[None, :, None, None].expand(1, 2, 4, 4)
    expected = ab_of_chroma(torch.full((1, 1, 4, 4), 0.4), chroma, "ycbcr")
    torch.testing.assert_close(ab_of_chroma(luma, chroma, "ycbcr"), expected, atol=1e-4, rtol=0)


def test_what_srgb_does_not_hold_is_clipped() -> None:
    """Y .1 with Cr 1 is R .80, G -.26, B .1: clipped to (.798, 0, .1) before Lab is asked."""
    chroma = torch.tensor([128 / 255, 1.0])[None, :, None, None]
    ab = ab_of_chroma(torch.full((1, 1, 1, 1), 0.1), chroma, "ycbcr").flatten()
    red = 0.1 + 1.402 * (1 - 128 / 255)
    expected = skimage.color.rgb2lab(np.array([[[red, 0.0, 0.1]]]))[0, 0, 1:]
    torch.testing.assert_close(ab.double(), torch.tensor(expected), atol=0.02, rtol=0)


def test_unknown_space() -> None:
    with pytest.raises(ValueError, match="'cmyk'"):
        luma_of_lightness(torch.zeros(1, 1, 1, 1), "cmyk")
