"""A trunk's maps as one vector a photo: pooled to a small grid, as the probes of this line of papers do."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import torch
from jaxtyping import Float, Float16
from torch import Tensor
from torch.nn import functional as F

from autochrome.evaluation.probe.photos import Progress, silent
from autochrome.evaluation.probe.trunks import LayerGroup, balancing, batches, layers_of, map_shapes, some
from autochrome.models.base import Colorizer

DIMS = 1000
"""About so many features a photo. The papers' probes take some 9,000, for a million photos."""
_BALANCED_ON = 256


def pooled_side(shapes: Sequence[tuple[int, int, int]], group: LayerGroup, dims: int) -> int:
    """Side of the grid to which the maps of a group are pooled, so that they give about ``dims`` features.

    At least 1, which is the mean over all places, and no finer than the finest of the maps.
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
    """Pooled features of photos, for each group of layers, in one pass through the trunk.

    Every layer is scaled to unit second moment first, so that half precision holds any trunk's features.
    """
    shapes = map_shapes(model, luma.shape[-1])
    sides = [pooled_side(shapes, group, dims) for group in groups]
    scales = balancing(model, some(luma, _BALANCED_ON))
    found: list[list[Tensor]] = [[] for _ in groups]
    done = 0
    for batch in batches(luma, model):
        maps = [m.float() * scale for m, scale in zip(layers_of(model, batch), scales, strict=True)]
        for kept, group, side in zip(found, groups, sides, strict=True):
            pooled = [_pool(maps[layer], side).flatten(1) for layer in group.layers]
            kept.append(torch.cat(pooled, 1).half().cpu())
        done += len(batch)
        progress("features", done, len(luma))
    return [torch.cat(parts) for parts in found]


def _pool(features: Float[Tensor, "b c h w"], side: int) -> Float[Tensor, "b c h2 w2"]:
    """The map's mean over each cell of a grid; a coarser map stays as it is."""
    return F.adaptive_avg_pool2d(features, (min(side, features.shape[2]), min(side, features.shape[3])))
