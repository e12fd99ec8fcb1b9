"""The colorization network: a conditional gated PixelCNN over 28x28 chroma (section 3.1, table 2).

p(y | x) is a product over pixels in raster order, Cr before Cb at each:

    p(y | x) = prod_i p(Cr_i | y_1 .. y_i-1, x) p(Cb_i | Cr_i, y_1 .. y_i-1, x)

Two stacks of features, as in van den Oord 2016 (arXiv:1606.05328), see all that came before and no more:

    vertical    at row i: rows 0 to i. It reaches the horizontal stack shifted down by one row, so that a
                pixel sees only rows above its own.
    horizontal  at pixel i: what the vertical stack knew, and the pixels to the left in its own row. Its
                channels come in two halves: the first (Cr) has not seen pixel i, the second (Cb) has seen
                Cr_i.

Kernels hold their live taps alone: a masked 5x5 is 3x5 here in the vertical stack (the rows above and its
own) and 1x3 in the horizontal one (the pixels to the left and its own), so that no multiplication is with a
zero that a mask put there, except at the last tap of the horizontal kernels, where channels are masked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.bins import ChromaBins


@dataclass(frozen=True)
class PixelCNNConfig:
    """Sizes of the colorization network; the defaults are table 2's."""

    bins: ChromaBins = field(default_factory=ChromaBins)
    """The classes of one pixel of one channel."""
    maps: int = 64
    """Feature maps of each stack."""
    blocks: int = 10
    """Gated blocks."""
    first_kernel: int = 7
    """Side of the first (A) kernel."""
    kernel: int = 5
    """Side of the blocks' kernels."""
    head: int = 1024
    """Maps of the 1x1 convolution before the logits."""
    condition: int = 64
    """Maps of the conditioning features."""
    input_gain: float = 1.0
    """What bin centers in [-.5, .5] are multiplied with."""


class PixelCNN(nn.Module):
    """The distribution of low-resolution chroma given features of the photo.

    Attributes:
        inputs: what each bin is as an input, "k": its center less .5, times the gain.
    """

    inputs: Float[Tensor, " k"]

    def __init__(self, config: PixelCNNConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or PixelCNNConfig()
        # Around neutral, so that gray is 0.
        inputs = (c.bins.centers() - 128 / 255) * c.input_gain
        self.register_buffer("inputs", inputs, persistent=False)
        self.vertical = VerticalConv(2, c.maps, c.first_kernel)
        self.horizontal = HorizontalConv(2, c.maps, c.first_kernel, "A")
        self.blocks = nn.ModuleList(GatedBlock(c.maps, c.kernel, c.condition) for _ in range(c.blocks))
        self.head = nn.Sequential(
            HorizontalConv(c.maps, c.head, 1, "B"),
            nn.ReLU(),
            HorizontalConv(c.head, 2 * c.bins.count, 1, "B"),
        )

    def forward(
        self, bins: Int[Tensor, "b 2 h w"], condition: Float[Tensor, "b c h w"]
    ) -> Float[Tensor, "b 2 k h w"]:
        """Logits of every pixel's bins (Cr, Cb), each given the true bins before it (teacher forcing).

        Args:
            bins: bins (Cr, Cb) in raster order; those at and after a place do not change its logits.
            condition: features of the photo.
        """
        x = self.inputs[bins]
        v, h = self.vertical(x), self.horizontal(x)
        for block in self.blocks:
            v, h = block(v, h, condition)
        return self.head(h).unflatten(1, (2, self.config.bins.count))

    def cross_entropy(
        self, bins: Int[Tensor, "b 2 h w"], condition: Float[Tensor, "b c h w"]
    ) -> Float[Tensor, "b 2 h w"]:
        """Negative log-likelihood of every pixel and channel, in nats."""
        logits = self(bins, condition)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return F.cross_entropy(logits.transpose(1, 2), bins, reduction="none")

    def log_prob(
        self, bins: Int[Tensor, "b 2 h w"], condition: Float[Tensor, "b c h w"]
    ) -> Float[Tensor, " b"]:
        """Log-likelihood of whole chroma grids, in nats."""
        return -self.cross_entropy(bins, condition).double().sum((1, 2, 3)).to(condition.dtype)


class GatedBlock(nn.Module):
    """One layer of both stacks: y = tanh(a) sigmoid(b), a and b from two halves of the maps.

    The conditioning features add to what goes into both gates. The horizontal stack has a residual
    connection, the vertical one has none.
    """

    def __init__(self, maps: int, kernel: int, condition: int) -> None:
        super().__init__()
        self.vertical = VerticalConv(maps, 2 * maps, kernel)
        self.vertical_condition = nn.Conv2d(condition, 2 * maps, 1, bias=False)
        self.down = nn.Conv2d(2 * maps, 2 * maps, 1)
        self.horizontal = HorizontalConv(maps, 2 * maps, kernel, "B", gated=True)
        self.horizontal_condition = nn.Conv2d(condition, 2 * maps, 1, bias=False)
        self.output = HorizontalConv(maps, maps, 1, "B")

    def forward(
        self,
        v: Float[Tensor, "b m h w"],
        h: Float[Tensor, "b m h w"],
        condition: Float[Tensor, "b c h w"],
    ) -> tuple[Float[Tensor, "b m h w"], Float[Tensor, "b m h w"]]:
        """The stacks after this layer."""
        vertical = self.vertical(v)
        horizontal = (
            self.horizontal(h) + shift_down(self.down(vertical)) + self.horizontal_condition(condition)
        )
        h = h + self.output(gate(horizontal))
        return gate(vertical + self.vertical_condition(condition)), h


class VerticalConv(nn.Conv2d):
    """A convolution over the rows above and a place's own row."""

    def __init__(self, width_in: int, width: int, kernel: int) -> None:
        super().__init__(width_in, width, (kernel // 2 + 1, kernel), padding=(kernel // 2, kernel // 2))

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """Same resolution out as in."""
        # Padded on both sides, the first h rows are those that end at their own row.
        return super().forward(input)[:, :, : input.shape[2]]


class HorizontalConv(nn.Conv2d):
    """A convolution over the pixels to the left and a place's own, where channels are masked.

    At the place itself the Cr half of the outputs sees nothing (A) or the Cr half of the inputs (B), the Cb
    half of the outputs sees the Cr half (A) or all (B).

    Args:
        width_in: input maps, half of them Cr's.
        width: output maps.
        kernel: side of the full kernel, of which the left half and the middle are kept.
        kind: A or B.
        gated: the outputs are two such sets of maps, for the two sides of a gate.
    """

    mask: Float[Tensor, "o i 1 k"]

    def __init__(
        self, width_in: int, width: int, kernel: int, kind: Literal["A", "B"], *, gated: bool = False
    ) -> None:
        super().__init__(width_in, width, (1, kernel // 2 + 1), padding=(0, kernel // 2))
        is_cb_in = torch.arange(width_in) >= width_in // 2
        is_cb_out = (torch.arange(width) % (width // 2 if gated else width)) >= width // (4 if gated else 2)
        sees = is_cb_out[:, None] & ~is_cb_in if kind == "A" else is_cb_out[:, None] | ~is_cb_in
        mask = torch.ones_like(self.weight)
        mask[:, :, 0, -1] = sees.float()
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h w"]:
        """Same resolution out as in."""
        y = F.conv2d(input, self.masked_weight(), self.bias, padding=self.padding)
        return y[:, :, :, : input.shape[3]]

    def masked_weight(self) -> Float[Tensor, "o i 1 k"]:
        """The weights with 0 where the mask has it."""
        return self.weight * self.mask


def gate(x: Float[Tensor, "b m2 h w"]) -> Float[Tensor, "b m h w"]:
    """Tanh of the first half of the maps times the sigmoid of the second."""
    a, b = x.chunk(2, 1)
    return torch.tanh(a) * torch.sigmoid(b)


def shift_down(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Every row moved to the next one; zeros in the first."""
    return F.pad(x, (0, 0, 1, 0))[:, :, : x.shape[2]]
