"""PixColor's refinement: low-resolution chroma and full-resolution luma to full-resolution chroma.

Section 3.2 and table 2 of the paper, whose rows are ``LOW_LEVEL`` to ``DECODER``. Chroma is YCbCr's (Cb, Cr)
in [0, 1], neutral 128/255; luma is Y in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.spaces import YCBCR
from autochrome.color.upsampling import upsample_bilinear

NEUTRAL = YCBCR.neutral[0]
"""Cb and Cr of gray."""

Row = tuple[int, int, int]
"""Kernel, stride and maps of one convolution."""

# Table 2 prints one column of rows; which of them branch follows Iizuka et al. 2016 ("similar in architecture
# to the network used in [15]"), the only reading in which the 5x5 and the 3x3 after it end at 1x1.
LOW_LEVEL: tuple[Row, ...] = ((3, 2, 64), (3, 1, 128), (3, 2, 128), (3, 1, 256), (3, 2, 256), (3, 1, 512))
MID_LEVEL: tuple[Row, ...] = ((3, 1, 512), (3, 1, 256))
GLOBAL: tuple[Row, ...] = ((3, 2, 512), (3, 1, 512), (3, 2, 512), (3, 1, 512))
GLOBAL_VALID: tuple[Row, ...] = ((5, 1, 1024), (3, 1, 512))
"""Without padding: 7x7 to 3x3 to 1x1 at 224x224, in the place of Iizuka's fully connected layers."""
FUSION: tuple[Row, ...] = ((3, 1, 128), (3, 1, 128))
DECODER: tuple[tuple[int, tuple[Row, ...]], ...] = (
    (2, ((3, 1, 64), (3, 1, 64))),
    (4, ((3, 1, 32), (3, 1, 32))),
)
"""Factor of the bilinear upsampling (the paper does not say: 28 to 56 to 224), and the rows after it."""

GLOBAL_SIDE = 7
"""What the unpadded convolutions need along a side of their map of stride 32."""


class PaperRefinement(nn.Module):
    """Section 3.2 and Table 2, read as an Iizuka network with a convolutional global branch.

    The low-resolution chroma is upsampled bilinearly to full size and stacked on Y: the table's 3 channels.
    BatchNorm and ReLU follow every convolution but the last, which is linear. Weights start He-scaled: the
    paper's truncated normal of deviation .1 is 6 times that in the 512-map layers, and is not used.

    The global vector is the mean over its map (1x1 at 224x224, more for larger photos). That map exists from
    a side of 200 pixels on; below, the map of stride 32 is first extended to 7 by repeating its border.
    """

    def __init__(self) -> None:
        super().__init__()
        self.low_level = _rows(3, LOW_LEVEL)
        self.mid_level = _rows(512, MID_LEVEL)
        self.global_level = _rows(512, GLOBAL)
        self.global_valid = _rows(512, GLOBAL_VALID, padded=False)
        self.fusion = _rows(256 + 512, FUSION)
        self.decoder = nn.ModuleList()
        width = 128
        for _, rows in DECODER:
            self.decoder.append(_rows(width, rows))
            width = rows[-1][2]
        self.head = nn.Conv2d(width, 2, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(
        self, luma: Float[Tensor, "b 1 H W"], chroma: Float[Tensor, "b 2 h w"]
    ) -> Float[Tensor, "b 2 H W"]:
        """Chroma at full size.

        Args:
            luma: Y in [0, 1]; sides are multiples of 8.
            chroma: Cb, Cr in [0, 1] at an eighth of the size; neutral 128/255.
        """
        hints = upsample_bilinear(chroma, (luma.shape[2], luma.shape[3]))
        low = self.low_level(torch.cat((luma - 0.5, hints - NEUTRAL), 1))
        mid = self.mid_level(low)
        context = self.global_map(low).mean((2, 3), keepdim=True).expand(-1, -1, *mid.shape[2:])
        x = self.fusion(torch.cat((mid, context), 1))
        for (factor, _), rows in zip(DECODER, self.decoder, strict=True):
            x = rows(F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False))
        return NEUTRAL + self.head(x).float()

    def global_map(self, low: Float[Tensor, "b 512 h w"]) -> Float[Tensor, "b 512 gh gw"]:
        """The global branch before its mean, from the low-level features; 1x1 at 224x224."""
        x = self.global_level(low)
        missing = [max(0, GLOBAL_SIDE - side) for side in x.shape[2:]]
        if any(missing):
            (top, left) = (m // 2 for m in missing)
            x = F.pad(x, (left, missing[1] - left, top, missing[0] - top), mode="replicate")
        return self.global_valid(x)


def _rows(width_in: int, rows: Sequence[Row], *, padded: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = []
    for kernel, stride, width in rows:
        padding = kernel // 2 if padded else 0
        layers += [
            nn.Conv2d(width_in, width, kernel, stride=stride, padding=padding, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
        width_in = width
    return nn.Sequential(*layers)


def jitter(chroma: Float[Tensor, "b 2 h w"], width: float) -> Float[Tensor, "b 2 h w"]:
    """Chroma plus uniform noise in [-width, width], from torch's global generator; not clamped.

    True chroma is smooth where the PixelCNN's draws fall into bins of 8/255: the noise makes one like the
    other, so that the network does not come to trust its input to more than half a bin.
    """
    return chroma + width * (2 * torch.rand_like(chroma) - 1)
