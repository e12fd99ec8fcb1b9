"""Where hints act: on the picture, not on its mats."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from autochrome.guidance.hint_files import Hint
from autochrome.guidance.hints import mask_of
from autochrome.pipeline.extent import Extent


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
