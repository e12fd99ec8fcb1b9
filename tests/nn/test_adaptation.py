"""What a system's own layers are told of the photo: features on its own grid, from a trunk's last maps."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from autochrome.nn.adaptation import Adaptation
from autochrome.nn.pretrained import TINY, PretrainedTrunk


@pytest.fixture(scope="module")
def trunk() -> PretrainedTrunk:
    torch.manual_seed(0)
    return PretrainedTrunk(TINY).eval()


def random_maps(trunk: PretrainedTrunk, batch: int = 1, side: int = 64) -> list[Tensor]:
    """Maps of the trunk's widths and strides."""
    layers = zip(trunk.map_widths, trunk.map_strides, strict=True)
    return [torch.randn(batch, width, side // stride, side // stride) for width, stride in layers]


@pytest.mark.parametrize("grid", [(16, 16), (14, 14), (28, 28), (1, 3), (16, 8)])
def test_features_lie_on_any_grid(trunk: PretrainedTrunk, grid: tuple[int, int]) -> None:
    """Finer than the finest map, coarser than the coarsest, and such as divide no map."""
    net = Adaptation(trunk, 5).eval()
    features = net(random_maps(trunk, 2), grid)
    assert features.shape == (2, 5, *grid)
    assert (features >= 0).all()
    assert features.std() > 0


def test_three_convolutions_each_with_a_norm(trunk: PretrainedTrunk) -> None:
    """Table 2 of PixColor has three, the first of which is 1x1 here."""
    net = Adaptation(trunk, 6)
    layers = [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d)]
    assert [type(layer) for layer in layers] == [nn.Conv2d, nn.BatchNorm2d] * 3
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    assert [conv.kernel_size for conv in convolutions] == [(1, 1), (3, 3), (3, 3)]
    assert convolutions[0].in_channels == sum(TINY.decoder)
    assert [conv.out_channels for conv in convolutions] == [9, 6, 6]


def test_the_three_last_maps_are_seen_and_no_others(trunk: PretrainedTrunk) -> None:
    net, maps = Adaptation(trunk, 8).eval(), random_maps(trunk)
    features = net(maps, (14, 14))
    for number in range(len(maps)):
        changed = list(maps)
        changed[number] = maps[number] + torch.randn_like(maps[number])
        assert torch.equal(net(changed, (14, 14)), features) is (number < 4), number


def test_every_place_knows_the_mean_over_the_photo(trunk: PretrainedTrunk) -> None:
    """What changes at one end is noticed at the other, far beyond the reach of two 3x3 convolutions."""
    net = Adaptation(trunk, 8).eval()
    maps = [torch.randn(1, width, 1, 64) for width in trunk.map_widths]
    other = [layer.clone() for layer in maps]
    other[-1][..., :8] += 1
    difference = net(maps, (1, 64)) - net(other, (1, 64))
    assert difference[..., 32:].abs().max() > 1e-4


def test_a_photo_s_features_do_not_depend_on_its_batch(trunk: PretrainedTrunk) -> None:
    net, maps = Adaptation(trunk, 8).eval(), random_maps(trunk, 3)
    together = net(maps, (14, 14))
    alone = torch.cat([net([layer[i : i + 1] for layer in maps], (14, 14)) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_gradients_reach_every_parameter(trunk: PretrainedTrunk) -> None:
    net, maps = Adaptation(trunk, 8), random_maps(trunk, 2)
    net(maps, (14, 14)).square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []
