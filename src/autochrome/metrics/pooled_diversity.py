"""`torchmetrics` classes of diversity, for a validation loop: update with a photo's samples, then compute.

As in ``pooled``, importing this module imports `torchmetrics`.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric

from autochrome.color.spaces import rgb_to_lab
from autochrome.metrics.diversity import (
    EDGES,
    ab_spread,
    best_of_n,
    pair_values,
    pairwise_delta_e,
    value_histogram,
)
from autochrome.metrics.ms_ssim import pairwise_ms_ssim


class SampleDiversity(Metric):
    """MS-SSIM, CIEDE2000 and ab spread of the samples of a photo, means over photos, and the histogram.

    ``compute`` gives ``ms_ssim`` and ``ciede2000`` (means over the pairs of all photos), ``ab_spread`` (mean
    over photos) and ``histogram`` (share of the pairs in each bin of `EDGES`).
    """

    full_state_update = False
    is_differentiable = False
    ms_ssim: Tensor
    delta_e: Tensor
    spread: Tensor
    histogram: Tensor
    photos: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("ms_ssim", "delta_e", "spread", "photos"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        bins = torch.zeros(len(EDGES) - 1, dtype=torch.float64)
        self.add_state("histogram", bins, dist_reduce_fx="sum")

    def update(self, samples: Float[Tensor, "n 3 h w"]) -> None:
        """Add a photo: its samples as sRGB in [0, 1]; two at least, 176 pixels at least."""
        lab = rgb_to_lab(samples)
        values = pair_values(pairwise_ms_ssim(samples))
        self.delta_e += pairwise_delta_e(lab).double().sum()
        self.spread += ab_spread(lab[:, 1:]).double()
        self.ms_ssim += values.double().sum()
        self.histogram += value_histogram(values)
        self.photos += 1

    def compute(self) -> dict[str, Tensor]:
        """The means, and the shares of the histogram."""
        pairs = self.histogram.sum()
        return {
            "ms_ssim": self.ms_ssim / pairs,
            "ciede2000": self.delta_e / pairs,
            "ab_spread": self.spread / self.photos,
            "histogram": self.histogram / pairs,
        }


class BestOfN(Metric):
    """Expected highest of the scores of m of n samples, m = 1 ... n, mean over photos."""

    full_state_update = False
    is_differentiable = False
    higher_is_better = True
    total: Tensor
    photos: Tensor

    def __init__(self, n: int) -> None:
        super().__init__()
        self.add_state("total", torch.zeros(n, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("photos", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, scores: Float[Tensor, "b n"]) -> None:
        """Add the scores of n samples of each photo of a batch."""
        self.total += best_of_n(scores) * len(scores)
        self.photos += len(scores)

    def compute(self) -> Float[Tensor, " n"]:
        """The curve over all that was seen."""
        return self.total / self.photos
