"""Lists of photos, as `find` or a database writes them: one path a line, or divided by NUL bytes."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePath

import click


def read_list(file: str, *, null: bool = False) -> list[Path]:
    """Return the paths of a list in its order; empty lines are none.

    Args:
        file: the list, or - for stdin.
        null: paths are divided by NUL bytes instead of line ends.

    Raises:
        click.BadParameter: it cannot be read, or names nothing.
    """
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise click.BadParameter(
            f"{file} cannot be read ({error.strerror})", param_hint="--files-from"
        ) from error
    if null:
        names = content.split(b"\0")
    else:
        if b"\0" in content:
            raise click.BadParameter("the list holds NUL bytes; add --null", param_hint="--files-from")
        names = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").split(b"\n")
    paths = [Path(os.fsdecode(name)) for name in names if name]
    if not paths:
        raise click.BadParameter("the list names no photos", param_hint="--files-from")
    return paths


def place_of(path: Path) -> PurePath:
    """Return a listed path's place below the folder of the results: its own folders, never out of there."""
    inner = PurePath(os.path.normpath(path))
    if ".." in inner.parts:
        inner = PurePath(os.path.abspath(path))
    return inner.relative_to(inner.anchor)
