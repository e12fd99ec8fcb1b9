"""PixColor's refinement over the shared trunk: a draw's colors to where the photo has them. Not the paper's.

The paper's network sees luma alone and brings chroma to full size. This one sees what the trunk sees, so that
it knows what things are where their colors disagree, and stops at stride 4: from there on the photo's own
edges lead (`autochrome.color.upsampling`), as for the other systems.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.upsampling import upsample_bilinear
from autochrome.models.pixcolor.refinement import NEUTRAL
from autochrome.nn.compact import GlobalContext, ResidualBlock, conv_norm_relu
from autochrome.nn.trunk import Trunk

GAIN = 4.0
"""Chroma minus neutral, times this, is of the order of 1."""


class CompactRefinement(nn.Module):
    """Bilinear chroma plus a residual, which is zero before training.

    It is told how far to doubt the chroma (noise conditioning, as in cascaded diffusion: Ho and others 2022,
    arXiv:2106.15282, section 4.2): what it does to true chroma would keep a draw's mistakes.

    Args:
        trunk: whose last two maps it sees, at strides 8 and 4.
        width: channels at stride 4; half as many again at stride 8.
    """

    def __init__(self, trunk: Trunk, width: int = 64) -> None:
        super().__init__()
        coarse = 3 * width // 2
        middle, fine = trunk.map_widths[-2:]
        self.enter = nn.Sequential(*conv_norm_relu(fine + 3, width), ResidualBlock(width))
        self.down = nn.Sequential(
            *conv_norm_relu(width + middle, coarse), ResidualBlock(coarse), GlobalContext(coarse)
        )
        self.up = conv_norm_relu(coarse + width, width)
        self.leave = ResidualBlock(width)
        self.head = nn.Conv2d(width, 2, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(
        self,
        maps: Sequence[Float[Tensor, "b _c _hi _wi"]],
        chroma: Float[Tensor, "b 2 h w"],
        doubt: Float[Tensor, " b"],
    ) -> Float[Tensor, "b 2 h4 w4"]:
        """Return chroma at stride 4.

        Args:
            maps: the trunk's.
            chroma: Cb, Cr in [0, 1], neutral 128/255, on any grid that covers the photo.
            doubt: 0 to 1, how strong the noise was with which the network learned to mend chroma like this.
        """
        middle, fine = maps[-2:]
        size = (fine.shape[2], fine.shape[3])
        base = upsample_bilinear(GAIN * (chroma - NEUTRAL), size)
        doubts = doubt.to(base)[:, None, None, None].expand(-1, 1, *size)
        x = self.enter(torch.cat((fine, base, doubts), 1))
        coarse = self.down(torch.cat((F.avg_pool2d(x, 2, ceil_mode=True), middle), 1))
        x = self.leave(self.up(torch.cat((x, upsample_bilinear(coarse, size)), 1)))
        return NEUTRAL + (base + self.head(x)).float() / GAIN


def blotches(chroma: Float[Tensor, "b 2 h w"], width: float) -> Float[Tensor, "b 2 h w"]:
    """Chroma plus smooth noise: uniform in [-width, width] at every fourth place and bilinear between.

    So go the mistakes of a draw: not pixel by pixel, but over a stretch that may end beside the object.
    """
    height, width_ = chroma.shape[2:]
    grid = (-(-height // 4), -(-width_ // 4))
    noise = 2 * torch.rand(*chroma.shape[:2], *grid, dtype=chroma.dtype, device=chroma.device) - 1
    return chroma + width * upsample_bilinear(noise, (height, width_))


def casts(chroma: Float[Tensor, "b 2 h w"], width: float) -> Float[Tensor, "b 2 h w"]:
    """Chroma plus one number for each photo and channel, uniform in [-width, width]: a tint all over."""
    noise = 2 * torch.rand(*chroma.shape[:2], 1, 1, dtype=chroma.dtype, device=chroma.device) - 1
    return chroma + width * noise
