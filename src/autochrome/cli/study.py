"""`autochrome study`: ask people to judge colorized photos."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from autochrome.cli.study_design import design_of, design_options

if TYPE_CHECKING:
    from autochrome.study.design import Design
    from autochrome.study.report.live import Live
    from autochrome.study.report.summary import Summary
    from autochrome.study.statistics.power import Planned
    from autochrome.study.storage.store import Study

_Command = TypeVar("_Command", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)
_PEEKING = (
    "These figures move while votes come in. Who stops when they look good will find too much:"
    " decide beforehand when to stop."
)


class _InOrder(click.Group):
    """A group that lists its commands in the order in which a person needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names as they were added."""
        return list(self.commands)


@click.group(cls=_InOrder)
def study() -> None:
    """Ask people to judge colorized photos: build a study, serve it, read its results.

    docs/study.md explains the protocols, what is stored, and what each figure means.
    """


def _database_option(command: _Command) -> _Command:
    return click.option(
        "--database",
        metavar="URL",
        help="Where the votes are, such as postgresql://user@host/name. [default: the environment's"
        " AUTOCHROME_STUDY_DATABASE, or a file in FOLDER]",
    )(command)


@study.command()
@click.option("--rate", type=float, required=True, help="Fooling rate of one system that you expect: .3")
@click.option("--difference", type=float, required=True, help="The least difference that matters: .03")
@click.option(
    "--raters", type=click.IntRange(1), multiple=True, help="Votes a picture. [default: 1, 2, 3, 5, 10, 20]"
)
@click.option("--pictures", type=click.IntRange(2), help="Photos at hand: adds what difference they find.")
@click.option("--power", type=float, help="Chance to find it if it is there. [default: .8]")
@click.option("--alpha", type=float, help="Level of the test, two-sided. [default: .05]")
@click.option("--correlation", type=float, help="Of two votes on one picture. [default: .05]")
@click.option("--shared", type=float, help="Share of that which both systems have in common. [default: .5]")
@click.option("--unpaired", is_flag=True, help="Each system is judged on photos of its own.")
def power(
    rate: float, difference: float, raters: tuple[int, ...], pictures: int | None, **given: Any
) -> None:
    """Tell how large a study must be.

    How many photos and votes find a difference between two systems. Ask before the study starts. One vote
    each on more photos finds more than more votes on each.
    """
    with _errors_told():
        from autochrome.study.statistics.power import RATERS, Question, plan

        unpaired = given.pop("unpaired")
        settings = {name: value for name, value in given.items() if value is not None}
        try:
            question = Question(rate, difference, paired=not unpaired, **settings)
            rows = plan(question, raters=sorted(raters) or RATERS, pictures=pictures)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
    _tell_plan(rows, pictures)


@study.command()
@click.argument("folder", type=_PATH)
@design_options
@click.option("--design", "design_file", type=_PATH, metavar="FILE", help="A design instead of the options.")
@click.option("--design-only", is_flag=True, help="Write FOLDER.yaml to edit, and build nothing yet.")
@_database_option
def new(
    folder: Path, design_file: Path | None, design_only: bool, database: str | None, **options: Any
) -> None:
    """Build a study.

    FOLDER must not exist yet.

    autochrome study new my-study --protocol two-afc --references truth --system cic=results/cic

    Numbers that are not given are the paper's, or ours where the paper has none (docs/study.md). All pictures
    take the same way: scaled, cut and written alike, under random names.
    """
    with _errors_told():
        design = design_of(design_file, options)
        if design_only:
            _write_design(design, folder)
            return
        from autochrome.study.storage.building import build_study

        with _progress() as report, build_study(design, folder, database=database, progress=report) as built:
            _tell_built(built, folder)


@study.command()
@click.argument("folder", type=_PATH)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
@click.option(
    "--name", "names", multiple=True, help="A further name by which people reach it, such as a proxy's."
)
@_database_option
def serve(
    folder: Path, host: str, port: int, workers: int, names: tuple[str, ...], database: str | None
) -> None:
    """Serve a study to raters, until Ctrl-C.

    It can be stopped and started at any time: every vote that a rater was thanked for is on the disk.
    """
    with _errors_told():
        from autochrome.study.web.server import is_loopback
        from autochrome.study.web.server import serve as run

        with _opened(folder, database) as opened:
            if not is_loopback(host):
                click.echo(
                    f"warning: {host} is reached from outside, without encryption. Better leave the host out"
                    " and put a proxy with HTTPS before it (docs/study.md).",
                    err=True,
                )
            run(opened, host, port, workers, names=names, database=database)


@study.command()
@click.argument("folder", type=_PATH)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_database_option
def status(folder: Path, as_json: bool, database: str | None) -> None:
    """Tell how far a study is; it may be running."""
    with _errors_told(), _opened(folder, database) as opened:
        from autochrome.study.report.live import live

        found = live(opened)
        if as_json:
            click.echo(json.dumps(found.to_json(), indent=1))
        else:
            _tell_status(found)


@study.command()
@click.argument("folder", type=_PATH)
@click.option("-o", "--out", type=_PATH, required=True, help="votes.csv or votes.parquet.")
@_database_option
def export(folder: Path, out: Path, database: str | None) -> None:
    """Write all votes as a table for other programs.

    One row per judgment; docs/study.md tells what the columns are. Nothing in it tells who the raters are.
    """
    _check_folder(out)
    with _errors_told():
        from autochrome.study.report.export import check_suffix, export_votes

        check_suffix(out)
        with _opened(folder, database) as opened:
            count = export_votes(opened.design.protocol, opened.answers(), out)
    click.echo(f"{out}: {count} judgments")


@study.command()
@click.argument("folder", type=_PATH)
@click.option("-o", "--out", type=_PATH, required=True, help="The report: one HTML file.")
@click.option("--json", "json_path", type=_PATH, help="Write all figures to this file, too.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the bootstraps.")
@_database_option
def report(folder: Path, out: Path, json_path: Path | None, seed: int, database: str | None) -> None:
    """Write the results as one HTML file.

    The file needs nothing else; it holds the figures, charts and the photos at both ends.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter("a report is written as .html", param_hint="--out")
    _check_folder(out, json_path)
    with _errors_told():
        from autochrome.io.whole_file import write_json
        from autochrome.study.report.summary import report as make_report
        from autochrome.study.report.summary import summarize

        with _opened(folder, database) as opened:
            summary = summarize(opened, seed=seed)
        make_report(summary).write(out)
        if json_path:
            write_json(summary.to_json(), json_path)
    _tell_report(summary, out)


# Ways that the commands share.


@contextmanager
def _errors_told() -> Iterator[None]:
    """What a person can mend becomes one line and exit code 1."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("autochrome"):
            raise
        raise click.ClickException(
            f"studies need the package {error.name}: pip install 'autochrome[study]'"
        ) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or 'the disk'}: {error.strerror or error}") from error


@contextmanager
def _opened(folder: Path, database: str | None) -> Iterator[Study]:
    from autochrome.study.storage.store import Study

    with Study.open(folder, database) as opened:
        yield opened


def _check_folder(*paths: Path | None) -> None:
    """Refuse what could not be written before minutes are spent."""
    for path in paths:
        if path and not path.absolute().parent.is_dir():
            raise click.UsageError(f"the folder of {path} does not exist; make it first")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    errors = Console(stderr=True)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("photos", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


# What is said at the end.


def _write_design(design: Design, folder: Path) -> None:
    """Write the design beside the folder that will be the study's."""
    file = folder.with_name(f"{folder.name}.yaml")
    if file.exists():
        raise click.ClickException(f"{file} exists; build it with --design {file}, or name another folder")
    design.write(file)
    click.echo(f"{file} holds the whole design. Change what you like, then:")
    click.echo(f"  autochrome study new {shlex.quote(str(folder))} --design {shlex.quote(str(file))}")


def _tell_built(study: Study, folder: Path) -> None:
    from autochrome.study.report.summary import units_a_photo
    from autochrome.study.web.pages.words import minutes

    for note in study.notes:
        click.echo(f"note: {note}", err=True)
    design, units = study.design, study.status().units
    photos = units // units_a_photo(design)
    click.echo(f"{folder}: {photos} photos, {units} units of {design.raters} votes each")
    raters = design.raters_needed(units, photos)
    click.echo(f"It needs {raters} raters who finish; each takes {minutes(design)}.")
    click.echo("To begin:")
    click.echo(f"  autochrome study serve {shlex.quote(str(folder))}")


def _tell_status(found: Live) -> None:
    from autochrome.study.records import Stage

    status = found.status
    test, practice, vigilance = (
        status.votes.get(stage, 0) for stage in (Stage.TEST, Stage.PRACTICE, Stage.VIGILANCE)
    )
    phase = f", phase {status.phase} of {status.phases}" if status.phases > 1 else ""
    lines = {
        "state": f"complete{phase}" if status.done else f"{status.missing} votes missing{phase}",
        "raters": f"{status.enrolled} enrolled, {status.finished} finished, {status.active} active;"
        f" {status.max_raters} may enroll",
        "votes a unit": f"{status.fewest} to {status.most}; {status.wanted} wanted on each of {status.units}",
        "test votes": f"{test}, {status.slipped} slipped",
        "attention checks": f"{vigilance}, {status.vigilance_failed} failed",
        "practice": f"{practice}",
    }
    for name, rate in found.rates.items():
        low, high = rate.interval.low, rate.interval.high
        lines[name] = f"{rate.value:.1%} [{low:.1%}, {high:.1%}] of {rate.votes} votes"
    width = max(map(len, lines)) + 2
    for name, text in lines.items():
        click.echo(f"{name:<{width}}{text}")
    if found.rates and not status.done:
        click.echo(_PEEKING, err=True)


def _tell_report(summary: Summary, out: Path) -> None:
    click.echo(f"{out}: {summary.counted} of {summary.judged} judgments of {summary.raters} raters count")
    if not summary.status.done:
        click.echo(_PEEKING, err=True)


def _tell_plan(rows: list[Planned], pictures: int | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(caption="photos and votes that find the difference; both systems on the same photos")
    heads = ["votes a photo", "photos needed", "votes in all", "design effect", "± of a rate, 95%"]
    for head in [*heads, *([f"found with {pictures}"] if pictures else [])]:
        table.add_column(head, justify="right")
    for row in rows:
        cells = [str(row.raters), str(row.pictures), str(row.votes), f"{row.design_effect:.2f}"]
        cells.append(f"{100 * row.half_width:.1f} points")
        if pictures:
            found = row.detectable
            cells.append("none" if found is None else f"{100 * found:+.1f} points")
        table.add_row(*cells)
    Console().print(table)
