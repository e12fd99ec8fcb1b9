"""Color bias: one preference added to a model's prediction of every place.

Larsson 2016, "Sampling colorizations" (figure 9): a global bias that is not fitted to a reference but rotated
through color space gives other colorizations of a photo. Uncertain places follow it, certain ones hardly
move. `warmth` and `tint` are such biases under familiar names.

All are made from `DistributionColorizer.log_kernel`, and so fit the bins of any model. The difference between
the kernels of two opposite colors is a slope through color space, cos(theta_k - phi) on a circle of hues and
c_k . u on a plane of colors c_k; colors near gray neither gain nor lose. Through kappa tanh the slope levels
out where colors become vivid: it favors other hues, not ever more chroma.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin, sqrt

import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.color.spaces import rgb_to_lab
from autochrome.models.base import DistributionColorizer

ROTATED_STRENGTH = 2.0
"""kappa of figure 9, in nats: the advantage of vivid colors of the favored hue over gray."""
WARM_HUE = 65.0
"""Hue angle in Lab of an orange such as candlelight; its opposite is a sky blue."""
WARM_STRENGTH = 1.5
"""Nats at a warmth of 1."""
TINT_WIDTH = 20.0
"""Standard deviation, in CIE units, of the kernel about the color of a tint of strength 1."""

_LIGHTNESS, _CHROMA = 65.0, 35.0
"""A lightness and a chroma at which every hue is in sRGB, or nearly."""
_WIDTH = _CHROMA * sqrt(2)
"""Width of the kernel: the log kernel at w minus that at -w is 2 c . w / width^2 at c, and so 1 at c = w."""


@dataclass(frozen=True)
class ColorBias:
    """A guide that adds the same bias to the logits of every place.

    Attributes:
        bias: nats for each bin.
    """

    bias: Float[Tensor, " q"]

    def __call__(self, logits: Float[Tensor, "b q h w"]) -> Float[Tensor, "b q h w"]:
        """Return the logits with the bias added."""
        return logits + self.bias.to(logits)[:, None, None]


def rotated(model: DistributionColorizer, angle: float, strength: float = ROTATED_STRENGTH) -> ColorBias:
    """Favor a hue and disfavor its opposite.

    Args:
        model: the model whose bins are biased.
        angle: of the favored hue in the plane of a* and b*, in degrees: 0 is red to purple, 90 yellow.
        strength: kappa, the advantage in nats of vivid colors of that hue over gray, and of gray over
            their opposites.
    """
    favored, opposite = (_color(angle + turn) for turn in (0, 180))
    near, far = model.log_kernel(torch.stack((favored, opposite)).to(model.prior), _WIDTH)
    return ColorBias(strength * torch.tanh(near - far))


def warmth(model: DistributionColorizer, amount: float) -> ColorBias:
    """Favor warm colors, or cool ones: ``amount`` is from -1, much cooler, to 1, much warmer."""
    if amount == 0:
        return ColorBias(torch.zeros_like(model.prior))
    return rotated(model, WARM_HUE if amount > 0 else WARM_HUE + 180, WARM_STRENGTH * abs(amount))


def tint(model: DistributionColorizer, color: tuple[float, float, float], strength: float) -> ColorBias:
    """Draw colors toward a given one.

    Args:
        model: the model whose bins are biased.
        color: sRGB in [0, 1]. A gray draws colors toward gray.
        strength: above 0; at 1 a place moves halfway to the color where the model's distribution is as wide
            as `TINT_WIDTH`, and nearly all the way where it is wider.
    """
    lab = rgb_to_lab(torch.tensor(color)[None, :, None, None])[:, :, 0, 0]
    return ColorBias(model.log_kernel(lab.to(model.prior), TINT_WIDTH / sqrt(strength))[0])


def _color(angle: float) -> Float[Tensor, "3"]:
    turn = radians(angle)
    return torch.tensor([_LIGHTNESS, _CHROMA * cos(turn), _CHROMA * sin(turn)])
