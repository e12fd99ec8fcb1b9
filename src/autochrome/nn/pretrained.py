"""A trunk with an encoder that was trained on ImageNet, and a light decoder up to stride 4."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.lightness import rounded
from autochrome.nn.compact import conv_norm_relu
from autochrome.nn.efficientnet import LITE_SIZES, EfficientNetLite
from autochrome.nn.seen import SEEN
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


_PARTS = ("encoder", "top", "context", "fusions")  # what the maps are computed with

TINY = PretrainedSize("test", top=16, decoder=(16, 8, 8))
"""A few thousand parameters, for tests."""


class PretrainedTrunk(Trunk):
    """EfficientNet-Lite and a U-Net's decoder, which ends at stride 4.

    The mean of the coarsest features tells every place what the photo is about, at any photo size.
    Photos that it has seen in inference are remembered for a while (`autochrome.nn.seen`).

    Args:
        size: the encoder and the decoder's widths.
        frozen: nothing of it learns: it stays in evaluation mode, and no gradient passes.
        frozen_norms: of the encoder; see `EfficientNetLite`. The decoder's norms learn, unless all is frozen.
        dropout: share of the coarsest map's channels that are hidden from the decoder while it learns.

    Attributes:
        identity: digest of its parameters (``digest``), once they are loaded to stay; empty before.
    """

    def __init__(
        self,
        size: PretrainedSize = PretrainedSize(),
        *,
        frozen: bool = False,
        frozen_norms: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.identity = ""
        self.frozen = frozen
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
        self.map_widths = (*self.encoder.widths, *size.decoder)
        self.map_strides = (4, 8, 16, 32, 16, 8, 4)
        if frozen:
            self.requires_grad_(False)

    def train(self, mode: bool = True) -> PretrainedTrunk:
        """Set the mode; a frozen trunk stays in evaluation mode. In training its identity is lost."""
        super().train(mode and not self.frozen)
        if self.training:
            self.identity = ""
        return self

    def maps(self, x: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """Return the encoder's maps at strides 4, 8, 16 and 32, and the decoder's at 16, 8 and 4."""
        if self.training:
            return self._compute(x)
        # The systems' lumas of one photo differ by roundings.
        x = rounded(50 * x) / 50
        if self.frozen:
            with torch.no_grad():
                return self._remembered(x)
        return self._remembered(x)

    def _remembered(self, x: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        if not self.identity or len(x) > 1 or torch.is_grad_enabled():
            return self._compute(x)
        folded = "folded" if isinstance(self.top[1], nn.Identity) else ""
        return SEEN.maps(self.identity + folded, x, lambda: self._compute(x))

    def _compute(self, x: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        maps = self.encoder(x)
        *skips, coarsest = maps
        top = F.relu(self.top(coarsest) + self.context(coarsest.mean((2, 3)))[:, :, None, None])
        return [*maps, *ascend(self.fusions, self.dropout(top), skips[::-1])]

    def digest(self) -> str:
        """Return the SHA-256 of its tensors as they are stored, parameters in half precision.

        What a subclass adds (CIC's readout) is not part of the trunk and leaves the digest as it is.
        """
        parameters = {name for name, _ in self.named_parameters()}
        found = sha256()
        for name, tensor in sorted(self.state_dict().items()):
            if name.split(".")[0] not in _PARTS:
                continue
            kept = tensor.half() if name in parameters else tensor
            found.update(name.encode() + kept.cpu().contiguous().numpy().tobytes())
        return found.hexdigest()
