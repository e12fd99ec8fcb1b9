"""Which photo's colorization goes to which file: decided before anything is colored."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autochrome.io.folders import FoundPhoto

_OWN_RESULT = re.compile(r"\.colorized(\.(\d{1,2}|sheet|uncertainty))?\.[^.]+$|\.try\.jpg$")
# No libvips that comes with pyvips writes HEIC: a phone's photo comes back as what every viewer opens.
_WRITTEN_AS = {"heic": "jpeg"}
_SHEET_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")  # else a contact sheet is a JPEG


@dataclass(frozen=True)
class Wishes:
    """What the command line says about files."""

    out: Path | None = None
    out_is_folder: bool = False
    """Whether it is one even if it is not there yet and one photo alone is named."""
    format: str | None = None
    page: int | None = 0
    """A page's number from 0, or None for all."""
    recursive: bool = False
    overwrite: bool = False
    samples: int = 1
    """Colorizations of each photo."""
    uncertainty: bool = False
    """Whether a map of it goes with each photo."""


@dataclass(frozen=True)
class Job:
    """One page of a photo, and where its colorizations go."""

    source: Path
    target: Path
    """The file of the one colorization; with several, what their names are made from."""
    page: int = 0
    samples: int = 1
    uncertainty: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """A file for each colorization: NAME.EXT, or NAME.1.EXT, NAME.2.EXT ... with zeros to one width."""
        if self.samples == 1:
            return (self.target,)
        digits = len(str(self.samples))
        return tuple(self._marked(f"{number:0{digits}d}") for number in range(1, self.samples + 1))

    @property
    def sheet(self) -> Path | None:
        """The contact sheet's file, NAME.sheet.EXT, where there are several colorizations."""
        if self.samples == 1:
            return None
        sheet = self._marked("sheet")
        return sheet if sheet.suffix.lower() in _SHEET_SUFFIXES else sheet.with_suffix(".jpg")

    @property
    def uncertainty_map(self) -> Path | None:
        """The uncertainty map's file, NAME.uncertainty.png, where it is wished."""
        return self._marked("uncertainty").with_suffix(".png") if self.uncertainty else None

    @property
    def places(self) -> tuple[Path, ...]:
        """All files that the job writes."""
        return (*self.files, *(extra for extra in (self.sheet, self.uncertainty_map) if extra is not None))

    def _marked(self, mark: str) -> Path:
        return self.target.with_name(f"{self.target.stem}.{mark}{self.target.suffix}")


@dataclass
class Plan:
    """What is to be done, and what of that cannot be."""

    jobs: list[Job] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    """Results that are there already, of photos found in folders."""
    failures: list[tuple[str, str]] = field(default_factory=list)
    """What was named, and why it is not done."""


def make_plan(paths: Iterable[Path], wishes: Wishes) -> Plan:
    """Find the photos and name their results.

    Beside the photo a result is NAME.colorized.EXT. With ``out`` it is that file if one photo was named and
    ``out`` is no folder, else the photo's own name in that folder, below which the named tree is mirrored.
    Several colorizations of one photo are numbered before EXT, and its uncertainty map is marked there. In
    folders the command's earlier results are passed over, and so is what lies in ``out``.
    """
    planner = _Planner(list(paths), wishes)
    for path in planner.paths:
        planner.add(path)
    planner.spare_photos()
    return planner.plan


class _Planner:
    def __init__(self, paths: list[Path], wishes: Wishes) -> None:
        self.paths, self.wishes, self.plan = paths, wishes, Plan()
        out = wishes.out
        several = len(paths) > 1 or any(path.is_dir() for path in paths)
        into_folder = several or wishes.out_is_folder or (out is not None and out.is_dir())
        self.folder = out if into_folder else None
        self.sources: set[Path] = set()
        self.targets: dict[Path, Path] = {}

    def add(self, path: Path) -> None:
        """Plan a file, or the photos of a folder."""
        from autochrome.errors import PhotoError
        from autochrome.io.folders import find_photos

        try:
            found = find_photos([path], self.wishes.recursive)
            if path.is_dir():
                found = [each for each in found if not self._is_result(each.path)]
                if not found:
                    raise PhotoError(path, "holds only earlier results", "Name the photos themselves")
        except PhotoError as error:
            self.plan.failures.append((str(path), _reason(error)))
            return
        for each in found:
            source = each.path.resolve()
            if source not in self.sources:  # named twice, or named and found
                self.sources.add(source)
                self._add_photo(each, named=not path.is_dir())

    def _add_photo(self, found: FoundPhoto, *, named: bool) -> None:
        from autochrome.errors import PhotoError

        try:
            pages = self._pages(found.path)
            target = self._target(found)
        except PhotoError as error:
            self.plan.failures.append((str(found.path), _reason(error)))
            return
        for page in pages:
            paged = target if len(pages) == 1 else _with_page(target, page)
            job = Job(found.path, paged, page, self.wishes.samples, self.wishes.uncertainty)
            self._add_job(job, named=named)

    def _add_job(self, job: Job, *, named: bool) -> None:
        taken = self._taken_by_another(job)
        there = [place for place in job.places if place.exists()]
        if job.source.resolve() in {place.resolve() for place in job.places}:
            self._fail(job, "the result would replace the photo itself. Give another -o")
        elif taken is not None:
            place, other = taken
            self._fail(job, f"its result {place} would replace that of {other}. Give them separately")
        elif not there or self.wishes.overwrite:
            self.plan.jobs.append(job)
        elif named or len(there) < len(job.places):
            self._fail(job, f"{there[0]} exists already. Use --overwrite to replace it, or give another -o")
        else:
            self.plan.skipped.append(job.target)

    def _taken_by_another(self, job: Job) -> tuple[Path, Path] | None:
        """A file that another photo's job writes too, and that photo."""
        for place in job.places:
            other = self.targets.setdefault(place.resolve(), job.source)
            if other != job.source:
                return place, other
        return None

    def spare_photos(self) -> None:
        """Give up what would replace a photo that is to be colored too (a.1.jpg beside a.jpg)."""
        for job in list(self.plan.jobs):
            photo = next((place for place in job.places if place.resolve() in self.sources), None)
            if photo is not None:
                self.plan.jobs.remove(job)
                self._fail(job, f"its result would replace the photo {photo}. Give another -o")

    def _fail(self, job: Job, reason: str) -> None:
        self.plan.failures.append((str(job.source), reason))

    def _target(self, found: FoundPhoto) -> Path:
        if self.wishes.out is not None and self.folder is None:
            return self.wishes.out
        suffix = self._suffix(found.path)
        if self.folder is not None:
            return self.folder / found.relative.with_suffix(suffix)
        return found.path.with_name(f"{found.path.stem}.colorized{suffix}")

    def _suffix(self, path: Path) -> str:
        """That of the format asked for, or the photo's own where it names a format that can be written."""
        from autochrome.io.loading import locate
        from autochrome.io.saving import FORMATS

        if self.wishes.format:
            return FORMATS[self.wishes.format].suffixes[0]
        for name, kind in FORMATS.items():
            if path.suffix.lower() in kind.suffixes and name not in _WRITTEN_AS:
                return path.suffix
        kind = locate(path).format
        return FORMATS[_WRITTEN_AS.get(kind, kind)].suffixes[0]

    def _pages(self, path: Path) -> list[int]:
        from autochrome.io.photo import page_count

        return [self.wishes.page] if self.wishes.page is not None else list(range(page_count(path)))

    def _is_result(self, path: Path) -> bool:
        inside = self.folder is not None and self.folder.resolve() in path.resolve().parents
        return bool(_OWN_RESULT.search(path.name)) or (inside and not self._holds_inputs())

    def _holds_inputs(self) -> bool:
        """Whether ``out`` is a folder that was named, or lies above one: then photos are in it."""
        assert self.folder is not None
        out = self.folder.resolve()
        return any(out == path.resolve() or out in path.resolve().parents for path in self.paths)


def _with_page(target: Path, page: int) -> Path:
    """NAME.page-003.colorized.EXT, or NAME.page-003.EXT."""
    stem, mark, _ = target.name.rpartition(".colorized.")
    if mark:
        return target.with_name(f"{stem}.page-{page:03d}.colorized{target.suffix}")
    return target.with_name(f"{target.stem}.page-{page:03d}{target.suffix}")


def _reason(error: object) -> str:
    """What is wrong and what to do, without the name in front."""
    return f"{getattr(error, 'problem', error)}. {getattr(error, 'advice', '')}".strip()
