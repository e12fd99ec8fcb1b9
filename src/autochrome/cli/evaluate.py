"""`autochrome evaluate`: score folders of results against a folder of true photos."""

from __future__ import annotations

from pathlib import Path

import click

from autochrome.cli.checks import check_outputs, check_sheet_suffix
from autochrome.cli.console import photo_bar, print_tables
from autochrome.cli.options import (
    FOLDER,
    OUT_FILE,
    Whole,
    limit_option,
    overwrite_option,
    protocol_option,
    replicates_option,
    seed_option,
)


@click.command()
@click.argument("references", type=FOLDER)
@click.argument("results", type=FOLDER, nargs=-1)
@click.option("--json", "json_path", type=OUT_FILE, help="Write scores, intervals and manifest to this file.")
@click.option("--markdown", "markdown_path", type=OUT_FILE, help="Write the tables to this file.")
@click.option(
    "--sheet", type=OUT_FILE, help="Write a contact sheet (gray, results, truth): .png, .jpg or .webp."
)
@click.option("--sheet-rows", type=Whole(1), default=20, help="Photos on the sheet.")
@protocol_option
@click.option("--photos", type=Whole(1), help="Number of references to score, the first by name.")
@click.option("--baselines/--no-baselines", default=True, help="Score gray and random, too.")
@limit_option
@replicates_option
@seed_option("Seed of the resamples and the random baseline.", Whole())
@overwrite_option
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
    overwrite: bool,
) -> None:
    """Score the colorized photos in RESULTS against the true ones in REFERENCES.

    A result is matched with its reference by name: NAME.EXT or NAME.colorized.EXT, whatever the suffix.
    Several RESULTS folders give several columns; none gives the baselines alone. Scores come with 95%
    bootstrap intervals over photos.
    """
    from autochrome.evaluation.scores import evaluate as score
    from autochrome.evaluation.tables import markdown_tables, rich_tables
    from autochrome.io.whole_file import write_whole
    from autochrome.report.contact_sheet import Layout, sheet_files
    from autochrome.report.evaluation_sheet import write_evaluation_sheet

    if not results and not baselines:
        raise click.UsageError("nothing to score: give a RESULTS folder or leave --no-baselines out")
    if sheet:
        check_sheet_suffix(sheet, "--sheet")
    pages = -(-sheet_rows // Layout.rows_per_page)
    sheets = sheet_files(sheet, pages) if sheet else []
    check_outputs(json_path, markdown_path, *sheets, overwrite=overwrite)
    with photo_bar() as progress:
        scores = score(
            references,
            *results,
            protocol=protocol,
            photos=photos,
            baselines=baselines,
            replicates=replicates,
            seed=seed,
            progress=progress,
        )
    if json_path:
        scores.save(json_path)
    if markdown_path:
        write_whole(markdown_tables(scores), markdown_path)
    if sheet:
        write_evaluation_sheet(references, results, sheet, photos=photos, rows=sheet_rows)
    for warning in scores.warnings:
        click.echo(f"warning: {warning}", err=True)
    print_tables(rich_tables(scores))
