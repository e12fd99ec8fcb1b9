"""`autochrome try`: a photo by every model in every look, on one sheet."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autochrome.cli.options import DEFAULT_MODEL, find_spec, make_painter
from autochrome.errors import AutochromeError

if TYPE_CHECKING:
    from autochrome.io.photo import Photo
    from autochrome.pipeline.painter import ColorizedPhoto, Painter, Prediction
    from autochrome.report.contact_sheet import Picture
    from autochrome.report.look_sheet import Label

MODELS = ("cic", "lrac", "pixcolor", "cgan")
"""What is tried when no model is named: the shipped ones."""

_Failures = list[tuple[str, str]]
"""What went wrong: a photo's or a model's name, and the reason."""


@click.command("try")
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PHOTO...")
@click.option(
    "-o", "--out", metavar="SHEET", help="The sheet's file, or a folder. [default: beside the photo]"
)
@click.option("--model", "models", multiple=True, metavar="MODEL", help="Try only this model; repeatable.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="S",
    help="Another seed gives other samples of the models that draw (pixcolor and cgan).",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
@click.option("--overwrite", is_flag=True, help="Replace a sheet that exists.")
def try_(
    photos: tuple[Path, ...],
    out: str | None,
    models: tuple[str, ...],
    seed: int | None,
    device: str,
    overwrite: bool,
) -> None:
    """Show a photo colored by every model in every look, on one sheet.

    The sheet of portrait.jpg is portrait.try.jpg beside it, unless -o says otherwise. Below each version
    stands what to add to `autochrome colorize portrait.jpg` to make it; the commands are printed, too.
    """
    names = {find_spec(model).name: model for model in models or MODELS}  # named twice is tried once
    jobs, failures = _plan(photos, out, overwrite)
    painters: dict[str, Painter] = {}
    if jobs:
        painters, missing = _load(list(names.values()), device)
        failures += missing
    failures += _work(jobs if painters else [], painters, seed)
    for name, reason in failures:
        click.echo(f"failed: {name}: {reason}", err=True)
    if failures:
        sys.exit(1)


# What is to be done -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Job:
    photo: Path
    sheet: Path


def _plan(photos: Sequence[Path], out: str | None, overwrite: bool) -> tuple[list[_Job], _Failures]:
    """Return which photo's sheet goes where, and what cannot be done, before a model is loaded.

    Raises:
        click.UsageError: one file is named for the sheets of several photos, or one that no sheet can be.
    """
    from autochrome.errors import PhotoError
    from autochrome.io.loading import locate

    target = None if out is None else Path(out)
    folder = target if target and (target.is_dir() or str(out).endswith(("/", os.sep))) else None
    if target and not folder:
        _check_file(target, photos)
    jobs: list[_Job] = []
    failures: _Failures = []
    for photo in photos:
        beside = photo.with_name(f"{photo.stem}.try.jpg")
        job = _Job(photo, folder / beside.name if folder else target or beside)
        try:
            if photo.is_dir():
                raise PhotoError(photo, "is a folder", f"Name the photos in it: {photo}/*.jpg")
            locate(photo)
            _check_target(job, photos, jobs, overwrite)
        except PhotoError as error:
            failures.append((error.source, f"{error.problem}. {error.advice}"))
        else:
            jobs.append(job)
    return jobs, failures


def _check_file(target: Path, photos: Sequence[Path]) -> None:
    from autochrome.report.contact_sheet import SHEET_SUFFIXES

    if len(photos) > 1:
        raise click.UsageError(f"{target} is one sheet; several photos need a folder: -o {target.stem}/")
    if target.suffix.lower() not in SHEET_SUFFIXES:
        known = ", ".join(sorted(SHEET_SUFFIXES))
        raise click.BadParameter(f"{target.name} must end in one of {known}", param_hint="-o")


def _check_target(job: _Job, photos: Sequence[Path], planned: Sequence[_Job], overwrite: bool) -> None:
    from autochrome.errors import PhotoError

    if job.sheet.resolve() in {photo.resolve() for photo in photos}:
        raise PhotoError(job.photo, f"its sheet {job.sheet} would replace a photo", "Give another -o")
    if job.sheet in [other.sheet for other in planned]:
        raise PhotoError(
            job.photo, f"its sheet {job.sheet} would replace that of another", "Give them separately"
        )
    if job.sheet.exists() and not overwrite:
        raise PhotoError(job.photo, f"{job.sheet} exists already", "Use --overwrite to replace it")


def _load(names: Sequence[str], device: str) -> tuple[dict[str, Painter], _Failures]:
    """Return the models, and which of them cannot be had; the others are still of use."""
    painters: dict[str, Painter] = {}
    missing: dict[str, list[str]] = {}
    for name in names:
        try:
            painters[name] = make_painter(name, None, device)
        except AutochromeError as error:
            missing.setdefault(str(error), []).append(name)
    return painters, [(", ".join(models), reason) for reason, models in missing.items()]


# A photo's sheet ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Version:
    model: str
    look: str
    options: str
    """What `autochrome colorize` is given to make it."""
    draws: bool
    """Whether the model draws its samples at random."""
    colored: ColorizedPhoto


def _work(jobs: Sequence[_Job], painters: Mapping[str, Painter], seed: int | None) -> _Failures:
    """Make the sheets one after the other, whatever becomes of each; return what failed."""
    from autochrome.errors import PhotoError
    from autochrome.io.photo import read_photo

    failures: _Failures = []
    for job in jobs:
        try:
            photo = read_photo(job.photo)
            versions = _versions(job.photo, photo, painters, seed)
            job.sheet.parent.mkdir(parents=True, exist_ok=True)
            _write_sheet(job, photo, versions)
        except PhotoError as error:
            failures.append((error.source, f"{error.problem}. {error.advice}"))
        except (OSError, MemoryError, ValueError) as error:
            failures.append((str(job.photo), str(error) or type(error).__name__))
        else:
            _print(job, versions, blank_line=job is not jobs[0])
    return failures


def _versions(path: Path, photo: Photo, painters: Mapping[str, Painter], seed: int | None) -> list[_Version]:
    found = []
    with _progress(path.name, sum(len(each.model.spec.look_names) for each in painters.values())) as advance:
        for model, painter in painters.items():
            draws = painter.model.spec.draws
            drawn_with = f" --seed {seed}" if seed is not None and draws else ""
            for look, colored in _paint_looks(painter, photo, seed):
                options = f"--model {model} --look {look}{drawn_with}"
                found.append(_Version(model, look, options, draws, colored))
                advance()
    return found


def _paint_looks(painter: Painter, photo: Photo, seed: int | None) -> Iterator[tuple[str, ColorizedPhoto]]:
    """Paint a photo in every look, in the size of the sheet's cells.

    The model is asked again only where a look asks it for something else.
    """
    from autochrome.pipeline.predict import preview
    from autochrome.pipeline.settings import ColorizeSettings, resolve
    from autochrome.report.look_sheet import SIDE

    spec = painter.model.spec
    predictions: dict[object, Prediction] = {}
    for look in spec.look_names:
        settings = ColorizeSettings(look=look)
        if seed is not None:
            settings = replace(settings, seed=seed)
        decoder = resolve(settings, spec)
        asked = (decoder.temperature, decoder.guidance) if spec.draws else (decoder.fuse, decoder.size)
        if asked not in predictions:
            predictions[asked] = preview(painter.predict(photo, settings), SIDE)
        yield look, painter.paint(predictions[asked], settings)


def _write_sheet(job: _Job, photo: Photo, versions: Sequence[_Version]) -> None:
    from autochrome._version import __version__
    from autochrome.io.photo import Photo, Provenance, write_photo
    from autochrome.report.look_sheet import Label, look_sheet

    rows: dict[str, list[tuple[Picture, Label]]] = {}
    for version in versions:
        default = " (the default)" if (version.model, version.look) == (DEFAULT_MODEL, "natural") else ""
        label = Label(f"{version.model}, {version.look}{default}", version.options)
        rows.setdefault(version.model, []).append((version.colored.pixels, label))
    page = look_sheet(photo.pixels, _heading(job.photo, versions), list(rows.values()))
    made = Provenance(
        model=", ".join(rows),
        weights_sha256="",
        settings={"versions": [version.options for version in versions]},
        software=f"Autochrome {__version__}",
    )
    write_photo(Photo(page), job.sheet, provenance=made)


def _heading(path: Path, versions: Sequence[_Version]) -> Label:
    """What is to be said of the whole sheet."""
    from autochrome.report.look_sheet import Label

    shown = versions[min(1, len(versions) - 1)]
    said = [
        "To make one at full size, add the options below it to the command:\n"
        f"`{_command(Path(path.name))} {shown.options}`",
        "natural: each model's default. accurate: calm, on average nearest to the truth. vivid: bold.",
        "Weaker or stronger colors: `--saturation 0.7`, `--saturation 1.3`.",
    ]
    if any(version.draws for version in versions):
        drawing = " and ".join(dict.fromkeys(version.model for version in versions if version.draws))
        said.append(
            f"One sample of {drawing} is often wrong in part: try others, `--seed 1`, or eight at once, "
            "`--samples 8`."
        )
    said.append("To keep several versions, name them: `-o chosen.jpg`.")
    return Label(f"{path.name} in {len(versions)} version{'s' if versions[1:] else ''}", text=tuple(said))


def _print(job: _Job, versions: Sequence[_Version], *, blank_line: bool) -> None:
    """Print where the sheet is, the commands, and what the person should know."""
    if blank_line:
        click.echo()
    click.echo(f"{job.photo} -> {job.sheet}")
    for version in versions:
        click.echo(f"  {_command(job.photo)} {version.options}")
    noted: dict[str, dict[str, None]] = {}
    for version in versions:
        for note in version.colored.notes:
            noted.setdefault(note, {})[version.model] = None
    models = {version.model for version in versions}
    for note, by in noted.items():
        who = "" if set(by) == models else f" ({', '.join(by)})"
        click.echo(f"note: {job.photo}{who}: {note}", err=True)


def _command(photo: Path) -> str:
    return f"autochrome colorize {shlex.quote(str(photo))}"


@contextmanager
def _progress(name: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, and nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(name.replace("[", r"\["), total=total)
        yield lambda: progress.advance(bar)
