"""Detect pictures that cannot be colored sensibly, two-tone scans and noise; a note names each.

Thresholds lie between what photos have and what the misfits have; ``python -m reproduce.misfits`` measures
false alarms and hits.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from autochrome.pipeline.mats import levels
from autochrome.types import Luma

TWO_TONES = (
    "it has only two tones, as scans in one bit and hard halftones have, and stays black and white; "
    "scan it in grayscale"
)

_SAMPLED = 1 << 18  # pixels, of which a histogram needs no more
_LEAST_SEPARABLE = 0.97
"""Otsu's separability: of photos .94 or less, of halftones and one-bit scans as JPEG .99 or more."""
_LEAST_APART = 150
"""Levels of 255 between black and white."""
_MOST_ALIKE = 0.62
"""Correlation of neighboring pixels: of white noise .3, blurred by a pixel .56; of photos .69 or more."""


def is_two_toned(pixels: np.ndarray) -> bool:
    """Return whether pixels "h w c" are black and white, without grays: one-bit scans, hard halftones.

    N. Otsu (1979), A Threshold Selection Method from Gray-Level Histograms: two classes of tones explain at
    least 97% of the variance. They must be far apart, since two grays could take color.
    """
    step = max(1, int((pixels.shape[0] * pixels.shape[1] / _SAMPLED) ** 0.5))
    gray = levels(pixels[::step, ::step]).round().astype(np.int64).clip(0, 255)
    shares = np.bincount(gray.ravel(), minlength=256) / gray.size
    total = float(np.dot(shares, (np.arange(256) - np.dot(shares, np.arange(256))) ** 2))
    if total < 1:
        return False
    below, moment = np.cumsum(shares), np.cumsum(shares * np.arange(256))
    both = (below > 0) & (below < 1 - 1e-9)
    if not both.any():
        return False
    between = (moment[-1] * below[both] - moment[both]) ** 2 / (below[both] * (1 - below[both]))
    best = int(between.argmax())
    dark = moment[both][best] / below[both][best]
    bright = (moment[-1] - moment[both][best]) / (1 - below[both][best])
    return bool(between[best] >= _LEAST_SEPARABLE * total and bright - dark >= _LEAST_APART)


def is_noise(lightness: Luma) -> bool:
    """Return whether a picture "1 1 h w", as small as a network sees it, is nothing but noise."""
    values: Float[np.ndarray, "h w"] = lightness[0, 0].double().cpu().numpy()
    values = values - values.mean()
    variance = float((values**2).mean())
    if variance == 0 or min(values.shape) < 16:
        return False
    across = float((values[:, 1:] * values[:, :-1]).mean()) / variance
    down = float((values[1:] * values[:-1]).mean()) / variance
    return min(across, down) < _MOST_ALIKE
