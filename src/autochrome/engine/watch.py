"""Watching a run: fixed photos coloured as it goes, and warnings when it is not learning colour."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.bins import AB_BINS, rebalancing_weights
from autochrome.color.gamut import fit_chroma
from autochrome.color.spaces import LAB
from autochrome.data.photos import CropSettings, TrainingPhotos
from autochrome.data.sources import PhotoSource
from autochrome.engine.recipe import WatchRecipe
from autochrome.io.photo import Photo, write_photo
from autochrome.models.base import Colorizer, HasDistribution


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
    """Colours fixed photos with the weights that would ship."""

    def __init__(self, source: PhotoSource, recipe: WatchRecipe) -> None:
        crops = CropSettings(size=recipe.size, min_area=1.0, max_stretch=1.0, mirror=False)
        photos = TrainingPhotos([source], [1.0], crops, seed=0)
        count = min(recipe.count, len(source))
        rgb = torch.stack([photos[i] for i in range(count)]).float() / 255
        self.truth: Float[Tensor, "b 3 h w"] = rgb
        self.luma, self.chroma = LAB.split(rgb)

    @torch.inference_mode()
    def look(self, colorizer: Colorizer, folder: Path, step: int) -> Look:
        """Colour the photos, write ``samples/<step>.png`` (gray, result, truth) and measure."""
        was_training = colorizer.training
        colorizer.eval()
        device = next(colorizer.parameters()).device
        colours = [colorizer.sample(luma.to(device)).chroma[:, 0].cpu() for luma in self.luma.split(16)]
        colorizer.train(was_training)
        size = self.luma.shape[2:]
        chroma = F.interpolate(torch.cat(colours).float(), size, mode="bilinear", align_corners=False)
        result = fit_chroma(self.luma, chroma)
        gray = fit_chroma(self.luma, torch.zeros_like(chroma))
        gain = (_psnr(result, self.truth) - _psnr(gray, self.truth)).mean().item()
        write_grid([gray, result, self.truth], folder / "samples" / f"{step:07d}.png")
        return Look(gain, chroma.norm(dim=1).mean().item(), self.chroma.norm(dim=1).mean().item())


def _psnr(result: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " b"]:
    return -10 * (result - truth).square().mean((1, 2, 3)).clamp_min(1e-10).log10()


def write_grid(columns: list[Float[Tensor, "b 3 h w"]], path: Path, *, rows: int = 12) -> None:
    """Write pictures side by side, a row a photo, as an 8-bit PNG."""
    grid = torch.cat([column[:rows] for column in columns], dim=3)
    tall = torch.cat(list(grid), dim=1)
    pixels: UInt8[np.ndarray, "h w 3"] = (tall.permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    photo = Photo(pixels=pixels)
    write_photo(pixels, path, like=photo)


def start_warnings(colorizer: Colorizer) -> list[str]:
    """What can be seen before the first step: a rebalancing that would have no effect."""
    settings = getattr(colorizer, "loss_settings", None)
    if settings is None or settings.rebalance_mix >= 1 or not isinstance(colorizer, HasDistribution):
        return []
    weights = rebalancing_weights(colorizer.prior, mix=settings.rebalance_mix)
    if weights.max() / weights.min() > 1.5:
        return []
    return [
        "rebalancing has no effect: the colour prior is flat, so every bin weighs the same; "
        "make one with 'autochrome prior' and name it in data.prior"
    ]


def step_warnings(step: int, means: Mapping[str, float], look: Look | None) -> list[str]:
    """Signs that a run is not learning colour, some hundred steps in.

    Args:
        step: steps taken.
        means: mean of each logged value since the last line.
        look: the newest look at the watched photos.
    """
    found = []
    if step >= 300 and means.get("entropy", 0.0) > 0.95 * math.log(AB_BINS):
        found.append(
            f"predictions are as uncertain as at the start (entropy {means['entropy']:.2f} of at most "
            f"{math.log(AB_BINS):.2f} nats): raise the learning rate, or check that the photos are in colour"
        )
    if step >= 1000 and look is not None and look.chroma < 0.1 * look.true_chroma:
        found.append(
            f"colourings are nearly gray (mean chroma {look.chroma:.1f}, the photos' is {look.true_chroma:.1f}): "
            "train longer; if it stays, check the data for gray photos"
        )
    if look is not None and look.true_chroma < 2:
        found.append("the watched photos themselves are gray: nothing can be learnt from such photos")
    return found
