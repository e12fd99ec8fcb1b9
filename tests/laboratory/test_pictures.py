"""Pictures of the report."""

from __future__ import annotations

import numpy as np
import pytest
import pyvips
import torch

from autochrome.evaluation.files import pixels_of, rgb_of
from autochrome.io.photo import Photo
from autochrome.report.thumbnails import picture


def test_pictures_are_small_and_keep_their_colors(rng: np.random.Generator) -> None:
    pixels = np.zeros((600, 400, 3), np.uint8)
    pixels[:300], pixels[300:] = (200, 40, 60), (30, 90, 160)
    figure = picture(pixels, "two colors", side=150)
    assert isinstance(figure.content, bytes)
    image = pyvips.Image.new_from_buffer(figure.content, "")
    assert (image.width, image.height) == (100, 150)
    assert np.abs(image.numpy()[20, 50].astype(int) - (200, 40, 60)).max() <= 4
    assert len(figure.content) < 2000


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_photos_of_every_depth(dtype: type) -> None:
    white = 1 if dtype is np.float32 else np.iinfo(dtype).max
    pixels = (np.array([[[0.0, 0.5, 1.0]]]) * white).astype(dtype)
    assert torch.allclose(rgb_of(Photo(pixels)).flatten(), torch.tensor([0.0, 0.5, 1.0]), atol=0.003)
    gray = rgb_of(Photo(pixels[:, :, :1]))
    assert gray.shape == (1, 3, 1, 1)


def test_bytes_and_back(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (5, 7, 3)).astype(np.uint8)
    assert (pixels_of(rgb_of(Photo(pixels))) == pixels).all()
