"""Color all pages of a file into one: page after page, so that one is in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from autochrome.errors import PhotoError

if TYPE_CHECKING:
    from autochrome.io.photo import Provenance, Source
    from autochrome.pipeline.painter import ColorizedPhoto, Painter
    from autochrome.pipeline.settings import ColorizeSettings
    from autochrome.pipeline.uncertainty import Uncertainty


class PagedColorization:
    """All pages of a photo, colored once while they are written.

    Attributes:
        uncertainty: the first page's, if the model provides it.
    """

    def __init__(self, source: Source, count: int, painter: Painter, settings: ColorizeSettings) -> None:
        self._source, self._count, self._painter, self._settings = source, count, painter, settings
        self._notes: dict[str, list[int]] = {}
        self.uncertainty: Uncertainty | None = None

    def write(self, target: Path) -> None:
        """Color the pages, and write them as a TIFF, whole or not at all; errors as `write_into`."""
        from autochrome.io.pages import write_pages

        write_pages(self._pages(), target, like=self._source)

    def write_into(self, place: Path, target: Path) -> None:
        """Color the pages, and write them as a TIFF into an empty file, which will be called like the target.

        Raises:
            PhotoError: a page cannot be read or written; the message says which.
        """
        from autochrome.io.pages import join_pages

        join_pages(self._pages(), place, target, like=self._source)

    @property
    def notes(self) -> tuple[str, ...]:
        """The pages' notes, each with the pages that it is about unless these are all."""
        return tuple(
            note if len(pages) == self._count else f"{note} ({_listed(pages)})"
            for note, pages in self._notes.items()
        )

    def _pages(self) -> Iterator[tuple[ColorizedPhoto, Provenance | None]]:
        from autochrome.io.photo import read_photo

        for page in range(self._count):
            try:
                [colored] = self._painter.colorize(read_photo(self._source, page=page), self._settings)
            except PhotoError as error:
                raise PhotoError(error.source, f"page {page} {error.problem}", error.advice) from error
            for note in colored.notes:
                self._notes.setdefault(note, []).append(page)
            if page == 0:
                self.uncertainty = colored.uncertainty
            yield colored, colored.provenance


def is_paged(target: Path, format: str | None) -> bool:
    """Return whether a result can hold several pages."""
    from autochrome.io.pages import PAGED_FORMATS
    from autochrome.io.saving import format_for

    return format_for(target, format, None).name in PAGED_FORMATS


def _listed(pages: list[int]) -> str:
    """Return "page 3", or "pages 0, 1, 2 ..." for many."""
    shown = ", ".join(map(str, pages[:10]))
    return f"page{'s' * (len(pages) > 1)} {shown}{' ...' * (len(pages) > 10)}"
