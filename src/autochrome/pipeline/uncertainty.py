"""How sure a model is of a photo's colors: as a map, and as one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from autochrome.models.base import DistributionColorizer, Samples
from autochrome.types import Chroma

_VIVID = 0.25
"""Chroma max(R,G,B) - min(R,G,B) that few places of a photo exceed."""
_WIDE_SPREAD = 40.0
"""CIE units by which samples of a place hardly ever differ from their mean."""


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """How unsure the color is, place by place.

    Attributes:
        values: "h w", on the model's own grid; 0 where it is sure.
        unit: "nats", of an entropy (in a hue/chroma model that of the hue times the chroma, as in the paper);
            or "CIE units", the standard deviation of a* and b* among samples.
        most: the value that is drawn white: hardly any place exceeds it.
    """

    values: Float32[np.ndarray, "h w"]
    unit: str
    most: float


def uncertainty_of(samples: Samples, model: DistributionColorizer) -> Uncertainty | None:
    """Return what a model with a distribution says of one photo, where it says it."""
    if samples.uncertainty is None:
        return None
    most = sum(log(axis.stop - axis.start) for axis in model.axes)
    if samples.space == "hue_chroma":
        most = log(model.axes[0].stop - model.axes[0].start) * _VIVID
    return Uncertainty(samples.uncertainty[0, 0].float().cpu().numpy(), "nats", most)


def spread_of(ab: Chroma) -> Uncertainty | None:
    """Return how much the samples of one photo, "n 2 h w", differ; None of a single one."""
    if len(ab) < 2:
        return None
    spread = ab.float().var(0).sum(0).sqrt()
    return Uncertainty(spread.cpu().numpy(), "CIE units", _WIDE_SPREAD)


def entropy_share(logits: Float[Tensor, "1 q h w"], model: DistributionColorizer) -> float:
    """Return the mean entropy of all places as a share of the greatest that the model's bins allow."""
    entropies = [torch.special.entr(logits[:, axis].float().softmax(1)).sum(1).mean() for axis in model.axes]
    return float(sum(entropies)) / sum(log(axis.stop - axis.start) for axis in model.axes)
