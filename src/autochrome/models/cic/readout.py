"""What the networks of CIC have in common: what they see and how they answer."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

LIGHTNESS_CENTER = 50.0
"""The networks see L - 50, as the authors' does."""


@dataclass(frozen=True)
class Readout:
    """Logits over the bins, read at one depth of a network."""

    logits: Float[Tensor, "b q h w"]
    """At 1/stride of the photo's height and width."""
    stride: int
