"""The from-scratch trunk of our compact networks: a residual U-Net with global context that a laptop runs."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.nn.trunk import Trunk, ascend


@dataclass(frozen=True)
class CompactSize:
    """Widths and depths of a ``CompactTrunk``; stage i has stride 2^(i+1)."""

    widths: tuple[int, ...] = (32, 64, 128, 256, 288)
    blocks: tuple[int, ...] = (1, 2, 2, 3, 1)
    decoder: tuple[int, ...] = (192, 128, 96)
    """Widths on the way up, from the second coarsest stage to stride 4."""


TINY = CompactSize(widths=(8, 8, 16, 16, 16), blocks=(0, 1, 0, 0, 0), decoder=(16, 8, 8))
"""A few thousand parameters, for tests."""


class CompactTrunk(Trunk):
    """A residual U-Net with global context whose way up ends at stride 4.

    Most of its parameters work at strides 16 and 32, where they cost little; a vector that is the mean of
    the coarsest features tells every place what the photo is about, whatever its size.
    """

    def __init__(self, size: CompactSize = CompactSize()) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for before, width, depth in zip((1, *size.widths), size.widths, size.blocks, strict=False):
            residual = [ResidualBlock(width) for _ in range(depth)]
            self.stages.append(nn.Sequential(conv_norm_relu(before, width, stride=2), *residual))
        width_in = size.widths[-1]
        self.context = GlobalContext(width_in)
        self.fusions = nn.ModuleList()
        for width, skip in zip(size.decoder, size.widths[-2:0:-1], strict=True):
            self.fusions.append(nn.Sequential(conv_norm_relu(width_in + skip, width), ResidualBlock(width)))
            width_in = width
        self.width = width_in
        down = tuple(2 ** (stage + 1) for stage in range(len(size.widths)))
        self.map_widths = (*size.widths, *size.decoder)
        self.map_strides = (*down, *down[-2:0:-1])

    def maps(self, x: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """The features of every stage, the last with its context, and then of every step of the way up."""
        skips = []
        for stage in self.stages:
            x = stage(x)
            skips.append(x)
        x = self.context(x)
        return [*skips[:-1], x, *ascend(self.fusions, x, skips[-2:0:-1])]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around which the input passes; it starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        last_norm = nn.BatchNorm2d(width)
        nn.init.zeros_(last_norm.weight)
        self.body = nn.Sequential(
            *conv_norm_relu(width, width), nn.Conv2d(width, width, 3, padding=1, bias=False), last_norm
        )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Same shape out as in."""
        return F.relu(x + self.body(x))


class GlobalContext(nn.Module):
    """Adds to every place a learned function of the mean over all places."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.ReLU(inplace=True), nn.Linear(width, width))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Same shape out as in."""
        return x + self.mlp(x.mean((2, 3)))[:, :, None, None]


def conv_norm_relu(width_in: int, width: int, *, stride: int = 1) -> nn.Sequential:
    """A 3x3 convolution, batch normalization, ReLU."""
    return nn.Sequential(
        nn.Conv2d(width_in, width, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )
