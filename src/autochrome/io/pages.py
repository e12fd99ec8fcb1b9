"""Several photos in one file: the pages of a TIFF, written one after another."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from autochrome.errors import PhotoError
from autochrome.io.loading import locate
from autochrome.io.photo import Photo, Provenance, Source, write_photo
from autochrome.io.saving import CLASSIC_TIFF_BYTES, FORMATS, failures_named
from autochrome.io.tiff_join import JoinedTiff
from autochrome.io.whole_file import written_whole

PAGED_FORMATS = ("tiff",)
"""Formats of which all pages are read and written; of others (frames of an animation) only the first is."""


def pages_to_keep(source: Source) -> int:
    """Return how many pages of a file belong into its result: 1 where they are no pages, but frames.

    Raises:
        PhotoError: as `read_photo`.
    """
    file = locate(source)
    return file.page_count() if file.format in PAGED_FORMATS else 1


PagesMade = Iterable[tuple[Photo, Provenance | None]]
"""Photos, and how each was made."""


def write_pages(pages: PagesMade, target: Path, *, like: Source) -> None:
    """Write photos as the pages of a TIFF, whole or not at all; one page at a time is in memory.

    Args:
        pages: as many as the pages of `like`.
        target: the file.
        like: a TIFF with pages of the same sizes, by which is judged whether 4 GB are enough.

    Raises:
        PhotoError: a page cannot be read or written.
    """
    with failures_named(target, FORMATS["tiff"]), written_whole(target) as temporary:
        join_pages(pages, temporary, target, like=like)


def join_pages(pages: PagesMade, place: Path, target: Path, *, like: Source) -> None:
    """Write photos as `write_pages` does, into an empty file, which the caller renames to the target."""
    theirs = locate(like).tiff_pages
    raw = sum(page.size[0] * page.size[1] * max(page.samples, 4) * max(page.bits, 8) // 8 for page in theirs)
    single = place.with_name(f"{place.name}-page")
    try:
        with place.open("r+b") as file:
            joined = JoinedTiff(file, pages=len(theirs), big=raw > CLASSIC_TIFF_BYTES)
            for photo, provenance in pages:
                _write_page(photo, single, target, provenance)
                with single.open("rb") as page:
                    joined.append(page)
    finally:
        single.unlink(missing_ok=True)


def _write_page(photo: Photo, place: Path, target: Path, provenance: Provenance | None) -> None:
    try:
        write_photo(photo, place, format="tiff", provenance=provenance)
    except PhotoError as error:
        raise PhotoError(target, error.problem, error.advice) from error
