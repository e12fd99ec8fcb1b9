"""What `benchmarks.pixcolor_table` measures of PixColor's samples, photo by photo.

Four versions of a photo share one path and differ in two things: whether low-resolution chroma is a sample
or the truth's own, and whether it is refined or enlarged bilinearly. In each the chroma is brought to the
photo's size bilinearly, joined with the photo's own Y and rounded to 8 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.spaces import YCBCR
from autochrome.evaluation.scores import load_rgb
from autochrome.io.photo import Photo, write_photo
from autochrome.models.pixcolor.model import PixColor
from autochrome.pipeline.predict import drawing_shape
from autochrome.report.diversity_sheet import Examples
from benchmarks.sample_figures import SampleFigures, figures_of, stack

CELLS = ("sample unrefined", "sample refined", "truth unrefined", "truth refined")
"""The paper's ablation (table 1): the names of its four folders of pictures."""

BATCH = 8  # photos that are sampled together


@dataclass(frozen=True)
class Measured(SampleFigures):
    """Figures of the photos, one row each; all of refined samples.

    Attributes:
        log_prob: of the samples in nats.
        log_prob_truth: of the true chroma of the photo's grid, in nats.
        dimensions: how many numbers that chroma has.
        rank: what the learned ranker gives the samples; without columns if the model has none.
        rank_truth: what it gives the true chroma, which it sees in bins like a sample.
    """

    log_prob: Float[Tensor, "photos n"]
    log_prob_truth: Float[Tensor, "photos 1"]
    dimensions: Float[Tensor, "photos 1"]
    rank: Float[Tensor, "photos r"]
    rank_truth: Float[Tensor, "photos t"]


@dataclass(frozen=True)
class _Drawn:
    """A batch: what the model was given and what it drew."""

    rgb: Float[Tensor, "b 3 h w"]
    luma: Float[Tensor, "b 1 h2 w2"]
    low: Float[Tensor, "b n 2 h8 w8"]
    low_truth: Float[Tensor, "b 2 h8 w8"]
    log_prob: Float[Tensor, "b n"]


@torch.inference_mode()
def measure(
    model: PixColor,
    photos: Sequence[Path],
    results: Path,
    *,
    samples: int,
    seed: int,
    temperature: float | None = None,
    guidance: float | None = None,
    examples: Examples | None = None,
    progress: Callable[[int], None] | None = None,
) -> Measured:
    """Draw samples of every photo, write the four cells of the ablation as PNG, and measure.

    Args:
        model: with its weights.
        photos: color photos; for MS-SSIM, of 176 pixels at least.
        results: gets a folder for each of `CELLS`.
        samples: of each photo. The first is the one that is written.
        seed: of the first batch; each batch has one of its own, so that photos do not share their noise.
        temperature: of the draws; the model's own if None.
        guidance: likewise.
        examples: is offered the pairs of samples.
        progress: called with how many photos are done.
    """
    for cell in CELLS:
        (results / cell).mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Tensor]] = []
    for index, (paths, rgb) in enumerate(_batches(photos)):
        how = {"temperature": temperature, "guidance": guidance}
        drawn = _draw(model, rgb, samples, seed + index, how)
        for k, path in enumerate(paths):
            pictures = _pictures(model, drawn, k)
            for cell, picture in zip(CELLS, pictures, strict=True):
                _save(picture[0], results / cell / f"{path.stem}.png")
            rows.append(figures_of(pictures[1], rgb[k : k + 1], examples))
        for row, more in zip(rows[-len(paths) :], _judge(model, drawn), strict=True):
            row.update(more)
        if progress:
            progress(len(rows))
    return stack(Measured, rows)


def _batches(photos: Sequence[Path]) -> Iterator[tuple[list[Path], Float[Tensor, "b 3 h w"]]]:
    """Photos that follow each other and have one size."""
    paths: list[Path] = []
    held: list[Tensor] = []
    for path in photos:
        rgb = load_rgb(path)
        if held and (len(held) == BATCH or held[0].shape != rgb.shape):
            yield paths, torch.cat(held)
            paths, held = [], []
        paths.append(path)
        held.append(rgb)
    if held:
        yield paths, torch.cat(held)


def _draw(
    model: PixColor, rgb: Float[Tensor, "b 3 h w"], samples: int, seed: int, how: dict[str, float | None]
) -> _Drawn:
    spec = model.spec
    height, width = rgb.shape[2:]
    shape = drawing_shape((height, width), spec.working_size, spec.multiple_of)
    luma, chroma = (_resize(planes, shape) for planes in YCBCR.split(rgb))
    generator = torch.Generator().manual_seed(seed)
    drawn = model.sample(luma, n=samples, generator=generator, refine=False, **how)
    assert drawn.log_prob is not None
    return _Drawn(rgb, luma, drawn.chroma, model.reduce(chroma), drawn.log_prob)


def _pictures(model: PixColor, drawn: _Drawn, k: int) -> list[Float[Tensor, "_ 3 h w"]]:
    """The four cells of one photo; all of its samples, refined, in the second."""
    luma, _ = YCBCR.split(drawn.rgb[k : k + 1])
    shape = (luma.shape[2], luma.shape[3])

    def picture(chroma: Float[Tensor, "m 2 h2 w2"]) -> Float[Tensor, "m 3 h w"]:
        full = _resize(chroma, shape)
        return (YCBCR.merge(luma.expand(len(full), -1, -1, -1), full).clamp(0, 1) * 255).round() / 255

    def photo(count: int) -> Float[Tensor, "m 1 h2 w2"]:
        return drawn.luma[k : k + 1].expand(count, -1, -1, -1)

    low, truth = drawn.low[k], drawn.low_truth[k : k + 1]
    refined = model.refine_draw(photo(len(low)), low)
    # What refinement is given: the draw, made continuous.
    coarse = model.continuous(low[:1])
    return [picture(coarse), picture(refined), picture(truth), picture(model.refine(photo(1), truth))]


def _resize(planes: Float[Tensor, "b c h w"], shape: tuple[int, int]) -> Float[Tensor, "b c h2 w2"]:
    return F.interpolate(planes, shape, mode="bilinear", align_corners=False, antialias=True)


def _save(rgb: Float[Tensor, "3 h w"], path: Path) -> None:
    pixels = (rgb * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    write_photo(Photo(pixels), path)


def _judge(model: PixColor, drawn: _Drawn) -> list[dict[str, Tensor]]:
    """What the model thinks of its samples and of the truth."""
    log_prob_truth = model.log_prob(drawn.luma, drawn.low_truth)
    batch = len(log_prob_truth)
    rank, rank_truth = torch.empty(batch, 0), torch.empty(batch, 0)
    if model.ranker is not None:
        scores = model.rank(drawn.luma, torch.cat([drawn.low, drawn.low_truth[:, None]], dim=1))
        rank, rank_truth = scores[:, :-1], scores[:, -1:]
    dimensions = torch.tensor([float(drawn.low_truth[0].numel())])
    return [
        {
            "log_prob": drawn.log_prob[k],
            "log_prob_truth": log_prob_truth[k : k + 1],
            "dimensions": dimensions,
            "rank": rank[k],
            "rank_truth": rank_truth[k],
        }
        for k in range(batch)
    ]
