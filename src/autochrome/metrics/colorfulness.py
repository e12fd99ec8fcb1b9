"""Colorfulness after Hasler and Suesstrunk, "Measuring colourfulness in natural images", SPIE 2003."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def colorfulness(rgb: Float[Tensor, "b 3 h w"], *, absolute: bool = False) -> Float[Tensor, " b"]:
    """Return ``sqrt(var rg + var yb) + 0.3 sqrt(mean rg^2 + mean yb^2)`` of each photo; 0 is gray.

    rg = R - G and yb = (R + G) / 2 - B, on the scale of 8 bits (0 to 255), as in the paper's section 7.

    Args:
        rgb: sRGB in [0, 1].
        absolute: use |rg| and |yb|, as several published colorization tables do; values are 0.78 to 1
            times those of the signed measure, so a table must say which one it shows.
    """
    red, green, blue = (255 * rgb.double()).flatten(2).unbind(1)
    opponents = torch.stack([red - green, (red + green) / 2 - blue])
    if absolute:
        opponents = opponents.abs()
    spread = opponents.var(dim=-1, correction=0).sum(0).sqrt()
    center = opponents.mean(dim=-1).square().sum(0).sqrt()
    return (spread + 0.3 * center).float()
