"""Faults of old photographs, applied to the luma alone: blur, grain, faded contrast.

Target colors stay true.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class LumaFaults:
    """How often and how strongly the luma is degraded; probabilities are per photo."""

    blur: float = 0.2
    """Probability of a blur of random strength with a binomial kernel."""
    grain: float = 0.3
    """Probability of film grain."""
    max_grain: float = 8.0
    """Largest standard deviation of the grain in L* units."""
    fading: float = 0.3
    """Probability of changed contrast and tone."""
    max_gamma: float = 1.6
    """Largest exponent (and inverse of the smallest) of the tone change."""
    max_veil: float = 25.0
    """How far black may rise and white may fall, in L* units."""
    film: float = 0.0
    """Probability that red, green and blue are mixed to gray as by an old emulsion. Many emulsions were blind
    to red: skies came out white, lips and bricks dark."""

    def __post_init__(self) -> None:
        for name in ("blur", "grain", "fading", "film"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a probability, within 0 and 1, not {getattr(self, name)}")
        if self.max_grain < 0:
            raise ValueError(f"max_grain is at least 0, not {self.max_grain}")
        if self.max_gamma < 1:
            raise ValueError(f"max_gamma is at least 1, not {self.max_gamma}")
        if not 0 <= self.max_veil < 50:
            raise ValueError(
                f"max_veil is at least 0 and below 50, where all would be gray, not {self.max_veil}"
            )


def _uniform(b: int, low: float, high: float, generator: torch.Generator) -> Float[Tensor, "b 1 1 1"]:
    return torch.rand(b, 1, 1, 1, generator=generator) * (high - low) + low


def _chosen(b: int, probability: float, generator: torch.Generator) -> Float[Tensor, "b 1 1 1"]:
    return (torch.rand(b, 1, 1, 1, generator=generator) < probability).float()


def _blur(luma: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 1 h w"]:
    kernel = luma.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    kernel = torch.outer(kernel, kernel)[None, None]
    return F.conv2d(F.pad(luma, (2, 2, 2, 2), mode="replicate"), kernel)


def degrade_luma(
    luma: Float[Tensor, "b 1 h w"], faults: LumaFaults, generator: torch.Generator
) -> Float[Tensor, "b 1 h w"]:
    """Degrade L* (0 to 100) as age and cheap lenses do; the result stays within 0 to 100.

    The generator is on the CPU, so that a seed gives the same result on every device.
    """
    b, device = len(luma), luma.device
    amount = _chosen(b, faults.blur, generator) * _uniform(b, 0.3, 1.0, generator)
    luma = torch.lerp(luma, _blur(luma), amount.to(device))

    chosen = _chosen(b, faults.fading, generator)
    gamma = faults.max_gamma ** (_uniform(b, -1.0, 1.0, generator) * chosen)
    black = _uniform(b, 0.0, faults.max_veil, generator) * chosen
    white = 100 - _uniform(b, 0.0, faults.max_veil, generator) * chosen
    tone = (luma / 100).clamp(0, 1) ** gamma.to(device)
    luma = black.to(device) + tone * (white - black).to(device)

    strength = _chosen(b, faults.grain, generator) * _uniform(b, 0.0, faults.max_grain, generator)
    noise = torch.randn(luma.shape, generator=generator)
    return (luma + (strength * noise).to(device)).clamp(0, 100)


def exposed_on_film(
    rgb: Float[Tensor, "b 3 h w"], probability: float, generator: torch.Generator
) -> Float[Tensor, "b 3 h w"]:
    """Return some photos in gray, as emulsions of random sensitivity render them; others unchanged.

    Args:
        rgb: sRGB in [0, 1].
        probability: of each photo.
        generator: on the CPU, so that a seed gives the same result on every device.

    Returns:
        sRGB in [0, 1], of which only the luma is meaningful.
    """
    chosen = _chosen(len(rgb), probability, generator)
    # From a little beyond the eye's own weights (share -0.2) to blind to red (1).
    eye, blind = rgb.new_tensor([0.30, 0.59, 0.11]), rgb.new_tensor([0.02, 0.38, 0.60])
    share = _uniform(len(rgb), -0.2, 1.0, generator).to(rgb)
    weights = torch.lerp(eye, blind, share.view(-1, 1)).clamp(min=0)
    weights = weights / weights.sum(1, keepdim=True)
    gray = torch.einsum("bchw,bc->bhw", rgb, weights)[:, None].expand_as(rgb)
    return torch.where(chosen.to(rgb.device) > 0, gray, rgb)
