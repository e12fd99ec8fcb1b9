"""`autochrome figures`: the papers' figures, drawn for a photo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autochrome.cli.checks import check_outputs, check_sheet_suffix
from autochrome.cli.options import (
    PATH,
    compose,
    decoder_options,
    limit_option,
    make_painter,
    make_settings,
    model_options,
)

if TYPE_CHECKING:
    from autochrome.io.photo import Photo
    from autochrome.pipeline.painter import ColorizeSettings, Painter
    from autochrome.report.contact_sheet import Page


@click.group()
def figures() -> None:
    """Draw the papers' figures for a photo."""


_figure_options = compose(
    model_options,
    decoder_options,
    click.argument("photo", type=PATH),
    click.option("-o", "--out", required=True, type=PATH, help="The figure's file."),
    limit_option,
    click.option("--overwrite", is_flag=True, help="Replace the figure if it exists."),
)


@figures.command()
@_figure_options
def temperatures(photo: Path, out: Path, overwrite: bool, **options: Any) -> None:
    """Show the way from the mean color to the most probable one (CIC, figure 4).

    The columns are the paper's temperatures: 1, 1/2, 1/4, 1/6, 1/8, 1/12, 0.
    """
    _check_target(out, overwrite)
    painter, picture, settings = _open(photo, options)
    from autochrome.report.distribution_figures import temperature_sheet

    _write(temperature_sheet(painter, picture, settings, photo.name), out, overwrite)


@figures.command()
@_figure_options
@click.option("--bins", type=click.IntRange(1, 32), default=8, help="Number of colors.")
def probabilities(photo: Path, out: Path, overwrite: bool, bins: int, **options: Any) -> None:
    """Show where the model expects the most probable distinct colors (CIC, figure 14).

    Above each map is the color it stands for, with its a and b: a bin together with the eight around it.
    White is the largest probability in the map, which is given in percent.
    """
    _check_target(out, overwrite)
    painter, picture, settings = _open(photo, options)
    from autochrome.report.distribution_figures import probability_sheet

    _write(probability_sheet(painter, picture, settings, bins), out, overwrite)


def _check_target(out: Path, overwrite: bool) -> None:
    check_sheet_suffix(out, "-o")
    check_outputs(out, overwrite=overwrite)


def _open(path: Path, options: dict[str, Any]) -> tuple[Painter, Photo, ColorizeSettings]:
    from autochrome.io.photo import read_photo

    photo = read_photo(path)
    painter = make_painter(options.pop("model"), options.pop("weights"), options.pop("device"))
    return painter, photo, make_settings(spec=painter.model.spec, **options)


def _write(pages: list[Page], out: Path, overwrite: bool) -> None:
    from autochrome.report.contact_sheet import sheet_files, write_sheets

    check_outputs(*sheet_files(out, len(pages)), overwrite=overwrite)
    write_sheets(pages, out)
    click.echo(str(out), err=True)
