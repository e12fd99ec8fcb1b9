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
from autochrome.models.shared_trunk import SCRATCH, make_trunk, require_pretrained
from autochrome.nn.compact import TINY, CompactTrunk
from autochrome.nn.pretrained import PretrainedTrunk
from autochrome.nn.trunk import Trunk


class CompactCIC(CIC):
    """CIC that reads the 313 bins off a trunk's features, at stride 4.

    Args:
        spec: as registered.
        trunk: the network; its readout becomes a part of it, under whose name weights are stored.
        loss: the constants of the loss.
    """

    def __init__(self, spec: ModelSpec, trunk: Trunk, loss: LossSettings) -> None:
        super().__init__(spec, trunk, loss)
        trunk.add_module("head", nn.Conv2d(trunk.width, AB_BINS, 1))
        self.options = {"trunk": trunk.size.encoder if isinstance(trunk, PretrainedTrunk) else SCRATCH}

    def readouts(self, luma: Float[Tensor, "b 1 h w"]) -> list[Readout]:
        """Return the one answer."""
        return [Readout(self.network.head(self.features(luma)[-1]), stride=4)]

    def features(self, luma: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """Return the trunk's maps, from L in [0, 100]."""
        self._require_multiples(luma)
        return self.network.maps((luma - LIGHTNESS_CENTER) / LIGHTNESS_CENTER)

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Initialize the encoder from an EfficientNet-Lite; see ``EfficientNetLite.load_imagenet``."""
        require_pretrained(self.network).encoder.load_imagenet(state)


def compact(
    spec: ModelSpec, *, trunk: str = "lite0", frozen_norms: bool = True, dropout: float = 0.0, **options: Any
) -> CompactCIC:
    """Return a network that a laptop runs, with the paper's losses.

    Args:
        spec: as registered.
        trunk: as of ``autochrome.models.shared_trunk.make_trunk``; or "scratch", one without pretraining.
        frozen_norms: of the encoder; see `autochrome.nn.efficientnet.EfficientNetLite`.
        dropout: of the coarsest map; see `autochrome.nn.pretrained.PretrainedTrunk`.
        options: fields of ``LossSettings``.

    Raises:
        ValueError: there is no such trunk.
    """
    if trunk == SCRATCH:
        return CompactCIC(spec, CompactTrunk(), LossSettings(**options))
    network = make_trunk(trunk, own=True, frozen_norms=frozen_norms, dropout=dropout)
    return CompactCIC(spec, network, LossSettings(**options))


def tiny(spec: ModelSpec, *, trunk: str = SCRATCH, **options: Any) -> CompactCIC:
    """Return a network of a few thousand parameters for tests; ``options`` as of ``compact``."""
    if trunk != SCRATCH:
        raise ValueError(f"trunk of {spec.name} must be {SCRATCH}, not {trunk!r}")
    return CompactCIC(spec, CompactTrunk(TINY), LossSettings(**options))
