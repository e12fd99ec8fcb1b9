"""Balancing: every layer has unit second moment, and nothing that the network says changes but its unit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from autochrome.models.lrac.paper import LAYERS, PaperNetwork

WIDTHS = (1, 4, 4, 6, 6, 6, 6, 6, 8, 8, 8, 8, 8, 8, 16, 16)


@pytest.fixture
def network() -> PaperNetwork:
    """Small, with layers whose scales vary dramatically, as those of a VGG-16 do; in training mode."""
    net = PaperNetwork({"hue_chroma": 4}, widths=WIDTHS, hidden=6)
    with torch.no_grad():
        for number, layer in enumerate(net.layers.values()):
            layer.get_parameter("weight").mul_(1 + number % 4)
            layer.get_parameter("bias").normal_(std=0.5)
    return net.train()


@pytest.fixture
def images() -> list[Tensor]:
    """Batches of different counts and sizes."""
    return [torch.rand(3, 1, 64, 64), torch.rand(1, 1, 64, 96) * 0.3]


@torch.no_grad()
def maps(net: PaperNetwork, gray: Tensor) -> list[Tensor]:
    net.eval()
    found = [layer.clone() for layer in net.maps(gray)]
    net.train()
    return found


def second_moments(net: PaperNetwork, images: list[Tensor]) -> list[float]:
    """E[x^2] of each layer over all its numbers in all images, laid end to end."""
    layers = zip(*(maps(net, gray) for gray in images), strict=True)
    return [torch.cat([part.flatten() for part in layer]).square().mean().item() for layer in layers]


def test_every_layer_has_unit_second_moment(network: PaperNetwork, images: list[Tensor]) -> None:
    """Section 3.5: E[X^2] = 1, for conv1_1 to fc7."""
    before = second_moments(network, images)
    assert max(before[1:]) / min(before[1:]) > 100
    network.balance(images)
    assert second_moments(network, images)[1:] == pytest.approx([1] * 15, rel=1e-4)


def test_the_networks_own_output_is_unchanged(network: PaperNetwork, images: list[Tensor]) -> None:
    """fc7, scaled back, and every other layer too, on photos that the balancing has not seen."""
    unseen = torch.rand(2, 1, 96, 64)
    before = maps(network, unseen)
    factors = network.balance(images)
    after = maps(network, unseen)
    assert factors.shape == (len(LAYERS) - 1,)
    assert torch.equal(before[0], after[0])
    for name, old, new, factor in zip(LAYERS[1:], before[1:], after[1:], factors.tolist(), strict=True):
        assert (new / factor - old).abs().max() < 1e-4 * old.abs().max(), name


def test_balancing_twice_is_balancing_once(network: PaperNetwork, images: list[Tensor]) -> None:
    network.balance(images)
    assert network.balance(images).tolist() == pytest.approx([1] * 15, rel=1e-4)


def test_a_layers_filters_take_its_own_factor_and_lose_the_last_ones(
    network: PaperNetwork, images: list[Tensor]
) -> None:
    """W_l, b_l *= m_l and W_(l+1) /= m_l; fc6 reads pool5 in conv5_3's unit."""
    old = {name: value.clone() for name, value in network.layers.state_dict().items()}
    factors = dict(zip(LAYERS[1:], network.balance(images).tolist(), strict=True))
    new = network.layers.state_dict()
    torch.testing.assert_close(new["conv1_1.weight"], old["conv1_1.weight"] * factors["conv1_1"])
    torch.testing.assert_close(new["fc6.weight"], old["fc6.weight"] * factors["fc6"] / factors["conv5_3"])
    torch.testing.assert_close(new["fc6.bias"], old["fc6.bias"] * factors["fc6"])
    torch.testing.assert_close(new["fc7.weight"], old["fc7.weight"] * factors["fc7"] / factors["fc6"])


def test_the_mode_and_the_head_stay(network: PaperNetwork, images: list[Tensor]) -> None:
    head = {name: value.clone() for name, value in network.head.state_dict().items()}
    network.balance(images)
    assert network.training
    assert all(torch.equal(value, head[name]) for name, value in network.head.state_dict().items())
    network.eval().balance(images)
    assert not network.training


@pytest.mark.parametrize("value", [-1e6, float("nan")])
def test_a_layer_that_says_nothing_is_told(network: PaperNetwork, images: list[Tensor], value: float) -> None:
    with torch.no_grad():
        network.layers["conv4_2"].get_parameter("bias").fill_(value)
    before = network.layers["conv1_1"].get_parameter("weight").clone()
    with pytest.raises(ValueError, match="conv4_2 cannot be balanced: it is zero or not finite"):
        network.balance(images)
    assert torch.equal(network.layers["conv1_1"].get_parameter("weight"), before)
    assert network.training


def test_no_images(network: PaperNetwork) -> None:
    with pytest.raises(ValueError, match="there are no images"):
        network.balance([])
