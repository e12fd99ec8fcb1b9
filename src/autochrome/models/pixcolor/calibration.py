"""A tone curve for drawn chroma: what brings the colours of draws to be as frequent as those of photos.

Ours, not the paper's. A draw goes pixel after pixel, each given the ones before; gray breeds gray, and draws
come out paler than the photos that the network learned from. Matching the quantiles of many draws with those
of the true chroma of the same photos, channel by channel, gives one monotone curve that undoes it on the
average. It changes no draw's likelihood, nor which colour is beside which.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from autochrome.color.spaces import YCBCR

LEVELS = 256
"""Points of the curve: the bytes, over 255."""

_QUANTILES = 4097
_RARE = 1e-3  # what lies beyond the outermost thousandth is moved as far as that thousandth
_SMOOTH = 2.0  # bytes


def identity_curve() -> Float[Tensor, "2 256"]:
    """The curve of each channel that changes nothing."""
    return torch.linspace(0, 1, LEVELS).expand(2, -1).clone()


def fit_curve(drawn: Float[Tensor, "n 2 h w"], true: Float[Tensor, "m 2 h2 w2"]) -> Float[Tensor, "2 256"]:
    """The curves that give ``drawn`` the quantiles of ``true``; chroma in [0, 1], neutral stays neutral."""
    curves = [
        _match(drawn[:, channel].double().flatten().numpy(), true[:, channel].double().flatten().numpy())
        for channel in (0, 1)
    ]
    return torch.from_numpy(np.stack(curves)).float()


def _match(drawn: ndarray, true: ndarray) -> ndarray:
    shares = np.linspace(_RARE, 1 - _RARE, _QUANTILES)
    source, target = np.quantile(drawn, shares), np.quantile(true, shares)
    levels = np.linspace(0, 1, LEVELS)
    # Beyond the outermost quantiles numpy holds the last move.
    moves = np.interp(levels, *_without_repeats(source, target - source))
    reach = np.arange(-3 * _SMOOTH, 3 * _SMOOTH + 1)
    kernel = np.exp(-(reach**2) / (2 * _SMOOTH**2))
    moves = np.convolve(np.pad(moves, len(reach) // 2, mode="edge"), kernel / kernel.sum(), mode="valid")
    neutral = round(255 * YCBCR.neutral[0])
    nearness = np.exp(-((np.arange(LEVELS) - neutral) ** 2) / (2 * _SMOOTH**2))
    moves -= nearness * moves[neutral]
    return np.maximum.accumulate((levels + moves).clip(0, 1))


def _without_repeats(source: ndarray, moves: ndarray) -> tuple[ndarray, ndarray]:
    """Where many draws have one value, it takes the mean move of all its quantiles."""
    values, place = np.unique(source, return_inverse=True)
    return values, np.bincount(place, moves) / np.bincount(place)


def apply_curve(chroma: Float[Tensor, "b 2 h w"], curve: Float[Tensor, "2 256"]) -> Float[Tensor, "b 2 h w"]:
    """Chroma through the curves, linear between their points; what lies outside [0, 1] is clipped first."""
    place = chroma.clamp(0, 1) * (LEVELS - 1)
    low = place.floor().clamp(max=LEVELS - 2)
    index = low.long()
    channels = []
    for channel in (0, 1):
        points = curve[channel].to(chroma)
        left, right = points[index[:, channel]], points[index[:, channel] + 1]
        channels.append(left + (place - low)[:, channel] * (right - left))
    return torch.stack(channels, 1)
