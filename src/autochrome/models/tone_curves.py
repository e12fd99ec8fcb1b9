"""Tone curves for drawn chroma, which make each color as frequent in samples as it is in photos.

Ours, not the papers'. What a network draws comes out paler than the photos that it learned from. PixColor
goes pixel after pixel, each given the ones before, and gray breeds gray; samples of the compact conditional
GAN are pale, too. Matching the quantiles of many draws with those of the true chroma of the same photos,
channel by channel, gives one monotone curve that undoes it on the average. It changes no draw's likelihood,
nor which color is beside which.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

LEVELS = 256
"""Points of the curve: the bytes, over 255."""

_QUANTILES = 4097
_RARE = 1e-3  # what lies beyond the outermost thousandth is moved as far as that thousandth
_SMOOTH = 2.0  # bytes
_COARSE = 2.0**-20  # float32 holds neutral and a few of these to either side of it exactly


def identity_curve() -> Float[Tensor, "2 256"]:
    """Return the curve of each channel that changes nothing."""
    return torch.linspace(0, 1, LEVELS).expand(2, -1).clone()


def fit_curve(
    drawn: Float[Tensor, "n 2 h w"], true: Float[Tensor, "m 2 h2 w2"], *, neutral: float
) -> Float[Tensor, "2 256"]:
    """Return the curves that give ``drawn`` the quantiles of ``true``.

    Args:
        drawn: chroma in [0, 1], on the CPU.
        true: the same of photos.
        neutral: the chroma of gray, in [0, 1], which the curves leave where it is.
    """
    sources, targets = (chroma.double().transpose(0, 1).flatten(1).numpy() for chroma in (drawn, true))
    curves = [_match(source, target, neutral) for source, target in zip(sources, targets, strict=True)]
    return torch.from_numpy(np.stack(curves)).float()


def _match(drawn: ndarray, true: ndarray, neutral: float) -> ndarray:
    shares = np.linspace(_RARE, 1 - _RARE, _QUANTILES)
    source, target = np.quantile(drawn, shares), np.quantile(true, shares)
    levels = np.linspace(0, 1, LEVELS)
    # Beyond the outermost quantiles numpy holds the last move.
    moves = np.interp(levels, *_without_repeats(source, target - source))
    reach = np.arange(-3 * _SMOOTH, 3 * _SMOOTH + 1)
    kernel = np.exp(-(reach**2) / (2 * _SMOOTH**2))
    moves = np.convolve(np.pad(moves, len(reach) // 2, mode="edge"), kernel / kernel.sum(), mode="valid")
    points, place = np.arange(LEVELS), (LEVELS - 1) * neutral
    nearness = np.exp(-((points - place) ** 2) / (2 * _SMOOTH**2))
    moves -= nearness * (np.interp(place, points, moves) / np.interp(place, points, nearness))
    curve = np.maximum.accumulate((levels + moves).clip(0, 1))
    return _led_through(neutral, curve)


def _led_through(neutral: float, curve: ndarray) -> ndarray:
    """A rising curve, which passes a value at that value: at a point, or between the two beside it."""
    place = (LEVELS - 1) * neutral
    low = math.floor(place)
    if place == low:
        return np.concatenate((curve[:low].clip(max=neutral), [neutral], curve[low + 1 :].clip(min=neutral)))
    share = place - low
    below, above = curve[: low + 1].clip(max=neutral), curve[low + 1 :].clip(min=neutral)
    rise = min((neutral - below[-1]) / share, (above[0] - neutral) / (1 - share))
    rise = math.floor(rise / _COARSE) * _COARSE
    below[-1], above[0] = neutral - share * rise, neutral + (1 - share) * rise
    return np.concatenate((below, above))


def _without_repeats(source: ndarray, moves: ndarray) -> tuple[ndarray, ndarray]:
    """Where many draws have one value, it takes the mean move of all its quantiles."""
    values, place = np.unique(source, return_inverse=True)
    return values, np.bincount(place, moves) / np.bincount(place)


def apply_curve(chroma: Float[Tensor, "b 2 h w"], curve: Float[Tensor, "2 256"]) -> Float[Tensor, "b 2 h w"]:
    """Return chroma mapped by the curves, linear between their points; it is clipped to [0, 1] first."""
    place = chroma.clamp(0, 1) * (LEVELS - 1)
    low = place.floor().clamp(max=LEVELS - 2)
    index = low.long()
    channels = []
    for channel in (0, 1):
        points = curve[channel].to(chroma)
        left, right = points[index[:, channel]], points[index[:, channel] + 1]
        channels.append(left + (place - low)[:, channel] * (right - left))
    return torch.stack(channels, 1)
