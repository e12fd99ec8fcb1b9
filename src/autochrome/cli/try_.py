"""`autochrome try`: a photo colored by every model in every look, on one sheet."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autochrome.cli.checks import check_sheet_suffix
from autochrome.cli.console import progress_bar
from autochrome.cli.events import reason_of
from autochrome.cli.options import (
    DEFAULT_MODEL,
    PATH,
    Whole,
    device_option,
    find_spec,
    limit_option,
    make_painter,
)
from autochrome.errors import AutochromeError, PhotoError

if TYPE_CHECKING:
    from autochrome.io.photo import Photo
    from autochrome.pipeline.painter import ColorizedPhoto, Painter, Prediction
    from autochrome.report.contact_sheet import Picture
    from autochrome.report.look_sheet import Label

MODELS = ("cic", "lrac", "pixcolor", "cgan")
"""The shipped models, in the order of the sheet."""

_Failures = list[tuple[str, str]]
"""Names of photos or models, and what went wrong."""


@click.command("try")
@click.argument("photos", nargs=-1, required=True, type=PATH, metavar="PHOTO...")
@click.option(
    "-o", "--out", metavar="SHEET", help="File of the sheet, or a folder. [default: beside the photo]"
)
@click.option("--model", "models", multiple=True, metavar="MODEL", help="Show only this model. Repeatable.")
@click.option(
    "--seed",
    type=Whole(0),
    metavar="S",
    help="Random seed of the samples that pixcolor and cgan draw.",
)
@device_option
@limit_option
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

    The sheet of portrait.jpg is portrait.try.jpg beside it, unless -o says otherwise. Below each version are
    the options that make it: add them to `autochrome colorize portrait.jpg`. The commands are printed, too.
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


# Planning -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Job:
    photo: Path
    sheet: Path


def _plan(photos: Sequence[Path], out: str | None, overwrite: bool) -> tuple[list[_Job], _Failures]:
    """Return the file of each photo's sheet, and what cannot be done, before a model is loaded.

    Raises:
        click.UsageError: one file is named for several sheets, or a file that cannot be a sheet.
    """
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
            failures.append((error.source, reason_of(error)))
        else:
            jobs.append(job)
    return jobs, failures


def _check_file(target: Path, photos: Sequence[Path]) -> None:
    if len(photos) > 1:
        raise click.UsageError(f"{target} is a file; several photos need a folder: -o {target.stem}/")
    check_sheet_suffix(target, "-o")


def _check_target(job: _Job, photos: Sequence[Path], planned: Sequence[_Job], overwrite: bool) -> None:
    if job.sheet.resolve() in {photo.resolve() for photo in photos}:
        raise PhotoError(job.photo, f"its sheet {job.sheet} would replace a photo", "Give another -o")
    if job.sheet in [other.sheet for other in planned]:
        raise PhotoError(
            job.photo, f"its sheet {job.sheet} would replace that of another", "Give them separately"
        )
    if job.sheet.exists() and not overwrite:
        raise PhotoError(job.photo, f"{job.sheet} exists already", "Use --overwrite to replace it")


def _load(names: Sequence[str], device: str) -> tuple[dict[str, Painter], _Failures]:
    """Return the models that can be loaded, and which cannot."""
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
    """The options of `autochrome colorize` that make it."""
    draws: bool
    """Whether the model draws its samples at random."""
    colored: ColorizedPhoto


def _work(jobs: Sequence[_Job], painters: Mapping[str, Painter], seed: int | None) -> _Failures:
    """Make the sheets one by one; return what failed, which does not stop the others."""
    from autochrome.io.photo import read_photo

    failures: _Failures = []
    for job in jobs:
        try:
            photo = read_photo(job.photo)
            versions = _versions(job.photo, photo, painters, seed)
            job.sheet.parent.mkdir(parents=True, exist_ok=True)
            _write_sheet(job, photo, versions)
        except Exception as error:  # whatever is wrong with one photo does not stop the others
            failures.append((getattr(error, "source", str(job.photo)), reason_of(error)))
        else:
            _print(job, versions, blank_line=job is not jobs[0])
    return failures


def _versions(path: Path, photo: Photo, painters: Mapping[str, Painter], seed: int | None) -> list[_Version]:
    versions: list[_Version] = []
    total = sum(len(painter.model.spec.look_names) for painter in painters.values())
    with progress_bar() as show:
        show(path.name, 0, total)
        for model, painter in painters.items():
            draws = painter.model.spec.kind == "samples"
            drawn_with = f" --seed {seed}" if seed is not None and draws else ""
            for look, colored in _paint_looks(painter, photo, seed):
                options = f"--model {model} --look {look}{drawn_with}"
                versions.append(_Version(model, look, options, draws, colored))
                show(path.name, len(versions), total)
    return versions


def _paint_looks(painter: Painter, photo: Photo, seed: int | None) -> Iterator[tuple[str, ColorizedPhoto]]:
    """Paint a photo in every look, at the size of the sheet's cells.

    The model runs again only for a look that changes its prediction.
    """
    from autochrome.pipeline.predict import preview
    from autochrome.pipeline.settings import ColorizeSettings, prediction_key
    from autochrome.report.look_sheet import SIDE

    spec = painter.model.spec
    predictions: dict[object, Prediction] = {}
    for look in spec.look_names:
        settings = ColorizeSettings(look=look)
        if seed is not None and spec.kind == "samples":
            settings = replace(settings, seed=seed)
        key = prediction_key(settings, spec)
        if key not in predictions:
            predictions[key] = preview(painter.predict(photo, settings), SIDE)
        yield look, painter.paint(predictions[key], settings)


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
    write_photo(Photo(page, source=job.photo), job.sheet, provenance=made)


def _heading(path: Path, versions: Sequence[_Version]) -> Label:
    """Return the title and the text at the top of the sheet."""
    from autochrome.report.look_sheet import Label

    example = versions[min(1, len(versions) - 1)]
    lines = [
        "To make one of these at full size, add the options below it to the command:\n"
        f"`{_command(Path(path.name))} {example.options}`",
        "natural: each model's default. accurate: calm, closest to the truth on average. vivid: bold.",
        "Weaker or stronger colors: `--saturation 0.7`, `--saturation 1.3`.",
    ]
    if any(version.draws for version in versions):
        drawing = " and ".join(dict.fromkeys(version.model for version in versions if version.draws))
        lines.append(
            f"A single sample from {drawing} is often partly wrong: try another, `--seed 1`, or eight at "
            "once, `--samples 8`."
        )
    lines.append("To keep several versions, give each a name: `-o chosen.jpg`.")
    return Label(f"{path.name} in {len(versions)} version{'s' if versions[1:] else ''}", text=tuple(lines))


def _print(job: _Job, versions: Sequence[_Version], *, blank_line: bool) -> None:
    """Print the sheet's file and the commands, and the notes to stderr."""
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
