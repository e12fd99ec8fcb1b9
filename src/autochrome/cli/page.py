"""The page that `autochrome colorize --report` writes: told of photos as the run goes, drawn at its end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autochrome.cli.checks import check_outputs, requires_extra
from autochrome.cli.events import Event, Failed, Finished, LookedThrough, Skipped
from autochrome.cli.report import describe

if TYPE_CHECKING:
    from autochrome.pipeline.ledger import MadeWith

_OURS = "<title>Colorized photos</title>"


def check_report(file: str, *, overwrite: bool) -> Path:
    """Return the file of the report; that of an earlier run may be replaced, anything else may not."""
    path = Path(file)
    if path.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"{path.name} must end in .html", param_hint="--report")
    if path.is_file():
        with path.open("rb") as earlier:
            overwrite = overwrite or _OURS.encode() in earlier.read(1 << 12)
    check_outputs(path, overwrite=overwrite)
    with requires_extra("report", "--report needs"):
        import jinja2  # noqa: F401
    return path


class HtmlReport:
    """A subscriber that keeps what the report shows.

    Args:
        path: the file to write.
        made_with: what the photos are colored with.
    """

    def __init__(self, path: Path, made_with: MadeWith) -> None:
        from autochrome.report.batch import BatchReport

        look = made_with.look["settings"]
        settings = {"model": made_with.model, "weights (SHA-256)": made_with.weights_sha256 or "none"}
        settings |= {name.replace("_", " "): str(value) for name, value in look.items()}
        settings["quality"] = str(made_with.quality)
        self.path, self._report = path, BatchReport(settings)

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        from autochrome.report.batch import Colored

        if isinstance(event, Finished):
            job, unsure = event.job, event.uncertainty
            share = None if unsure is None else unsure.share
            self._report.add(Colored(job.source, job.files[0], job.page, share))
            for note in event.notes:
                self._report.note(job.source, note)
        elif isinstance(event, Failed):
            self._report.failures.append((event.source, event.kind, event.message))
        elif isinstance(event, LookedThrough):
            self._report.note(event.folder, describe(event.passed_over))
        elif isinstance(event, Skipped) and event.note:
            self._report.note(event.source, event.note)

    def write(self, facts: Mapping[str, str]) -> None:
        """Draw the page; an existing one is replaced.

        Raises:
            OSError: it cannot be written.
        """
        self._report.document(facts).write(self.path)
