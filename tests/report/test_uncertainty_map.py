"""The uncertainty map: its scale, its size, and that it can be read back."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.color

from autochrome.pipeline.extent import Extent
from autochrome.report.uncertainty_map import draw_uncertainty


def lightness(picture: np.ndarray) -> np.ndarray:
    """CIE L* by scikit-image."""
    return skimage.color.rgb2lab(np.repeat(picture, 3, 2))[..., 0]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_lightness_goes_evenly_with_the_value(share: float) -> None:
    picture = draw_uncertainty(np.full((3, 4), 5.75 * share, np.float32), (30, 40), 5.75)
    assert picture.shape == (30, 40, 1)
    assert picture.dtype == np.uint8
    np.testing.assert_allclose(lightness(picture), 100 * share, atol=0.5)


def test_what_is_more_than_white_is_white() -> None:
    assert draw_uncertainty(np.full((2, 2), 9, np.float32), (5, 5), 5.75).min() == 255


def test_places_are_where_they_are_in_the_photo() -> None:
    values = np.zeros((4, 6), np.float32)
    values[1, 4] = 1.0
    picture = draw_uncertainty(values, (80, 120), 1.0)[..., 0].astype(float)
    row, column = np.unravel_index(picture.argmax(), picture.shape)
    assert abs(row - 30) <= 3
    assert abs(column - 90) <= 3
    assert picture[:8].max() == picture[:, :60].max() == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (333, 2), (457, 331)])
@pytest.mark.parametrize("grid", [(1, 1), (8, 1), (32, 44)])
def test_any_size_of_any_grid(size: tuple[int, int], grid: tuple[int, int]) -> None:
    picture = draw_uncertainty(np.full(grid, 0.5, np.float32), size, 1.0)
    assert picture.shape == (*size, 1)
    assert picture.min() == picture.max() == 119  # L* of 50


@pytest.mark.parametrize("border", [3, 20, 50])
def test_a_border_is_black_up_to_the_picture_and_the_picture_is_not_darkened(border: int) -> None:
    extent = Extent((200, 300), (border, border, 200 - border, 300 - border))
    values = extent.over_file(np.full((20, 30), 0.5, np.float32))
    picture = draw_uncertainty(values, (200, 300), 1.0, extent)[..., 0]
    inside = picture[border : 200 - border, border : 300 - border]
    half = draw_uncertainty(np.full((2, 2), 0.5, np.float32), (4, 4), 1.0)[0, 0, 0]
    assert np.abs(inside.astype(int) - half).max() <= 1
    picture[border : 200 - border, border : 300 - border] = 0
    assert not picture.any()
