"""Figures of CIC's paper for one photo: temperatures (figure 4), and maps of probabilities (figure 14)."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.bins import AB_BINS, AB_CENTERS
from autochrome.color.decoding import FIGURE_4_TEMPERATURES
from autochrome.color.gamut import fit_chroma_into
from autochrome.color.lightness import Lightness
from autochrome.errors import SettingsError
from autochrome.guidance import Vibrance
from autochrome.io.photo import Photo
from autochrome.models.base import DistributionColorizer
from autochrome.pipeline.painter import ColorizeSettings, Painter
from autochrome.report.contact_sheet import Layout, Page, Picture, contact_sheets

_SIDE = 320  # longer side of one picture on a sheet, in pixels
_REACH = 10  # CIE units: a bin represents itself and the eight around it


def temperature_sheet(painter: Painter, photo: Photo, settings: ColorizeSettings, name: str) -> list[Page]:
    """Draw the photo at the temperatures of figure 4, from the mean color to the most probable one.

    Raises:
        SettingsError: the model does not predict a distribution.
    """
    _distribution_model(painter)
    prediction = painter.predict(_reduced(photo), settings)
    columns: dict[str, list[Picture]] = {}
    for value in FIGURE_4_TEMPERATURES:
        painted = painter.paint(prediction, replace(settings, temperature=value))
        columns[f"T = {Fraction(value).limit_denominator(100)}"] = [painted.pixels]
    return contact_sheets(columns, [name], layout=_LAYOUT)


def probability_sheet(painter: Painter, photo: Photo, settings: ColorizeSettings, count: int) -> list[Page]:
    """Draw maps of the probability of the ``count`` most probable distinct colors (figure 14).

    Probabilities include the settings' vibrance, but not the temperature.

    Raises:
        SettingsError: the model does not predict the 313 ab bins.
    """
    model = _distribution_model(painter)
    if model.axes != (slice(0, AB_BINS),):
        raise SettingsError(
            f"{model.spec.name} does not predict the {AB_BINS} ab bins that this figure shows; use --model"
            " cic, or see where the model is uncertain with: autochrome colorize PHOTO --uncertainty"
        )
    prediction = painter.predict(_reduced(photo), settings)
    with torch.inference_mode():
        logits = Vibrance(model.prior, settings.vibrance or 0.0)(prediction.answer)
        distribution = logits.softmax(1)[0].cpu()
    columns: dict[str, list[Picture]] = {
        "photo": [painter.paint(prediction, settings).pixels, prediction.photo.pixels]
    }
    for center in distinct_bins(distribution, count):
        a, b, chance = neighborhood(distribution, center)
        label = f"a {a:.0f}, b {b:.0f}: up to {100 * float(chance.max()):.0f}%"
        whole = torch.from_numpy(prediction.extent.over_file(chance.numpy()))
        columns[label] = [swatch(a, b), gray_map(whole, prediction.photo.size)]
    return contact_sheets(columns, layout=_LAYOUT)


_LAYOUT = Layout(cell_width=_SIDE, cell_height=_SIDE)


def distinct_bins(distribution: Float[Tensor, "313 h w"], count: int) -> list[int]:
    """Return the bins most probable over the photo whose neighborhoods do not overlap."""
    chosen: list[int] = []
    for index in distribution.mean((1, 2)).argsort(descending=True).tolist():
        apart = (AB_CENTERS[chosen] - AB_CENTERS[index]).abs().amax(1) if chosen else None
        if apart is None or bool((apart > 2 * _REACH).all()):
            chosen.append(index)
        if len(chosen) == count:
            break
    return chosen


def neighborhood(
    distribution: Float[Tensor, "313 h w"], center: int
) -> tuple[float, float, Float[Tensor, "h w"]]:
    """Return a bin's a and b, and the probability of the bin and those around it."""
    near = (AB_CENTERS - AB_CENTERS[center]).abs().amax(1) <= _REACH
    a, b = AB_CENTERS[center].tolist()
    return a, b, distribution[near].sum(0)


def swatch(a: float, b: float) -> UInt8[np.ndarray, "h w 3"]:
    """Return a color at middle lightness, with as much of its chroma as sRGB holds there."""
    pixels = np.empty((48, 192, 3), np.uint8)
    chroma = torch.tensor([a, b])[:, None, None].expand(2, 48, 192).contiguous()
    fit_chroma_into(pixels, torch.full((48, 192), 60.0), chroma)
    return pixels


def gray_map(chance: Float[Tensor, "h w"], size: tuple[int, int]) -> UInt8[np.ndarray, "height width 1"]:
    """Return probabilities as gray at the size of the photo, with the largest as white."""
    large = F.interpolate(chance[None, None], size, mode="bilinear")[0, 0]
    return (large * (255 / large.max().clamp_min(1e-12))).round().byte().numpy()[:, :, None]


def _distribution_model(painter: Painter) -> DistributionColorizer:
    if not isinstance(painter.model, DistributionColorizer):
        raise SettingsError(f"{painter.model.spec.name} does not predict a distribution; use another --model")
    return painter.model


def _reduced(photo: Photo) -> Photo:
    """Return the photo's lightness as an 8-bit gray photo no larger than a picture on a sheet."""
    height, width = photo.size
    scale = min(1.0, _SIDE / max(height, width))
    height, width = max(1, round(height * scale)), max(1, round(width * scale))
    luma = Lightness(photo.pixels).reduced(height, width)[0, 0]
    gray = np.empty((height, width, 3), np.uint8)
    fit_chroma_into(gray, luma, torch.zeros(2, height, width))
    return Photo(np.ascontiguousarray(gray[:, :, :1]))
