"""What `benchmarks.cgan_comparisons` measures of a network: its samples as a person gets them.

Every picture is made by the pipeline's painter at the photo's full size, with the photo's own L*, in 8 bits:
the samples; for the classifier of ``realism`` the photo itself, whose chroma is reduced to the network's
resolution first; and as something to compare with the colors of other photos, reduced likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.conversion import ab_of_chroma, luma_of_lightness
from autochrome.color.lightness import Lightness
from autochrome.color.spaces import get_space
from autochrome.evaluation.scores import load_rgb
from autochrome.io.photo import read_photo
from autochrome.laboratory.estimates import cell, estimate_of
from autochrome.metrics.baselines import derangement
from autochrome.metrics.colorfulness import colorfulness
from autochrome.metrics.ms_ssim import SMALLEST
from autochrome.models.cgan.model import CGAN
from autochrome.models.cgan.objectives import lightness_loss
from autochrome.pipeline.painter import ColorizeSettings, Painter, Prediction
from autochrome.pipeline.picture import whole_file
from autochrome.pipeline.predict import drawing_shape
from benchmarks import realism
from benchmarks.painting import markdown
from benchmarks.sample_figures import SampleFigures, figures_of, stack
from benchmarks.sample_tables import resamples, series_intersections

CLASSIFIED = 64
"""Side in pixels of the pictures that the classifier sees: the central square, reduced."""

TOGETHER = 64
"""Photos that share the batch's statistics: the paper's m."""


class Colors(Protocol):
    """Where the colors of photos come from: a network, or other photos."""

    painter: Painter

    def __call__(self, index: int) -> Prediction:
        """Several answers to the photo of that index, ready to be painted."""
        ...


@dataclass
class OneByOne:
    """Each photo by itself, as the pipeline does it."""

    painter: Painter
    photos: Sequence[Path]
    settings: ColorizeSettings

    def __call__(self, index: int) -> Prediction:
        """The samples of a photo."""
        return self.painter.predict(read_photo(self.photos[index]), self.settings)


class Together:
    """Algorithm 2: batches of different photos, normalized by their own statistics.

    Args:
        painter: of a CGAN.
        photos: of one size.
        settings: how many samples; the first batch has the seed, the next one's is 1 more.

    Raises:
        ValueError: the photos have several sizes, there is one alone, or the painter's model is another.
    """

    def __init__(self, painter: Painter, photos: Sequence[Path], settings: ColorizeSettings) -> None:
        if not isinstance(painter.model, CGAN):
            raise ValueError(f"{painter.model.spec.name} takes no statistics of a batch: leave --statistics")
        self.painter, self.photos, self.settings = painter, photos, settings
        self.batches = np.array_split(np.arange(len(photos)), -(-len(photos) // TOGETHER))
        self.done: tuple[int, list[Prediction]] = (-1, [])

    def __call__(self, index: int) -> Prediction:
        """The samples of a photo; those of the others of its batch are kept for the next calls."""
        number = next(i for i, batch in enumerate(self.batches) if index in batch)
        if self.done[0] != number:
            self.done = number, self._draw(number)
        return self.done[1][index - self.batches[number][0]]

    @torch.inference_mode()
    def _draw(self, number: int) -> list[Prediction]:
        model, settings = self.painter.model, self.settings
        assert isinstance(model, CGAN)
        photos = [true_colors(self.painter, self.photos[i]) for i in self.batches[number]]
        if len({photo.luma.shape for photo in photos}) > 1:
            raise ValueError("photos of several sizes make no batch: leave --statistics as it is")
        luma = luma_of_lightness(torch.cat([photo.luma for photo in photos]), model.spec.space)
        generator = torch.Generator().manual_seed(settings.seed + number)
        drawn = model.sample(luma, n=settings.samples, generator=generator, statistics="batch")
        return [
            replace(photo, answer=ab_of_chroma(own.expand(len(chroma), -1, -1, -1), chroma, drawn.space))
            for photo, own, chroma in zip(photos, luma.split(1), drawn.chroma, strict=True)
        ]


class OfOthers:
    """The true colors of other photos: as varied as can be, and none of them fitting.

    Args:
        painter: of the model whose resolution the colors are reduced to.
        photos: two at least.
        settings: how many answers, and the seed that chooses whose colors they are.
    """

    def __init__(self, painter: Painter, photos: Sequence[Path], settings: ColorizeSettings) -> None:
        self.painter, self.photos = painter, photos
        seeds = range(settings.seed, settings.seed + settings.samples)
        self.donors = [derangement(len(photos), seed) for seed in seeds]
        self.answers = [true_colors(painter, path).answer for path in photos]

    def __call__(self, index: int) -> Prediction:
        """The photo with the colors of others."""
        size = self.answers[index].shape[2:]
        given = [self.answers[donors[index]] for donors in self.donors]
        fitted = [F.interpolate(ab, size, mode="bilinear", antialias=True) for ab in given]
        return replace(true_colors(self.painter, self.photos[index]), answer=torch.cat(fitted))


@torch.inference_mode()
def true_colors(painter: Painter, path: Path, shape: tuple[int, int] | None = None) -> Prediction:
    """What a model would answer to a photo if it knew, reduced and converted as a model's answer is.

    Args:
        painter: of a model that draws.
        path: the photo.
        shape: height and width of the answer; that of the luma that the model sees if None.
    """
    spec, photo = painter.model.spec, read_photo(path)
    lightness = Lightness(photo.pixels)
    size = drawing_shape(lightness.size, spec.working_size, spec.multiple_of)
    luma = lightness.reduced(*size)
    reduced = F.interpolate(load_rgb(path), shape or size, mode="bilinear", antialias=True)
    chroma = get_space(spec.space).split(reduced)[1]
    answer = ab_of_chroma(luma_of_lightness(luma, spec.space), chroma, spec.space)
    whole = whole_file(photo)
    return Prediction(photo, lightness, whole.extent, luma, whole.tones, answer, spec.working_size, ())


def painted(painter: Painter, prediction: Prediction) -> UInt8[Tensor, "n 3 h w"]:
    """All answers of a prediction, at the photo's full size."""
    pictures = [np.array(each.pixels) for each in painter.paint_all(replace(prediction, draws=()))]
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Compared(SampleFigures):
    """Figures of the samples of photos, one row a photo.

    Attributes:
        colorfulness: Hasler and Suesstrunk's, with signed opponents.
        colorfulness_truth: likewise, of the photos.
        error: share of the wrong verdicts of classifiers (``realism.error_by_photo``).
    """

    colorfulness: Float[Tensor, "photos n"]
    colorfulness_truth: Float[Tensor, "photos 1"]
    error: Float[Tensor, "photos 1"]


def measure(
    colors: Colors, photos: Sequence[Path], progress: Callable[[int], None] = lambda done: None
) -> Compared:
    """Paint every photo in all its answers, and measure; MS-SSIM where all photos have 176 pixels.

    Args:
        colors: of these photos.
        photos: color photos of 8 bits.
        progress: called with how many photos are painted.
    """
    rows: list[dict[str, Tensor]] = []
    real, generated = [], []
    for index, path in enumerate(photos):
        prediction = colors(index)
        shape = (prediction.answer.shape[2], prediction.answer.shape[3])
        pictures = painted(colors.painter, prediction)
        truth, rgb = load_rgb(path), pictures.float() / 255
        figures = figures_of(rgb, truth, structure=min(truth.shape[2:]) >= SMALLEST)
        figures["colorfulness"] = colorfulness(rgb)
        figures["colorfulness_truth"] = colorfulness(truth)
        rows.append(figures)
        real.append(_reduced(painted(colors.painter, true_colors(colors.painter, path, shape)))[0])
        generated.append(_reduced(pictures))
        progress(len(rows))
    if not all(len(row["ms_ssim"]) for row in rows):
        for row in rows:
            row["ms_ssim"] = torch.empty(0, 3)
    errors = realism.error_by_photo(torch.stack(real), torch.stack(generated))
    for row, error in zip(rows, errors, strict=True):
        row["error"] = error[None]
    return stack(Compared, rows)


@torch.inference_mode()
def luma_error(model: CGAN, photos: Sequence[Path], seed: int) -> float:
    """How far the luma of a network's own RGB is from the photos', mean over pixels on a scale of 255.

    The pipeline does not show it, since it paints with the photo's L*; equation 4 punishes it.
    """
    painter, generator = Painter(model, device="cpu"), torch.Generator().manual_seed(seed)
    errors = []
    for path in photos:
        luma = luma_of_lightness(true_colors(painter, path).luma, model.spec.space)
        z = model.generator.draw_noise(1, generator)
        errors.append(lightness_loss(luma, model.generator(model.generator.encode(luma), z)))
    return 127.5 * float(torch.stack(errors).mean())


def _reduced(rgb: UInt8[Tensor, "n 3 h w"]) -> UInt8[Tensor, "n 3 side side"]:
    """The central square as the classifier sees it."""
    side = min(rgb.shape[2:])
    top, left = ((length - side) // 2 for length in rgb.shape[2:])
    square = rgb[:, :, top : top + side, left : left + side].float()
    small = F.interpolate(square, (CLASSIFIED, CLASSIFIED), mode="bilinear", antialias=True)
    return small.clamp(0, 255).round().byte()


# Tables -------------------------------------------------------------------------------------------

Rows = Float[Tensor, " rows"]
"""A figure of the set of photos and of each of its resamples."""


def rows_of(found: Compared) -> dict[str, tuple[Rows, int]]:
    """Every figure of the table, and its digits."""
    photos = len(found.error)
    counts = resamples(photos)

    def mean(values: Float[Tensor, "photos *k"]) -> Rows:
        return counts @ values.flatten(1).mean(1) / photos

    rows = {}
    if found.delta_e.shape[1]:
        rows["spread of the samples in ab, CIE units"] = mean(found.spread), 2
        if found.ms_ssim.shape[1]:
            rows["color MS-SSIM of pairs of samples"] = mean(found.ms_ssim), 3
        rows["CIEDE2000 of pairs of samples"] = mean(found.delta_e), 2
    series = series_intersections(found).mean(0)
    colorful, truth = mean(found.colorfulness), mean(found.colorfulness_truth)
    return {
        **rows,
        "histogram intersection, a": (series[:, 0], 3),
        "histogram intersection, b": (series[:, 1], 3),
        "colorfulness delta": ((colorful - truth).abs(), 1),
        "colorfulness, share of the photos'": (colorful / truth, 2),
        "error of a fresh classifier, %": (100 * mean(found.error), 1),
    }


def comparison_table(
    systems: Mapping[str, Compared], facts: Mapping[str, Mapping[str, str]], pair: tuple[str, str] | None
) -> str:
    """A column for each system, and one for the difference of two on the same resamples.

    Args:
        systems: their figures, by the column's title.
        facts: more rows, such as how a network was trained: by title what each system has.
        pair: titles of two systems; the second less the first.
    """
    found = {title: rows_of(each) for title, each in systems.items()}
    head = ["", *systems, *([f"{pair[1]} - {pair[0]}"] if pair else [])]
    rows = [
        [title, *(fact.get(system, "") for system in systems), *([""] if pair else [])]
        for title, fact in facts.items()
    ]
    for name, (_, digits) in next(iter(found.values())).items():
        line = [name, *(cell(estimate_of(each[name][0]), digits) for each in found.values())]
        if pair:
            first, second = (found[title][name][0] for title in pair)
            line.append(cell(estimate_of(second - first), digits, sign="+"))
        rows.append(line)
    return markdown(head, rows)
