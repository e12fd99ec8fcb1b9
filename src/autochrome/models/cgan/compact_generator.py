"""The generator of ``cgan.compact``: the paper's at a quarter of the luma's size, conditioned on more.

What is the paper's: a row of layers of stride 1, without a bottleneck, each of which is given the condition
and the noise anew. What is ours:

- The condition is not the luma alone but what the shared trunk, which has learned to color, sees in it.
- Colors that are known enter with the condition (``known``).
- The noise follows the photo. Some of it is the same everywhere; the rest belongs to regions, which the
  network learns to tell apart, so that a shirt can change its color without the wall behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.conversion import lightness_of_gray
from autochrome.models.cgan.known import PLANES
from autochrome.nn.adaptation import Adaptation
from autochrome.nn.pretrained import PretrainedTrunk

STRIDE = 4
"""Pixels of luma, along a side, to one place of chroma."""
_SHARPNESS = 5.0  # of the regions' borders before anything is learned


@dataclass(frozen=True)
class GeneratorSize:
    """Widths and depths of a ``CompactGenerator``."""

    condition: int = 64
    """Channels of the condition."""
    layers: int = 6
    """Layers of the generator, the paper's number."""
    width: int = 64
    """Their channels."""
    shared_noise: int = 8
    """Channels of noise that are the same at all places."""
    regions: int = 12
    """Regions with noise of their own."""
    region_noise: int = 8
    """Channels of it."""


class NoisePlanes(nn.Module):
    """Lays noise over the photo: a part everywhere, and each region's part where, and so far as, it lies."""

    def __init__(self, size: GeneratorSize) -> None:
        super().__init__()
        self.size = size
        self.regions = nn.Conv2d(size.condition, size.regions, 1)
        self.channels = size.shared_noise + size.region_noise

    def forward(
        self, condition: Float[Tensor, "b c h w"], z: Float[Tensor, "mb k"]
    ) -> Float[Tensor, "mb d h w"]:
        """Planes of noise for m samples of each photo, sample by sample."""
        size, (b, _, h, w) = self.size, condition.shape
        m = len(z) // b
        logits = _SHARPNESS * self.regions(condition).float()
        shares = logits.softmax(1).flatten(2).transpose(1, 2)  # b hw r
        shares = shares / shares.square().sum(2, keepdim=True).sqrt()  # so that the noise has variance 1
        own = z[:, size.shared_noise :].reshape(m, b, size.regions, size.region_noise)
        laid = shares @ own.permute(1, 2, 0, 3).flatten(2)  # b hw (m d)
        laid = laid.reshape(b, h, w, m, size.region_noise).permute(3, 0, 4, 1, 2).flatten(0, 1)
        shared = z[:, : size.shared_noise, None, None].expand(-1, -1, h, w)
        planes = torch.cat([shared, laid], 1).to(condition.dtype)
        return planes.contiguous(memory_format=torch.channels_last)


class Layer(nn.Module):
    """A convolution of the layer before it, of the condition and of the noise; batch norm; ReLU.

    Laid side by side and convolved is the same as convolved each and added. The kernels of condition and
    noise have one pixel, and the condition's part is computed once for all samples of a photo.
    """

    def __init__(self, before: int, width: int, condition: int, noise: int) -> None:
        super().__init__()
        self.before = None
        if before:
            self.before = nn.Conv2d(before, width, 3, padding=1, padding_mode="replicate", bias=False)
        self.condition = nn.Conv2d(condition, width, 1, bias=False)
        self.noise = nn.Conv2d(noise, width, 1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(
        self,
        x: Float[Tensor, "mb c h w"] | None,
        condition: Float[Tensor, "b d h w"],
        noise: Float[Tensor, "mb e h w"],
    ) -> Float[Tensor, "mb f h w"]:
        """The layer's output, from that of the layer before (None for the first)."""
        conditioned, total = self.condition(condition), self.noise(noise)
        if x is not None and self.before is not None:
            total = total + self.before(x)
        total = total.unflatten(0, (-1, len(conditioned))) + conditioned
        return F.relu(self.norm(total.flatten(0, 1)))


class CompactGenerator(nn.Module):
    """Chroma at a quarter of the luma's size, from a condition and noise."""

    def __init__(self, trunk: PretrainedTrunk, size: GeneratorSize = GeneratorSize()) -> None:
        super().__init__()
        self.size = size
        self.trunk = trunk
        self.adaptation = Adaptation(trunk, size.condition)
        self.planes = NoisePlanes(size)
        self.layers = nn.ModuleList(
            Layer(before, width, size.condition + PLANES, self.planes.channels)
            for before, width in pairwise([0, *[size.width] * size.layers])
        )
        self.last = nn.Conv2d(size.width, 2, 3, padding=1, padding_mode="replicate")

    def encode(self, luma: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b c h4 w4"]:
        """Return the condition of every layer, from Y in [-1, 1] whose sides are multiples of 16."""
        maps = self.trunk.maps(lightness_of_gray((luma.float() + 1) / 2) / 50 - 1)
        return self.adaptation(maps, (luma.shape[2] // STRIDE, luma.shape[3] // STRIDE))

    def draw_noise(self, n: int, generator: torch.Generator | None = None) -> Float[Tensor, "n k"]:
        """Normal noise for n pictures, drawn on the CPU."""
        size = self.size
        count = size.shared_noise + size.regions * size.region_noise
        return torch.randn(n, count, generator=generator)

    def forward(
        self,
        condition: Float[Tensor, "b c h w"],
        z: Float[Tensor, "mb k"],
        known: Float[Tensor, "b 3 h w"] | None = None,
    ) -> Float[Tensor, "mb 2 h w"]:
        """Return U and V in [-1, 1].

        Args:
            condition: as ``encode`` gives it.
            z: noise; it may hold m times as many rows as there are photos, sample by sample.
            known: planes of colors that are known (`autochrome.models.cgan.known`); none if None.
        """
        noise = self.planes(condition, z)
        if known is None:
            known = condition.new_zeros(len(condition), PLANES, *condition.shape[2:])
        condition = torch.cat([condition, known.to(condition.dtype)], 1)
        x = None
        for layer in self.layers:
            x = layer(x, condition, noise)
        assert x is not None
        return torch.tanh(self.last(x).float())
