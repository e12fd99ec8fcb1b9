"""What `autochrome colorize` prints at its end: results, notes, failures and a summary, on stderr."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from autochrome.cli.events import Event, Failed, Finished, LookedThrough, Skipped
from autochrome.cli.plan import Job
from autochrome.io.folders import PassedOver


@dataclass
class Report:
    """A subscriber that keeps the outcome for each photo."""

    done: int = 0
    last: Job | None = None
    failed: list[Failed] = field(default_factory=list)
    notes: list[tuple[Path, str]] = field(default_factory=list)
    skipped: int = 0
    elsewhere: int = 0
    interrupted: bool = False
    printed: int = 0
    planned: int = 0
    started: float = 0.0

    def begin(self, planned: int) -> None:
        """Start the clock."""
        self.planned, self.started = planned, time.perf_counter()

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, Finished):
            self.done, self.last = self.done + 1, event.job
            self.notes += [(event.job.source, note) for note in event.notes]
        elif isinstance(event, Failed):
            self.failed.append(event)
        elif isinstance(event, LookedThrough):
            self.notes.append((event.folder, _told(event.passed_over)))
        elif isinstance(event, Skipped) and event.reason == "elsewhere":
            self.elsewhere += 1
        elif isinstance(event, Skipped):
            self.skipped += 1

    def print(self) -> None:
        """Print results, notes, failures and a summary."""
        if self.done == 1 and self.last is not None:
            files = self.last.places
            named = ", ".join(map(str, files if len(files) < 4 else (files[0], "...", *files[-2:])))
            click.echo(f"{self.last.source} -> {named}", err=True)
        for note, count in Counter(note for _, note in self.notes).items():
            names = [str(path) for path, text in self.notes if text == note]
            more = f" and {count - 1} more" if count > 1 else ""
            click.echo(f"note: {names[0]}{more}: {note}", err=True)
        self.print_failures()
        if self.interrupted:
            click.echo("interrupted; nothing was left half-written", err=True)
        if self.planned + len(self.failed) + self.skipped > 1 or self.skipped or self.elsewhere:
            click.echo(self._summary(), err=True)

    def print_failures(self) -> None:
        """Print the failures that were not printed yet."""
        for failed in self.failed[self.printed :]:
            click.echo(f"failed: {failed.source}: {failed.message}", err=True)
        self.printed = len(self.failed)

    def _summary(self) -> str:
        parts = [f"{self.done} colorized"]
        if self.skipped:
            parts.append(f"{self.skipped} skipped, as their results exist (use --overwrite to replace them)")
        if self.elsewhere:
            parts.append(f"{self.elsewhere} colorized by another run meanwhile")
        if self.failed:
            unexpected = sum(failed.unexpected for failed in self.failed)
            parts.append(
                f"{len(self.failed)} failed" + (f" ({unexpected} unexpectedly)" if unexpected else "")
            )
        seconds = f" in {time.perf_counter() - self.started:.1f} s" if self.planned else ""
        return ", ".join(parts) + seconds


def _told(passed_over: PassedOver) -> str:
    """Return "3 other files were not looked at: 2 PSD, 1 TXT; 1 folder was not searched (--recursive)"."""
    parts = []
    files = sum(passed_over.files.values())
    if files:
        were = "other file was" if files == 1 else "other files were"
        kinds = (f"{count} {ending or 'without an ending'}" for ending, count in _sorted(passed_over.files))
        parts.append(f"{files} {were} not looked at: {', '.join(kinds)}")
    if passed_over.folders:
        were = "folder was" if passed_over.folders == 1 else "folders were"
        parts.append(f"{passed_over.folders} {were} not searched (--recursive)")
    return "; ".join(parts)


def _sorted(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))
