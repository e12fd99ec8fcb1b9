"""`autochrome colorize --preview-hints`: where the hints are, before anything is colored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from autochrome.cli.checks import check_outputs, check_sheet_suffix

if TYPE_CHECKING:
    from autochrome.guidance.hint_files import Hint

OPTION = "--preview-hints"


def write_hint_preview(
    photos: Sequence[str], hints: Sequence[Hint], file: Path, *, page: int | str | None, overwrite: bool
) -> None:
    """Write a photo with its hints and a percent grid; nothing is colored.

    Raises:
        click.UsageError: not one photo is named, or the file cannot be a picture.
        PhotoError: the photo cannot be read, or the file cannot be written.
        HintError: a hint lies outside the photo.
    """
    from autochrome.guidance.hints import check_inside
    from autochrome.io.photo import Photo, read_photo, write_photo
    from autochrome.report.hint_preview import hint_preview

    if len(photos) != 1 or photos[0] == "-" or Path(photos[0]).is_dir():
        raise click.UsageError(f"{OPTION} draws the hints of one photo; name its file, and no other")
    check_sheet_suffix(file, OPTION)
    check_outputs(file, overwrite=overwrite)
    photo = read_photo(photos[0], page=page if isinstance(page, int) else 0)
    for hint in hints:
        check_inside(hint, photo.size)
    write_photo(Photo(hint_preview(photo.pixels, hints)), file)
    click.echo(
        f"{file}: {len(hints)} {'hint' if len(hints) == 1 else 'hints'}; nothing was colored", err=True
    )
