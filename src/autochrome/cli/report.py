"""What `autochrome colorize` prints about its photos, on stderr: results, notes, failures and a summary."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from autochrome.cli.console import duration, print_line, printable
from autochrome.cli.events import Event, Failed, Finished, LookedThrough, Skipped
from autochrome.cli.plan import Job
from autochrome.io.folders import PassedOver

SKIPPED = {
    "current": "up to date",
    "changed": "made with other settings or weights (--redo changed makes them again)",
    "stale": "of another photo by now, but left as --redo says",
    "missing": "without a result, but left as --redo says",
    "kept": "edited since, and kept",
    "exists": "skipped, as their results exist (use --overwrite to replace them)",
    "color": "in color already",
    "elsewhere": "colorized by another run meanwhile",
}
"""What became of photos that were left out, by the reason of `Skipped`."""


@dataclass
class Report:
    """A subscriber that prints failures at once, notes at once or folded at the end, and a summary.

    Attributes:
        quiet: print failures only.
        ledger: the file that has the notes about photos, if there is one.
        page: the file that has all notes, if there is one.
    """

    quiet: bool = False
    ledger: str | None = None
    page: str | None = None
    done: int = 0
    again: int = 0
    failed: int = 0
    unexpected: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    interrupted: bool = False
    planned: int = 0
    started: float = field(default_factory=time.perf_counter)
    _first: dict[tuple[str, str], str] = field(default_factory=dict)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def begin(self, planned: int) -> None:
        """Start the clock."""
        self.planned, self.started = planned, time.perf_counter()

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        if isinstance(event, Finished):
            self.done, self.again = self.done + 1, self.again + event.job.again
            if self.planned == 1 and not self.quiet:
                _print_files(event.job)
            for note in event.notes:
                self._note(event.job.source, note, self.page or self.ledger)
        elif isinstance(event, Failed):
            self.failed, self.unexpected = self.failed + 1, self.unexpected + event.unexpected
            _say(f"failed: {event.source}: {event.message}")
        elif isinstance(event, LookedThrough):
            self._note(event.folder, describe(event.passed_over), self.page)
        elif isinstance(event, Skipped):
            self.skipped[event.reason] += 1
            if event.note:
                self._note(event.source, event.note, self.page)

    def _note(self, source: object, text: str, all_in: str | None) -> None:
        """Print a note; on a terminal, where another file has them all, only keep it and count."""
        if self.quiet:
            return
        if all_in is None or not sys.stderr.isatty():
            _say(f"note: {source}: {text}")
            return
        self._counts[text, all_in] += 1
        self._first.setdefault((text, all_in), str(source))

    def print(self) -> None:
        """Print folded notes and a summary."""
        if self.quiet:
            return
        for (text, all_in), count in self._counts.items():
            more = f" and {count - 1} more (all in {all_in})" if count > 1 else ""
            _say(f"note: {self._first[text, all_in]}{more}: {text}")
        if self.interrupted:
            _say("interrupted; nothing was left half-written")
        if self.planned + self.failed + self.skipped.total() > 1 or self.skipped:
            _say(self._summary())

    def facts(self) -> dict[str, str]:
        """Return what the summary says as names and values."""
        facts = {"colorized": str(self.done)}
        if self.again:
            facts["of these again"] = str(self.again)
        if self.failed:
            facts["failed"] = str(self.failed)
        facts |= {SKIPPED[reason]: str(count) for reason, count in self.skipped.items()}
        seconds = time.perf_counter() - self.started
        facts["time"] = duration(seconds)
        if self.done > 1:
            facts["time per photo"] = duration(seconds / self.done)
        return facts

    def _summary(self) -> str:
        parts = [f"{self.done} colorized" + (f" ({self.again} of them again)" if self.again else "")]
        parts += [
            f"{self.skipped[reason]} {text}" for reason, text in SKIPPED.items() if self.skipped[reason]
        ]
        if self.failed:
            parts.append(
                f"{self.failed} failed" + (f" ({self.unexpected} unexpectedly)" if self.unexpected else "")
            )
        seconds = f" in {duration(time.perf_counter() - self.started)}" if self.planned else ""
        return ", ".join(parts) + seconds


def _print_files(job: Job) -> None:
    files = job.places
    named = ", ".join(map(str, files if len(files) < 4 else (files[0], "...", *files[-2:])))
    _say(f"{job.source} -> {named}")


def _say(line: str) -> None:
    print_line(printable(line))


def describe(passed_over: PassedOver) -> str:
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
