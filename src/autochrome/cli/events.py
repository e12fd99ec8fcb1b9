"""What happens to the photos of a run, told to whoever subscribes: the report, the progress bar."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autochrome.errors import AutochromeError, PhotoError

if TYPE_CHECKING:
    from autochrome.cli.plan import Job
    from autochrome.io.folders import PassedOver
    from autochrome.pipeline.uncertainty import Uncertainty

_EXPECTED = (AutochromeError, OSError, MemoryError, RecursionError, click.ClickException)
_LONGEST_REASON = 400


@dataclass(frozen=True)
class Started:
    """A photo is being colored, the one of that number, from 0, of so many."""

    job: Job
    number: int
    total: int


@dataclass(frozen=True, eq=False)
class Finished:
    """A photo's results have their names."""

    job: Job
    notes: tuple[str, ...] = ()
    uncertainty: Uncertainty | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Failed:
    """A photo, or a folder, could not be colored; the others go on.

    Attributes:
        source: its name.
        kind: the class of the error.
        message: what is wrong and what to do, in one line, without the name.
        unexpected: nobody thought of this error.
        job: None if it failed before its results were named.
    """

    source: str
    kind: str
    message: str
    unexpected: bool = False
    job: Job | None = None


@dataclass(frozen=True)
class Skipped:
    """A picture was left out, which is no failure.

    Attributes:
        source: the picture.
        reason: "exists" (it has results, that no ledger knows), "elsewhere" (another run made them
            meanwhile), "kept" (they were edited), "color" (it is in color already) or one of
            `standing.Reason`.
        target: its result.
        note: what the user should know about that.
    """

    source: Path
    reason: str
    target: Path
    note: str = ""


@dataclass(frozen=True)
class LookedThrough:
    """A folder was searched, and something in it left out."""

    folder: Path
    passed_over: PassedOver


Event = Started | Finished | Failed | Skipped | LookedThrough
Subscriber = Callable[[Event], None]


def failure(source: object, error: Exception, job: Job | None = None) -> Failed:
    """Return the event of a photo's exception."""
    message = reason_of(error)
    if isinstance(error, PhotoError) and error.source != str(source):  # of its result, for example
        message = f"{error.source}: {message}"
    unexpected = not isinstance(error, _EXPECTED)
    return Failed(str(source), type(error).__name__, message, unexpected, job)


def reason_of(error: Exception) -> str:
    """Return what is wrong and what to do in one line, without the name of a photo."""
    if isinstance(error, PhotoError):
        text = f"{error.problem}. {error.advice}"
    elif isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        text = "its result's name would be too long for the file system. Shorten it, or give another -o"
    elif isinstance(error, OSError) and error.strerror:
        text = error.strerror if error.filename is None else f"{error.strerror}: {error.filename}"
    elif isinstance(error, RecursionError):
        text = "something in the file is nested too deep. Save a copy without its metadata"
    elif isinstance(error, _EXPECTED):
        text = str(error) or "memory ran out. Close other programs, or take a smaller photo"
    else:
        text = f"unexpected {type(error).__name__}: {error}. Please report this, with the photo if you can"
    return " ".join(text.split())[:_LONGEST_REASON]
