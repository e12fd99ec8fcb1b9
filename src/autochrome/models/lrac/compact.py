"""LRAC in a size that a laptop runs: a hypercolumn over the layers of the shared trunk. Not the paper's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from autochrome.color.conversion import lightness_of_gray
from autochrome.models.base import ModelSpec
from autochrome.models.lrac.model import HypercolumnColorizer, make_colorizer
from autochrome.models.lrac.outputs import OUTPUT_NAMES, HueChroma
from autochrome.models.shared_trunk import SCRATCH, load_lent_trunk, make_trunk
from autochrome.nn.compact import TINY, CompactTrunk
from autochrome.nn.hypercolumns import HypercolumnHead
from autochrome.nn.trunk import Trunk

HIDDEN = 384
"""Channels of h_fc1; 1024 in the paper."""


class CompactNetwork(nn.Module):
    """A trunk whose every map joins the hypercolumn, and a head over it.

    As in the paper the photo itself is the first layer, and layers from fine to coarse follow; after them
    comes the trunk's way up, which ends at stride 4. The features are batch-normalized, so that the layers
    need no balancing.

    Args:
        outputs: channels of each output by its name.
        trunk: what the hypercolumn is made of.
        hidden: channels of h_fc1.
    """

    def __init__(self, outputs: Mapping[str, int], trunk: Trunk, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.trunk = trunk
        self.widths = (1, *trunk.map_widths)
        self.strides = (1, *trunk.map_strides)
        self.head = HypercolumnHead(self.widths, self.strides, hidden, outputs)

    def maps(self, gray: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """Return the hypercolumn's layers, from (R+G+B)/3 in [0, 1]; the trunk sees CIE lightness."""
        lightness = lightness_of_gray(gray) / 50 - 1
        return [lightness, *self.trunk.maps(lightness)]

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Initialize the trunk from the weights of a cic.compact; see ``load_lent_trunk``."""
        load_lent_trunk(self.trunk, state)

    def balance(self, images: Iterable[Float[Tensor, "_b 1 _h _w"]]) -> None:
        """Leave the layers, which are normalized."""


def compact(
    spec: ModelSpec,
    *,
    output: str = HueChroma.name,
    trunk: str = "lite0",
    own_trunk: bool = False,
    **options: Any,
) -> HypercolumnColorizer:
    """Return our network with all four outputs; ``output`` answers.

    Args:
        spec: as registered.
        output: as of ``autochrome.models.lrac.model.paper``.
        trunk: as of ``autochrome.models.shared_trunk.make_trunk``; or "scratch", one without pretraining, as
            in the paper's table 5.
        own_trunk: the trunk learns along, as one from scratch always does.
        options: fields of ``LRACSettings``.

    Raises:
        ValueError: there is no such output or trunk.
    """
    made = CompactTrunk() if trunk == SCRATCH else make_trunk(trunk, own=own_trunk)
    colorizer = make_colorizer(spec, partial(CompactNetwork, trunk=made), OUTPUT_NAMES, output, options)
    colorizer.options = {"trunk": trunk, "own_trunk": own_trunk or trunk == SCRATCH}
    return colorizer


def tiny(spec: ModelSpec, *, output: str = HueChroma.name, **options: Any) -> HypercolumnColorizer:
    """Return a compact network of a few thousand parameters, for tests; arguments as of ``compact``."""
    network = partial(CompactNetwork, trunk=CompactTrunk(TINY), hidden=16)
    return make_colorizer(spec, network, OUTPUT_NAMES, output, options)
