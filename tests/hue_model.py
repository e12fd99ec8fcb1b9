"""A model with a distribution of two axes, hue and chroma, without a network: for tests of guidance."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.color.spaces import HUE_CHROMA, lab_to_rgb
from autochrome.models.base import DistributionColorizer, Samples
from autochrome.models.registry import model_spec

HUES, CHROMAS, STRIDE = 12, 8, 4


class HueModel(DistributionColorizer):
    """Bins of hue (centers k/12) and of chroma ((k + .5)/8); left of the middle one hue, right another.

    Attributes:
        hues: bin of the left and of the right half.
        sureness: logit of that bin over the others, left and right.
    """

    def __init__(
        self, hues: tuple[int, int] = (0, 0), chroma: int = 2, sureness: tuple[float, float] = (20.0, 20.0)
    ) -> None:
        super().__init__()
        self.spec = replace(
            model_spec("cic.test"), arch="hue", space="hue_chroma", defaults={"temperature": 1.0}
        )
        self.prior = torch.cat((torch.full((HUES,), 1 / HUES), torch.full((CHROMAS,), 1 / CHROMAS)))
        self.hues, self.chroma, self.sureness = hues, chroma, sureness
        self.asked: list[Any] = []

    @property
    def axes(self) -> tuple[slice, ...]:
        """Hue, chroma."""
        return (slice(0, HUES), slice(HUES, HUES + CHROMAS))

    def predict(self, luma: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b q h4 w4"]:
        """Logits at a quarter of the size."""
        assert 0 <= float(luma.min()) <= float(luma.max()) <= 1, "luma is that of hue/chroma"
        logits = luma.new_zeros(len(luma), HUES + CHROMAS, luma.shape[2] // STRIDE, luma.shape[3] // STRIDE)
        middle = logits.shape[3] // 2
        for half, hue, sure in zip(
            (logits[..., :middle], logits[..., middle:]), self.hues, self.sureness, strict=True
        ):
            half[:, hue] = sure
            half[:, HUES + self.chroma] = sure
        return logits

    def decide(self, logits: Tensor, temperature: float) -> Samples:
        """Circular expectation of hue (without fading), expectation of chroma; entropy of hue."""
        hue, chroma = (logits[:, axis].softmax(1) for axis in self.axes)
        angles = torch.arange(HUES) * (2 * math.pi / HUES)
        z = torch.einsum("bqhw,qc->bchw", hue, torch.stack((angles.cos(), angles.sin()), 1))
        turned = torch.atan2(z[:, 1:], z[:, :1]) / (2 * math.pi) % 1
        size = torch.einsum("bqhw,q->bhw", chroma, (torch.arange(CHROMAS) + 0.5) / CHROMAS)[:, None]
        doubt = torch.special.entr(hue).sum(1, keepdim=True)
        return Samples(torch.cat((turned, size), 1)[:, None], "hue_chroma", uncertainty=doubt, logits=logits)

    def log_kernel(self, lab: Float[Tensor, "n 3"], width: float) -> Float[Tensor, "n q"]:
        """Distance along the hue circle and along chroma, in units of about a CIE unit."""
        hue, chroma = self._planes(lab[:, :, None, None])
        turns = (torch.arange(HUES) / HUES - hue[:, None] + 0.5) % 1 - 0.5
        sizes = (torch.arange(CHROMAS) + 0.5) / CHROMAS - chroma[:, None]
        found = []
        for squared in ((turns * 2 * math.pi * 50).square(), (100 * sizes).square()):
            found.append((squared.amin(1, keepdim=True) - squared) / (2 * width**2))
        return torch.cat(found, 1)

    def histogram(self, lab: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " q"]:
        """Shares of the nearest bins; hue weighted by chroma."""
        hue, chroma = self._planes(lab)
        turns = torch.bincount((hue * HUES).round().long() % HUES, chroma + 1e-6, HUES)
        sizes = torch.bincount((chroma * CHROMAS).long().clamp(max=CHROMAS - 1), None, CHROMAS)
        return torch.cat((turns / turns.sum(), sizes / sizes.sum()))

    def _planes(self, lab: Tensor) -> tuple[Tensor, Tensor]:
        chroma = HUE_CHROMA.split(lab_to_rgb(lab).clamp(0, 1))[1]
        return chroma[:, 0].flatten(), chroma[:, 1].flatten()
