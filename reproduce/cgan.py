"""Cao et al. (2017): the runs that figures 6 to 9 compare, and how real their colors look to a classifier.

    python -m reproduce.cgan train DATA [--only NAME ...] [--steps N] [--minutes M] [--set KEY=VALUE ...]
    python -m reproduce.cgan realism PHOTOS --model SYSTEM [--model SYSTEM ...] [--samples 8] [--seed 0]

``train`` trains networks on DATA/train-64px, below --runs, that differ in one of the paper's switches and in
nothing else, with a quarter of the paper's widths, or its own with --full. Interrupted runs continue. It
prints the next commands: ``autochrome compare``, and ``realism`` for the error of a fresh classifier
(`reproduce.realism`) and, for an RGB network, the error of its own luma.

SYSTEM is a model that draws, as ``autochrome compare --model`` reads it. Photos are painted at their full
size with their own L*, and so is the truth, from chroma reduced to the network's resolution.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from autochrome.cli.train import describe
from autochrome.color.conversion import ab_of_chroma, luma_of_lightness
from autochrome.color.lightness import Lightness
from autochrome.color.spaces import get_space
from autochrome.engine.checkpoint import RECIPE, STATE, WEIGHTS
from autochrome.engine.loop import train
from autochrome.engine.progress import Progress
from autochrome.engine.recipe import Recipe, load_recipe
from autochrome.errors import AutochromeError, CheckpointError, LaboratoryError
from autochrome.evaluation.files import rgb_of
from autochrome.evaluation.intervals import Bootstrap
from autochrome.evaluation.markdown import markdown_table
from autochrome.io.photo import read_photo
from autochrome.laboratory.systems import model_system
from autochrome.models.cgan.model import CGAN
from autochrome.models.cgan.objectives import lightness_loss
from autochrome.pipeline.painter import ColorizeSettings, Painter, Prediction
from autochrome.pipeline.picture import whole_file
from autochrome.pipeline.predict import working_shape
from reproduce.painting import counted, photos_in
from reproduce.realism import error_by_photo

PAPER_RECIPE = Path(__file__).parents[1] / "recipes" / "cgan-paper.yaml"
QUARTER = ("model.options.widths=[32,16,16,16,8]", "model.options.discriminator_widths=[16,32,64,128]")

VARIANTS: dict[str, tuple[str, ...]] = {
    "baseline": (),
    "rgb": ("model.options.space=rgb",),  # figure 6
    "single-noise": ("model.options.noise=single",),  # figure 7
    "single-condition": ("model.options.condition=single",),  # figure 8
    "wgan": (  # figure 9, with the released code's constants; the clip is at .01 by itself
        "model.options.objective=wgan",
        "adversary.steps=5",
        "optimizer.name=rmsprop",
        "optimizer.lr=1e-4",
        "optimizer.betas=[0.5,0.9]",
        "adversary.optimizer.name=rmsprop",
        "adversary.optimizer.lr=2e-4",
        "adversary.optimizer.betas=[0.5,0.9]",
    ),
}
"""Runs by name, and the values of the recipe by which each differs from the baseline."""

HERE = (
    "data.workers=0",
    "trainer.batch_size=16",
    "trainer.precision=bf16-mixed",
    "trainer.ema=0.99",
    "trainer.checkpoint_minutes=2",
    "validation.every=100",
)
"""Settings for a small run on a CPU: a quarter of the paper's batch, and averaged weights, since the last
ones of such a run vary with chance."""

CLASSIFIED = 64
"""Side in pixels of the pictures that the classifier sees: the central square, reduced."""


# Training -----------------------------------------------------------------------------------------


def recipe_of(variant: str, data: Path, steps: int, *overrides: str) -> Recipe:
    """Return the paper's recipe for a variant, on our photos.

    Raises:
        RecipeError: an override does not fit.
    """
    sources = json.dumps([{"path": str(data / "train-64px")}])
    common = (f"data.sources={sources}", f"trainer.steps={steps}", *HERE, *overrides)
    return load_recipe(PAPER_RECIPE, [*common, *VARIANTS[variant]])


def finish(recipe: Recipe, folder: Path, minutes: float | None = None) -> Path:
    """Train a run to its end, from its beginning or its checkpoint; return its weights.

    Raises:
        SystemExit: it was interrupted or ran out of time; the same call continues it.
        CheckpointError: the folder holds a run of another model.
        DataError, TrainingError: see `train`.
    """
    begun = (folder / STATE).exists()
    if begun and load_recipe(folder / RECIPE).model != recipe.model:
        raise CheckpointError(f"{folder} holds another run; name another folder with --runs")
    outcome = train(recipe, folder, resume=begun, minutes=minutes, report=_report)
    if outcome.signal:
        sys.exit(128 + outcome.signal)
    if outcome.step < recipe.trainer.steps:
        sys.exit(f"{folder} is at step {outcome.step} of {recipe.trainer.steps}; repeat the command to go on")
    return folder / WEIGHTS


def _report(progress: Progress) -> None:
    line = f"step {progress.step} of {progress.steps}  {describe(progress)}"
    print(f"{line}  {progress.seconds_left / 60:.0f} min left", file=sys.stderr, flush=True)
    for warning in progress.warnings:
        print(f"warning: {warning}", file=sys.stderr, flush=True)


# Realism ------------------------------------------------------------------------------------------


@torch.inference_mode()
def true_colors(painter: Painter, path: Path, shape: tuple[int, int] | None = None) -> Prediction:
    """Return the prediction of a model that knew the photo: its chroma, reduced as a model's is.

    Args:
        painter: of a model that draws.
        path: the photo.
        shape: height and width of the chroma; those of the model's input luma if None.
    """
    spec, photo = painter.model.spec, read_photo(path)
    lightness = Lightness(photo.pixels)
    size = working_shape(lightness.size, spec.working_size, spec.multiple_of)
    luma = lightness.reduced(*size)
    reduced = F.interpolate(rgb_of(photo), shape or size, mode="bilinear", antialias=True)
    chroma = get_space(spec.space).split(reduced)[1]
    ab = ab_of_chroma(luma_of_lightness(luma, spec.space), chroma, spec.space)
    whole = whole_file(photo)
    return Prediction(photo, lightness, whole.extent, luma, whole.tones, ab, spec.working_size, ())


def painted(painter: Painter, prediction: Prediction) -> UInt8[Tensor, "n 3 h w"]:
    """Return all answers of a prediction, at the photo's full size."""
    pictures = [each.pixels for each in painter.paint_all(replace(prediction, draws=()))]
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)


def classified(rgb: UInt8[Tensor, "n 3 h w"]) -> UInt8[Tensor, "n 3 side side"]:
    """Return the central square as the classifier sees it."""
    side = min(rgb.shape[2:])
    top, left = ((length - side) // 2 for length in rgb.shape[2:])
    square = rgb[:, :, top : top + side, left : left + side].float()
    small = F.interpolate(square, (CLASSIFIED, CLASSIFIED), mode="bilinear", antialias=True)
    return small.clamp(0, 255).round().byte()


def realism(painter: Painter, photos: Sequence[Path], settings: ColorizeSettings) -> Float[Tensor, " photos"]:
    """Return the share of wrong verdicts on each photo and its samples, by classifiers new to it."""
    real, generated = [], []
    for path in counted(photos, "painted"):
        prediction = painter.predict(read_photo(path), settings)
        shape = (prediction.answer.shape[2], prediction.answer.shape[3])
        generated.append(classified(painted(painter, prediction)))
        real.append(classified(painted(painter, true_colors(painter, path, shape)))[0])
    return error_by_photo(torch.stack(real), torch.stack(generated))


@torch.inference_mode()
def luma_error(model: CGAN, photos: Sequence[Path], seed: int) -> float:
    """Return the mean distance of the luma of a network's own RGB from the photos', of 255.

    Results do not show it, since they are painted with the photo's L*; equation 4 penalizes it.
    """
    painter, generator = Painter(model, device="cpu"), torch.Generator().manual_seed(seed)
    errors = []
    for path in photos:
        luma = luma_of_lightness(true_colors(painter, path).luma, model.spec.space)
        z = model.generator.draw_noise(1, generator)
        errors.append(lightness_loss(luma, model.generator(model.generator.encode(luma), z)))
    return 127.5 * float(torch.stack(errors).mean())


def realism_table(systems: Sequence[str], photos: Sequence[Path], samples: int, seed: int) -> str:
    """Return a row per system: the classifier's error, its difference from the first, and the luma error.

    Raises:
        AutochromeError: a system does not exist, its weights are missing, or a photo cannot be read.
        ValueError: there are too few photos.
    """
    first, rows = None, []
    for text in systems:
        system = model_system(text, Path(), samples)
        painter = Painter(system.model or "", weights=system.weights, device="cpu")
        if painter.model.spec.kind != "samples":
            raise LaboratoryError(f"{system.name} does not draw samples; use pixcolor or cgan")
        settings = replace(system.settings, samples=samples, seed=seed)
        error = 100 * realism(painter, photos, settings)
        first = error if first is None else first
        model, luma = painter.model, ""
        if isinstance(model, CGAN) and model.space == "rgb":
            luma = f"{luma_error(model, photos, seed):.1f}"
        difference = "" if error is first else Bootstrap().mean(error - first).cell(1, sign="+")
        rows.append([system.name, Bootstrap().mean(error).cell(1), difference, luma])
    head = ["", "error of a fresh classifier, %", "above the first", "error of its own luma, of 255"]
    note = (
        f"{len(photos)} photos, {samples} samples each, seed {seed}. 50%: the classifier cannot tell"
        " generated colors from true ones. Intervals are over photos: other seeds would train other networks."
    )
    return f"{markdown_table(head, rows)}\n\n{note}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    training.add_argument("data", type=Path, metavar="DATA", help="folder with train-64px and eval-256px")
    training.add_argument("--only", choices=VARIANTS, action="append", help="repeatable; all by default")
    training.add_argument("--runs", type=Path, default=Path("runs/cgan-comparisons"))
    training.add_argument("--steps", type=int, default=2000, help="updates of each generator")
    training.add_argument("--minutes", type=float, help="of a run in this call; the next call goes on")
    training.add_argument("--full", action="store_true", help="the paper's widths instead of a quarter")
    training.add_argument("--set", dest="overrides", action="append", default=[], metavar="SECTION.KEY=VALUE")
    measuring = commands.add_parser("realism")
    measuring.add_argument("folder", type=Path, metavar="PHOTOS", help="folder of color photos")
    measuring.add_argument("--model", action="append", required=True, metavar="SYSTEM")
    measuring.add_argument("--photos", type=int, metavar="N", help="number of photos, the first by name")
    measuring.add_argument("--samples", type=int, default=8, help="of each photo (default: 8)")
    measuring.add_argument("--seed", type=int, default=0, help="of the samples")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line, then train or measure."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "realism":
            photos = photos_in(arguments.folder, arguments.photos)
            print(realism_table(arguments.model, photos, arguments.samples, arguments.seed))
            return
        widths = () if arguments.full else QUARTER
        systems = ""
        for name in arguments.only or VARIANTS:
            recipe = recipe_of(name, arguments.data, arguments.steps, *widths, *arguments.overrides)
            weights = finish(recipe, arguments.runs / name, arguments.minutes)
            systems += f" --model {name}=cgan.paper,weights={weights}"
        photos = arguments.data / "eval-256px"
        print(f"autochrome compare {photos} -o {arguments.runs / 'report'}{systems}")
        print(f"python -m reproduce.cgan realism {photos}{systems}")
    except (AutochromeError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
