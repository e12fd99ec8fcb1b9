"""A run of `autochrome colorize` over files: what is planned, done, printed, remembered and reported."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from autochrome.cli.batch import Batch, emit_plan
from autochrome.cli.console import printable, progress_bar
from autochrome.cli.events import Event, Started
from autochrome.cli.listed import read_list
from autochrome.cli.page import HtmlReport, check_report
from autochrome.cli.plan import FileOptions, make_plan, results_folder
from autochrome.cli.redo import REDO, Redo
from autochrome.cli.report import Report
from autochrome.cli.stopping import ended_orderly, exit_code

if TYPE_CHECKING:
    from autochrome.cli.recording import Recorder
    from autochrome.models.spec import ModelSpec
    from autochrome.pipeline.ledger import Ledger, MadeWith
    from autochrome.pipeline.painter import Painter
    from autochrome.pipeline.settings import ColorizeSettings

_OPTIONS = (
    click.option(
        "--files-from", metavar="FILE", help="Color the photos of a list, one path a line; - for stdin."
    ),
    click.option(
        "-0", "--null", is_flag=True, help="Paths of --files-from end with NUL bytes: find -print0."
    ),
    click.option("--keep-ending", is_flag=True, help="Name the result of a.tif a.tif.png, not a.png."),
    click.option(
        "--redo",
        type=click.Choice(REDO),
        help="Photos to color in a folder of results, each value with those before it: failed the last time, "
        "missing a result, stale (the photo was replaced since), changed settings or weights, all. "
        "[default: stale]",
    ),
    click.option(
        "--ledger",
        metavar="FILE",
        help="Remember what was made of which photo. [default: autochrome-ledger.jsonl in -o FOLDER]",
    ),
    click.option("--no-ledger", is_flag=True, help="Remember nothing."),
    click.option("--report", metavar="FILE", help="Also write a report of the run: NAME.html."),
    click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing."),
    click.option("-q", "--quiet", is_flag=True, help="Print errors only."),
)


@dataclass(frozen=True)
class RunOptions:
    """The command line's options about a run over files."""

    files_from: str | None
    null: bool
    redo: str | None
    ledger: str | None
    no_ledger: bool
    report: str | None
    dry_run: bool
    quiet: bool

    def check(self) -> None:
        """Refuse options that contradict each other."""
        if self.ledger and self.no_ledger:
            raise click.UsageError("give one of --ledger and --no-ledger")
        if self.null and not self.files_from:
            raise click.UsageError("--null is about --files-from; give a list, too")

    def check_pipe(self) -> None:
        """Refuse what a photo in a pipe has not."""
        for name in ("files_from", "redo", "ledger", "report", "dry_run"):
            if getattr(self, name):
                option = f"--{name.replace('_', '-')}"
                raise click.UsageError(f"a pipe (-) has no {option}; name the photo's file and -o FILE")


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that `RunOptions` holds, and --keep-ending."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class Run:
    """A run: planned when it is made, before any model is loaded.

    Args:
        photos: files and folders.
        files: options about them.
        how: options about the run.
        spec: the model.
        weights: where its weights come from, if not the usual ones.
        settings: of every colorization.
    """

    def __init__(
        self,
        photos: Sequence[str],
        files: FileOptions,
        how: RunOptions,
        spec: ModelSpec,
        weights: str | None,
        settings: ColorizeSettings,
    ) -> None:
        how.check()
        self.files, self.how, self.settings = files, how, settings
        page = check_report(how.report, overwrite=files.overwrite) if how.report else None
        paths = [Path(photo) for photo in photos]
        listed = read_list(how.files_from, null=how.null) if how.files_from else []
        alone = len(paths) == 1 and not listed and not paths[0].is_dir()
        ledger = self._ledger(results_folder(paths, listed, files), alone=alone)
        made_with = self._made_with(spec, weights) if ledger or page else None
        self.plan = make_plan(paths, files, listed, Redo(files.overwrite, how.redo, ledger, made_with))
        self.report = Report(how.quiet, str(ledger.path) if ledger else None, how.report)
        self.page = HtmlReport(page, made_with) if page and made_with else None
        self.recorder: Recorder | None = None
        if ledger and made_with:
            from autochrome.cli.recording import Recorder

            self.recorder = Recorder(ledger, made_with)
        self._publish_plan(ledger)

    def _ledger(self, folder: Path | None, *, alone: bool) -> Ledger | None:
        """Return the ledger, if there is to be one: for a photo alone only where there is one already."""
        from autochrome.pipeline.ledger import NAME, Ledger

        path = Path(self.how.ledger) if self.how.ledger else folder and folder / NAME
        if path and not self.how.no_ledger and (self.how.ledger or not alone or path.exists()):
            return Ledger(path)
        if self.how.redo:
            raise click.UsageError("--redo needs a ledger: color a folder, and give -o or --ledger")
        return None

    def _made_with(self, spec: ModelSpec, weights: str | None) -> MadeWith:
        from autochrome.cli.recording import made_with

        return made_with(spec, weights, self.settings, self.files.quality)

    def _publish_plan(self, ledger: Ledger | None) -> None:
        if ledger and ledger.damaged and not self.how.quiet:
            lines = ", ".join(map(str, ledger.damaged))
            click.echo(f"note: {ledger.path}: cannot be read in these lines: {lines}", err=True)
        emit_plan(self.plan, self._publish)
        self.report.begin(len(self.plan.jobs))
        if ledger and not self.how.dry_run:
            for entry in self.plan.touched:
                ledger.append(entry)

    def _publish(self, event: Event) -> None:
        """Tell everybody but the progress bar."""
        for subscriber in (self.recorder, self.page, self.report):
            if subscriber is not None:
                subscriber(event)

    @property
    def needs_model(self) -> bool:
        """Whether anything is to be colored."""
        return bool(self.plan.jobs) and not self.how.dry_run

    def go(self, load: Callable[[], Painter]) -> int:
        """Do it, and return the exit code."""
        if self.how.dry_run:
            self._print_plan()
            return 1 if self.report.failed else 0
        try:
            if self.plan.jobs:
                self._color(load)
        except KeyboardInterrupt:
            self.report.interrupted = True
        finally:
            self.report.print()
        if self.page is not None:
            self.page.write(self.report.facts())
        if self.report.interrupted:
            return exit_code(signal.SIGINT)
        return 1 if self.report.failed else 0

    def _color(self, load: Callable[[], Painter]) -> None:
        jobs = self.plan.jobs
        with ExitStack() as bar:
            hidden = len(jobs) == 1 or self.how.quiet
            show = bar.enter_context(progress_bar(disable=hidden, lines=True))

            def publish(event: Event) -> None:
                self._publish(event)
                if isinstance(event, Started):
                    show(event.job.source.name, event.number, event.total)

            def last_words() -> None:
                bar.close()
                batch.conclude()
                self.report.interrupted = True
                self.report.print()

            batch = Batch(jobs, self.settings, self.files, publish, self.recorder)
            with ended_orderly(last_words):
                batch.run(load())

    def _print_plan(self) -> None:
        for job in self.plan.jobs:
            again = " (again)" if job.again else ""
            click.echo(printable(f"{job.source} -> {', '.join(map(str, job.places))}{again}"))
        self.report.planned = 0
        if not self.how.quiet:
            click.echo(f"{len(self.plan.jobs)} to be colorized; nothing was done", err=True)
            self.report.print()
