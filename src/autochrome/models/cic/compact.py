"""CIC in a size that a laptop runs: the paper's bins over trunks of our own. Not the paper's."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from autochrome.color.bins import AB_BINS
from autochrome.models.cic.readout import LIGHTNESS_CENTER, Readout
from autochrome.nn.compact import CompactSize, CompactTrunk
from autochrome.nn.efficientnet import LITE_SIZES
from autochrome.nn.pretrained import PretrainedSize, PretrainedTrunk
from autochrome.nn.trunk import Trunk

SCRATCH = "scratch"
"""The option ``trunk`` of a compact network that starts from nothing."""


class _BinNetwork(Trunk):
    """A trunk whose features are read as logits over the 313 bins; the second base of the networks below."""

    head: nn.Conv2d

    def forward(self, centered: Float[Tensor, "b 1 h w"]) -> list[Readout]:
        """Return one readout of stride 4, from L - 50."""
        return [Readout(self.head(self.features(centered / LIGHTNESS_CENTER)), stride=4)]

    def layers(self, centered: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """Return the trunk's maps, from L - 50."""
        return self.maps(centered / LIGHTNESS_CENTER)


class CompactNet(PretrainedTrunk, _BinNetwork):
    """The trunk with an encoder from ImageNet, and a readout of the 313 bins at stride 4."""

    def __init__(self, size: PretrainedSize | None = None, *, frozen_norms: bool = True) -> None:
        super().__init__(size or PretrainedSize(), frozen_norms=frozen_norms)
        self.head = nn.Conv2d(self.width, AB_BINS, 1)


class ScratchNet(CompactTrunk, _BinNetwork):
    """The trunk that starts from nothing, with the same readout."""

    def __init__(self, size: CompactSize | None = None) -> None:
        super().__init__(size or CompactSize())
        self.head = nn.Conv2d(self.width, AB_BINS, 1)


def make_network(trunk: str, *, frozen_norms: bool = True) -> CompactNet | ScratchNet:
    """Build a compact network.

    Args:
        trunk: the encoder, of `autochrome.nn.efficientnet.LITE_SIZES`; or "scratch", a trunk that has seen
            nothing before its training.
        frozen_norms: of the encoder; see `autochrome.nn.efficientnet.EfficientNetLite`.

    Raises:
        ValueError: there is no such trunk.
    """
    if trunk == SCRATCH:
        return ScratchNet()
    if trunk not in LITE_SIZES:
        raise ValueError(f"trunk must be one of {', '.join([*LITE_SIZES, SCRATCH])}, not {trunk!r}")
    return CompactNet(PretrainedSize(trunk), frozen_norms=frozen_norms)
