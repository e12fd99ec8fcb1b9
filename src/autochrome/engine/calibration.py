"""Fitting the tone curve that a PixColor's draws pass through (`autochrome.models.pixcolor.calibration`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.spaces import YCBCR
from autochrome.data.photos import decode_rgb
from autochrome.data.sources import PhotoSource
from autochrome.models.pixcolor.calibration import apply_curve, fit_curve, identity_curve
from autochrome.models.pixcolor.model import PixColor

BATCH = 32  # photos that are drawn for together


@torch.inference_mode()
def calibrate(
    model: PixColor,
    source: PhotoSource,
    *,
    numbers: Sequence[int] | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Float[Tensor, "2 256"]:
    """Draw once for each photo, at the model's own temperature and guidance, and give the model its curve.

    It is fitted to what comes out of refinement, on the photos' low-resolution grid.

    Args:
        model: on the CPU or any device; its curve is replaced.
        source: photos like those that it will meet; their centre square is taken.
        numbers: which of them; None takes all.
        seed: of the first batch's draws.
        progress: called with photos done and to do.

    Returns:
        The curves of Cb and Cr.

    Raises:
        DataError: a photo cannot be read.
        ValueError: the model leaves its draws at their bins' means (``pixcolor.paper``).
    """
    if model.dequantisation is None:
        raise ValueError(f"{model.spec.name} leaves its draws as they are and so has no curve to fit")
    model.calibration.copy_(identity_curve())
    numbers = range(len(source)) if numbers is None else numbers
    lumas, bins, drawn, true = [], [], [], []
    for start in range(0, len(numbers), BATCH):
        batch = numbers[start : start + BATCH]
        rgb = torch.cat([_square(source, number, model.spec.working_size) for number in batch])
        luma, chroma = YCBCR.split(rgb.to(model.bin_means.device))
        generator = torch.Generator().manual_seed(seed + start)
        low = model.sample(luma, generator=generator, refine=False).chroma[:, 0]
        lumas.append((255 * luma).round().byte().cpu())
        bins.append(model.bins.encode(low))
        drawn.append(model.continuous(low).cpu())
        true.append(model.reduce(chroma).cpu())
        progress(start + len(batch), len(numbers))
    first = fit_curve(torch.cat(drawn), torch.cat(true))
    model.calibration.copy_(first)
    # Refinement takes some of the colour away again: a second curve, after the first, makes up for it.
    refined = [_refined(model, *one) for one in zip(lumas, bins, strict=True)]
    second = fit_curve(torch.cat(refined), torch.cat(true))
    model.calibration.copy_(apply_curve(first[None, :, :, None], second)[0, :, :, 0])
    return model.calibration.clone()


def _refined(
    model: PixColor, luma: UInt8[Tensor, "b 1 h w"], bins: Int[Tensor, "b 2 h8 w8"]
) -> Float[Tensor, "b 2 h8 w8"]:
    """Draws as they come out, back on their grid."""
    device = model.bin_means.device
    return model.reduce(model.refine_draw(luma.to(device) / 255, model.decode(bins))).cpu()


def _square(source: PhotoSource, number: int, side: int) -> Float[Tensor, "1 3 h w"]:
    pixels = decode_rgb(source.read(number), name=source.key(number), max_side=4 * side)
    height, width, _ = pixels.shape
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    square = np.ascontiguousarray(pixels[top : top + short, left : left + short].transpose(2, 0, 1))
    rgb = torch.from_numpy(square)[None].float() / 255
    return F.interpolate(rgb, (side, side), mode="bilinear", antialias=True).clamp(0, 1)
