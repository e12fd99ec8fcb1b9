"""The report of a run of `autochrome colorize`: what failed, what is least certain, and everything noted."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from autochrome.errors import PhotoError
from autochrome.io.photo import read_photo
from autochrome.report.html import Document, Figure, Gallery, Note, Part, Section, Table, Text
from autochrome.report.thumbnails import picture

SHOWN = 40
"""Photos that are shown with their pictures."""


@dataclass(frozen=True)
class Colored:
    """A photo that was colored.

    Attributes:
        source: the photo.
        result: its (first) colorization.
        page: of the photo, from 0; None for the first of all.
        uncertainty: as `Uncertainty.share`, None if the model does not tell.
    """

    source: Path
    result: Path
    page: int | None = None
    uncertainty: float | None = None


@dataclass
class BatchReport:
    """A report that is told of photos one by one, and keeps the pictures of few.

    Attributes:
        settings: what the photos were made with, by name.
        shown: the number of photos that are shown: the least certain ones.
        failures: names of photos, the kinds of their failures, and the reasons.
        notes: texts, and the names of what they are about.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    shown: int = SHOWN
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    _colored: int = 0
    _least_certain: list[tuple[float, int, Colored]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=lambda: count(0, -1))

    def add(self, photo: Colored) -> None:
        """Keep a photo as long as it is among the least certain ones; of equal ones the first."""
        self._colored += 1
        certain = -1.0 if photo.uncertainty is None else photo.uncertainty
        ranked = (certain, next(self._order), photo)
        if len(self._least_certain) < self.shown:
            heapq.heappush(self._least_certain, ranked)
        else:
            heapq.heappushpop(self._least_certain, ranked)

    def note(self, source: object, text: str) -> None:
        """Keep a note about a file or folder."""
        self.notes.setdefault(text, []).append(str(source))

    def document(self, facts: Mapping[str, str]) -> Document:
        """Return the report.

        Args:
            facts: names and values for the top: counts and times.
        """
        sections = [self._failures()] if self.failures else []
        sections += [self._photos()] if self._colored else []
        sections += [self._notes()] if self.notes else []
        sections.append(
            Section("Settings", [Table(["setting", "value"], list(self.settings.items()), numeric_from=2)])
        )
        return Document("Colorized photos", sections, "What became of each photo of this run.", facts)

    def _failures(self) -> Section:
        rows = [(_legible(name), f"{_legible(reason)} ({kind})") for name, kind, reason in self.failures]
        one = len(rows) == 1
        lead = f"{len(rows)} {'photo has' if one else 'photos have'} no result; the next run tries again."
        return Section("Failures", [Table(["photo", "reason"], rows, numeric_from=2)], lead)

    def _photos(self) -> Section:
        photos = [photo for *_, photo in sorted(self._least_certain, reverse=True)]
        items = [(_legible(photo.source), [*_pair(photo)]) for photo in photos]
        parts: list[Part] = [Gallery(items, ["photo", "result"])]
        if photos[0].uncertainty is None:
            lead = "The model does not say how sure it is of a photo; give --samples 2 or more to find out."
            return Section("Photos", [*parts, *self._others("first")], lead)
        lead = (
            "The least certain photos first. Uncertainty is the mean over the photo: at 0% the model is "
            "certain, at 100% as unsure as can be."
        )
        return Section("Least certain", [*parts, *self._others("least certain")], lead)

    def _others(self, which: str) -> list[Part]:
        if self._colored <= self.shown:
            return []
        return [Text(f"The {which} {self.shown} of {self._colored} photos are shown.")]

    def _notes(self) -> Section:
        parts: list[Part] = []
        for text, sources in self.notes.items():
            parts.append(Note(_legible(text)))
            parts.append(
                Table([f"{len(sources)} in all" if sources[1:] else ""], [[_legible(s)] for s in sources])
            )
        return Section("Notes", parts)


def _pair(photo: Colored) -> Iterator[Figure]:
    """Yield the pictures of a photo and its result, as far as they can still be read."""
    share = photo.uncertainty
    caption = "" if share is None else f"uncertainty {share:.0%}"
    name = _legible(photo.source.name)
    try:
        yield picture(read_photo(photo.source, page=photo.page).pixels, f"{name}, the photo")
        yield picture(read_photo(photo.result).pixels, f"{name}, colorized", caption)
    except PhotoError:  # moved or removed since
        return


def _legible(name: object) -> str:
    """Return a name as text; bytes that are not UTF-8 become U+FFFD."""
    return os.fsencode(str(name)).decode("utf-8", "replace")
