"""Validation: fixed photos colored by the weights that would ship, a grid of them, and metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.conversion import ab_of_chroma
from autochrome.color.gamut import fit_chroma
from autochrome.color.spaces import LAB, get_space
from autochrome.data.photos import CropSettings, TrainingPhotos
from autochrome.data.sources import PhotoSource
from autochrome.engine.recipe import ValidationRecipe
from autochrome.io.photo import Photo, write_photo
from autochrome.metrics.colorfulness import colorfulness
from autochrome.metrics.diversity import ab_spread
from autochrome.metrics.pixel import psnr
from autochrome.models.base import Batch, Colorizer
from autochrome.types import RGB, Chroma, Luma

_AT_ONCE = 16  # colorings in a batch

_SAMPLES = 4
"""Drawn of each photo by a model that draws. With fewer, the grid would not show what choice there is, and
the diversity, a standard deviation, would come out low. A PixColor takes three times as long as for one."""

_SEED = 0  # of the samples, the same at every step, so that steps compare


@dataclass(frozen=True)
class ValidationMetrics:
    """Metrics of the validation photos at one step; of a model that draws, means over its samples."""

    psnr_gain: float
    """PSNR of the colorings above that of the gray photos, in dB."""
    chroma: float
    """Mean chroma of the colorings, in CIE units."""
    true_chroma: float
    """Mean chroma of the photos."""
    colorfulness: float
    """Mean colorfulness of the colorings after Hasler and Suesstrunk (signed), of 8-bit size."""
    true_colorfulness: float
    """Mean colorfulness of the photos."""
    diversity: float | None = None
    """How far the samples of a photo lie apart (`ab_spread`), mean over photos in CIE units; of models that
    draw."""
    loss: float | None = None
    """Loss of the undegraded photos: the validation loss if they are held out. None for models that learn
    against a discriminator."""
    held_out: bool = False
    """Whether the photos are not trained on. Of training photos the metrics tell nothing about others."""


class Validator:
    """Evaluates a colorizer on fixed photos.

    Args:
        source: its first photos are taken, the same ones in every run.
        recipe: how many and how large.
        held_out: whether these photos are not trained on.
    """

    def __init__(self, source: PhotoSource, recipe: ValidationRecipe, *, held_out: bool = True) -> None:
        self.held_out = held_out
        crops = CropSettings(size=recipe.size, min_area=1.0, max_stretch=1.0, mirror=False)
        photos = TrainingPhotos([source], [1.0], crops, seed=0)
        count = min(recipe.count, len(source))
        self.truth: RGB = torch.stack([photos[i] for i in range(count)]).float() / 255

    @torch.no_grad()
    def evaluate(self, colorizer: Colorizer, folder: Path, step: int) -> ValidationMetrics:
        """Color the photos, write ``samples/<step>.png`` and measure.

        A model that draws makes four samples of each photo, always with the same seed. The grid shows gray,
        the result (the samples) and the truth. The model and the global random numbers are left as they were.
        """
        n = _SAMPLES if colorizer.spec.kind == "samples" else 1
        lightness = LAB.split(self.truth)[0]
        luma = get_space(colorizer.spec.space).split(self.truth)[0]
        was_training = colorizer.training
        colorizer.eval()
        colors, loss = _color(colorizer, luma, n), _mean_loss(colorizer, self.truth)
        colorizer.train(was_training)
        result = fit_chroma(lightness.repeat_interleave(n, 0), colors)
        gray = fit_chroma(lightness, torch.zeros_like(self.truth[:, 1:]))
        samples = result.unflatten(0, (-1, n))
        write_grid([gray, *samples.unbind(1), self.truth], folder / "samples" / f"{step:07d}.png")
        ab = LAB.split(result)[1]
        of_result = psnr(result, self.truth.repeat_interleave(n, 0))
        of_gray = psnr(gray, self.truth)
        return ValidationMetrics(
            # Infinite of gray photos.
            psnr_gain=(of_result.clamp(max=100).mean() - of_gray.clamp(max=100).mean()).item(),
            chroma=_mean_chroma(ab),
            true_chroma=_mean_chroma(LAB.split(self.truth)[1]),
            colorfulness=colorfulness(result).mean().item(),
            true_colorfulness=colorfulness(self.truth).mean().item(),
            diversity=_diversity(ab.unflatten(0, (-1, n))) if colorizer.spec.kind == "samples" else None,
            loss=loss,
            held_out=self.held_out,
        )


def _color(colorizer: Colorizer, luma: Luma, n: int) -> Float[Tensor, "samples 2 h w"]:
    """Return colors in a and b, whatever the model's own space: n samples of a photo, n of the next, ..."""
    device = next(colorizer.parameters()).device
    generator = torch.Generator().manual_seed(_SEED)
    colors = []
    for part in luma.split(_AT_ONCE // n):
        samples = colorizer.sample(part.to(device), n=n, generator=generator)
        chroma = samples.chroma.flatten(0, 1).float().cpu()
        colors.append(ab_of_chroma(part.repeat_interleave(n, 0), chroma, samples.space))
    return F.interpolate(torch.cat(colors), luma.shape[2:], mode="bilinear", align_corners=False)


def _mean_loss(colorizer: Colorizer, truth: RGB) -> float | None:
    """Return the photos' mean loss, always with the same random numbers."""
    if colorizer.adversarial:
        return None
    space, device = get_space(colorizer.spec.space), next(colorizer.parameters()).device
    total = 0.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        for part in truth.split(_AT_ONCE):
            part = part.to(device)
            losses = colorizer.training_losses(Batch(*space.split(part), part))
            total += losses["loss"].item() * len(part)
    return total / len(truth)


def _mean_chroma(ab: Chroma) -> float:
    return ab.norm(dim=1).mean().item()


def _diversity(ab: Float[Tensor, "b n 2 h w"]) -> float:
    return torch.stack([ab_spread(samples) for samples in ab]).mean().item()


def write_grid(columns: Sequence[RGB], path: Path, *, rows: int = 12) -> None:
    """Write pictures side by side, a row a photo, as an 8-bit PNG."""
    grid = torch.cat([column[:rows] for column in columns], dim=3)
    tall = torch.cat(list(grid), dim=1)
    pixels: UInt8[np.ndarray, "h w 3"] = (tall.permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_photo(Photo(pixels), path)
