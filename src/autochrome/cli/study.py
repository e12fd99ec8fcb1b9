"""`autochrome study`: ask people to judge colorized photos."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autochrome.cli.checks import check_outputs, requires_extra
from autochrome.cli.console import photo_bar
from autochrome.cli.options import PATH, Whole, overwrite_option, seed_option
from autochrome.cli.study_design import DesignCommand, design_of

if TYPE_CHECKING:
    from autochrome.study.design import Design
    from autochrome.study.statistics.power import Planned
    from autochrome.study.statistics.rates import Rate
    from autochrome.study.storage.store import Status, Study

_PEEKING = (
    "These figures change as votes come in. Stopping early because results look good inflates false"
    " positives; fix the stopping rule in advance."
)


class _StudyGroup(click.Group):
    """A group that lists its commands in the order in which a person needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they were added."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a missing package becomes one line and exit code 1."""
        with requires_extra("study", "studies need"):
            return super().invoke(ctx)


@click.group(cls=_StudyGroup)
def study() -> None:
    """Ask people to judge colorized photos: build a study, serve it, read its results.

    Every command has its own --help; the design of a study explains each of its keys.
    """


_folder_argument = click.argument("folder", type=PATH)
_database_option = click.option(
    "--database",
    metavar="URL",
    help="Database with the votes, such as postgresql://user@host/name. [default: that of the environment"
    " variable AUTOCHROME_STUDY_DATABASE, or a file in FOLDER]",
)


@study.command()
@click.option(
    "--rate", type=float, required=True, help="Fooling rate that you expect of one system, such as .3."
)
@click.option(
    "--difference", type=float, required=True, help="Smallest difference that matters, such as .03."
)
@click.option(
    "--raters",
    type=Whole(1),
    multiple=True,
    help="Votes per photo; may be repeated. [default: 1, 2, 3, 5, 10, 20]",
)
@click.option("--pictures", type=Whole(2), help="Photos you have: adds the difference that they detect.")
@click.option("--power", type=float, help="Chance of detecting the difference. [default: .8]")
@click.option("--alpha", type=float, help="Significance level of the test, two-sided. [default: .05]")
@click.option("--correlation", type=float, help="Correlation of two votes on one photo. [default: .05]")
@click.option(
    "--shared", type=float, help="Share of the photos' effects common to both systems. [default: .5]"
)
@click.option("--unpaired", is_flag=True, help="Each system is judged on its own photos.")
def power(
    rate: float, difference: float, raters: tuple[int, ...], pictures: int | None, **given: Any
) -> None:
    """Compute how large a study must be.

    How many photos and votes detect a difference between two systems. Do this before the study starts. One
    vote each on more photos detects more than more votes on each photo.
    """
    from autochrome.study.statistics.power import RATERS, Question, plan

    unpaired = given.pop("unpaired")
    settings = {name: value for name, value in given.items() if value is not None}
    try:
        question = Question(rate, difference, paired=not unpaired, **settings)
        rows = plan(question, raters=sorted(raters) or RATERS, pictures=pictures)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    _print_plan(rows, pictures)


@study.command(cls=DesignCommand)
@_folder_argument
@click.option(
    "--design", "design_file", type=PATH, metavar="FILE", help="A design file instead of the options above."
)
@click.option("--design-only", is_flag=True, help="Only write the design to FOLDER.yaml, for editing.")
@_database_option
def new(
    folder: Path, design_file: Path | None, design_only: bool, database: str | None, **options: Any
) -> None:
    """Build a study.

    FOLDER must not exist yet.

    autochrome study new my-study --protocol two-afc --references truth --system cic=results/cic

    Options that are not given have the paper's values, or ours where the paper has none. All pictures are
    scaled, cropped and written in the same way, under random names.
    """
    design = design_of(design_file, options)
    if design_only:
        _write_design(design, folder)
        return
    from autochrome.study.storage.building import build_study

    with photo_bar() as report, build_study(design, folder, database=database, progress=report) as built:
        _print_built(built, folder)


@study.command()
@_folder_argument
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, help="Port; 0: any free one.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Number of processes.")
@click.option(
    "--name",
    "names",
    multiple=True,
    help="Another host name that people use to reach the server, such as that of a proxy; may be repeated.",
)
@_database_option
def serve(
    folder: Path, host: str, port: int, workers: int, names: tuple[str, ...], database: str | None
) -> None:
    """Serve a study to raters, until Ctrl-C.

    The server can be stopped and restarted at any time: every vote that was acknowledged is on the disk.
    """
    from autochrome.study.web.server import is_loopback
    from autochrome.study.web.server import serve as run

    with _opened(folder, database) as opened:
        if not is_loopback(host):
            click.echo(
                f"warning: {host} can be reached from the network, and the connection is not encrypted. It is"
                " safer to omit --host and put a proxy with HTTPS in front.",
                err=True,
            )
        run(opened, host, port, workers, names=names, database=database)


@study.command()
@_folder_argument
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_database_option
def status(folder: Path, as_json: bool, database: str | None) -> None:
    """Show the progress of a study, which may be running."""
    with _opened(folder, database) as opened:
        from autochrome.io.plain import to_plain
        from autochrome.study.report.summary import live_rates

        current, rates = opened.status(), live_rates(opened)
        if as_json:
            click.echo(json.dumps(to_plain({"status": current, "rates": rates}), indent=1))
        else:
            _print_status(current, rates)


@study.command()
@_folder_argument
@click.option("-o", "--out", type=PATH, required=True, help="votes.csv or votes.parquet.")
@overwrite_option
@_database_option
def export(folder: Path, out: Path, overwrite: bool, database: str | None) -> None:
    """Write all votes to a table for other programs.

    One row per judgment. Nothing in the table identifies a rater.
    """
    check_outputs(out, overwrite=overwrite)
    from autochrome.study.report.export import check_suffix, export_votes

    check_suffix(out)
    with _opened(folder, database) as opened:
        count = export_votes(opened.design.protocol, opened.answers(), out)
    click.echo(f"{out}: {count} judgments")


@study.command()
@_folder_argument
@click.option("-o", "--out", type=PATH, required=True, help="The report, one HTML file.")
@click.option("--json", "json_path", type=PATH, help="Also write all figures to this file, as JSON.")
@seed_option("Seed of the bootstraps.", Whole())
@overwrite_option
@_database_option
def report(
    folder: Path, out: Path, json_path: Path | None, seed: int, overwrite: bool, database: str | None
) -> None:
    """Write the results to one HTML file.

    The file is self-contained: it has the figures, the charts, and the photos at both ends.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter("a report is written as .html", param_hint="--out")
    check_outputs(out, json_path, overwrite=overwrite)
    from autochrome.io.whole_file import write_json
    from autochrome.study.report.document import report as make_report
    from autochrome.study.report.summary import summarize

    with _opened(folder, database) as opened:
        summary = summarize(opened, seed=seed)
    make_report(summary).write(out)
    if json_path:
        write_json(summary.to_json(), json_path)
    click.echo(f"{out}: {summary.counted} of {summary.judged} judgments, by {summary.raters} raters, count")
    if not summary.status.done:
        click.echo(_PEEKING, err=True)


def _opened(folder: Path, database: str | None) -> Study:
    """Open a study; the caller closes it by ``with``."""
    from autochrome.study.storage.store import Study

    return Study.open(folder, database)


# Output.


def _write_design(design: Design, folder: Path) -> None:
    """Write the design beside the study's future folder."""
    file = folder.with_name(f"{folder.name}.yaml")
    if file.exists():
        raise click.ClickException(f"{file} exists; build it with --design {file}, or name another folder")
    design.write(file)
    click.echo(f"{file} has the whole design. Edit it as you like, then:")
    click.echo(f"  autochrome study new {shlex.quote(str(folder))} --design {shlex.quote(str(file))}")


def _print_built(study: Study, folder: Path) -> None:
    from autochrome.study.web.pages.words import minutes

    for note in study.notes:
        click.echo(f"note: {note}", err=True)
    design, units = study.design, study.status().units
    photos = units // design.units_per_photo()
    click.echo(f"{folder}: {photos} photos, {units} units of {design.raters} votes each")
    raters = design.raters_needed(units, photos)
    click.echo(f"It needs {raters} raters who finish, each for {minutes(design)}.")
    click.echo("To begin:")
    click.echo(f"  autochrome study serve {shlex.quote(str(folder))}")


def _print_status(status: Status, rates: dict[str, Rate]) -> None:
    from autochrome.study.records import Stage

    test, practice, vigilance = (
        status.votes.get(stage, 0) for stage in (Stage.TEST, Stage.PRACTICE, Stage.VIGILANCE)
    )
    phase = f", phase {status.phase} of {status.phases}" if status.phases > 1 else ""
    lines = {
        "state": f"complete{phase}" if status.done else f"{status.missing} votes missing{phase}",
        "raters": f"{status.enrolled} enrolled, {status.finished} finished, {status.active} active;"
        f" {status.max_raters} may enroll",
        "votes per unit": f"{status.fewest} to {status.most}; {status.units} units need {status.wanted} each",
        "test votes": f"{test}, {status.slipped} slipped",
        "attention checks": f"{vigilance}, {status.vigilance_failed} failed",
        "practice": f"{practice}",
    }
    for name, rate in rates.items():
        low, high = rate.interval.low, rate.interval.high
        lines[name] = f"{rate.value:.1%} [{low:.1%}, {high:.1%}] of {rate.votes} votes"
    width = max(map(len, lines)) + 2
    for name, text in lines.items():
        click.echo(f"{name:<{width}}{text}")
    if rates and not status.done:
        click.echo(_PEEKING, err=True)


def _print_plan(rows: list[Planned], pictures: int | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(caption="photos and votes that detect the difference")
    heads = ["votes per photo", "photos needed", "votes in all", "design effect", "± of a rate, 95%"]
    for head in [*heads, *([f"detected with {pictures}"] if pictures else [])]:
        table.add_column(head, justify="right")
    for row in rows:
        cells = [str(row.raters), str(row.pictures), str(row.votes), f"{row.design_effect:.2f}"]
        cells.append(f"{100 * row.half_width:.1f} points")
        if pictures:
            cells.append("none" if row.detectable is None else f"{100 * row.detectable:+.1f} points")
        table.add_row(*cells)
    Console().print(table)
