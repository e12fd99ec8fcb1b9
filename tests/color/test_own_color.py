"""What is in color already, apart from a tone all over."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from autochrome.color.own_color import OwnColor

GRAY = np.random.default_rng(0).integers(20, 235, (12, 16), np.uint8).repeat(10, 0).repeat(10, 1)[..., None]
SEPIA = (GRAY * (1.0, 0.85, 0.6) + (0, 4, 8)).round().astype(np.uint8)
PATCHES = ((200, 40, 40), (40, 160, 60), (40, 60, 200), (230, 210, 40))


def with_card(picture: np.ndarray) -> np.ndarray:
    """A card of four colors with a gray gap, 15 x 64 pixels, in the lower left corner."""
    pixels = picture.repeat(3 // picture.shape[2], 2).copy()
    for number, color in enumerate(PATCHES):
        pixels[100:115, 16 * number : 16 * number + 13] = color
        pixels[100:115, 16 * number + 13 : 16 * number + 16] = 128
    return pixels


@pytest.mark.parametrize("scale", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("picture", [GRAY, GRAY.repeat(3, 2), SEPIA], ids=["gray", "equal channels", "sepia"])
def test_gray_and_toned_pictures_are_not_in_color(picture: np.ndarray, scale: type) -> None:
    white = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[scale]
    pixels = (picture / 255 * white).astype(scale)
    assert not OwnColor(pixels).is_in_color
    assert not OwnColor(pixels).mask.any()


@pytest.mark.parametrize("picture", [GRAY, SEPIA], ids=["gray", "sepia"])
def test_a_card_s_colors_stay_with_the_grays_between_and_nothing_else(picture: np.ndarray) -> None:
    pixels = with_card(picture)
    own = OwnColor(pixels)
    assert own.is_in_color
    chroma = own.over(torch.full((2, 20, 160), 99.0), start=98)
    kept = (chroma != 99).all(0)
    assert kept[5:14, 2:60].all()
    assert not kept[:, 70:].any()
    red = chroma[:, 8, 6]
    np.testing.assert_allclose(red, (60.87, 40.84), atol=0.1)  # skimage.color.rgb2lab of (200, 40, 40)


def test_gray_beside_colored_paper_is_not_in_color() -> None:
    pixels = np.empty((100, 200, 3), np.uint8)
    pixels[:] = (236, 228, 190)
    pixels[10:60, 20:80] = 229
    assert not OwnColor(pixels).is_in_color
