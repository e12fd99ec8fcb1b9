"""Watching a run: fixed photos coloured as it goes, and warnings when it is not learning colour."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.bins import AB_BINS, rebalancing_weights
from autochrome.color.conversion import ab_of_chroma
from autochrome.color.gamut import fit_chroma
from autochrome.color.spaces import LAB, get_space
from autochrome.data.photos import CropSettings, TrainingPhotos
from autochrome.data.sources import PhotoSource
from autochrome.engine.recipe import WatchRecipe
from autochrome.io.photo import Photo, write_photo
from autochrome.models.base import Colorizer, HasDistribution
from autochrome.types import RGB, Chroma, Luma

_AT_ONCE = 16  # photos coloured in one go


@dataclass(frozen=True)
class Look:
    """What the watched photos showed at one step."""

    psnr_gain: float
    """PSNR of the colourings above that of the gray photos, in dB."""
    chroma: float
    """Mean chroma of the colourings, in CIE units."""
    true_chroma: float
    """Mean chroma of the photos."""


class Watch:
    """Colours fixed photos with the weights that would ship.

    Args:
        source: some of its photos are watched, the same ones in every run.
        recipe: how many and how large.
    """

    def __init__(self, source: PhotoSource, recipe: WatchRecipe) -> None:
        crops = CropSettings(size=recipe.size, min_area=1.0, max_stretch=1.0, mirror=False)
        photos = TrainingPhotos([source], [1.0], crops, seed=0)
        count = min(recipe.count, len(source))
        self.truth: RGB = torch.stack([photos[i] for i in range(count)]).float() / 255

    @torch.no_grad()
    def look(self, colorizer: Colorizer, folder: Path, step: int) -> Look:
        """Colour the photos, write ``samples/<step>.png`` (gray, result, truth) and measure."""
        lightness = LAB.split(self.truth)[0]
        luma = get_space(colorizer.spec.space).split(self.truth)[0]
        ab = _colour(colorizer, luma)
        result, gray = fit_chroma(lightness, ab), fit_chroma(lightness, torch.zeros_like(ab))
        gain = (_psnr(result, self.truth) - _psnr(gray, self.truth)).mean().item()
        write_grid([gray, result, self.truth], folder / "samples" / f"{step:07d}.png")
        return Look(gain, _mean_chroma(result), _mean_chroma(self.truth))


def _colour(colorizer: Colorizer, luma: Luma) -> Chroma:
    """Colours in a and b, whatever the model's own space."""
    was_training = colorizer.training
    colorizer.eval()
    device = next(colorizer.parameters()).device
    colours = []
    for part in luma.split(_AT_ONCE):
        samples = colorizer.sample(part.to(device))
        colours.append(ab_of_chroma(part, samples.chroma[:, 0].float().cpu(), samples.space))
    colorizer.train(was_training)
    return F.interpolate(torch.cat(colours), luma.shape[2:], mode="bilinear", align_corners=False)


def _mean_chroma(rgb: RGB) -> float:
    return LAB.split(rgb)[1].norm(dim=1).mean().item()


def _psnr(result: RGB, truth: RGB) -> Float[Tensor, " b"]:
    return -10 * (result - truth).square().mean((1, 2, 3)).clamp_min(1e-10).log10()


def write_grid(columns: Sequence[RGB], path: Path, *, rows: int = 12) -> None:
    """Write pictures side by side, a row a photo, as an 8-bit PNG."""
    grid = torch.cat([column[:rows] for column in columns], dim=3)
    tall = torch.cat(list(grid), dim=1)
    pixels: UInt8[np.ndarray, "h w 3"] = (tall.permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_photo(Photo(pixels), path)


def start_warnings(colorizer: Colorizer) -> list[str]:
    """What can be seen before the first step: a rebalancing that would have no effect."""
    settings = getattr(colorizer, "loss_settings", None)
    if settings is None or settings.rebalance_mix >= 1 or not isinstance(colorizer, HasDistribution):
        return []
    weights = rebalancing_weights(colorizer.prior, mix=settings.rebalance_mix)
    if weights.max() / weights.min() > 1.5:
        return []
    return [
        "rebalancing has no effect: the colour prior is nearly flat, so every bin weighs the same; "
        "make one with 'autochrome prior' and name it in data.prior"
    ]


def step_warnings(step: int, means: Mapping[str, float], look: Look | None) -> dict[str, str]:
    """Signs that a run is not learning colour, some hundred steps in.

    Args:
        step: steps taken.
        means: mean of each logged value since the last line.
        look: the newest look at the watched photos.

    Returns:
        The text of each warning by its kind: ``uncertain``, ``gray``, ``garish``, ``gray photos``.
    """
    found = {}
    most = math.log(AB_BINS)
    if step >= 300 and means.get("entropy", 0.0) > 0.95 * most:
        found["uncertain"] = (
            f"predictions are as uncertain as at the start (entropy {means['entropy']:.2f} of at most "
            f"{most:.2f} nats): raise optimiser.lr, or check that the photos are in colour"
        )
    if look is None:
        return found
    strength = f"mean chroma {look.chroma:.1f}, the photos' is {look.true_chroma:.1f}"
    if look.true_chroma < 2:
        found["gray photos"] = (
            "the watched photos are gray: nothing can be learnt from such photos, nor seen on them"
        )
    elif step >= 1000 and look.chroma < 0.1 * look.true_chroma:
        found["gray"] = (
            f"colourings are nearly gray ({strength}): train longer; if it stays so, take gray photos out of "
            "the data, or raise optimiser.lr"
        )
    elif step >= 1000 and look.chroma > 2 * look.true_chroma:
        found["garish"] = (
            f"colourings are far too strong ({strength}): lower optimiser.lr, or rebalance less "
            "(model.options.rebalance_mix nearer to 1)"
        )
    return found
