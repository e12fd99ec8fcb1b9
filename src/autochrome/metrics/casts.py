"""Casts: results whose colors lie, all over, to one side of the truth's."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

THRESHOLD = 15.0
"""Distance between two photos' mean a* and b*, in CIE units, above which one has a cast beside the other."""


def has_cast(
    ab: Float[Tensor, "b 2 h w"], truth: Float[Tensor, "b 2 h w"], threshold: float = THRESHOLD
) -> Bool[Tensor, " b"]:
    """Return whether the mean color of each photo lies farther than ``threshold`` from its truth's.

    Args:
        ab: the chroma to judge, in CIE units.
        truth: the true chroma.
        threshold: the greatest distance of the means that is no cast.
    """
    return (ab.mean((2, 3)) - truth.mean((2, 3))).norm(dim=1) > threshold
