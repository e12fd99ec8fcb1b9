"""Guidance: the photo outweighs what is drawn already; and how the PixelCNN learns what that needs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from autochrome.models.base import Batch
from autochrome.models.pixcolor.model import PixColor
from autochrome.models.pixcolor.pixelcnn import PixelCNN, PixelCNNConfig
from autochrome.models.pixcolor.sampler import draw, guide
from autochrome.models.registry import create_model
from tests.models.pixcolor.naive_sampler import draw_naive


@pytest.fixture(scope="module")
def net() -> PixelCNN:
    torch.manual_seed(0)
    net = PixelCNN(PixelCNNConfig(maps=8, blocks=2, head=16, condition=5, kernel=3, input_gain=8.0))
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.4)
    return net


def features(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("guidance", "temperature"), [(0.3, 1.0), (2.0, 0.7), (1.0, 0.0)])
def test_guided_draws_are_those_of_the_naive_sampler(
    net: PixelCNN, guidance: float, temperature: float
) -> None:
    condition, how = features(2, 5, 4, 6), {"n": 2, "temperature": temperature, "guidance": guidance}
    fast, naive = (f(net, condition, seed=3, **how) for f in (draw, draw_naive))
    assert fast.bins.shape == (2, 2, 2, 4, 6)
    assert torch.equal(fast.bins, naive.bins)
    assert not torch.equal(fast.bins, draw(net, condition, n=2, temperature=temperature, seed=3).bins)


def test_guided_draws_are_the_same_whatever_n_and_the_batch(net: PixelCNN) -> None:
    condition = features(3, 5, 4, 6)
    many = draw(net, condition, n=4, guidance=0.5, seed=1)
    one = draw(net, condition[1:2], n=2, guidance=0.5, seed=1)
    assert torch.equal(many.bins[1, :2], one.bins[0])


def test_the_likelihood_stays_that_of_the_model_without_guidance(net: PixelCNN) -> None:
    condition = features(2, 5, 4, 6)
    draws = draw(net, condition, n=1, guidance=0.8, seed=2)
    forced = net.double().log_prob(draws.bins[:, 0], condition.double())
    net.float()
    torch.testing.assert_close(draws.log_prob[:, 0], forced, rtol=1e-9, atol=1e-9)


def test_guidance_is_the_quotient_of_powers() -> None:
    """p(told)^(1+g) / p(untold)^g, worked out for probabilities (.5, .3, .2) and (.2, .3, .5), g = 1."""
    told, untold = np.log([[0.5, 0.3, 0.2]]) + 3, np.log([[0.2, 0.3, 0.5]]) - 7
    both = np.exp(guide(np.concatenate((told, untold)), 1.0))
    expected = np.array([0.25 / 0.2, 0.09 / 0.3, 0.04 / 0.5])
    np.testing.assert_allclose(both, np.stack((expected, expected)))


def test_where_the_photo_says_nothing_guidance_changes_nothing(net: PixelCNN) -> None:
    silent = torch.zeros(1, 5, 4, 6)
    plain, guided = (draw(net, silent, n=2, guidance=g, seed=5) for g in (0.0, 2.0))
    assert torch.equal(plain.bins, guided.bins)


@pytest.mark.parametrize("guidance", [-0.1, float("nan"), float("inf")])
def test_guidance_out_of_range(net: PixelCNN, guidance: float) -> None:
    with pytest.raises(ValueError, match="guidance is at least 0"):
        draw(net, features(1, 5, 2, 2), guidance=guidance)


def make_model(share: float) -> PixColor:
    torch.manual_seed(0)
    model = create_model("pixcolor.test", pretrained=False, condition_dropout=share).train()
    assert isinstance(model, PixColor)
    return model


def batch() -> Batch:
    generator = torch.Generator().manual_seed(2)
    return Batch(torch.rand(6, 1, 32, 32, generator=generator), torch.rand(6, 2, 32, 32, generator=generator))


def test_told_of_no_photo_nothing_of_the_photos_is_learned() -> None:
    model = make_model(1.0)
    model.training_losses(batch())["loss"].backward()
    assert not any(p.grad.abs().max() for p in model.conditioning.parameters() if p.grad is not None)
    assert model.pixelcnn.vertical.weight.grad is not None


def test_a_share_of_the_photos_is_withheld_in_training_alone() -> None:
    model, seen = make_model(0.5), []
    model.pixelcnn.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1]))
    torch.manual_seed(1)
    model.training_losses(batch())
    told = seen[0].flatten(1).abs().amax(1) > 0
    assert 0 < told.sum() < 6
    model.eval().training_losses(batch())
    assert (seen[1].flatten(1).abs().amax(1) > 0).all()
