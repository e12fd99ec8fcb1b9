"""A trunk's maps as one vector per photo: pooled to a small grid, as is usual for linear probes."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from jaxtyping import Float16
from torch import Tensor
from torch.nn import functional as F

from autochrome.evaluation.probe.trunks import (
    LayerGroup,
    balancing,
    batches,
    map_shapes,
    subsample,
)
from autochrome.models.base import Colorizer
from autochrome.types import Progress, silent

DIMS = 1000
"""Approximate number of features per photo. The papers' probes use some 9,000, for a million photos."""
_BALANCED_ON = 256


def pooled_side(shapes: Sequence[tuple[int, int, int]], group: LayerGroup, dims: int) -> int:
    """Return the side of the grid to which a group's maps are pooled for about ``dims`` features.

    At least 1, global average pooling, and at most the side of the finest map.
    """
    channels = sum(shapes[layer][0] for layer in group.layers)
    finest = max(min(shapes[layer][1:]) for layer in group.layers)
    return max(1, min(finest, round(sqrt(dims / channels))))


@torch.inference_mode()
def extract(
    model: Colorizer,
    luma: Float16[Tensor, "n 1 s s"],
    groups: Sequence[LayerGroup],
    *,
    dims: int = DIMS,
    progress: Progress = silent,
) -> list[Float16[Tensor, "n d"]]:
    """Return pooled features of the photos for each group of layers, in one pass through the trunk.

    Layers are scaled to unit second moment first, so that half precision can hold any trunk's features.
    """
    shapes = map_shapes(model, luma.shape[-1])
    sides = [pooled_side(shapes, group, dims) for group in groups]
    scales = balancing(model, subsample(luma, _BALANCED_ON))
    features: list[list[Tensor]] = [[] for _ in groups]
    done = 0
    for batch in batches(luma, model):
        maps = [m.float() * scale for m, scale in zip(model.features(batch), scales, strict=True)]
        for parts, group, side in zip(features, groups, sides, strict=True):
            # The mean over each cell of a grid; a coarser map stays as it is.
            pooled = [
                F.adaptive_avg_pool2d(m, (min(side, m.shape[2]), min(side, m.shape[3]))).flatten(1)
                for m in (maps[layer] for layer in group.layers)
            ]
            parts.append(torch.cat(pooled, 1).half().cpu())
        done += len(batch)
        progress("features", done, len(luma))
    return [torch.cat(parts) for parts in features]
