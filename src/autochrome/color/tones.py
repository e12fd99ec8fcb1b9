"""Stretch the tones of a faded photo to a normal range.

Networks are trained on photos whose tones reach from nearly black to nearly white. Given a print that has
faded to gray, they take the lack of contrast for haze or plain walls, and predict other colors.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.color.conversion import lightness_of_gray
from autochrome.color.spaces import lab_curve_inverse, linear_to_srgb
from autochrome.types import Luma

_SHARES = (0.005, 0.995)
"""The percentiles that count as a photo's darkest and brightest tones."""
_NORMAL = (0.02, 0.97)
"""Where these lie in most photos, in gamma-encoded gray; nothing is stretched beyond."""
_SPAN = 0.85
"""The target range of tones; most photos have as much."""
_MOST = 3.5
"""The largest gain."""
_EMPTY, _FULL = 0.03, 0.12
"""Ranges of tones below which nothing is stretched, being noise, and above which it is stretched in full."""
_SAMPLES = 1 << 16


@dataclass(frozen=True)
class Tones:
    """A straight line through gamma-encoded gray values.

    Attributes:
        gain: its slope, 1 or more.
        offset: its value at black.
    """

    gain: float = 1.0
    offset: float = 0.0

    def __call__(self, lightness: Luma) -> Luma:
        """Return L* in [0, 100] after the stretch; tones beyond the range are clipped."""
        if self.gain == 1.0:
            return lightness
        return lightness_of_gray((gray_of_lightness(lightness) * self.gain + self.offset).clamp(0, 1))


def fit_tones(lightness: Luma, weights: Float[Tensor, "1 1 h w"] | None = None) -> Tones:
    """Return the stretch that brings a photo to a normal range of tones; a normal photo is left unchanged.

    A photo that is only dark or only bright may be intended: one end of its range is where it should be. It
    is stretched by the square root of the gain of a faded one, which has lost both ends.

    Args:
        lightness: L* "1 1 h w" in [0, 100].
        weights: above 0 for the places that count; without weights all do.
    """
    gray = gray_of_lightness(lightness).flatten()
    if weights is not None and bool((weights > 0).any()):
        gray = gray[weights.flatten() > 0]
    gray = gray[:: max(1, len(gray) // _SAMPLES)].float()
    low, high = torch.quantile(gray, gray.new_tensor(_SHARES)).tolist()
    span, below, above = high - low, max(0.0, low - _NORMAL[0]), max(0.0, _NORMAL[1] - high)
    if span <= _EMPTY or span >= _SPAN or below + above == 0:
        return Tones()
    balance = min(1.0, 4 * min(below, above) / max(below, above))
    sureness = min(1.0, (span - _EMPTY) / (_FULL - _EMPTY))
    gain = min(_MOST, _SPAN / span) ** (sureness * (0.5 + 0.5 * balance))
    gain = min(gain, (span + below + above) / span)
    target = low - (gain - 1) * span * below / (below + above)
    return Tones(gain, target - gain * low)


def gray_of_lightness(lightness: Tensor) -> Tensor:
    """Return gamma-encoded gray in [0, 1] of L*."""
    return linear_to_srgb(lab_curve_inverse((lightness + 16) / 116).clamp(0, 1))
