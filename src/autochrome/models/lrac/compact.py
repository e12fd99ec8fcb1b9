"""LRAC in a size that a laptop runs: a hypercolumn over our compact trunk. Not the paper's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from autochrome.color.conversion import lightness_of_gray
from autochrome.models.base import ModelSpec
from autochrome.models.lrac.model import ALL_OUTPUTS, HUE_CHROMA_OUTPUT, HypercolumnColorizer, make_colorizer
from autochrome.nn.compact import TINY, CompactSize, CompactTrunk, load_trunk
from autochrome.nn.hypercolumns import HypercolumnHead

HIDDEN = 240
"""Channels of h_fc1; 1024 in the paper."""


class CompactNetwork(nn.Module):
    """The trunk of `autochrome.nn.compact`, whose every stage joins the hypercolumn, and a head over it.

    As in the paper the photo itself is the first layer, and layers from fine to coarse follow; after them
    comes the trunk's way up, which ends at stride 4. The features are batch-normalized, so that the layers
    need no balancing.

    Args:
        outputs: channels of each output by its name.
        size: of the trunk.
        hidden: channels of h_fc1.
    """

    def __init__(
        self, outputs: Mapping[str, int], size: CompactSize | None = None, hidden: int = HIDDEN
    ) -> None:
        super().__init__()
        size = size or CompactSize()
        self.trunk = CompactTrunk(size)
        down = [2 ** (stage + 1) for stage in range(len(size.widths))]
        self.widths = (1, *size.widths, *size.decoder)
        self.strides = (1, *down, *down[-2:0:-1])
        self.head = HypercolumnHead(self.widths, self.strides, hidden, outputs)

    def maps(self, gray: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """Return the hypercolumn's layers, from (R+G+B)/3 in [0, 1]; the trunk sees CIE lightness."""
        lightness = lightness_of_gray(gray) / 50 - 1
        return [lightness, *self.trunk.maps(lightness)]

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Initialize the trunk from the weights of a cic.compact with ``trunk="scratch"``.

        Raises:
            ValueError: tensors are missing or have other shapes; nothing is changed then.
        """
        load_trunk(self.trunk, state)

    def balance(self, images: Iterable[Float[Tensor, "_b 1 _h _w"]]) -> None:
        """Leave the layers, which are normalized."""


def compact(spec: ModelSpec, *, output: str = HUE_CHROMA_OUTPUT, **options: Any) -> HypercolumnColorizer:
    """Return our network of at most 10M parameters with all four outputs; ``output`` answers.

    Args:
        spec: as registered.
        output: as of ``autochrome.models.lrac.model.paper``.
        options: fields of ``LRACSettings``.
    """
    return make_colorizer(spec, CompactNetwork, ALL_OUTPUTS, output, options)


def tiny(spec: ModelSpec, *, output: str = HUE_CHROMA_OUTPUT, **options: Any) -> HypercolumnColorizer:
    """Return a compact network of a few thousand parameters, for tests; arguments as of ``compact``."""
    network = partial(CompactNetwork, size=TINY, hidden=16)
    return make_colorizer(spec, network, ALL_OUTPUTS, output, options)
