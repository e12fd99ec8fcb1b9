"""What commands show while they work and at the end: progress on stderr, tables on stdout."""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress as Bar

    from autochrome.types import Progress


_UNSEEN = {"Cc", "Cs", "Zl", "Zp"}  # control characters, bytes that are not UTF-8, separators of lines
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str) -> str:
    """Return text with control characters escaped, so that a file's name cannot control the terminal."""
    if text.isprintable():
        return text
    return "".join(
        repr(each)[1:-1] if unicodedata.category(each) in _UNSEEN or each in _BIDI_CONTROLS else each
        for each in text
    )


def make_bar() -> Bar:
    """Return a bar with the time that has passed, the time left and the rate, which disappears at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.text import Text

    class Times(ProgressColumn):
        max_refresh = 0.5

        def render(self, task: Task) -> Text:
            passed, left = task.elapsed or 0.0, task.time_remaining
            words = [f"{duration(passed)} passed", f"{duration(left)} left" if left is not None else ""]
            return Text(", ".join([*filter(None, words), *([rate(task.speed)] if task.speed else [])]))

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), Times())
    # The speed of the last ten minutes: a large photo may take longer than rich's own half a minute.
    return Progress(*columns, console=Console(stderr=True), transient=True, speed_estimate_period=600)


@contextmanager
def progress_bar(*, disable: bool = False, lines: bool = False) -> Iterator[Progress]:
    """Show a bar on a terminal; elsewhere nothing, or now and then a line about a long job.

    Args:
        disable: show nothing at all.
        lines: print lines where there is no terminal.
    """
    if disable or not sys.stderr.isatty():
        yield ProgressLines() if lines and not disable else lambda label, done, total: None
        return
    with make_bar() as bar:
        task = bar.add_task("", total=None)
        yield lambda label, done, total: bar.update(
            task, description=printable(label), completed=done, total=total
        )


def print_line(text: str) -> None:
    """Print a line to stderr, above the bar if there is one, which `click.echo` would write into."""
    print(text, file=sys.stderr, flush=True)


class ProgressLines:
    """Print the progress of a long job to stderr: after every 1% or 5 minutes, at most every 30 s."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: float | None = None
        self._printed, self._done = 0.0, 0

    def __call__(self, label: str, done: int, total: int) -> None:
        """Take note of the progress."""
        now = self._clock()
        if self._began is None:
            self._began = self._printed = now
        since = now - self._printed
        if done == 0 or since < 30 or (100 * (done - self._done) < total and since < 300):
            return
        self._printed, self._done = now, done
        speed = done / (now - self._began)
        left = duration((total - done) / speed)
        click.echo(f"{done} of {total} ({done / total:.0%}), {rate(speed)}, about {left} left", err=True)


def duration(seconds: float) -> str:
    """Return "0.4 s", "12 s", "3 min 20 s" or "2 h 5 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def rate(speed: float) -> str:
    """Return a speed in photos (or what else is counted) per second: "2.5 a second", "4.2 s each"."""
    return f"{speed:.1f} a second" if speed >= 1 else f"{duration(1 / speed)} each"


@contextmanager
def photo_bar() -> Iterator[Callable[[int, int], None]]:
    """Show a `progress_bar` for one step, called with the photos done and the photos in all."""
    with progress_bar() as show:
        yield lambda done, total: show("photos", done, total)


@contextmanager
def step_progress() -> Iterator[Progress]:
    """Show a bar on a terminal, and everywhere a line for each finished step; a step begins with 0 done."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    with make_bar() as bar:
        task, began = bar.add_task("", visible=False), 0.0

        def show(label: str, done: int, total: int) -> None:
            nonlocal began
            if done == 0:
                began = time.monotonic()
                bar.reset(task, description=label, total=total, visible=True)
            bar.update(task, completed=done, visible=done < total)
            if done == total:
                bar.console.print(_done(label, began), markup=False, highlight=False)

        yield show


class _Lines:
    """Print to stderr what begins, how long it will take once that is known, and how long it took."""

    def __init__(self) -> None:
        self._began, self._estimated = 0.0, False

    def __call__(self, label: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done == 0:
            self._began, self._estimated = now, False
            click.echo(f"{label}: {total} {'photo' if total == 1 else 'photos'}", err=True)
        elif done == total:
            click.echo(_done(label, self._began), err=True)
        elif not self._estimated and now - self._began > 10 and 10 * done >= total:
            self._estimated = True
            left = (now - self._began) * (total - done) / done
            click.echo(f"{label}: about {left:.0f} s left", err=True)


def _done(label: str, began: float) -> str:
    return f"{label}: done in {time.monotonic() - began:.0f} s"


def print_tables(tables: RenderableType) -> None:
    """Print tables to stdout, at full width if that is a file or a pipe, which has no width to keep to."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 200).print(tables)
