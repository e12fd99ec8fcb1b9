"""CIEDE2000, the perceptual color difference.

Sharma, Wu, Dalal: "The CIEDE2000 color-difference formula: implementation notes, supplementary test data, and
mathematical observations", Color Research and Application 30 (2005). Symbols and equation numbers are theirs.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

_25_TO_7 = 25.0**7


def ciede2000(lab1: Float[Tensor, "b 3 h w"], lab2: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b h w"]:
    """Return the CIEDE2000 difference of two Lab images at every pixel, with kL = kC = kH = 1.

    About 1 is just noticeable. Symmetric in its arguments. In float32 good to about 1e-3; near the formula's
    own jumps (hues 180 degrees apart) float64 is as good as the published vectors.
    """
    L1, a1, b1 = lab1.unbind(1)
    L2, a2, b2 = lab2.unbind(1)
    mean_c7 = ((torch.hypot(a1, b1) + torch.hypot(a2, b2)) / 2) ** 7  # eq 3
    stretch = 1.5 - 0.5 * torch.sqrt(mean_c7 / (mean_c7 + _25_TO_7))  # 1 + G, eq 4
    C1, h1 = torch.hypot(stretch * a1, b1), _hue(stretch * a1, b1)  # eq 5-7
    C2, h2 = torch.hypot(stretch * a2, b2), _hue(stretch * a2, b2)
    dh, mean_h = _hue_step_and_mean(h1, h2, C1 * C2 == 0)
    dL, dC = L2 - L1, C2 - C1  # eq 8, 9
    dH = 2 * torch.sqrt(C1 * C2) * torch.sin(dh / 2)  # eq 11
    mean_L, mean_C = (L1 + L2) / 2, (C1 + C2) / 2  # eq 12, 13
    S_L = 1 + 0.015 * (mean_L - 50) ** 2 / torch.sqrt(20 + (mean_L - 50) ** 2)  # eq 18
    S_C = 1 + 0.045 * mean_C  # eq 19
    S_H = 1 + 0.015 * mean_C * _hue_weight(mean_h)  # eq 20
    rotation = _rotation(mean_C, mean_h)
    L, C, H = dL / S_L, dC / S_C, dH / S_H
    return torch.sqrt((L**2 + C**2 + H**2 + rotation * C * H).clamp(min=0))  # eq 22


def _hue(a: Tensor, b: Tensor) -> Tensor:
    return torch.atan2(b, a) % (2 * math.pi)


def _hue_step_and_mean(h1: Tensor, h2: Tensor, gray: Tensor) -> tuple[Tensor, Tensor]:
    """Return the signed hue step (eq 10) and the mean hue on the shorter arc (eq 14), in radians."""
    step = h2 - h1
    far = step.abs() > math.pi
    mean = (h1 + h2) / 2
    mean = torch.where(far, torch.where(h1 + h2 < 2 * math.pi, mean + math.pi, mean - math.pi), mean)
    step = torch.where(far, step - torch.sign(step) * 2 * math.pi, step)
    return torch.where(gray, torch.zeros_like(step), step), torch.where(gray, h1 + h2, mean)


def _hue_weight(h: Tensor) -> Tensor:
    """Return T of eq 15."""
    return (
        1
        - 0.17 * torch.cos(h - math.radians(30))
        + 0.24 * torch.cos(2 * h)
        + 0.32 * torch.cos(3 * h + math.radians(6))
        - 0.20 * torch.cos(4 * h - math.radians(63))
    )


def _rotation(mean_C: Tensor, mean_h: Tensor) -> Tensor:
    """Return R_T of eq 16, 17 and 21: chroma and hue are not independent in the blues."""
    degrees = torch.rad2deg(mean_h)
    turn = math.radians(60) * torch.exp(-(((degrees - 275) / 25) ** 2))  # 2 delta-theta
    c7 = mean_C**7
    return -2 * torch.sqrt(c7 / (c7 + _25_TO_7)) * torch.sin(turn)
