"""Train the classifier that judges colorizations, and test it.

    python -m benchmarks.classifier train DATA/train-64px -o classifier.safetensors
    python -m benchmarks.classifier test DATA/train-64px [--colored 500] [--weights FILE]

The first makes the weights that ship (`TrainSettings` holds every number; one core, 70 minutes). While it
runs it leaves the averaged weights so far beside the file (``NAME.partial.safetensors``). The second prints
top-1 and top-5 on held-out photos, which were never trained on: the true ones, gray ones, those in another
photo's colors, and the colorizations of the shipped models. Those colorizers did learn from these photos.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int, UInt8
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F

from autochrome.data.photos import CropSettings, random_crop
from autochrome.data.sources import PhotoSource, open_source
from autochrome.engine.ema import WeightAverage
from autochrome.errors import DataError
from autochrome.evaluation.classifier.classes import CLASS_NAMES
from autochrome.evaluation.classifier.interpretability import Interpretation, Understood, interpret
from autochrome.evaluation.classifier.judge import Judge
from autochrome.evaluation.classifier.labeled import LabeledPhoto, held_out, labeled_numbers, read_labeled
from autochrome.evaluation.classifier.network import WEIGHTS, Classifier, ClassifierSettings, load_classifier
from autochrome.evaluation.classifier.split import SplitPart
from autochrome.evaluation.probe.fitting import FitSettings, fit
from autochrome.evaluation.probe.photos import as_tensor
from autochrome.evaluation.scores import Estimate
from autochrome.io.photo import Photo
from autochrome.metrics.baselines import derangement, random_colors
from autochrome.pipeline.painter import Painter
from autochrome.types import RGB

MODELS = ("cic", "lrac", "pixcolor", "cgan")
"""What is tested, in its own default settings."""


@dataclass(frozen=True)
class TrainSettings:
    """What the shipped weights were trained with."""

    network: ClassifierSettings = field(default_factory=ClassifierSettings)
    fit: FitSettings = field(
        default_factory=lambda: FitSettings(
            steps=9200, batch_size=128, lr=2e-3, weight_decay=0.05, warmup=0.04, clip=5.0
        )
    )
    sizes: tuple[tuple[float, int], ...] = ((0.4, 40), (0.75, 48), (1.0, 56))
    """Side of the crops until a share of the steps is over: small ones first, as they cost less. The last
    ones are smaller than the 64 px of the pictures to judge, as a crop shows things larger."""
    min_area: float = 0.3
    """Smallest share of the photo that a crop covers."""
    max_stretch: float = 1.15
    """How far a crop is stretched."""
    smoothing: float = 0.1
    """Of the labels."""
    average: float = 0.998
    """Decay of the averaged weights, which are the ones kept."""
    report_every: int = 50
    save_every: int = 400
    """Steps."""

    def crops(self, step: int) -> CropSettings:
        """How to crop at a step, from 0."""
        done = step / self.fit.steps
        size = next(size for until, size in self.sizes if done < until)
        return CropSettings(size=size, min_area=self.min_area, max_stretch=self.max_stretch)


@dataclass(frozen=True)
class Photos:
    """Labeled photos in memory."""

    rgb: UInt8[Tensor, "n 3 s s"]
    labels: Int[Tensor, " n"]


def read_part(source: PhotoSource, part: SplitPart) -> Photos:
    """Every photo of a part of the split; labels count `CLASS_NAMES`.

    Raises:
        DataError: there is none, it cannot be read, or it is of another class.
    """
    number_of = {wordnet_id: number for number, wordnet_id in enumerate(CLASS_NAMES)}
    photos = [read_labeled(source, number) for number in labeled_numbers(source, part)]
    if not photos:
        raise DataError(f"no labeled photo is in the {part} part: give the folder of the 64 px shards")
    if strange := {photo.wordnet_id for photo in photos} - set(number_of):
        raise DataError(f"{min(strange)} is none of the classifier's classes: give the 64 px shards")
    pixels = np.stack([photo.rgb for photo in photos]).transpose(0, 3, 1, 2)
    labels = torch.tensor([number_of[photo.wordnet_id] for photo in photos])
    return Photos(torch.from_numpy(np.ascontiguousarray(pixels)), labels)


def train(
    photos: Photos,
    validation: Photos,
    settings: TrainSettings,
    save: Callable[[Classifier], None] = lambda model: None,
) -> Classifier:
    """Train from nothing, and give the averaged weights.

    Args:
        photos: to train on.
        validation: to report on.
        settings: all numbers.
        save: called every ``save_every`` steps with the averaged weights.
    """
    torch.manual_seed(settings.fit.seed)
    model = Classifier(settings.network)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = WeightAverage(model, settings.average)
    rng = np.random.default_rng(settings.fit.seed)
    losses: list[float] = []
    started, done = time.monotonic(), 0

    def loss(chosen: Int[Tensor, " b"]) -> Tensor:
        crops = settings.crops(done)
        batch = torch.stack([random_crop(photos.rgb[number], crops, rng) for number in chosen.tolist()])
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(batch.float() / 255)
        value = F.cross_entropy(logits.float(), photos.labels[chosen], label_smoothing=settings.smoothing)
        losses.append(value.item())
        return value

    def after(step: int) -> None:
        nonlocal done
        done = step
        average.update(model)
        if step % settings.report_every == 0:
            minutes = (time.monotonic() - started) / 60
            print(
                f"step {step}/{settings.fit.steps}  loss {np.mean(losses):.3f}  {minutes:.1f} min", flush=True
            )
            losses.clear()
        if step % settings.save_every == 0:
            with average.applied_to(model):
                print(f"step {step}  validation {_percent(accuracy(model, validation))}", flush=True)
                save(model)

    fit(model, loss, len(photos.rgb), settings.fit, after=after)
    model.load_state_dict(average.average)
    return model.eval()


@torch.inference_mode()
def accuracy(model: Classifier, photos: Photos) -> tuple[float, float]:
    """Top-1 and top-5 accuracy in [0, 1]."""
    model.eval()
    count = min(5, model.settings.classes)
    hits = [
        model(rgb.float() / 255).topk(count).indices == labels[:, None]
        for rgb, labels in zip(photos.rgb.split(256), photos.labels.split(256), strict=True)
    ]
    found = torch.cat(hits).float()
    return float(found[:, 0].mean()), float(found.sum(1).mean())


def save_classifier(model: Classifier, path: Path) -> None:
    """Write parameters in half precision and running statistics in single, complete or not at all."""
    parameters = dict(model.named_parameters())
    state = {
        name: (value.half() if name in parameters else value).contiguous()
        for name, value in model.state_dict().items()
    }
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(save(state, metadata={"format": "pt", "classes": " ".join(CLASS_NAMES)}))
    os.replace(partial, path)


def judge_all(
    judge: Judge, photos: list[LabeledPhoto], models: tuple[str, ...], *, seed: int = 0
) -> Interpretation:
    """Show the judge photos, true, gray, in another's colors, and colored by models."""
    others = derangement(len(photos), seed)
    truth = [as_tensor(photo.rgb) for photo in photos]
    systems: dict[str, Iterator[RGB]] = {
        "random": (random_colors(rgb, truth[other]) for rgb, other in zip(truth, others, strict=True)),
        **{f"painted {name}": _painted(name, photos) for name in models},
    }
    return interpret(judge, truth, systems, [photo.wordnet_id for photo in photos])


def _painted(name: str, photos: list[LabeledPhoto]) -> Iterator[RGB]:
    painter = Painter(name, device="cpu")
    for photo in photos:
        (colored,) = painter.colorize(Photo(photo.rgb))
        yield as_tensor(colored.pixels)


def table(result: Interpretation) -> str:
    """Accuracy and agreement of every system, as Markdown; differences in points of a percent."""
    lines = [
        "| pictures | top-1 | top-5 | above gray | recovery | agreement, top-5 | above gray |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, row in result.systems.items():
        cells = (
            [*_cells(row.accuracy, "top1", "top5", "above_gray", "recovery")] if row.accuracy else ["–"] * 4
        )
        lines.append(f"| {' | '.join([name, *cells, *_cells(row.agreement, 'top5', 'above_gray')])} |")
    return "\n".join(lines)


def _cells(understood: Understood, *names: str) -> Iterator[str]:
    for name in names:
        estimate: Estimate = getattr(understood, name)
        sign = "+" if name == "above_gray" else ""
        value, low, high = (
            f"{100 * part:{sign}.1f}" for part in (estimate.value, estimate.low, estimate.high)
        )
        yield f"{value} [{low}, {high}]"


def _percent(top: tuple[float, float]) -> str:
    return f"top-1 {top[0]:.1%}, top-5 {top[1]:.1%}"


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train", help="make the weights")
    training.add_argument("photos", type=Path, metavar="DATA/train-64px")
    training.add_argument("-o", "--out", type=Path, required=True, metavar="FILE")
    testing = commands.add_parser("test", help="test weights on held-out photos")
    testing.add_argument("photos", type=Path, metavar="DATA/train-64px")
    testing.add_argument("--weights", default=WEIGHTS, help="other weights than the bundled ones")
    testing.add_argument("--colored", type=int, default=500, help="how many photos the models color; 0: none")
    testing.add_argument("--models", default=",".join(MODELS), help="by which models")
    arguments = parser.parse_args()
    source = open_source(arguments.photos)
    if arguments.command == "train":
        out: Path = arguments.out
        parts = read_part(source, "train"), read_part(source, "validation")
        print(f"{len(parts[0].labels)} photos to train on, {len(parts[1].labels)} to validate", flush=True)
        beside = out.with_name(f"{out.stem}.partial.safetensors")
        model = train(*parts, TrainSettings(), lambda model: save_classifier(model, beside))
        save_classifier(model, out)
        print(f"{out}: validation {_percent(accuracy(model, parts[1]))}")
        return
    judge = load_classifier(arguments.weights)
    for count, models in ((None, ()), (arguments.colored, tuple(arguments.models.split(",")))):
        if count != 0:
            photos = list(held_out(source, count))
            print(f"{len(photos)} held-out photos\n\n{table(judge_all(judge, photos, models))}\n", flush=True)


if __name__ == "__main__":
    main()
