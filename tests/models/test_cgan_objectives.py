"""The objectives of Cao 2017 and of the Wasserstein GANs, against torch's own losses and by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.models.cgan.objectives import (
    accuracy,
    clip_weights,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    is_critic,
    lightness_loss,
)
from autochrome.models.cgan.settings import CGANSettings, Objective

REAL = torch.tensor([[2.0], [-0.5], [0.3]])
FAKE = torch.tensor([[-1.0], [0.7], [-3.0]])


def cross_entropy(scores: Tensor, label: int) -> Tensor:
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, label))


@pytest.mark.parametrize("objective", ["gan", "non_saturating"])
def test_equation_2_is_cross_entropy(objective: Objective) -> None:
    assert not is_critic(objective)
    wanted = cross_entropy(REAL, 1) + cross_entropy(FAKE, 0)
    torch.testing.assert_close(discriminator_loss(objective, REAL, FAKE), wanted)


def test_equation_2_by_hand() -> None:
    """D(x) = .8 and D(G) = .25: log .8 + log .75 for the discriminator, log .75 for the generator."""
    real, fake = torch.tensor([[math.log(4)]]), torch.tensor([[-math.log(3)]])
    assert float(discriminator_loss("gan", real, fake)) == pytest.approx(-math.log(0.8) - math.log(0.75))
    assert float(generator_loss("gan", fake)) == pytest.approx(math.log(0.75))
    assert float(generator_loss("non_saturating", fake)) == pytest.approx(-math.log(0.25))


def test_the_generator_s_losses_are_cross_entropies() -> None:
    torch.testing.assert_close(generator_loss("gan", FAKE), -cross_entropy(FAKE, 0))
    torch.testing.assert_close(generator_loss("non_saturating", FAKE), cross_entropy(FAKE, 1))


@pytest.mark.parametrize("score", [-200.0, 200.0])
def test_sure_scores_give_no_infinity(score: float) -> None:
    """log(1 - D) of a score s is -s for large s, and its slope -D; -log D has the slope -(1 - D)."""
    slopes: dict[Objective, float] = {"gan": -float(score > 0), "non_saturating": -float(score < 0)}
    for objective, slope in slopes.items():
        scores = torch.full((1, 1), score, requires_grad=True)
        loss = generator_loss(objective, scores)
        loss.backward()
        assert abs(float(loss)) in (0, 200)
        assert scores.grad is not None
        assert float(scores.grad) == slope


@pytest.mark.parametrize("objective", ["wgan", "wgan_gp"])
def test_a_critic_s_losses_are_means(objective: Objective) -> None:
    """Means: real 1.8 / 3, fake -3.3 / 3."""
    assert is_critic(objective)
    assert float(discriminator_loss(objective, REAL, FAKE)) == pytest.approx(-(0.6 + 1.1))
    assert float(generator_loss(objective, FAKE)) == pytest.approx(1.1)


def test_accuracy_counts_signs_or_pairs() -> None:
    """Real: 2 of 3 above zero; fake: 2 of 3 below. Pairs: 2 > -1 and .3 > -3, but -.5 < .7."""
    assert float(accuracy("gan", REAL, FAKE)) == pytest.approx(2 / 3)
    assert float(accuracy("gan", REAL, torch.ones(3, 1))) == pytest.approx(1 / 3)
    assert float(accuracy("wgan", REAL, FAKE)) == pytest.approx(2 / 3)
    assert float(accuracy("wgan", REAL + 5, FAKE + 5)) == pytest.approx(2 / 3)  # where zero is means nothing
    assert float(accuracy("gan", REAL + 5, FAKE + 5)) == pytest.approx(1 / 2)


# The gradient penalty -----------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_linear_critic_has_one_slope_everywhere(share: float) -> None:
    """f(x) = w x has the gradient w: the penalty is (|w| - 1)^2, and its own gradient 2 (|w| - 1) w / |w|."""
    w = torch.tensor([3.0, 0.0, 4.0]).view(1, 3, 1, 1).requires_grad_()
    critic: Callable[[Tensor], Tensor] = lambda x: (x * w).sum((1, 2, 3))  # noqa: E731
    real, fake = torch.randn(4, 3, 1, 1), torch.randn(4, 3, 1, 1)
    penalty = gradient_penalty(critic, real, fake, torch.full((4, 1, 1, 1), share))
    assert float(penalty) == pytest.approx(16)
    (slope,) = torch.autograd.grad(penalty, w)
    torch.testing.assert_close(slope, 8 * w.detach() / 5)


def test_a_quadratic_critic_is_penalized_where_each_picture_s_own_alpha_puts_it() -> None:
    """f(x) = |x|^2 / 2 has the gradient x. Photos of ones and fakes of zeros: x is alpha everywhere.

    With 3 x 2 x 2 = 12 numbers a picture, |x| = alpha sqrt 12. An alpha that varied along the width, or a
    norm over rows alone, would give other numbers.
    """
    alpha = torch.tensor([0.0, 0.25, 1.0])
    penalty = gradient_penalty(
        lambda x: x.square().sum((1, 2, 3)) / 2,
        torch.ones(3, 3, 2, 2),
        torch.zeros(3, 3, 2, 2),
        alpha.view(3, 1, 1, 1),
    )
    wanted = [(share * math.sqrt(12) - 1) ** 2 for share in alpha.tolist()]
    assert float(penalty) == pytest.approx(sum(wanted) / 3)


def test_alpha_must_be_one_number_a_picture() -> None:
    with pytest.raises(Exception, match="alpha"):
        gradient_penalty(
            lambda x: x.sum((1, 2, 3)), torch.ones(2, 3, 2, 2), torch.ones(2, 3, 2, 2), torch.ones(2, 1, 1, 2)
        )


def test_the_penalty_reaches_neither_photos_nor_generator() -> None:
    real = torch.randn(2, 3, 4, 4, requires_grad=True)
    fake = torch.randn(2, 3, 4, 4, requires_grad=True)
    w = torch.randn(1, 3, 4, 4, requires_grad=True)
    penalty = gradient_penalty(lambda x: (x.square() * w).sum((1, 2, 3)), real, fake, torch.rand(2, 1, 1, 1))
    penalty.backward()
    assert w.grad is not None
    assert real.grad is None
    assert fake.grad is None


# Clipping and lightness ---------------------------------------------------------------------------


def test_clipping_takes_the_norms_in() -> None:
    convolution, norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
    assert convolution.bias is not None
    nn.init.constant_(convolution.weight, -0.003)
    nn.init.constant_(convolution.bias, -7.0)
    critic = nn.Sequential(convolution, norm)
    clip_weights(critic, 0.01)
    assert convolution.weight.flatten().tolist() == pytest.approx([-0.003] * 108)
    assert convolution.bias.tolist() == pytest.approx([-0.01] * 4)
    assert norm.weight.tolist() == pytest.approx([0.01] * 4)  # began as 1
    assert norm.bias.tolist() == [0] * 4
    assert all(parameter.requires_grad for parameter in critic.parameters())


def test_equation_5_is_the_luma_of_yuv() -> None:
    """Red: .299 of the way from -1 to 1."""
    black = torch.full((1, 1, 1, 1), -1.0)
    for color, share in (([1.0, -1, -1], 0.299), ([-1.0, 1, -1], 0.587), ([-1.0, -1, 1], 0.114)):
        found = lightness_loss(black, torch.tensor(color)[None, :, None, None])
        assert found.item() == pytest.approx(2 * share, abs=1e-6)


def test_equation_4_is_a_mean_distance() -> None:
    rgb = torch.tensor([0.2, -0.6]).view(2, 1, 1, 1).expand(2, 3, 2, 2)
    luma = torch.tensor([0.5, -0.5]).view(2, 1, 1, 1).expand(2, 1, 2, 2)
    assert float(lightness_loss(luma, rgb)) == pytest.approx((0.3 + 0.1) / 2)


# Settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"lightness_weight": -1.0}, "lightness_weight is at least 0"),
        ({"clip": 0.0}, "clip is above 0"),
        ({"gradient_penalty": -1.0}, "gradient_penalty is at least 0"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CGANSettings(**wrong)
