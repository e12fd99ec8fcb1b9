"""`autochrome probe`: what a model's features encode about photo content, against a random trunk."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autochrome.cli.checks import check_outputs
from autochrome.cli.console import print_tables, progress_bar
from autochrome.cli.options import (
    OUT_FILE,
    PATH,
    Whole,
    find_spec,
    model_options,
    overwrite_option,
    replicates_option,
    seed_option,
)

if TYPE_CHECKING:
    from jaxtyping import Float
    from rich.console import RenderableType
    from torch import Tensor

    from autochrome.evaluation.probe.probe import ProbeSettings
    from autochrome.evaluation.probe.results import ProbeResults
    from autochrome.models.base import Colorizer

# layers, steps, batch size, learning-rate schedule
_DEFAULTS = {
    "linear": ("each,all", 1, 64, "cosine"),
    "finetune": ("all", 150, 64, "cosine"),
    # The number of steps is chosen during training, so the learning rate must not depend on it.
    "segment": ("all", 300, 16, "constant"),
}


@click.command()
@click.argument("photos", type=PATH)
@model_options
@click.option(
    "--random/--no-random",
    default=None,
    help="Probe only a random trunk, or only the trained one. [default: both, and their difference]",
)
@click.option(
    "--method",
    type=click.Choice(["linear", "finetune", "segment"]),
    default="linear",
    help="A linear classifier on frozen features; fine-tuning with a linear head; or fine-tuning for "
    "semantic segmentation of a folder in PASCAL VOC's format.",
)
@click.option(
    "--layers",
    metavar="L",
    help="each, all (together), or numbers: 2,4 singly, 2+4 together. [default: each,all; fine-tuning: all]",
)
@click.option("--size", type=Whole(8), default=64, help="Side of the square that the model sees, in pixels.")
@click.option("--classes", type=Whole(2), default=50, help="Maximum number of classes.")
@click.option("--per-class", type=Whole(5), default=120, help="Maximum number of photos per class.")
@click.option(
    "--dims", type=Whole(1), default=1000, help="Approximate number of features of the linear probe."
)
@click.option("--steps", type=Whole(1), help="Training steps. [default: 150; segment: at most 300]")
@click.option("--batch-size", type=Whole(2), help="Photos per step. [default: 64; segment: 16]")
@click.option("--lr", type=click.FloatRange(0, min_open=True), default=1e-3, help="Learning rate.")
@click.option(
    "--folds",
    type=click.IntRange(1, 5),
    default=1,
    help="Number of cross-validation folds, out of five, to choose the steps of segment with.",
)
@replicates_option
@seed_option("Seed of the choice, split and order of the photos, of the random trunk and of the resamples.")
@click.option("-o", "--out", type=OUT_FILE, help="Write JSON to this file.")
@overwrite_option
def probe(
    photos: Path,
    model: str,
    weights: str | None,
    device: str,
    random: bool | None,
    method: str,
    out: Path | None,
    overwrite: bool,
    **options: Any,
) -> None:
    """Probe what a model's features encode about photo content.

    PHOTOS is a folder of photos or of tar shards whose names carry the class (CLASS_NUMBER.jpg, or a folder
    for each class); for --method segment, a folder in PASCAL VOC's format. The model sees the photos in gray:
    CIC and LRAC can be probed. Scores have 95% bootstrap intervals over the test photos. The encoder of
    cic.compact was trained on ImageNet's classes before colorization, the trunk of lrac.compact was not.
    """
    spec = find_spec(model)
    check_outputs(out, overwrite=overwrite)
    from autochrome.evaluation.probe.probe import finetuning_probe, linear_probe, segmentation_probe

    start = time.monotonic()
    settings = _settings(method, **options)
    trunks = _trunks(spec.name, weights, random, device, settings.seed)
    run = {"linear": linear_probe, "finetune": finetuning_probe, "segment": segmentation_probe}[method]
    with progress_bar() as progress:
        results = run(trunks, photos, settings, progress)
    results.manifest.update(photos=str(photos), seconds=round(time.monotonic() - start, 1))
    if out:
        results.save(out)
    print_tables(results_table(results))


def _settings(
    method: str, *, layers: str | None, steps: int | None, batch_size: int | None, lr: float, **shared: Any
) -> ProbeSettings:
    from autochrome.evaluation.probe.fitting import FitSettings
    from autochrome.evaluation.probe.probe import ProbeSettings

    usual_layers, usual_steps, usual_batch, schedule = _DEFAULTS[method]
    fit = FitSettings(
        steps=steps or usual_steps,
        batch_size=batch_size or usual_batch,
        lr=lr,
        schedule=schedule,  # type: ignore[arg-type]
        seed=shared["seed"],
    )
    return ProbeSettings(layers=layers or usual_layers, fit=fit, **shared)


def _trunks(
    name: str, weights: str | None, random: bool | None, device: str, seed: int
) -> dict[str, Colorizer]:
    """Return the trunks to compare, the trained one first."""
    from autochrome.evaluation.probe.trunks import RANDOM, TRAINED, make_trunk
    from autochrome.models.registry import needs_weights
    from autochrome.pipeline.painter import choose_device

    if random and weights is not None:
        raise click.UsageError("--random does not go with --weights: a random trunk has none")
    if not random and weights is None and not needs_weights(name):
        raise click.UsageError(f"{name} comes without weights: give --weights, or --random")
    kinds = [TRAINED] * (not random) + [RANDOM] * (random is not False)
    place = choose_device(device)
    return {
        kind: make_trunk(name, weights=weights, random=kind == RANDOM, seed=seed).to(place) for kind in kinds
    }


def results_table(results: ProbeResults) -> RenderableType:
    """Return a row for each group of layers: the trunks side by side, then the difference, in percent."""
    from rich.markup import escape
    from rich.table import Table

    trunks = list(dict.fromkeys(row.trunk for row in results.rows))
    differences = results.differences()
    table = Table(caption=escape(caption(results)), caption_justify="left")
    table.add_column("layers")
    table.add_column("score")
    for name in [*trunks, *(["difference"] if differences else [])]:
        table.add_column(name, justify="right")
    rows = {(row.trunk, row.layers): row.scores for row in results.rows}
    for layers in dict.fromkeys(row.layers for row in results.rows):
        keys = dict.fromkeys(key for trunk in trunks for key in rows[trunk, layers])
        for key in keys:
            cells = [_cell(rows[trunk, layers].get(key)) for trunk in trunks]
            if differences:
                cells.append(_cell(differences[layers].get(key), sign="+"))
            table.add_row(_with_shape(layers, results.manifest["maps"]), key, *map(escape, cells))
    return table


def _with_shape(layers: str, maps: list[list[int]]) -> str:
    """Return the name of the layers; for a single layer, with the channels and sides of its map."""
    return f"{layers} ({' x '.join(map(str, maps[int(layers)]))})" if layers.isdecimal() else layers


def caption(results: ProbeResults) -> str:
    """Return what the figures are based on."""
    manifest = results.manifest
    data, settings = manifest["data"], manifest["settings"]
    learned, classes = data["train"] + data.get("validation", 0), len(data["classes"])
    chance = "" if results.method == "segment" else f" (chance {100 / classes:.1f})"
    return (
        f"{manifest['model']}, percent, with 95% bootstrap intervals over {data['test']} test photos; "
        f"{learned} photos of {classes} classes{chance} to learn from, "
        f"gray, {settings['size']} px; seed {settings['seed']}; {manifest['seconds']:.0f} s"
    )


def _cell(rows: Float[Tensor, " rows"] | None, sign: str = "") -> str:
    from autochrome.evaluation.intervals import Estimate

    return "–" if rows is None else Estimate.of(rows).scaled(100.0).cell(1, sign, gap="")
