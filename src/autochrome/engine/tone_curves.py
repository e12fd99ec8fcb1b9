"""Fitting the tone curves that a model's draws pass through (`autochrome.models.tone_curves`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.color.spaces import get_space
from autochrome.data.photos import read_square
from autochrome.data.sources import PhotoSource
from autochrome.models.base import SamplingColorizer
from autochrome.models.tone_curves import apply_curve, fit_curve, identity_curve

BATCH = 32  # photos that are drawn for together


@torch.inference_mode()
def fit_tone_curves(
    model: SamplingColorizer,
    source: PhotoSource,
    *,
    numbers: Sequence[int] | None = None,
    seed: int = 0,
    strength: float = 1.0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Float[Tensor, "2 256"]:
    """Draw once for each photo, at the model's own settings, and give the model its curves.

    They are fitted on the grid of the draws. Where a model has several outputs (``draws_for_curves``), the
    curves are fitted to the first and refined on each later one, which makes up for color lost on the way.

    Args:
        model: set to inference, with the capability "tone_curves"; its curves are replaced.
        source: photos like those that it will color; their center square is taken.
        numbers: indices of the photos to take; all if None.
        seed: of the first batch's draws.
        strength: how far the curves go from the one that changes nothing (0) to the one that was fitted (1).
        progress: called with photos done and to do.

    Returns:
        The curve of each chroma channel, on the CPU.

    Raises:
        DataError: a photo cannot be read.
        ValueError: the strength is not from 0 to 1.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"the strength of a curve is from 0 to 1, not {strength:g}")
    curve = identity_curve()
    model.tone_curves.copy_(curve)
    space, side = get_space(model.spec.space), model.spec.working_size
    numbers = range(len(source)) if numbers is None else numbers
    drawn, true = [], []
    for start in range(0, len(numbers), BATCH):
        batch = numbers[start : start + BATCH]
        rgb = torch.cat([read_square(source, number, side, max_side=4 * side) for number in batch])
        luma, chroma = space.split(rgb.to(model.tone_curves.device))
        drawn.append(model.draws_for_curves(luma, torch.Generator().manual_seed(seed + start)))
        true.append(model.truth_for_curves(chroma).cpu())
        progress(start + len(batch), len(numbers))
    truth = torch.cat(true)
    for number, outputs in enumerate(zip(*drawn, strict=True)):
        colors = torch.cat([output().cpu() for output in outputs])
        fitted = fit_curve(colors, truth, neutral=model.curve_neutral)
        curve = apply_curve(curve[None, :, :, None], fitted)[0, :, :, 0] if number else fitted
        model.tone_curves.copy_(curve)
    curve = torch.lerp(identity_curve(), curve, strength)
    model.tone_curves.copy_(curve)
    return curve
