"""Checks before the work, so that nobody waits for minutes to learn of a wrong path or a missing package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from autochrome.io.whole_file import check_replaceable


def check_folder_of(*paths: Path | None) -> None:
    """Refuse files whose folders do not exist; None is a file that was not requested."""
    for path in paths:
        if path and not path.absolute().parent.is_dir():
            raise click.UsageError(f"the folder of {path} does not exist; make it first")


def check_free(path: Path, overwrite: bool) -> None:
    """Refuse a file that exists, unless it may be replaced; a device, pipe or folder may never be."""
    check_replaceable(path)
    if path.exists() and not overwrite:
        raise click.ClickException(f"{path} exists already. Use --overwrite to replace it")


def check_outputs(*paths: Path | None, overwrite: bool) -> None:
    """Refuse files that exist, or whose folders do not; None is a file that was not requested."""
    check_folder_of(*paths)
    for path in paths:
        if path:
            check_free(path, overwrite)


def check_sheet_suffix(path: Path, option: str) -> None:
    """Refuse a contact sheet of a format that sheets are not written in; ``option`` named it."""
    from autochrome.report.contact_sheet import SHEET_SUFFIXES

    if path.suffix.lower() not in SHEET_SUFFIXES:
        known = ", ".join(sorted(SHEET_SUFFIXES))
        raise click.BadParameter(f"{path.name} must end in one of {known}", param_hint=option)


@contextmanager
def requires_extra(extra: str, who: str) -> Iterator[None]:
    """Turn a missing package into the command that installs it; ``who`` is "training needs" or the like."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("autochrome"):
            raise
        raise click.ClickException(
            f"{who} the package {error.name}: pip install 'autochrome[{extra}]'"
        ) from error
