"""CIC in a size that a laptop runs: the paper's bins over trunks of our own. Not the paper's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from autochrome.color.bins import AB_BINS
from autochrome.models.base import ModelSpec
from autochrome.models.cic.model import CIC, LossSettings
from autochrome.models.cic.readout import LIGHTNESS_CENTER, Readout
from autochrome.nn.compact import TINY, CompactSize, CompactTrunk
from autochrome.nn.efficientnet import LITE_SIZES
from autochrome.nn.pretrained import PretrainedSize, PretrainedTrunk
from autochrome.nn.trunk import Trunk

SCRATCH = "scratch"
"""The option ``trunk`` of a compact network that is trained from scratch."""


class _BinNetwork(Trunk):
    """A trunk whose features are read as logits over the 313 bins; the second base of the networks below.

    Attributes:
        trunk: the option that this network is built for.
    """

    trunk: str
    head: nn.Conv2d

    def forward(self, centered: Float[Tensor, "b 1 h w"]) -> list[Readout]:
        """Return one readout of stride 4, from L - 50."""
        return [Readout(self.head(self.features(centered / LIGHTNESS_CENTER)), stride=4)]

    def layers(self, centered: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """Return the trunk's maps, from L - 50."""
        return self.maps(centered / LIGHTNESS_CENTER)


class CompactNet(PretrainedTrunk, _BinNetwork):
    """The trunk with an encoder from ImageNet, and a readout of the 313 bins at stride 4."""

    def __init__(
        self, size: PretrainedSize | None = None, *, frozen_norms: bool = True, dropout: float = 0.0
    ) -> None:
        super().__init__(size or PretrainedSize(), frozen_norms=frozen_norms, dropout=dropout)
        self.trunk = self.size.encoder
        self.head = nn.Conv2d(self.width, AB_BINS, 1)


class ScratchNet(CompactTrunk, _BinNetwork):
    """The trunk that is trained from scratch, with the same readout."""

    trunk = SCRATCH

    def __init__(self, size: CompactSize | None = None) -> None:
        super().__init__(size or CompactSize())
        self.head = nn.Conv2d(self.width, AB_BINS, 1)

    def load_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Refuse a backbone."""
        raise ValueError("not for a trunk that is trained from scratch: set model.options.trunk to lite0")


def make_network(trunk: str, *, frozen_norms: bool = True, dropout: float = 0.0) -> CompactNet | ScratchNet:
    """Build a compact network.

    Args:
        trunk: the encoder, of `autochrome.nn.efficientnet.LITE_SIZES`; or "scratch", a trunk without
            pretraining.
        frozen_norms: of the encoder; see `autochrome.nn.efficientnet.EfficientNetLite`.
        dropout: of the coarsest map; see `autochrome.nn.pretrained.PretrainedTrunk`.

    Raises:
        ValueError: there is no such trunk.
    """
    if trunk == SCRATCH:
        return ScratchNet()
    if trunk not in LITE_SIZES:
        raise ValueError(f"trunk must be one of {', '.join([*LITE_SIZES, SCRATCH])}, not {trunk!r}")
    return CompactNet(PretrainedSize(trunk), frozen_norms=frozen_norms, dropout=dropout)


class CompactCIC(CIC):
    """CIC over a compact network."""

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Initialize the encoder from an EfficientNet-Lite; see ``CompactNet.load_imagenet``."""
        self.network.load_imagenet(state)

    @property
    def options(self) -> dict[str, str]:
        """The network's trunk."""
        return {"trunk": self.network.trunk}


def compact(
    spec: ModelSpec,
    *,
    trunk: str = "lite0",
    frozen_norms: bool = True,
    dropout: float = 0.0,
    **options: Any,
) -> CompactCIC:
    """Return a network that a laptop runs, with the paper's losses.

    Args:
        spec: as registered.
        trunk: as of ``make_network``: lite0, lite1, lite2, test or scratch.
        frozen_norms: as of ``make_network``.
        dropout: as of ``make_network``.
        options: fields of ``LossSettings``.

    Raises:
        ValueError: there is no such trunk.
    """
    network = make_network(trunk, frozen_norms=frozen_norms, dropout=dropout)
    return CompactCIC(spec, network, LossSettings(**options))


def tiny(spec: ModelSpec, *, trunk: str = SCRATCH, **options: Any) -> CompactCIC:
    """Return a network of a few thousand parameters for tests; ``options`` as of ``compact``."""
    if trunk != SCRATCH:
        raise ValueError(f"trunk of {spec.name} must be {SCRATCH}, not {trunk!r}")
    return CompactCIC(spec, ScratchNet(TINY), LossSettings(**options))
