"""`autochrome compare`: every system on one set of photos, every metric, one report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autochrome.cli.checks import requires_extra
from autochrome.cli.console import step_progress
from autochrome.cli.options import (
    FOLDER,
    Whole,
    device_option,
    protocol_option,
    replicates_option,
    seed_option,
)

if TYPE_CHECKING:
    from autochrome.laboratory.run import Run
    from autochrome.types import Progress

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PATH = click.Path(exists=True, path_type=Path)
_MOST_WORKERS = 8  # each holds every model in its memory


@click.command()
@click.argument("references", type=FOLDER)
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the report.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="MODEL",
    help="NAME, or LABEL=NAME,KEY=VALUE,... with weights, look, vibrance, temperature, size, fuse and"
    " more; repeatable. [default: the four shipped, and CIC at its most accurate]",
)
@click.option("--no-models", is_flag=True, help="Compare --results alone.")
@click.option(
    "--results",
    multiple=True,
    metavar="NAME=FOLDER",
    help="A folder of results, matched by name as in `autochrome evaluate`, or one that holds a folder for"
    " each sample; repeatable.",
)
@click.option(
    "--samples", type=click.IntRange(1, 64), default=8, help="Samples per photo, for models that draw."
)
@click.option("--photos", type=Whole(2), help="Number of references to use, the first by name.")
@click.option(
    "--subset",
    type=Whole(2),
    default=60,
    help="Number of photos for the slow sections, evenly spaced.",
)
@click.option("--without", multiple=True, metavar="SECTION", help="Leave a section out; repeatable.")
@click.option("--labeled", type=_PATH, help="Shards or a folder of photos whose names carry their class.")
@click.option("--labeled-photos", type=Whole(1), default=400, help="Maximum number of them.")
@click.option("--vgg16", type=_FILE, help="State dict of a VGG-16, as a second classifier.")
@protocol_option
@replicates_option
@seed_option("Seed of the samples, the random baseline and the resamples.")
@click.option(
    "--workers",
    type=Whole(1),
    help=f"Number of processes. [default: one per core, at most {_MOST_WORKERS}; on a GPU 1]",
)
@device_option
def compare(
    references: Path,
    out: Path,
    models: tuple[str, ...],
    no_models: bool,
    results: tuple[str, ...],
    photos: int | None,
    without: tuple[str, ...],
    **settings: Any,
) -> None:
    """Run every system on the color photos in REFERENCES, measure everything, and write one report.

    OUT/report.html is the report, OUT/scores.json has all of its figures, OUT/results.md its tables. The
    colored photos stay in OUT/results and are reused: an interrupted run continues where it stopped.
    """
    if no_models and models:
        raise click.UsageError("give --model or --no-models, not both")
    with requires_extra("report", "the report needs"):  # before minutes are spent
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
        import scipy  # noqa: F401
    with step_progress() as progress:
        run = _open(references, out, None if no_models else models, results, photos, progress, settings)
        from autochrome.laboratory.compare import compare as make
        from autochrome.laboratory.compare import write_comparison

        with run:
            out.mkdir(parents=True, exist_ok=True)
            comparison = make(run, without=without)
        written = write_comparison(comparison, out)
    for path in written:
        click.echo(str(path))
    if comparison.failed:
        problems = "; ".join(f"{name}: {problem}" for name, problem in comparison.failed.items())
        raise click.ClickException(f"some sections failed ({problems})")


def _open(
    references: Path,
    out: Path,
    models: tuple[str, ...] | None,
    results: tuple[str, ...],
    photos: int | None,
    progress: Progress,
    settings: dict[str, Any],
) -> Run:
    from autochrome.laboratory.processes import available_cores
    from autochrome.laboratory.run import LabSettings
    from autochrome.laboratory.systems import DEFAULT_MODELS, open_run
    from autochrome.pipeline.painter import choose_device

    device = choose_device(settings["device"])
    if settings["workers"] is None:
        settings["workers"] = min(available_cores(), _MOST_WORKERS) if device.type == "cpu" else 1
    chosen = LabSettings(**{**settings, "device": str(device)})
    named = () if models is None else models or DEFAULT_MODELS
    return open_run(references, out, named, results, settings=chosen, photos=photos, progress=progress)
