"""Lightness-normalized quantile matching (Larsson 2016, "Histogram transfer from ground-truth").

Source and reference are divided by their lightness L = (R+G+B)/3; each channel of the source is mapped to the
distribution of the reference's, multiplied by the source's L and clipped, and its lightness is corrected. It
works on colors, not distributions, and so for every model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.spaces import lab_to_rgb, rgb_to_lab
from autochrome.types import RGB, Chroma, Luma

_EPS = 1e-3
"""Added to RGB and L alike: a quarter of an 8-bit step, so that black divides into gray."""
_LEVEL = 1 / 512
"""Ratios closer than this are one value, so that the noise of gray places is not stretched into colors."""
_SHARES = 1024
"""Quantiles kept of the reference."""


@dataclass(frozen=True)
class QuantileMatching:
    """The colors of a reference, to which a photo's are mapped.

    Attributes:
        quantiles: of the reference's R/L, G/L and B/L, at even shares from 0 to 1.
    """

    quantiles: Float[Tensor, "3 shares"]

    @classmethod
    def of(cls, reference: RGB) -> QuantileMatching:
        """Return the colors of a reference, sRGB "1 3 h w" in [0, 1]."""
        ratios = _normalized(reference)[0].flatten(1)
        return cls(torch.from_numpy(np.quantile(ratios.numpy(), np.linspace(0, 1, _SHARES), 1)).float().T)

    def __call__(self, ab: Chroma, lightness: Float[Tensor, "1 1 luma_h luma_w"]) -> Chroma:
        """Return the colors that replace a photo's.

        Args:
            ab: a* and b* "1 2 h w" of the photo, in CIE units.
            lightness: L* of the photo; its mean over each cell of the colors' grid counts.
        """
        size = (ab.shape[2], ab.shape[3])
        cells = F.adaptive_avg_pool2d(lightness, size).cpu().float()
        rgb = lab_to_rgb(torch.cat((cells, ab.cpu().float()), 1)).clamp(0, 1)
        matched = [
            _match(source, target)
            for source, target in zip(_normalized(rgb)[0].flatten(1), self.quantiles, strict=True)
        ]
        luma = rgb.mean(1, keepdim=True)
        return rgb_to_lab(_recolor(torch.stack(matched).reshape(rgb.shape), luma))[:, 1:].to(ab)


def _normalized(rgb: RGB) -> RGB:
    return (rgb + _EPS) / (rgb.mean(1, keepdim=True) + _EPS)


def _recolor(ratios: RGB, luma: Luma) -> RGB:
    """Return sRGB in [0, 1] from ratios to lightness, with the mean restored to the luma."""
    rgb = (ratios * (luma + _EPS) - _EPS).clamp(0, 1)
    return (rgb - rgb.mean(1, keepdim=True) + luma).clamp(0, 1)


def _match(source: Float[Tensor, " n"], quantiles: Float[Tensor, " shares"]) -> Float[Tensor, " n"]:
    """Return the reference's values of the same rank as the source's; equal ones share the middle rank."""
    levels, counts = torch.unique((source / _LEVEL).round(), return_counts=True)
    ranks = (counts.cumsum(0) - counts / 2) / counts.sum()
    matched = np.interp(ranks.numpy(), np.linspace(0, 1, len(quantiles)), quantiles.numpy())
    # Between the levels the mapping is linear, so that smooth colors stay smooth.
    return torch.from_numpy(np.interp(source.numpy(), (levels * _LEVEL).numpy(), matched)).float()
