"""Colorful Image Colorization. Richard Zhang, Phillip Isola, Alexei A. Efros. ECCV 2016, arXiv:1603.08511v1.

Section or equation -> name here
    3.1, F: X -> Y^ (equation 1)                 ``CIC.sample``: predict and decode
    3.1, G: X -> Z^ (equation 2)                 ``CIC.predict``
    3.1, H_gt^-1: soft encoding                  ``autochrome.color.bins.soft_encode``
    3.1, L(Z^, Z) (equation 3)                   ``weighted_cross_entropy``
    3.2, v(Z) (equations 5, 6, 7)                ``autochrome.color.bins.rebalancing_weights``
    3.3, H: annealed mean (equations 4, 8)       ``CIC.decide``, ``autochrome.color.decoding.annealed_mean``
    3.4, figure 3, the network                   ``autochrome.models.cic.paper.PaperNet``
    3.4, deep supervision of conv6, conv7        ``PaperNet.readouts``, ``LossSettings.supervision``
    3.4, initialization from VGG                 ``PaperNet.load_vgg16``
`autochrome.models.cic.compact` is ours: networks that a laptop runs, with the same input, bins and loss.
What departs from the paper, and why: docs/papers/cic.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.bins import AB_BINS, AB_CENTERS, rebalancing_weights, smooth_prior, soft_encode
from autochrome.color.decoding import annealed_mean, entropy
from autochrome.models.base import Batch, DistributionColorizer, ModelSpec, Samples
from autochrome.models.cic.paper import PaperNet
from autochrome.models.cic.readout import LIGHTNESS_CENTER, Readout


@dataclass(frozen=True)
class LossSettings:
    """The constants of sections 3.1, 3.2 and 3.4."""

    neighbors: int = 10
    """k of the soft encoding."""
    sigma: float = 5.0
    """Width of the soft encoding's kernel, in CIE units."""
    rebalance_mix: float = 0.5
    """lambda of equation 6, 0 to 1; 1 trains without rebalancing (equation 7)."""
    gray_threshold: float = 5.0
    """A crop none of whose |a|, |b| exceeds this weighs nothing (the authors' code); 0 keeps all."""
    supervision: Sequence[float] = (1.0,)
    """Weight of each readout's loss, shallow to deep, the last being the answer's; the paper: .25, .5, 1."""
    area_average: bool = True
    """Reduce the true chroma by its mean over a cell; False takes the top-left pixel, as the authors did."""


# Loss --------------------------------------------------------------------------------------------


def weighted_cross_entropy(
    logits: Float[Tensor, "b q h w"],
    ab: Float[Tensor, "b 2 h w"],
    weights: Float[Tensor, " q"],
    settings: LossSettings,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Equation 3: cross-entropy against the soft-encoded truth, weighted by v(Z).

    Args:
        logits: predicted distribution Z^ before the softmax.
        ab: true chroma at the same resolution, CIE units.
        weights: w of equation 5, one for each bin; a place takes the weight of its most probable true bin.
        settings: k, sigma and the gray threshold.

    Returns:
        The weighted loss (the one to minimize) and the plain cross-entropy, each averaged over all places.
    """
    z, bins = soft_encode(ab, k=settings.neighbors, sigma=settings.sigma)
    log_p = torch.log_softmax(logits, dim=1, dtype=torch.promote_types(logits.dtype, torch.float32))
    cross_entropy = -(z * log_p.gather(1, bins)).sum(1)
    v = weights[bins[:, 0]] * colorful(ab, settings.gray_threshold)[:, None, None]
    return (v * cross_entropy).mean(), cross_entropy.mean()


def colorful(ab: Float[Tensor, "b 2 h w"], threshold: float) -> Bool[Tensor, " b"]:
    """Return whether any |a| or |b| of a crop exceeds the threshold (the authors' NonGrayMaskLayer)."""
    return ab.abs().amax((1, 2, 3)) > threshold if threshold > 0 else ab.new_ones(len(ab), dtype=torch.bool)


# The colorizer -----------------------------------------------------------------------------------


class CIC(DistributionColorizer):
    """Predicts a distribution over 313 ab bins at every fourth pixel, from CIE L in [0, 100].

    Args:
        spec: as registered.
        network: from L - 50 to its readouts: a ``PaperNet``; subclasses have others.
        loss: the constants of the loss.

    Attributes:
        prior: p~, the smoothed distribution of the bins in the training photos; uniform until set.
    """

    prior: Float[Tensor, "313"]

    def __init__(self, spec: ModelSpec, network: nn.Module, loss: LossSettings) -> None:
        super().__init__()
        self.spec = spec
        self.network: Any = network
        self.loss_settings = loss
        self.register_buffer("prior", torch.full((AB_BINS,), 1 / AB_BINS))

    def set_prior(self, counts: Float[Tensor, "313"]) -> None:
        """Take the color statistics of the training photos (``autochrome prior``); smoothed here."""
        self.prior.copy_(smooth_prior(counts.double() / counts.double().sum()))

    def predict(self, luma: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b 313 h4 w4"]:
        """Return logits over the bins at a quarter of the luma's resolution (equation 2)."""
        self._require_multiples(luma)
        return self.readouts(luma)[-1].logits.float()

    def readouts(self, luma: Float[Tensor, "b 1 h w"]) -> list[Readout]:
        """Return the network's answers, the last of which counts; more than one in training alone."""
        return self.network(luma - LIGHTNESS_CENTER)

    def decide(self, logits: Float[Tensor, "b 313 h w"], temperature: float) -> Samples:
        """Return the annealed mean (equations 4 and 8): ab in CIE units, at the logits' resolution.

        The temperature T goes from 0 (mode) to 1 (mean). The ``uncertainty`` is the entropy (nats).
        """
        ab = annealed_mean(logits, AB_CENTERS.to(logits), temperature)
        return Samples(ab[:, None], self.spec.space, uncertainty=entropy(logits), logits=logits)

    @property
    def axes(self) -> tuple[slice, ...]:
        """One axis: each of the 313 bins covers both a and b."""
        return (slice(0, AB_BINS),)

    def log_kernel(self, lab: Float[Tensor, "n 3"], width: float) -> Float[Tensor, "n 313"]:
        """Return the log of a Gaussian kernel in ab, 0 at the bin nearest to the color."""
        squared = torch.cdist(lab[:, 1:], AB_CENTERS.to(lab)).square()
        return (squared.amin(1, keepdim=True) - squared) / (2 * width**2)

    def histogram(self, lab: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "313"]:
        """Return the mean of the soft-encoded colors of photos (section 3.1); sums to 1."""
        settings = self.loss_settings
        weights, bins = soft_encode(lab[:, 1:], k=settings.neighbors, sigma=settings.sigma)
        return (
            weights.new_zeros(AB_BINS).index_add_(0, bins.flatten(), weights.flatten()) / bins[:, 0].numel()
        )

    def features(self, luma: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """Return conv1 to conv7, from L in [0, 100]."""
        self._require_multiples(luma)
        return self.network.layers(luma - LIGHTNESS_CENTER)

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Initialize conv1 to conv5 from a VGG-16 (section 3.4); see ``PaperNet.load_vgg16``."""
        self.network.load_vgg16(state)

    def start_warnings(self) -> list[str]:
        """Return a warning if the rebalancing (section 3.2) would have no effect."""
        weights = rebalancing_weights(self.prior, mix=self.loss_settings.rebalance_mix)
        if self.loss_settings.rebalance_mix >= 1 or weights.max() / weights.min() > 1.5:
            return []
        return [
            "rebalancing has no effect: the color prior is nearly flat, so every bin weighs the same; "
            "make one with 'autochrome prior' and name it in data.prior"
        ]

    def training_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return equation 3 for every readout, averaged over its own places and weighted by ``supervision``.

        Returns:
            ``loss`` (minimized), ``cross_entropy`` and ``rebalanced`` (plain and weighted, of the answer) and
            ``entropy`` (mean entropy of the predicted distributions in nats, taken at every fourth place).
        """
        settings = self.loss_settings
        weights = rebalancing_weights(self.prior, mix=settings.rebalance_mix)
        readouts = self.readouts(batch.luma)
        share = settings.supervision[-len(readouts) :]
        total = batch.luma.new_zeros(())
        weighted = plain = total
        for readout, factor in zip(readouts, share, strict=True):
            ab = _reduce(batch.chroma, readout.stride, area_average=settings.area_average)
            weighted, plain = weighted_cross_entropy(readout.logits, ab, weights, settings)
            total = total + factor * weighted
        with torch.no_grad():
            nats = entropy(readouts[-1].logits[:, :, ::2, ::2].float()).mean()
        return {"loss": total, "cross_entropy": plain, "rebalanced": weighted, "entropy": nats}


def _reduce(ab: Float[Tensor, "b 2 h w"], stride: int, *, area_average: bool) -> Float[Tensor, "b 2 h2 w2"]:
    return F.avg_pool2d(ab, stride) if area_average else ab[:, :, ::stride, ::stride]


# Factory -----------------------------------------------------------------------------------------


def paper(spec: ModelSpec, **options: Any) -> CIC:
    """Return the paper's network and losses; ``options`` are fields of ``LossSettings``."""
    settings = {"supervision": (0.25, 0.5, 1.0), "area_average": False, **options}
    return CIC(spec, PaperNet(), LossSettings(**settings))
