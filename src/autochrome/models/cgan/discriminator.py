"""The discriminator of figure 4: does a whole picture, luma and colors, come from a camera?

It sees the condition as part of the picture, and no noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.models.cgan.generator import batch_norm, initialize, require_choice
from autochrome.nn.efficientnet import SameConv

SLOPE = 0.2
"""Of LeakyReLU below zero."""

Norm = Literal["batch", "layer"]


class PaperDiscriminator(nn.Module):
    """Four 5x5 convolutions of stride 2 with LeakyReLU, then two linear layers without one in between.

    The convolutions pad as TensorFlow's "same" does. Batch norm follows every convolution but the first. It
    has the batch's statistics always, as the authors' has, so that pictures are judged together with others
    of their kind, real or generated.

    Args:
        widths: of the convolutions.
        size: side of the pictures, a multiple of 2 to the number of convolutions.
        hidden: width between the linear layers.
        norm: "layer" normalizes each picture alone over its planes and places, with as many parameters. A
            gradient penalty needs that: with batch norm a score has gradients in other pictures, too.

    Raises:
        ValueError: the norm is unknown, or the size no such multiple.
    """

    def __init__(
        self,
        *,
        widths: Sequence[int] = (64, 128, 256, 512),
        size: int = 64,
        hidden: int = 64,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        require_choice("norm", norm, Norm)
        stride = 2 ** len(widths)
        if size % stride:
            raise ValueError(f"size must be a multiple of {stride}, not {size}")
        self.size = size
        self.convolutions = nn.ModuleList(
            SameConv(before, width, 5, stride=2) for before, width in pairwise((3, *widths))
        )
        self.norms = nn.ModuleList(
            batch_norm(width, running=False) if norm == "batch" else nn.GroupNorm(1, width, eps=1e-5)
            for width in widths[1:]
        )
        self.hidden = nn.Linear(widths[-1] * (size // stride) ** 2, hidden)
        self.score = nn.Linear(hidden, 1)
        initialize(self)

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1"]:
        """Scores: logits of being real for a discriminator, the critic's values for a Wasserstein GAN.

        Args:
            image: Y, U and V, or R, G and B, in [-1, 1].

        Raises:
            ValueError: its sides are not ``size``.
        """
        if image.shape[2:] != (self.size, self.size):
            sides = f"{image.shape[2]}x{image.shape[3]}"
            raise ValueError(
                f"the discriminator judges pictures of {self.size}x{self.size} pixels, not {sides}: "
                f"set data.crops.size={self.size}"
            )
        x = F.leaky_relu(self.convolutions[0](image), SLOPE)
        for convolution, norm in zip(self.convolutions[1:], self.norms, strict=True):
            x = F.leaky_relu(norm(convolution(x)), SLOPE)
        return self.score(self.hidden(x.flatten(1))).float()
