"""Fitting the tone curves that a model's draws pass through (`autochrome.models.calibration`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.spaces import get_space
from autochrome.data.photos import decode_rgb
from autochrome.data.sources import PhotoSource
from autochrome.models.base import HasCalibration
from autochrome.models.calibration import apply_curve, fit_curve, identity_curve

BATCH = 32  # photos that are drawn for together


@torch.inference_mode()
def calibrate(
    model: HasCalibration,
    source: PhotoSource,
    *,
    numbers: Sequence[int] | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Float[Tensor, "2 256"]:
    """Draw once for each photo, at the model's own settings, and give the model its curves.

    They are fitted on the grid of the draws; where the model shows these at several places on their way to
    the picture, what is lost after the first is made up for.

    Args:
        model: set to inference, on the CPU or any device; its curves are replaced.
        source: photos like those that it will meet; their center square is taken.
        numbers: which of them; None takes all.
        seed: of the first batch's draws.
        progress: called with photos done and to do.

    Returns:
        The curve of each chroma channel, on the CPU.

    Raises:
        DataError: a photo cannot be read.
        ValueError: the model's draws pass through no curve.
    """
    curve = identity_curve()
    model.calibration.copy_(curve)
    space = get_space(model.spec.space)
    numbers = range(len(source)) if numbers is None else numbers
    drawn, true = [], []
    for start in range(0, len(numbers), BATCH):
        batch = numbers[start : start + BATCH]
        rgb = torch.cat([_square(source, number, model.spec.working_size) for number in batch])
        luma, chroma = space.split(rgb.to(model.calibration.device))
        drawn.append(model.draws_to_calibrate(luma, torch.Generator().manual_seed(seed + start)))
        true.append(model.truth_to_calibrate(chroma).cpu())
        progress(start + len(batch), len(numbers))
    truth = torch.cat(true)
    for look, shown in enumerate(zip(*drawn, strict=True)):
        colors = torch.cat([show().cpu() for show in shown])
        fitted = fit_curve(colors, truth, neutral=model.curve_neutral)
        curve = apply_curve(curve[None, :, :, None], fitted)[0, :, :, 0] if look else fitted
        model.calibration.copy_(curve)
    return curve


def _square(source: PhotoSource, number: int, side: int) -> Float[Tensor, "1 3 h w"]:
    pixels = decode_rgb(source.read(number), name=source.key(number), max_side=4 * side)
    height, width, _ = pixels.shape
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    square = np.ascontiguousarray(pixels[top : top + short, left : left + short].transpose(2, 0, 1))
    rgb = torch.from_numpy(square)[None].float() / 255
    return F.interpolate(rgb, (side, side), mode="bilinear", antialias=True).clamp(0, 1)
