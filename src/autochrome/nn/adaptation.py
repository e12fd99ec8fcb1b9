"""From a trunk's maps to what a system's own layers are told of the photo."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autochrome.color.upsampling import upsample_bilinear
from autochrome.nn.compact import GlobalContext, conv_norm_relu
from autochrome.nn.trunk import Trunk


class Adaptation(nn.Module):
    """Features on one grid, from the trunk's three last maps (of a `PretrainedTrunk` strides 16, 8 and 4).

    The maps are brought to the grid, joined by a 1x1 convolution, told the mean over the photo, and pass
    two 3x3 convolutions: with the first, three, as PixColor's adaptation network has (table 2).

    Args:
        trunk: whose maps they are.
        width: channels of the features; half as many again between.
    """

    def __init__(self, trunk: Trunk, width: int) -> None:
        super().__init__()
        inner = 3 * width // 2
        self.join = nn.Sequential(
            nn.Conv2d(sum(trunk.map_widths[-3:]), inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU()
        )
        self.context = GlobalContext(inner)
        self.mix = nn.Sequential(*conv_norm_relu(inner, width), *conv_norm_relu(width, width))

    def forward(
        self, maps: Sequence[Float[Tensor, "b _c _hi _wi"]], grid: tuple[int, int]
    ) -> Float[Tensor, "b c h w"]:
        """Return the features, of the size ``grid``."""
        on_grid = [upsample_bilinear(layer, grid) for layer in maps[-3:]]
        return self.mix(self.context(self.join(torch.cat(on_grid, 1))))
