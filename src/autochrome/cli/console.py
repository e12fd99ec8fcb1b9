"""What commands show while they work and at the end: progress on stderr, tables on stdout."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress as Bar

    from autochrome.types import Progress


def make_bar(*, disable: bool = False) -> Bar:
    """Return a bar with the time left, which is only shown on a terminal and disappears at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    text = TextColumn("{task.description}", markup=False)
    columns = (text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=disable or not console.is_terminal)


@contextmanager
def progress_bar(*, disable: bool = False) -> Iterator[Progress]:
    """Show a bar on a terminal, and nothing elsewhere."""
    with make_bar(disable=disable) as bar:
        task = bar.add_task("", total=None)
        yield lambda label, done, total: bar.update(task, description=label, completed=done, total=total)


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
