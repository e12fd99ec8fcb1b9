"""From a trunk's maps to what a system's own layers are told of the photo."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.nn.compact import GlobalContext, conv_norm_relu
from autochrome.nn.trunk import Trunk


class Adaptation(nn.Module):
    """Features on one grid, from the trunk's three last maps (of a `PretrainedTrunk` strides 16, 8 and 4).

    The maps are brought to the grid, joined by a 1x1 convolution, told the mean over the photo, and pass
    two 3x3 convolutions: with the first, three, as PixColor's adaptation network has (table 2).

    Args:
        trunk: whose maps they are.
        width: channels of the features.
        inner: channels between.
    """

    def __init__(self, trunk: Trunk, width: int, inner: int | None = None) -> None:
        super().__init__()
        inner = inner or 3 * width // 2
        self.join = nn.Sequential(
            nn.Conv2d(sum(trunk.map_widths[-3:]), inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU()
        )
        self.context = GlobalContext(inner)
        self.mix = nn.Sequential(*conv_norm_relu(inner, width), *conv_norm_relu(width, width))

    def forward(
        self, maps: Sequence[Float[Tensor, "b _c _hi _wi"]], grid: tuple[int, int]
    ) -> Float[Tensor, "b c h w"]:
        """Return the features, of the size ``grid``."""
        on_grid = [resized(layer, grid) for layer in maps[-3:]]
        return self.mix(self.context(self.join(torch.cat(on_grid, 1))))


def resized(layer: Float[Tensor, "b c h w"], grid: tuple[int, int]) -> Float[Tensor, "b c h2 w2"]:
    """Return a map at another size: bilinear, each of its cells where it lies in the photo."""
    if layer.shape[2:] == grid:
        return layer
    return F.interpolate(layer, grid, mode="bilinear", align_corners=False)
