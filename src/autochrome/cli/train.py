"""`autochrome train`: train a model from a recipe, or continue a run."""

from __future__ import annotations

import json
import logging
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autochrome.cli.checks import requires_extra
from autochrome.cli.options import DEFAULT_MODEL, PATH, Whole
from autochrome.engine.shipped_recipes import recipe_names
from autochrome.errors import TrainingError

if TYPE_CHECKING:
    from rich.console import Console

    from autochrome.engine.progress import Outcome, Progress
    from autochrome.engine.recipe import Recipe
    from autochrome.engine.validation import ValidationMetrics


@click.command(epilog=f"Recipes: {', '.join(recipe_names())}.")
@click.argument("recipe", type=PATH, metavar="RECIPE")
@click.option(
    "-o", "--out", type=PATH, metavar="FOLDER", help="The run's folder. [default: runs/RECIPE's name]"
)
@click.option(
    "--data",
    type=PATH,
    multiple=True,
    metavar="FOLDER",
    help="Train on these pictures (or tar shards) instead of the recipe's. May be given several times.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a value of the recipe, such as trainer.steps=2000. May be given several times.",
)
@click.option("--resume", is_flag=True, help="Go on from the folder's checkpoint.")
@click.option("--devices", type=Whole(1), metavar="N", help="Processes, one a device.")
@click.option(
    "--minutes", type=click.FloatRange(0, min_open=True), metavar="M", help="Save and stop after this time."
)
@click.pass_context
def train(
    context: click.Context,
    recipe: Path,
    out: Path | None,
    data: tuple[Path, ...],
    overrides: tuple[str, ...],
    resume: bool,
    devices: int | None,
    minutes: float | None,
) -> None:
    """Train a model as RECIPE says: a YAML file, or the name of a recipe that comes with Autochrome.

    FOLDER takes the weights (model.safetensors), a checkpoint every few minutes, the log and sample grids.
    Ctrl-C or SIGTERM save a checkpoint and stop; --resume goes on exactly where the run was.

    Your own color photos: autochrome train finetune --data my-photos -o runs/mine, then
    autochrome colorize photo.jpg --weights runs/mine/model.safetensors. Some of the pictures are held out of
    training, to measure on.
    """
    folder = out or Path("runs") / recipe.stem
    wanted = [*_data_overrides(data), *([f"trainer.devices={devices}"] if devices else []), *overrides]
    with requires_extra("train", "training needs"), _one_process_reports():
        from autochrome.engine.loop import train as run_training
        from autochrome.engine.recipe import load_recipe

        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
        logging.getLogger("pyvips").setLevel(logging.ERROR)  # it remarks on every PNG that carries EXIF
        resolved = load_recipe(recipe, wanted)
        with _display() as report:
            outcome = run_training(resolved, folder, resume=resume, minutes=minutes, report=report)
    if _is_first_process():
        _print_outcome(outcome, resolved, folder)
        if outcome.signal:
            context.exit(128 + outcome.signal)


def _data_overrides(data: tuple[Path, ...]) -> list[str]:
    """Return overrides for other photos; the recipe's prior and validation photos go with its own."""
    if not data:
        return []
    sources = json.dumps([{"path": str(place)} for place in data])
    return [
        f"data.sources={sources}",
        "data.prior=null",
        "validation.photos=null",
        "validation.hold_out=true",
    ]


def _is_first_process() -> bool:
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))) == 0


@contextmanager
def _one_process_reports() -> Iterator[None]:
    """Let only the first of the processes say why all of them stopped."""
    try:
        yield
    except TrainingError as error:
        if not _is_first_process():
            raise SystemExit(1) from error
        raise


def _print_outcome(outcome: Outcome, recipe: Recipe, folder: Path) -> None:
    from autochrome.models.registry import model_spec

    steps, name = recipe.trainer.steps, recipe.model.name
    weights = shlex.quote(str(folder / "model.safetensors"))
    if outcome.step >= steps:
        done = "done" if outcome.losses else "this run was finished already (raise trainer.steps to train on)"
        click.echo(f"{done}: {outcome.step} steps. To use the weights:")
        named = "" if name == model_spec(DEFAULT_MODEL).name else f" --model {name}"
        click.echo(f"  autochrome colorize PHOTO{named} --weights {weights}")
        return
    why = f"stopped by signal {outcome.signal}" if outcome.signal else "time is over"
    used = shlex.quote(str(folder / "recipe.yaml"))
    click.echo(f"{why}; saved at step {outcome.step} of {steps}. To go on:")
    click.echo(f"  autochrome train {used} -o {shlex.quote(str(folder))} --resume")


@contextmanager
def _display() -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _print_line
        return
    bar = _Bar(console)
    with bar.progress:
        yield bar


def _print_line(progress: Progress) -> None:
    for warning in progress.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"step {progress.step}/{progress.steps}  {_described(progress)}", err=True)


class _Bar:
    """Progress on a terminal: a bar, with the warnings in yellow above it."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self.progress = RichProgress(
            BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), console=console
        )
        self.task = self.progress.add_task("starting", total=None, visible=_is_first_process())

    def __call__(self, progress: Progress) -> None:
        for warning in progress.warnings:
            self.progress.console.print(f"warning: {warning}", style="yellow", markup=False, highlight=False)
        self.progress.update(
            self.task, total=progress.steps, completed=progress.step, description=_described(progress)
        )


def _described(progress: Progress) -> str:
    return f"{describe(progress)}  {timedelta(seconds=round(progress.seconds_left))} left"


def describe(progress: Progress) -> str:
    """Return losses, rate and the latest validation metrics in a few words."""
    means, validation = progress.means, progress.validation
    rate = f"{progress.photos_per_second:.0f} photos/s"
    if "discriminator_loss" in means:
        text = (
            f"discriminator {means['discriminator_loss']:.3g}, generator {means['generator_loss']:.3g}, "
            f"accuracy {means['accuracy']:.2f}  {rate}"
        )
        return text + (f"  {_describe_samples(validation)}" if validation else "")
    text = f"loss {means['loss']:.3f}  {rate}"
    if validation is None:
        return text
    loss = "" if validation.loss is None else f"loss {validation.loss:.3f}, "
    chroma = f"chroma {validation.chroma:.1f} of {validation.true_chroma:.1f}"
    return f"{text}  {_measured(validation)}: {loss}{validation.psnr_gain:+.2f} dB over gray, {chroma}"


def _measured(validation: ValidationMetrics) -> str:
    return "held-out photos" if validation.held_out else "training photos"


def _describe_samples(validation: ValidationMetrics) -> str:
    """Return the metrics of a GAN's samples, which may be good and yet far from the truth."""
    colorfulness = f"colorfulness {validation.colorfulness:.1f} of {validation.true_colorfulness:.1f}"
    text = f"{_measured(validation)}: {colorfulness}"
    return text if validation.diversity is None else f"{text}, diversity {validation.diversity:.1f}"
