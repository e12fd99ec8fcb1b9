"""CIE lightness of pixels: every depth, reduction with antialiasing, gray told from color."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.color
import skimage.data
import torch
from torch.nn import functional as F

from autochrome.color.lightness import Lightness
from autochrome.color.spaces import LAB


def expected(pixels: np.ndarray) -> torch.Tensor:
    values = pixels / {"uint8": 255, "uint16": 65535, "float32": 1}[pixels.dtype.name]
    rgb = np.broadcast_to(values, (*pixels.shape[:2], 3))
    return torch.from_numpy(skimage.color.rgb2lab(rgb)[..., 0]).float()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_rows_are_scikit_image_s_lightness(rng: np.random.Generator, dtype: type, channels: int) -> None:
    pixels = rng.random((40, 30, channels))
    pixels = (pixels * {np.uint8: 255.99, np.uint16: 65535.99}.get(dtype, 1)).astype(dtype)
    pixels[0, 0], pixels[0, 1] = 0, {np.uint8: 255, np.uint16: 65535}.get(dtype, 1)
    lightness = Lightness(pixels)
    torch.testing.assert_close(lightness.rows(0, 40), expected(pixels), atol=1e-3, rtol=0)
    torch.testing.assert_close(lightness.rows(7, 19), lightness.rows(0, 40)[7:19])


def test_reduced_to_its_own_size_is_itself(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (20, 31, 3), dtype=np.uint8)
    torch.testing.assert_close(Lightness(pixels).reduced(20, 31)[0, 0], expected(pixels), atol=1e-3, rtol=0)


@pytest.mark.parametrize("size", [(64, 64), (36, 48), (17, 101), (512, 3)])
def test_reduction_is_near_torch_s_antialiased_one(size: tuple[int, int]) -> None:
    """Blocks are summed first, so that it is near and not equal; small pictures have no blocks."""
    pixels = skimage.data.camera()[:, :, None]
    found = Lightness(pixels).reduced(*size)
    values = torch.tensor(pixels[None, None, :, :, 0]).float()
    resized = F.interpolate(values, size, mode="bilinear", antialias=True)[0, 0, :, :, None].round().byte()
    difference = (found[0, 0] - expected(resized.numpy())).abs()
    assert difference.mean() < 0.4
    assert difference.max() < 6


@pytest.mark.parametrize("shape", [(1000, 777), (801, 333)])
def test_reduction_keeps_places(shape: tuple[int, int]) -> None:
    """Ramps across and down stay ramps: no shift, even where the last block of a side is cut short."""
    for axis in (0, 1):
        ramp = np.linspace(0.2, 0.8, shape[axis], dtype=np.float32)
        pixels = np.broadcast_to(ramp[:, None] if axis == 0 else ramp, shape)[:, :, None]
        found = Lightness(np.ascontiguousarray(pixels)).reduced(60, 50).squeeze().numpy()
        profile = found.mean(1 - axis)
        centers = (np.arange(len(profile)) + 0.5) * shape[axis] / len(profile) - 0.5
        wanted = expected(np.interp(centers, np.arange(shape[axis]), ramp).astype(np.float32)[:, None, None])
        np.testing.assert_allclose(profile[2:-2], wanted[2:-2, 0], atol=0.05)


def test_enlarged_smoothly() -> None:
    found = Lightness(np.array([[[0], [255]]], np.uint8)).reduced(4, 8)[0, 0]
    assert torch.equal(found[0], found[3])
    assert found[0, 0] == 0
    assert found[0, 7] == pytest.approx(100)
    assert (found[0].diff() >= 0).all()


@pytest.mark.parametrize(
    ("picture", "has_color"),
    [
        (skimage.data.astronaut()[::4, ::4], True),
        (skimage.data.camera()[:, :, None], False),
        (np.repeat(skimage.data.camera()[:, :, None], 3, axis=2), False),
    ],
)
def test_color_is_told_from_gray(picture: np.ndarray, has_color: bool) -> None:
    assert Lightness(picture).has_color is has_color


def test_sepia_is_a_color() -> None:
    gray = skimage.data.camera()[:, :, None]
    sepia = (gray * np.array([1.0, 0.85, 0.65])).astype(np.uint8)
    assert Lightness(sepia).has_color


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="not int64; convert"):
        Lightness(np.zeros((2, 2, 1), np.int64))


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_lightness_of_pixels_is_that_of_lab(depth, channels):
    largest = 1 if depth is np.float32 else np.iinfo(depth).max
    pixels = (np.random.default_rng(0).random((16, 20, channels)) * largest).astype(depth)
    pixels[0, 0], pixels[0, 1] = 0, largest
    rgb = torch.from_numpy(pixels.astype(np.float64) / largest).permute(2, 0, 1)[None].expand(1, 3, -1, -1)
    expected = LAB.split(rgb)[0][0, 0].float()
    torch.testing.assert_close(Lightness(pixels).rows(0, 16), expected, atol=5e-5, rtol=0)


def test_lightness_refuses_other_pixels():
    with pytest.raises(ValueError, match="1 or 3"):
        Lightness(np.zeros((4, 4), np.uint8))
    with pytest.raises(TypeError, match="int64"):
        Lightness(np.zeros((4, 4, 1), np.int64))
