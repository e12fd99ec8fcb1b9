"""A trunk with an encoder that was trained on ImageNet, and a light decoder up to stride 4."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.nn.compact import conv_norm_relu
from autochrome.nn.efficientnet import LITE_SIZES, EfficientNetLite
from autochrome.nn.trunk import Trunk, ascend


@dataclass(frozen=True)
class PretrainedSize:
    """The encoder's variant and the decoder's widths."""

    encoder: str = "lite0"
    """A name in `autochrome.nn.efficientnet.LITE_SIZES`."""
    top: int = 256
    """Channels at stride 32, after the projection of the encoder's last map."""
    decoder: tuple[int, ...] = (256, 160, 64)
    """Channels at strides 16, 8 and 4."""


class PretrainedTrunk(Trunk):
    """EfficientNet-Lite and a U-Net's decoder, which ends at stride 4.

    The mean of the coarsest features tells every place what the photo is about, at any photo size.

    Args:
        size: the encoder and the decoder's widths.
        frozen_norms: of the encoder; see `EfficientNetLite`. The decoder's norms always learn.
        dropout: share of the coarsest map's channels that are hidden from the decoder while it learns.
    """

    def __init__(
        self, size: PretrainedSize = PretrainedSize(), *, frozen_norms: bool = True, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.size = size
        self.dropout = nn.Dropout2d(dropout)
        self.encoder = EfficientNetLite(LITE_SIZES[size.encoder], frozen_norms=frozen_norms)
        *skips, coarsest = self.encoder.widths
        self.top = nn.Sequential(nn.Conv2d(coarsest, size.top, 1, bias=False), nn.BatchNorm2d(size.top))
        self.context = nn.Sequential(
            nn.Linear(coarsest, size.top), nn.ReLU(inplace=True), nn.Linear(size.top, size.top)
        )
        self.fusions = nn.ModuleList()
        width_in = size.top
        for width, skip in zip(size.decoder, reversed(skips), strict=True):
            self.fusions.append(
                nn.Sequential(conv_norm_relu(width_in + skip, width), conv_norm_relu(width, width))
            )
            width_in = width
        self.width = width_in

    def maps(self, x: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """Return the encoder's maps at strides 4, 8, 16 and 32, and the decoder's at 16, 8 and 4."""
        maps = self.encoder(x)
        *skips, coarsest = maps
        top = F.relu(self.top(coarsest) + self.context(coarsest.mean((2, 3)))[:, :, None, None])
        return [*maps, *ascend(self.fusions, self.dropout(top), skips[::-1])]

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Initialize the encoder; see `EfficientNetLite.load_imagenet`.

        Raises:
            ValueError: the weights are of another network or another size.
        """
        self.encoder.load_imagenet(state)
