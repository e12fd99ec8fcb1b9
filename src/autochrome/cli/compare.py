"""`autochrome compare`: every system on one set of photos, every metric, one report."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autochrome.cli.options import replicates_option

if TYPE_CHECKING:
    from autochrome.laboratory.run import Progress, Run

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PATH = click.Path(exists=True, path_type=Path)
_MOST_WORKERS = 8  # each holds every model in its memory


@click.command()
@click.argument("references", type=_FOLDER)
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
    "--samples",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="Samples per photo, for models that draw.",
)
@click.option("--photos", type=click.IntRange(2), help="Number of references to use, the first by name.")
@click.option(
    "--subset",
    type=click.IntRange(2),
    default=60,
    show_default=True,
    help="Number of photos for the slow sections, evenly spaced.",
)
@click.option("--without", multiple=True, metavar="SECTION", help="Leave a section out; repeatable.")
@click.option("--labeled", type=_PATH, help="Shards or a folder of photos whose names carry their class.")
@click.option(
    "--labeled-photos",
    type=click.IntRange(1),
    default=400,
    show_default=True,
    help="At most so many of them.",
)
@click.option("--vgg16", type=_FILE, help="State dict of a VGG-16, as a second classifier.")
@click.option(
    "--protocol",
    default="native",
    show_default=True,
    help="Size of comparison: native, crop:N (central square) or resize:N (shorter side).",
)
@replicates_option
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of the samples, the random baseline and the resamples.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    help=f"Number of processes. [default: one per core, at most {_MOST_WORKERS}; on a GPU 1]",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
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
    with _errors_as_messages(), _progress() as progress:
        _require_report()
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


def _require_report() -> None:
    """Say which extra to install before minutes are spent."""
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
        import scipy  # noqa: F401
    except ImportError as error:
        raise click.ClickException(
            f"the report needs {error.name}, which is not installed; run: pip install 'autochrome[report]'"
        ) from error


@contextmanager
def _errors_as_messages() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"a file cannot be written or read: {error}") from error


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show a bar with the time left on a terminal, and everywhere a line for each finished step."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task, began = bar.add_task("", visible=False), 0.0

        def show(label: str, done: int, total: int) -> None:
            nonlocal began
            if done == 0:
                began = time.monotonic()
                bar.reset(task, description=label, total=total, visible=True)
            bar.update(task, completed=done)
            if done == total:
                bar.update(task, visible=False)
                bar.console.print(_done(label, began), markup=False, highlight=False)

        yield show


class _Lines:
    """Print to stderr what begins, how long it will take once that is known, and how long it took."""

    def __init__(self) -> None:
        self._began, self._estimated = 0.0, False

    def __call__(self, label: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done == 0:
            self._began, self._estimated = now, False
            click.echo(f"{label}: {total} {'photo' if total == 1 else 'photos'}", err=True)
        elif done == total:
            click.echo(_done(label, self._began), err=True)
        elif not self._estimated and now - self._began > 10 and 10 * done >= total:
            self._estimated = True
            left = (now - self._began) * (total - done) / done
            click.echo(f"{label}: about {left:.0f} s left", err=True)


def _done(label: str, began: float) -> str:
    return f"{label}: done in {time.monotonic() - began:.0f} s"
