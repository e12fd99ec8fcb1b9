"""Known colors as planes for the conditional GAN's generator."""

from __future__ import annotations

import torch

from autochrome.color.spaces import YUV, rgb_to_lab
from autochrome.models.base import KnownColors
from autochrome.models.cgan.known import planes_of, random_planes

RED = torch.tensor([[[[0.8]], [[0.2]], [[0.2]]]])


def test_planes_hold_the_colors_as_far_as_they_decide() -> None:
    weights = torch.tensor([[[0.0, 0.5], [1.0, 0.25]]])
    planes = planes_of(KnownColors(rgb_to_lab(RED)[:, :, 0, 0], weights), (2, 2))
    u, v = YUV.split(RED)[1][0, :, 0, 0]
    torch.testing.assert_close(planes[0, 2], weights[0])
    torch.testing.assert_close(planes[0, 0], 6 * u * weights[0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(planes[0, 1], 6 * v * weights[0], atol=1e-4, rtol=1e-4)


def test_several_colors_add_up_and_are_brought_to_the_grid() -> None:
    lab = rgb_to_lab(RED)[:, :, 0, 0].expand(2, 3)
    weights = torch.zeros(2, 4, 4)
    weights[0, :, :2], weights[1, :, 2:] = 1.0, 0.5
    planes = planes_of(KnownColors(lab, weights), (2, 2))
    assert planes.shape == (1, 3, 2, 2)
    assert planes[0, 2, 0, 0] > 0.9 and 0.5 <= planes[0, 2, 0, 1] < 0.65


def test_random_planes_tell_true_colors() -> None:
    """Of a photo of one color every plane is that color times how much it decides."""
    torch.manual_seed(0)
    chroma = torch.tensor([0.1, -0.2])[None, :, None, None].expand(64, 2, 8, 8)
    planes = random_planes(torch.zeros(64, 1, 8, 8), chroma, 0.5)
    decides = planes[:, 2]
    torch.testing.assert_close(planes[:, 0], 0.6 * decides)
    torch.testing.assert_close(planes[:, 1], -1.2 * decides)
    assert decides.min() >= 0 and decides.max() <= 1 + 1e-6
    told = decides.flatten(1).amax(1) > 0
    assert 0.3 < told.float().mean() < 0.7
    assert torch.equal(random_planes(torch.zeros(4, 1, 8, 8), chroma[:4], 0.0), torch.zeros(4, 3, 8, 8))


def test_a_color_does_not_reach_what_is_much_brighter() -> None:
    torch.manual_seed(1)
    luma = torch.full((32, 1, 8, 8), -0.9)
    luma[:, :, :, 4:] = 0.9
    chroma = torch.zeros(32, 2, 8, 8)
    chroma[:, 0, :, :4], chroma[:, 0, :, 4:] = 0.2, -0.2
    planes = random_planes(luma, chroma, 1.0)
    assert (planes[:, 0, :, :4] >= -1e-2).all() and (planes[:, 0, :, 4:] <= 1e-2).all()
