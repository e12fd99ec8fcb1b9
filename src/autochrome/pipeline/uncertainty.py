"""The uncertainty of a photo's colors: as a map, and as one number."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from autochrome.models.base import DistributionColorizer, Samples
from autochrome.pipeline.extent import Extent
from autochrome.types import Chroma

_VIVID = 0.25
"""Chroma max(R,G,B) - min(R,G,B) that few places of a photo exceed."""
_WIDE_SPREAD = 40.0
"""CIE units that the standard deviation of the samples of a place hardly ever exceeds."""


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """The uncertainty of the color at each place.

    Attributes:
        values: "h w", on the model's own grid; 0 is certain.
        unit: "nats" of entropy (in a hue/chroma model that of the hue times the chroma, as in the paper); or
            "CIE units", the standard deviation of a* and b* among samples.
        most: the value that is drawn white, which hardly any place exceeds.
        extent: where the picture is in the photo, to the pixel; elsewhere nothing is uncertain.
    """

    values: Float32[np.ndarray, "h w"]
    unit: str
    most: float
    extent: Extent | None = field(default=None, repr=False)

    @property
    def share(self) -> float:
        """The mean over all places, as a share of `most`: between 0 and 1, for comparing photos."""
        return min(1.0, float(self.values.mean()) / self.most)


def uncertainty_of(samples: Samples, model: DistributionColorizer) -> Uncertainty | None:
    """Return the uncertainty of a model with a distribution about one photo, if it provides that."""
    if samples.uncertainty is None:
        return None
    most = sum(log(axis.stop - axis.start) for axis in model.axes)
    if samples.space == "hue_chroma":
        most = log(model.axes[0].stop - model.axes[0].start) * _VIVID
    return Uncertainty(samples.uncertainty[0, 0].float().cpu().numpy(), "nats", most)


def spread_of(ab: Chroma) -> Uncertainty | None:
    """Return the spread of the samples "n 2 h w" of one photo; None for a single one."""
    if len(ab) < 2:
        return None
    spread = ab.float().var(0).sum(0).sqrt()
    return Uncertainty(spread.cpu().numpy(), "CIE units", _WIDE_SPREAD)


def entropy_share(logits: Float[Tensor, "1 q h w"], model: DistributionColorizer) -> float:
    """Return the mean entropy over all places as a share of the maximum for the model's bins."""
    entropies = [torch.special.entr(logits[:, axis].float().softmax(1)).sum(1).mean() for axis in model.axes]
    return float(sum(entropies)) / sum(log(axis.stop - axis.start) for axis in model.axes)
