"""What `benchmarks.cgan_table` measures of a model's samples as a person gets them, photo by photo."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.color.gamut import fit_chroma
from autochrome.color.spaces import LAB, YCBCR
from autochrome.data.photos import decode_rgb
from autochrome.data.sources import PhotoSource
from autochrome.io.photo import Photo
from autochrome.metrics.baselines import gray
from autochrome.metrics.colorfulness import colorfulness
from autochrome.metrics.diversity import sample_errors
from autochrome.metrics.ms_ssim import SMALLEST
from autochrome.pipeline.painter import ColorizeSettings, Painter
from benchmarks.sample_figures import SampleFigures, figures_of, pair_channels, stack

SCORES = ("psnr", "auc", "ciede2000")

SINGLE_ANSWERS = {
    "default": ColorizeSettings(),
    "most accurate": ColorizeSettings(vibrance=0.0, temperature=0.6, fuse="full"),
}

Errors = Mapping[str, Float[Tensor, " photos"]]
"""`SCORES` of one answer to every photo."""


@dataclass(frozen=True)
class Painted(SampleFigures):
    """Figures of the samples of photos, one row a photo; chroma and colorfulness of the photos beside.

    Attributes:
        ms_ssim_chroma: of the pairs of samples, mean over Cb and Cr alone; no pairs if ``ms_ssim`` has none.
        colorfulness: Hasler and Suesstrunk's, with signed opponents.
        colorfulness_truth: likewise.
        chroma: C*ab, sum over pixels.
        chroma_truth: likewise.
        pixels: how many the photo has.
        mean_errors: `SCORES` of the samples' mean a* and b*, painted with the photo's L*.
    """

    ms_ssim_chroma: Float[Tensor, "photos pairs"]
    colorfulness: Float[Tensor, "photos n"]
    colorfulness_truth: Float[Tensor, "photos 1"]
    chroma: Float[Tensor, "photos n"]
    chroma_truth: Float[Tensor, "photos 1"]
    pixels: Float[Tensor, "photos 1"]
    mean_errors: Float[Tensor, "photos 3"]

    def first(self, count: int) -> Painted:
        """Those of the first photos."""
        return Painted(**{f.name: getattr(self, f.name)[:count] for f in fields(self)})


@torch.inference_mode()
def measure(
    painter: Painter,
    source: PhotoSource,
    count: int,
    settings: ColorizeSettings,
    *,
    structure: bool = True,
    progress: Callable[[int], None] = lambda done: None,
) -> Painted:
    """Paint the first photos of a source and measure.

    Args:
        painter: of a model that gives several answers.
        source: color photos.
        count: how many.
        settings: ``samples`` and how they are drawn.
        structure: whether to compare pairs by MS-SSIM. It is left out in any case where a photo has a side
            below 176 pixels.
        progress: called with how many photos are done.
    """
    rows: list[dict[str, Tensor]] = []
    for photo in _photos(source, count):
        samples = torch.cat([as_rgb(painted) for painted in painter.colorize(photo, settings)])
        rows.append(_figures(samples, as_rgb(photo), structure=structure and min(photo.size) >= SMALLEST))
        progress(len(rows))
    if not all(len(row["ms_ssim"]) for row in rows):
        for row in rows:
            row["ms_ssim"], row["ms_ssim_chroma"] = torch.empty(0, 3), torch.empty(0)
    return stack(Painted, rows)


@torch.inference_mode()
def measure_rivals(model: str, source: PhotoSource, count: int) -> dict[str, Errors]:
    """The errors of a model of one answer, in `SINGLE_ANSWERS`, and of the photos without color."""
    painter = Painter(model, device="cpu")
    rows = []
    for photo in _photos(source, count):
        truth = as_rgb(photo)
        answers = [as_rgb(painter.colorize(photo, how)[0]) for how in SINGLE_ANSWERS.values()]
        rows.append(sample_errors(torch.cat([*answers, gray(truth)]), truth))
    names = [*(f"{painter.model.spec.name}, {how}" for how in SINGLE_ANSWERS), "gray"]
    table = {key: torch.stack([row[key] for row in rows]).double() for key in SCORES}
    return {name: {key: table[key][:, k] for key in SCORES} for k, name in enumerate(names)}


def as_rgb(photo: Photo) -> Float[Tensor, "1 3 h w"]:
    """An 8-bit photo as sRGB in [0, 1]."""
    return torch.from_numpy(photo.pixels).permute(2, 0, 1)[None].float() / 255


def _photos(source: PhotoSource, count: int) -> Iterator[Photo]:
    for index in range(count):
        yield Photo(np.ascontiguousarray(decode_rgb(source.read(index), name=source.key(index))))


def _figures(
    samples: Float[Tensor, "n 3 h w"], truth: Float[Tensor, "1 3 h w"], *, structure: bool
) -> dict[str, Tensor]:
    light, ab = LAB.split(truth)
    drawn = LAB.split(samples)[1]
    mean = (fit_chroma(light, drawn.mean(0, keepdim=True)) * 255).round() / 255
    errors = sample_errors(mean, truth)
    pairs = structure and len(samples) > 1
    return {
        **figures_of(samples, truth, structure=structure),
        "ms_ssim_chroma": pair_channels(YCBCR.split(samples)[1]).mean(1) if pairs else torch.empty(0),
        "colorfulness": colorfulness(samples),
        "colorfulness_truth": colorfulness(truth),
        "chroma": _total_chroma(drawn),
        "chroma_truth": _total_chroma(ab),
        "pixels": torch.tensor([float(light.numel())]),
        "mean_errors": torch.cat([errors[key] for key in SCORES]),
    }


def _total_chroma(ab: Float[Tensor, "n 2 h w"]) -> Float[Tensor, " n"]:
    return ab.double().square().sum(1).sqrt().sum((1, 2))
