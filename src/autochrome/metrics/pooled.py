"""`torchmetrics` classes that pool over pixels or photos, for a validation loop: update, then compute.

They add state, and the sum over processes, to the functions of this package. Importing this module imports
`torchmetrics`; nothing else in the package does.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric

from autochrome.metrics.colorfulness import colorfulness
from autochrome.metrics.distribution import (
    HISTOGRAM_BINS,
    MAX_ERROR,
    area_under_cmf,
    chroma_histogram,
    cumulative_mass,
    histogram_intersection,
    pixel_weights,
)
from autochrome.metrics.pixel import alpha_beta_error, psnr

# Counts of pixels outgrow float32 (2^24) after some 250 photos of 256 px.
_DTYPE = torch.float64


class _Pooled(Metric):
    """A metric whose states are sums of float64."""

    full_state_update = False
    is_differentiable = False

    def _add_sum(self, name: str, *shape: int) -> None:
        self.add_state(name, torch.zeros(shape, dtype=_DTYPE), dist_reduce_fx="sum")


class AuC(_Pooled):
    """AuC of the cumulative mass function of the ab error, in percent, over all pixels seen.

    Args:
        prior: smoothed frequencies of the 313 ab bins for the class-rebalanced AuC; None for the raw one.
    """

    higher_is_better = True
    mass: Tensor
    total: Tensor

    def __init__(self, prior: Float[Tensor, "313"] | None = None) -> None:
        super().__init__()
        self.prior = prior
        self._add_sum("mass", MAX_ERROR + 1)
        self._add_sum("total")

    def update(self, ab: Float[Tensor, "b 2 h w"], truth: Float[Tensor, "b 2 h w"]) -> None:
        """Add a batch: chroma and true chroma in CIE units."""
        weight = torch.ones_like(ab[:, 0]) if self.prior is None else pixel_weights(truth, self.prior)
        self.mass += cumulative_mass(ab, truth, weight).sum(0)
        self.total += weight.double().sum()

    def compute(self) -> Float[Tensor, ""]:
        """AuC of all that was seen, in percent."""
        return area_under_cmf(self.mass, self.total)


class HistogramIntersection(_Pooled):
    """Histogram intersection of a and of b over all pixels seen: a tensor of two values in [0, 1]."""

    higher_is_better = True
    histogram: Tensor
    histogram_truth: Tensor

    def __init__(self, bins: int = HISTOGRAM_BINS) -> None:
        super().__init__()
        self.bins = bins
        self._add_sum("histogram", 2, bins)
        self._add_sum("histogram_truth", 2, bins)

    def update(self, ab: Float[Tensor, "b 2 h w"], truth: Float[Tensor, "b 2 h w"]) -> None:
        """Add a batch: chroma and true chroma in CIE units."""
        self.histogram += chroma_histogram(ab, self.bins).sum(0)
        self.histogram_truth += chroma_histogram(truth, self.bins).sum(0)

    def compute(self) -> Float[Tensor, "2"]:
        """The intersections of a and of b."""
        return histogram_intersection(self.histogram, self.histogram_truth)


class _MeanPerPhotoOrPixel(_Pooled):
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self._add_sum("total")
        self._add_sum("count")

    def _add(self, values: Tensor) -> None:
        self.total += values.double().sum()
        self.count += values.numel()

    def compute(self) -> Float[Tensor, ""]:
        """The mean of all that was seen."""
        return self.total / self.count


class AlphaBetaRMSE(_MeanPerPhotoOrPixel):
    """RMSE in Deshpande's alpha-beta: the mean of `alpha_beta_error` over all pixels seen."""

    higher_is_better = False

    def update(self, rgb: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]) -> None:
        """Add a batch of sRGB photos in [0, 1]."""
        self._add(alpha_beta_error(rgb, truth))


class PSNR(_MeanPerPhotoOrPixel):
    """Mean of the photos' PSNR in dB; photos equal to the truth are left out (infinite if all are)."""

    higher_is_better = True

    def update(self, rgb: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]) -> None:
        """Add a batch of sRGB photos in [0, 1]."""
        values = psnr(rgb, truth)
        self._add(values[values.isfinite()])

    def compute(self) -> Float[Tensor, ""]:
        """The mean of all that was seen."""
        return self.total / self.count if self.count > 0 else self.total + torch.inf


class ColorfulnessDelta(_Pooled):
    """|mean - mean| and mean |difference| of the colorfulness of results and truths: two values."""

    higher_is_better = False
    result: Tensor
    truth: Tensor
    change: Tensor
    photos: Tensor

    def __init__(self, *, absolute: bool = False) -> None:
        super().__init__()
        self.absolute = absolute
        for name in ("result", "truth", "change", "photos"):
            self._add_sum(name)

    def update(self, rgb: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]) -> None:
        """Add a batch of sRGB photos in [0, 1]."""
        result, target = (colorfulness(x, absolute=self.absolute).double() for x in (rgb, truth))
        self.result += result.sum()
        self.truth += target.sum()
        self.change += (result - target).abs().sum()
        self.photos += len(result)

    def compute(self) -> Float[Tensor, "2"]:
        """Delta of the means, mean of the deltas."""
        return torch.stack([(self.result - self.truth).abs(), self.change]) / self.photos
