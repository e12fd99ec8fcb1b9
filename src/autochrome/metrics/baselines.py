"""Baselines that a colorizer must beat: no color at all, and the colors of another photo.

Both keep the lightness of the photo and are rounded to 8 bits, as files are, so they are scored like the
results of a system that keeps lightness.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.gamut import fit_chroma
from autochrome.color.spaces import LAB
from autochrome.types import RGB

BASELINES = ("gray", "random")


def gray(truth: RGB) -> RGB:
    """Return the photo without color: L* kept, ab = 0."""
    light, ab = LAB.split(truth)
    # Neutral Lab differs in R, G and B by some 1e-5, which rounding could make a whole step.
    return _round(LAB.merge(light, torch.zeros_like(ab)).mean(1, keepdim=True).expand_as(truth))


def random_colors(truth: RGB, other: Float[Tensor, "b 3 other_h other_w"]) -> RGB:
    """Return the photo in the colors of another: its ab resized and fitted into sRGB, L* kept."""
    light, _ = LAB.split(truth)
    ab = LAB.split(other)[1]
    ab = F.interpolate(ab, light.shape[-2:], mode="bilinear", antialias=True, align_corners=False)
    return _round(fit_chroma(light, ab))


def derangement(n: int, seed: int) -> list[int]:
    """Return a random permutation of range(n) without fixed points: one cycle (Sattolo 1986); n >= 2."""
    generator = torch.Generator().manual_seed(seed)
    order = list(range(n))
    for i in range(n - 1, 0, -1):
        j = int(torch.randint(i, (), generator=generator))
        order[i], order[j] = order[j], order[i]
    return order


def _round(rgb: RGB) -> RGB:
    return (rgb.clamp(0, 1) * 255).round() / 255
