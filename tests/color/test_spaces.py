from __future__ import annotations

import colorsys

import kornia.color
import numpy as np
import pytest
import skimage.color
import torch
from PIL import Image
from skimage import data

from autochrome.color.spaces import (
    HUE_CHROMA,
    LAB,
    YCBCR,
    YUV,
    get_space,
    lab_to_rgb,
    linear_to_srgb,
    rgb_to_lab,
    srgb_to_linear,
)

SPACES = [LAB, YCBCR, YUV, HUE_CHROMA]
CORNERS = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1.0]])
PRIMARIES = CORNERS.T[None, :, None]


def one(*rgb: float) -> torch.Tensor:
    return torch.tensor(rgb, dtype=torch.float64)[None, :, None, None]


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    return torch.from_numpy(data.astronaut()[::4, ::4].copy()).permute(2, 0, 1)[None].float() / 255


def planes(space, rgb: torch.Tensor) -> list[float]:
    return torch.cat(space.split(rgb), 1).flatten().tolist()


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
def test_split_shapes_and_luma_range(space, photo):
    luma, chroma = space.split(photo.expand(2, -1, -1, -1))
    assert luma.shape == (2, 1, 128, 128)
    assert chroma.shape == (2, 2, 128, 128)
    assert planes(space, one(0, 0, 0)) == pytest.approx([space.luma_range[0], *space.neutral], abs=1e-2)
    assert planes(space, one(1, 1, 1)) == pytest.approx([space.luma_range[1], *space.neutral], abs=1e-2)


@pytest.mark.parametrize("space", [LAB, YCBCR, YUV], ids=lambda s: s.name)
def test_merge_undoes_split(space, photo):
    for rgb in (photo, PRIMARIES, torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)):
        torch.testing.assert_close(space.merge(*space.split(rgb)), rgb, atol=2e-5, rtol=0)


@pytest.mark.parametrize("space", [LAB, YCBCR, YUV], ids=lambda s: s.name)
def test_merge_does_not_clip(space):
    beyond = one(1.2, 0.5, -0.1)
    torch.testing.assert_close(space.merge(*space.split(beyond)), beyond, atol=1e-5, rtol=0)


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
def test_found_by_name(space):
    assert get_space(space.name) is space


def test_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match=r"'hsv'.*hue_chroma, lab, ycbcr, yuv"):
        get_space("hsv")


def test_lab_equals_scikit_image(photo):
    rgb = photo[0].permute(1, 2, 0).double().numpy()
    ours = rgb_to_lab(photo)[0].permute(1, 2, 0).numpy()
    reference = skimage.color.rgb2lab(rgb)
    assert np.abs(ours - reference).max() < 2e-4
    assert np.quantile(np.abs(ours - reference), 0.95) < 5e-5


def test_lab_equals_kornia_both_ways(photo):
    lab = rgb_to_lab(photo)
    torch.testing.assert_close(lab, kornia.color.rgb_to_lab(photo), atol=3e-4, rtol=0)
    lab[:, 1:] *= 1.5
    theirs = kornia.color.lab_to_rgb(lab, clip=False)
    inside = (lab[:, :1] + 16) / 116 > lab[:, 2:] / 200  # kornia clamps fz at 0
    torch.testing.assert_close(lab_to_rgb(lab) * inside, theirs * inside, atol=1e-4, rtol=0)


def test_lab_of_sRGB_red():
    # skimage.color.rgb2lab(np.array([[[1., 0, 0]]])): 53.2405879437, 80.0923082256, 67.2027510444
    assert planes(LAB, one(1, 0, 0)) == pytest.approx([53.2405879, 80.0923082, 67.2027510], abs=1e-4)


def test_lab_has_gradients():
    rgb = torch.rand(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: lab_to_rgb(rgb_to_lab(x) * 0.9), (rgb,))


def test_srgb_curve_has_its_published_toe():
    # IEC 61966-2-1: 0.04045 <-> 0.0031308, slope 12.92 below; 0.5 -> 0.2140411
    codes = torch.tensor([-0.1, 0.0, 0.02, 0.04045, 0.5, 1.0], dtype=torch.float64)
    light = torch.tensor([-0.1 / 12.92, 0.0, 0.02 / 12.92, 0.0031308, 0.2140411, 1.0], dtype=torch.float64)
    torch.testing.assert_close(srgb_to_linear(codes), light, atol=1e-7, rtol=0)
    torch.testing.assert_close(linear_to_srgb(light), codes, atol=1e-6, rtol=0)


def test_ycbcr_is_jpegs(photo):
    pixels = (photo[0].permute(1, 2, 0) * 255).byte().numpy()
    jpeg = np.asarray(Image.fromarray(pixels).convert("YCbCr")).astype(np.float32)
    luma, chroma = YCBCR.split(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255)
    ours = torch.cat((luma, chroma), 1)[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(ours - jpeg).max() <= 1.01  # Pillow's integer tables round


def test_yuv_has_the_printed_numbers():
    # Cao 2017's code on 255, 0, 0: Y 76.245, U -43.095 + 127.5, V 127.5 + 127.5, each / 127.5 - 1
    expected = [76.245 / 127.5 - 1, 84.405 / 127.5 - 1, 1.0]
    assert planes(YUV, one(1, 0, 0)) == pytest.approx(expected, abs=1e-6)
    back = YUV.merge(torch.zeros(1, 1, 1, 1), torch.tensor([0.5, -0.25])[None, :, None, None]).flatten() * 255
    u, v = 0.5 * 127.5, -0.25 * 127.5
    expected = [127.5 + 1.401687 * v - 0.00093 * u, 127.5 - 0.3437 * u - 0.71417 * v]
    assert back.tolist() == pytest.approx([*expected, 127.5 + 1.77216 * u + 0.00099 * v], abs=1e-3)


def test_hue_is_that_of_hsv_and_luma_the_mean(photo):
    luma, chroma = HUE_CHROMA.split(photo.double())
    for y, x in [(0, 0), (30, 40), (64, 64), (100, 20), (127, 127), (90, 60)]:
        r, g, b = photo[0, :, y, x].double().tolist()
        hue = colorsys.rgb_to_hsv(r, g, b)[0]
        assert chroma[0, 0, y, x].item() == pytest.approx(hue, abs=1e-9)
        assert chroma[0, 1, y, x].item() == pytest.approx(max(r, g, b) - min(r, g, b))
        assert luma[0, 0, y, x].item() == pytest.approx((r + g + b) / 3)


def test_hue_stays_below_one():
    _, chroma = HUE_CHROMA.split(torch.tensor([1.0, 0.0, 1e-9])[None, :, None, None])
    assert 0 <= chroma[0, 0].item() < 1


def test_hue_chroma_merges_photos_and_mends_lightness(photo):
    luma, chroma = HUE_CHROMA.split(photo)
    merged = HUE_CHROMA.merge(luma, chroma)
    assert (merged - photo).abs().mean() < 1e-3  # only saturated colors are clipped on their way
    chroma[:, 1] *= 0.5  # a color that is not the photo's: the mean of RGB stays the luma
    torch.testing.assert_close(HUE_CHROMA.merge(luma, chroma).mean(1, keepdim=True), luma, atol=2e-3, rtol=0)


def test_hue_chroma_merge_is_the_papers():
    # L=.5, C=.4, H=1/3 (green): V=.7, S=4/7 -> HSV gives (.3, .7, .3); mean .43333 moved to .5
    rgb = HUE_CHROMA.merge(torch.full((1, 1, 1, 1), 0.5), torch.tensor([1 / 3, 0.4])[None, :, None, None])
    assert rgb.flatten().tolist() == pytest.approx([0.3 + 1 / 15, 0.7 + 1 / 15, 0.3 + 1 / 15], abs=1e-6)
