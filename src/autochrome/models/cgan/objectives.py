"""What discriminator and generator minimize: equations 2 and 6, and the Wasserstein GANs.

Scores are the discriminator's outputs before any sigmoid, of any shape with the pictures first. D(x) of the
paper is the sigmoid of x's score. All losses are means over scores, in float32.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.spaces import YUV
from autochrome.models.cgan.settings import Objective
from autochrome.types import Luma

Scores = Float[Tensor, "b *places"]


def discriminator_loss(objective: Objective, real: Scores, fake: Scores) -> Float[Tensor, ""]:
    """What the discriminator minimizes; for "wgan_gp" without the penalty.

    Equation 2 with the sign turned: -log D(x) - log(1 - D(G(y, z))). A critic: D(G(y, z)) - D(x).

    Args:
        objective: which.
        real: scores of photos.
        fake: scores of generated pictures.
    """
    if is_critic(objective):
        return fake.float().mean() - real.float().mean()
    return F.softplus(-real.float()).mean() + F.softplus(fake.float()).mean()


def generator_loss(objective: Objective, fake: Scores) -> Float[Tensor, ""]:
    """What the generator minimizes.

    "gan": log(1 - D), as algorithm 1 prints it; its slope vanishes where the discriminator is sure.
    "non_saturating": -log D. A critic: -D.

    Args:
        objective: which.
        fake: scores of generated pictures.
    """
    if is_critic(objective):
        return -fake.float().mean()
    if objective == "non_saturating":
        return F.softplus(-fake.float()).mean()
    return -F.softplus(fake.float()).mean()


def is_critic(objective: Objective) -> bool:
    """Whether scores are a Wasserstein critic's, and not logits."""
    return objective in ("wgan", "wgan_gp")


def accuracy(objective: Objective, real: Scores, fake: Scores) -> Float[Tensor, ""]:
    """How well the discriminator does, 0 to 1; half is chance.

    The share of scores on the right side of zero. A critic's have no zero, so for it the share of pairs
    in which the real picture has the higher score.

    Args:
        objective: which.
        real: scores of photos.
        fake: scores of as many generated pictures.
    """
    if is_critic(objective):
        return (real > fake).float().mean()
    return ((real > 0).float().mean() + (fake < 0).float().mean()) / 2


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Float[Tensor, "b c h w"],
    fake: Float[Tensor, "b c h w"],
    alpha: Float[Tensor, "b 1 1 1"],
) -> Float[Tensor, ""]:
    """Mean (|grad D(x)| - 1)^2 between photos and generated pictures (Gulrajani and others 2017, equation 3).

    Args:
        critic: must judge each picture alone, so no batch norm.
        real: photos.
        fake: generated pictures.
        alpha: share of the photo in each picture x, in [0, 1]; one number a picture. The norm of its gradient
            is over channels, rows and columns. The authors' code has an alpha that varies along the width
            and a norm over rows alone.
    """
    between = torch.lerp(fake.detach(), real.detach(), alpha).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).float().sum(), between, create_graph=True)
    return (slope.flatten(1).norm(dim=1) - 1).square().mean()


@torch.no_grad()
def clip_weights(critic: nn.Module, limit: float) -> None:
    """Bring all parameters of a critic into [-limit, limit], those of its norms too."""
    for parameter in critic.parameters():
        parameter.clamp_(-limit, limit)


def lightness_loss(luma: Luma, rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, ""]:
    """Equation 4: mean |y - Gray(G(y, z))| over pixels, Gray (equation 5) being the luma of YUV.

    Args:
        luma: y, in [-1, 1].
        rgb: G(y, z), in [-1, 1].
    """
    return (luma - YUV.split((rgb + 1) / 2)[0]).abs().mean()
