"""Decide which file each colorization is written to, before any photo is colored."""

from __future__ import annotations

import operator
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from autochrome.cli.events import Failed, Skipped, failure
from autochrome.cli.listed import place_of
from autochrome.cli.redo import Redo
from autochrome.errors import PhotoError
from autochrome.io.whole_file import check_replaceable
from autochrome.io.workspace import remove_leftovers

if TYPE_CHECKING:
    from autochrome.io.folders import FoundPhoto, PassedOver
    from autochrome.pipeline.ledger import Entry

_OWN_RESULT = re.compile(r"\.colorized(\.(\d{1,2}|sheet|uncertainty))?\.[^.]+$|\.try\.jpg$")
_SHEET_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")  # else a contact sheet is a JPEG


Pages = int | Literal["all"] | None
"""A page's number from 0, "all" in files of their own, or None: all in one file, if it can hold them."""

FileState = tuple[int, ...]
"""What differs when a file is changed or replaced."""


def state_of(path: Path) -> FileState | None:
    """Return the state of a file, or None if there is none.

    Raises:
        OSError: it cannot be known; too long a name, which `Path.exists` would not mention, for example.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


@dataclass(frozen=True)
class FileOptions:
    """The command line's options about files."""

    out: Path | None = None
    out_is_folder: bool = False
    """Treat ``out`` as a folder even if it does not exist and only one photo is given."""
    format: str | None = None
    quality: int = 92
    page: Pages = None
    """Pages to color."""
    recursive: bool = False
    overwrite: bool = False
    samples: int = 1
    """Colorizations of each photo."""
    uncertainty: bool = False
    """Write an uncertainty map for each photo."""
    keep_ending: bool = False
    """Keep the photo's ending in the name of a result that has another one: a.tif.png."""
    skip_color: bool = False
    """Leave out photos that are in color already."""
    sidecars: bool = False
    """Give the results of photos that have XMP sidecars some of their own."""


@dataclass(frozen=True)
class Job:
    """A photo, or one page of it, and the files of its colorizations."""

    source: Path
    target: Path
    """The file of the only colorization, or the base of the names of several."""
    page: int | None = None
    """The page's number from 0; None for the whole file."""
    samples: int = 1
    uncertainty: bool = False
    before: tuple[FileState | None, ...] = field(default=(), compare=False)
    """What was at each of the places when the run began."""
    again: bool = field(default=False, compare=False)
    """Whether it replaces results of ours, since the photo, or what they are made with, is another."""
    format: str | None = field(default=None, compare=False)
    """The format of the results; None: what their ending says."""
    sidecar: Path | None = None
    """The photo's XMP sidecar, if every colorization gets one like it."""
    whole_names: bool = False
    """Name sidecars NAME.EXT.xmp, not NAME.xmp."""
    notes: tuple[str, ...] = field(default=(), compare=False)
    """What the user should know once it is done."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The colorizations: NAME.EXT, or NAME.1.EXT, NAME.2.EXT ..., zero-padded to one width."""
        if self.samples == 1:
            return (self.target,)
        digits = len(str(self.samples))
        return tuple(self._marked(f"{number:0{digits}d}") for number in range(1, self.samples + 1))

    @property
    def sidecars(self) -> tuple[Path, ...]:
        """The XMP sidecars of the colorizations."""
        if self.sidecar is None:
            return ()
        ending = self.sidecar.suffix
        return tuple(
            file.with_name((file.name if self.whole_names else file.stem) + ending) for file in self.files
        )

    @property
    def sheet(self) -> Path | None:
        """The contact sheet, NAME.sheet.EXT, if there are several colorizations."""
        if self.samples == 1:
            return None
        sheet = self._marked("sheet")
        return sheet if sheet.suffix.lower() in _SHEET_SUFFIXES else sheet.with_suffix(".jpg")

    @property
    def uncertainty_map(self) -> Path | None:
        """The uncertainty map, NAME.uncertainty.png, if it was requested."""
        return self._marked("uncertainty").with_suffix(".png") if self.uncertainty else None

    @property
    def places(self) -> tuple[Path, ...]:
        """All files that the job writes."""
        extras = (extra for extra in (self.sheet, self.uncertainty_map) if extra is not None)
        return (*self.files, *self.sidecars, *extras)

    def was_made_since(self) -> bool:
        """Whether all files of the job have come, or were replaced, since the run began."""
        now = tuple(map(state_of, self.places))
        return None not in now and not any(map(operator.eq, now, self.before))

    def check_places(self, *, overwrite: bool) -> None:
        """Refuse to replace what has appeared, or was changed, since the run began.

        Raises:
            FileError: there is something other than a file.
            PhotoError: there is another file.
        """
        for place, before in zip(self.places, self.before, strict=True):
            check_replaceable(place)
            if not overwrite and state_of(place) != before:
                advice = "Use --overwrite to replace it, or give another -o"
                raise PhotoError(
                    place, f"exists already{' and was changed meanwhile' if before else ''}", advice
                )

    def _marked(self, mark: str) -> Path:
        return self.target.with_name(f"{self.target.stem}.{mark}{self.target.suffix}")


@dataclass
class Plan:
    """The jobs, and what cannot or need not be done."""

    jobs: list[Job] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    """Photos whose results exist already."""
    touched: list[Entry] = field(default_factory=list)
    """Lines for the ledger, about results that are as they were but for the times of the files."""
    passed_over: dict[Path, PassedOver] = field(default_factory=dict)
    """What folders hold besides photos."""
    failures: list[Failed] = field(default_factory=list)


def make_plan(
    paths: Iterable[Path], options: FileOptions, listed: Iterable[Path] = (), redo: Redo | None = None
) -> Plan:
    """Find the photos and name their results.

    Without ``out`` a result is NAME.colorized.EXT beside its photo. With ``out`` it is that file if there is
    one photo and ``out`` is not a folder, else it has the photo's own name in that folder, which mirrors the
    tree of a named folder. Several colorizations of a photo are numbered before EXT, and its uncertainty map
    is marked there. Earlier results in folders, and the files in ``out``, are skipped.

    Args:
        paths: photos and folders.
        options: about files.
        listed: more of them, from a list: below ``out`` they keep their own folders.
        redo: what is made again of what exists.
    """
    planner = _Planner(list(paths), list(listed), options, redo or Redo(options.overwrite))
    for path in planner.paths:
        planner.add(path)
    for path in planner.listed:
        planner.add(path, listed=True)
    planner.spare_photos()
    return planner.plan


def results_folder(paths: Sequence[Path], listed: Sequence[Path], options: FileOptions) -> Path | None:
    """Return the folder of the results, if they have one of their own.

    Raises:
        PhotoError: several results need a folder, and ``out`` is none.
    """
    out = options.out
    several = len(paths) > 1 or bool(listed) or any(map(os.path.isdir, paths))
    if out is None or not (several or options.out_is_folder or os.path.isdir(out)):
        return None
    _check_is_folder(out, named_as_one=options.out_is_folder)
    return out


def _check_is_folder(out: Path, *, named_as_one: bool) -> None:
    """Raise PhotoError if ``out``, where several results belong, is a file or is named like a picture."""
    from autochrome.io.sniff import SUFFIXES

    if out.is_file():
        raise PhotoError(out, "is a file, and several results need a folder", "Give another -o")
    if not named_as_one and not out.exists() and out.suffix.lower() in SUFFIXES:
        advice = "Give -o a folder (end its name with / if it is to be called so)"
        raise PhotoError(out, "is named like a picture, and several results need a folder", advice)


def _format_of_content(path: Path) -> str:
    """Return the format of a photo by its content; of one that cannot be read, what its ending says."""
    from autochrome.io.loading import locate
    from autochrome.io.saving import FORMATS

    try:
        return locate(path).format
    except PhotoError:
        endings = {suffix: name for name, kind in FORMATS.items() for suffix in kind.suffixes}
        if path.suffix.lower() not in endings:
            raise
        return endings[path.suffix.lower()]


class _Planner:
    def __init__(self, paths: list[Path], listed: list[Path], options: FileOptions, redo: Redo) -> None:
        self.paths, self.listed, self.options, self.redo, self.plan = paths, listed, options, redo, Plan()
        self.folder = results_folder(paths, listed, options)
        self.looked_into: set[Path] = set()
        self.sources: set[Path] = set()
        self.sidecars: set[Path] = set()
        self.targets: dict[Path, Path] = {}
        self.contents: dict[Path, str] = {}

    def add(self, path: Path, *, listed: bool = False) -> None:
        """Plan a file, or the photos of a folder."""
        from autochrome.io.folders import PassedOver, find_photos, passed_over

        is_folder = os.path.isdir(path)
        try:
            if is_folder:
                others = passed_over(path, self.options.recursive, self.folder)
                if self.options.sidecars:
                    files = {ending: count for ending, count in others.files.items() if ending != "XMP"}
                    others = replace(others, files=files)
                if others != PassedOver():
                    self.plan.passed_over[path] = others
            photos = find_photos([path], self.options.recursive, self._fail)
            if is_folder:
                found, photos = photos, [photo for photo in photos if not self._is_result(photo.path)]
                if found and not photos:
                    raise PhotoError(path, "holds only earlier results", "Name the photos themselves")
        except Exception as error:  # one path, like one photo, never ends the run
            self._fail(path, error)
            return
        for photo in photos:
            if listed:
                place = place_of(path)
                photo = replace(photo, relative=Path(place / photo.relative if is_folder else place))
            try:
                self._add_photo(photo, named=not is_folder and not listed)
            except Exception as error:
                self._fail(photo.path, error)

    def _add_photo(self, photo: FoundPhoto, *, named: bool) -> None:
        source = _real(photo.path)
        if source in self.sources:  # named twice, or named and found in a folder
            return
        self.sources.add(source)
        pages = self._pages(photo.path)
        target = self._target(photo)
        sidecar, notes = self._sidecar(photo.path)
        for page in pages:
            paged = target if len(pages) == 1 or page is None else _with_page(target, page)
            job = Job(photo.path, paged, page, self.options.samples, self.options.uncertainty)
            job = replace(job, format=self._format(photo.path), sidecar=sidecar, notes=notes)
            self._add_job(self._with_sidecars_named(job), named=named)

    def _sidecar(self, photo: Path) -> tuple[Path | None, tuple[str, ...]]:
        """Return a photo's sidecar, if its results get one like it, and a note if it cannot be read."""
        from autochrome.io.sidecars import find_sidecar, true_sidecar
        from autochrome.io.xmp import XmpError

        sidecar = find_sidecar(photo) if self.options.sidecars else None
        if sidecar is not None:
            self.sidecars.add(_real(sidecar))
            try:
                true_sidecar(sidecar)
            except XmpError as error:
                return None, (f"its sidecar {sidecar.name} was left out: it is {error}",)
        return sidecar, ()

    def _with_sidecars_named(self, job: Job) -> Job:
        """Return a job whose sidecars are named like the photo's, or by whole names if those are taken.

        photo.jpg and photo.tif may share photo.xmp, but their results do not.
        """
        if job.sidecar is None:
            return job
        places = list(map(_real, job.sidecars))
        taken = any(self.targets.get(place, job.source) != job.source for place in places)
        whole = taken or not self.sidecars.isdisjoint(places) or job.sidecar.stem == job.source.name
        return replace(job, whole_names=whole)

    def _add_job(self, job: Job, *, named: bool) -> None:
        from autochrome.io.saving import check_target

        for place in job.places:
            if self.folder is None or os.path.isdir(place.parent):
                check_target(place)
            self._remove_leftovers(_real(place).parent)
        taken = self._taken_by_another(job)
        job = replace(job, before=tuple(map(state_of, job.places)))
        if _real(job.source) in map(_real, job.places):
            self._refuse(job, "the result would replace the photo itself", "Give another -o")
        elif taken is not None:
            place, other = taken
            advice = "Add --keep-ending" if job.source.suffix != other.suffix else "Give them separately"
            self._refuse(job, f"its result {place} would replace that of {other}", advice)
        else:
            self._judge(job, named=named)

    def _judge(self, job: Job, *, named: bool) -> None:
        """Plan a job, or leave it out if its results need not be made."""
        verdict = self.redo.judge(job.source, job.places, job.page, named=named)
        if verdict.touched is not None:
            self.plan.touched.append(verdict.touched)
        if verdict.skip is None:
            self.plan.jobs.append(replace(job, again=verdict.again))
        else:
            self.plan.skipped.append(Skipped(job.source, verdict.skip, job.target, verdict.note))

    def _remove_leftovers(self, folder: Path) -> None:
        """Remove what a killed run left in a folder; of a photo's results all get their names, or none."""
        if folder not in self.looked_into:
            self.looked_into.add(folder)
            remove_leftovers(folder)

    def _taken_by_another(self, job: Job) -> tuple[Path, Path] | None:
        """Return a file that another photo's job writes too, and that photo."""
        for place in job.places:
            other = self.targets.setdefault(_real(place), job.source)
            if other != job.source:
                return place, other
        return None

    def spare_photos(self) -> None:
        """Drop jobs that would replace another of the photos (a.1.jpg beside a.jpg), or its sidecar."""
        kept = self.sources | self.sidecars
        for job in list(self.plan.jobs):
            given = next((place for place in job.places if _real(place) in kept), None)
            if given is not None:
                self.plan.jobs.remove(job)
                what = "photo" if _real(given) in self.sources else "sidecar"
                self._refuse(job, f"its result would replace the {what} {given}", "Give another -o")

    def _refuse(self, job: Job, problem: str, advice: str) -> None:
        self._fail(job.source, PhotoError(job.source, problem, advice))

    def _fail(self, source: object, error: Exception) -> None:
        self.plan.failures.append(failure(source, error))

    def _target(self, photo: FoundPhoto) -> Path:
        if self.options.out is not None and self.folder is None:
            return self.options.out
        name = self._name(photo.path)
        if self.folder is not None:
            return self.folder / photo.relative.with_name(name.name)
        return photo.path.with_name(f"{name.stem}.colorized{name.suffix}")

    def _name(self, path: Path) -> Path:
        """Return the name of a photo's result in another folder."""
        suffix = self._suffix(path)
        if self.folder is not None and self._keeps_wrong_ending(path):
            return Path(path.name)
        keeps = self.options.keep_ending and suffix != path.suffix
        return Path(path.name + suffix if keeps else path.with_suffix(suffix).name)

    def _suffix(self, path: Path) -> str:
        """Return the ending of a photo's result: its own if that is true, else that of its format."""
        from autochrome.io.saving import FORMATS

        suffixes = FORMATS[self._format(path) or "png"].suffixes
        return path.suffix if path.suffix.lower() in suffixes else suffixes[0]

    def _format(self, path: Path) -> str | None:
        """Return the format of a photo's results; None where a named file's ending says it."""
        if self.options.format or (self.options.out is not None and self.folder is None):
            return self.options.format
        from autochrome.io.saving import written_as

        return written_as(self._content(path))

    def _keeps_wrong_ending(self, path: Path) -> bool:
        """Whether a result has the photo's own format and name, although the ending is another format's."""
        from autochrome.io.sniff import SUFFIXES

        same = not self.options.format and self._format(path) == self._content(path)
        return same and path.suffix.lower() in SUFFIXES

    def _content(self, path: Path) -> str:
        if path not in self.contents:
            self.contents[path] = _format_of_content(path)
        return self.contents[path]

    def _pages(self, path: Path) -> Sequence[int | None]:
        """Return the pages that get files of their own; None for the whole file."""
        from autochrome.io.pages import pages_to_keep
        from autochrome.io.photo import page_count

        if isinstance(self.options.page, int):
            return [self.options.page]
        if self.options.page == "all":
            return range(page_count(path))
        several = self.options.samples > 1 or self.options.uncertainty
        count = pages_to_keep(path) if several else 1
        return [None] if count == 1 else range(count)

    def _is_result(self, path: Path) -> bool:
        inside = self.folder is not None and _real(self.folder) in _real(path).parents
        return bool(_OWN_RESULT.search(path.name)) or (inside and not self._holds_inputs)

    @cached_property
    def _holds_inputs(self) -> bool:
        """Whether the folder ``out`` is one of those named or contains one, so that it holds photos."""
        assert self.folder is not None
        out = _real(self.folder)
        named = map(_real, (*self.paths, *self.listed))
        return any(out == path or out in path.parents for path in named)


def _with_page(target: Path, page: int) -> Path:
    """Return NAME.page-003.colorized.EXT, or NAME.page-003.EXT."""
    stem, mark, _ = target.name.rpartition(".colorized.")
    if mark:
        return target.with_name(f"{stem}.page-{page:03d}.colorized{target.suffix}")
    return target.with_name(f"{target.stem}.page-{page:03d}{target.suffix}")


def _real(path: Path) -> Path:
    """Return a path without links, as far as it can be followed: a circle of links is no error."""
    return Path(os.path.realpath(path))
