"""`autochrome evaluate`: score folders of results against a folder of true photos."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from autochrome.cli.options import replicates_option

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("references", type=_FOLDER)
@click.argument("results", type=_FOLDER, nargs=-1)
@click.option("--json", "json_path", type=_FILE, help="Write scores, intervals and manifest to this file.")
@click.option("--markdown", "markdown_path", type=_FILE, help="Write the tables to this file.")
@click.option(
    "--sheet", type=_FILE, help="Write a contact sheet (gray, results, truth): .png, .jpg or .webp."
)
@click.option(
    "--sheet-rows",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Photos on the sheet.",
)
@click.option(
    "--protocol",
    default="native",
    show_default=True,
    help="Size of comparison: native, crop:N (central square) or resize:N (shorter side).",
)
@click.option("--photos", type=click.IntRange(1), help="Number of references to score, the first by name.")
@click.option(
    "--baselines/--no-baselines",
    default=True,
    show_default=True,
    help="Score gray and random, too.",
)
@replicates_option
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed of the resamples and the random baseline."
)
def evaluate(
    references: Path,
    results: tuple[Path, ...],
    json_path: Path | None,
    markdown_path: Path | None,
    sheet: Path | None,
    sheet_rows: int,
    protocol: str,
    photos: int | None,
    baselines: bool,
    replicates: int,
    seed: int,
) -> None:
    """Score the colorized photos in RESULTS against the true ones in REFERENCES.

    A result is matched with its reference by name: NAME.EXT or NAME.colorized.EXT, whatever the suffix.
    Several RESULTS folders give several columns; none gives the baselines alone. Scores come with 95%
    bootstrap intervals over photos.
    """
    from rich.console import Console
    from rich.progress import Progress

    from autochrome.evaluation.scores import evaluate as score
    from autochrome.evaluation.tables import markdown_tables, rich_tables
    from autochrome.metrics.sizing import Sizing
    from autochrome.report.evaluation_sheet import write_evaluation_sheet

    if not results and not baselines:
        raise click.UsageError("nothing to score: give a RESULTS folder or leave --no-baselines out")
    _check_outputs(json_path, markdown_path, sheet)
    try:
        chosen = Sizing.parse(protocol)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--protocol") from error

    errors = Console(stderr=True)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("photos", total=None)
        scores = score(
            references,
            *results,
            protocol=chosen,
            photos=photos,
            baselines=baselines,
            replicates=replicates,
            seed=seed,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if json_path:
        scores.save(json_path)
    if markdown_path:
        markdown_path.write_text(markdown_tables(scores), encoding="utf-8")
    if sheet:
        write_evaluation_sheet(references, results, sheet, photos=photos, rows=sheet_rows)
    for warning in scores.warnings:
        errors.print(f"warning: {warning}", markup=False)
    # A file or a pipe has no width to keep to.
    Console(width=None if sys.stdout.isatty() else 200).print(rich_tables(scores))


def _check_outputs(json_path: Path | None, markdown_path: Path | None, sheet: Path | None) -> None:
    """Refuse what could not be written before minutes are spent on scoring."""
    from autochrome.report.contact_sheet import SHEET_SUFFIXES

    if sheet and sheet.suffix.lower() not in SHEET_SUFFIXES:
        raise click.BadParameter(f"use one of {', '.join(sorted(SHEET_SUFFIXES))}", param_hint="--sheet")
    for path in (json_path, markdown_path, sheet):
        if path and not path.absolute().parent.is_dir():
            raise click.UsageError(f"the folder of {path} does not exist; make it first")
