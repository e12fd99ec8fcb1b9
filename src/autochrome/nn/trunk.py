"""What the trunks of the compact networks have in common: features at a quarter of the resolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Trunk(nn.Module):
    """A network from lightness scaled to [-1, 1] to features at stride 4; its children define ``maps``."""

    width: int
    """Channels of the features."""
    map_widths: tuple[int, ...]
    """Channels of each of ``maps``."""
    map_strides: tuple[int, ...]
    """Stride of each of ``maps``; a map's sides are those of the input divided by it and rounded up."""

    def maps(self, x: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """Return every map that the trunk computes, the features last."""
        raise NotImplementedError


def ascend(
    fusions: nn.ModuleList, coarsest: Float[Tensor, "b c h w"], skips: Sequence[Float[Tensor, "b _ _ _"]]
) -> list[Float[Tensor, "b _ _ _"]]:
    """Walk up a U-Net: at each step enlarge the features, join them to the skip of that size and fuse both.

    Args:
        fusions: a module for each step, from coarse to fine.
        coarsest: where the way up begins.
        skips: maps from the way down, from coarse to fine, one for each step.

    Returns:
        The features after each step.
    """
    found = []
    x = coarsest
    for fusion, skip in zip(fusions, skips, strict=True):
        x = fusion(torch.cat([F.interpolate(x, skip.shape[2:], mode="nearest"), skip], 1))
        found.append(x)
    return found
