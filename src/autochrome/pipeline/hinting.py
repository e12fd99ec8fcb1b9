"""Where hints act: on the picture, not on its mats; and how far they reach, for models that draw."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch

from autochrome.color.conversion import luma_of_lightness
from autochrome.guidance.hints import Hint, HintGuide, mask_of
from autochrome.models.base import DistributionColorizer, log_probabilities
from autochrome.models.registry import create_model
from autochrome.models.shared_trunk import LENDER
from autochrome.nn.folding import fold_norms
from autochrome.pipeline.extent import Extent
from autochrome.types import Luma


def hints_on_picture(hints: Sequence[Hint], extent: Extent) -> tuple[tuple[Hint, ...], tuple[str, ...]]:
    """Return the hints that lie on the picture, and notes about those on its border or mat alone."""
    if extent.is_whole or not hints:
        return tuple(hints), ()
    grid = (min(256, extent.size[0]), min(256, extent.size[1]))
    shown = torch.from_numpy(extent.picture(*grid))
    kept, notes = [], []
    for hint in hints:
        if bool((mask_of(hint, extent.size, grid) > 0)[shown].any()):
            kept.append(hint)
        else:
            notes.append(f"the hint at {hint.where} lies on its border or mat, which stays without color")
    return tuple(kept), tuple(notes)


def guide_samples(
    hints: Sequence[Hint], lightness: Luma, seen: Luma, extent: Extent, device: torch.device
) -> HintGuide:
    """Return a guide for a model that draws, which has no distribution to tell how far hints reach.

    CIC's distribution tells it, which stands on the same trunk and so costs next to nothing more.

    Args:
        hints: on the picture, at least one.
        lightness: L* "1 1 h w" of the extent's box.
        seen: the same as models see it.
        extent: where the picture is in the photo.
        device: where the model computes.
    """
    model = _distribution_model(device)
    luma = luma_of_lightness(seen, model.spec.space).to(device)
    guide = HintGuide(hints, model, lightness, extent.size, extent.box)
    guide(log_probabilities(model.predict(luma).float(), model.axes))
    return guide


@lru_cache(maxsize=1)
def _distribution_model(device: torch.device) -> DistributionColorizer:
    model = create_model(LENDER)
    assert isinstance(model, DistributionColorizer)
    return fold_norms(model).to(device).eval()
