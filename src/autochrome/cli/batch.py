"""The photos of a run, one after another; whatever happens to one is told, and the others go on.

Several runs may share the work on a folder: each photo is claimed by the workspace in which its results are
made, which no two processes can have at once.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from autochrome.cli.events import Event, Finished, LookedThrough, Skipped, Started, Subscriber, failure
from autochrome.cli.multipage import PagedColorization, is_paged
from autochrome.cli.plan import FileOptions, Job, Plan, state_of
from autochrome.cli.results import write_results, write_sidecars
from autochrome.errors import LedgerError, PhotoError
from autochrome.io.whole_file import written_together
from autochrome.io.workspace import Workspace, open_workspace, uninterrupted

if TYPE_CHECKING:
    from autochrome.cli.recording import Recorder
    from autochrome.io.photo import Photo
    from autochrome.pipeline.painter import ColorizedPhoto, Painter
    from autochrome.pipeline.settings import ColorizeSettings
    from autochrome.pipeline.uncertainty import Uncertainty


def emit_plan(plan: Plan, emit: Subscriber) -> None:
    """Tell of what cannot or need not be done."""
    for failed in plan.failures:
        emit(failed)
    for skipped in plan.skipped:
        emit(skipped)
    for folder, passed_over in plan.passed_over.items():
        emit(LookedThrough(folder, passed_over))


class Batch:
    """The jobs of a run.

    Args:
        jobs: what to do.
        settings: of every colorization.
        options: about files.
        emit: called with every event; it is never interrupted by a signal.
        recorder: of the ledger.
    """

    def __init__(
        self,
        jobs: list[Job],
        settings: ColorizeSettings,
        options: FileOptions,
        emit: Subscriber,
        recorder: Recorder | None = None,
    ) -> None:
        self.jobs, self.settings, self.options, self.recorder = jobs, settings, options, recorder
        self._emit = emit
        self._begun: Job | None = None

    def run(self, painter: Painter) -> None:
        """Do the jobs one by one; those that another process is at come last, if it does not finish them."""
        elsewhere = [
            (number, job) for number, job in enumerate(self.jobs) if not self._do(number, job, painter)
        ]
        for number, job in elsewhere:
            self._do(number, job, painter, wait=True)

    def conclude(self) -> None:
        """Tell of the job that the run was interrupted at, if its results had got their names just then."""
        with suppress(OSError):
            if self._begun is not None and self._begun.was_made_since():
                self._publish(Finished(self._begun))

    def _publish(self, event: Event) -> None:
        with uninterrupted():
            self._begun = event.job if isinstance(event, Started) else None
            self._emit(event)

    def _do(self, number: int, job: Job, painter: Painter, *, wait: bool = False) -> bool:
        """Do a job, whatever happens; return False, without an event, if another process is at it."""
        try:
            with _claimed(job, self.options, wait=wait) as claim:
                if claim is None:
                    return False
                if job.was_made_since():
                    self._publish(Skipped(job.source, "elsewhere", job.target))
                else:
                    self._publish(Started(job, number, len(self.jobs)))
                    self._publish(self._colorize(job, painter, claim))
        except LedgerError:
            raise
        except Exception as error:  # whatever is wrong with one photo does not stop the others
            self._publish(failure(job.source, error, job))
        return True

    def _colorize(self, job: Job, painter: Painter, claim: Workspace) -> Finished | Skipped:
        from autochrome.io.pages import pages_to_keep
        from autochrome.io.photo import read_photo

        began = time.perf_counter()
        finished = Finished(job)
        seen = self.recorder and self.recorder.look_at(job.source)

        def record(
            notes: Iterable[str], uncertainty: Uncertainty | None, places: Mapping[Path, Path]
        ) -> None:
            nonlocal finished
            write_sidecars(job, places)
            finished = Finished(job, (*notes, *job.notes), uncertainty, time.perf_counter() - began)
            if self.recorder and seen:
                self.recorder.record(finished, seen, places)
            job.check_places(overwrite=self.options.overwrite)

        with _unchanged(job.source):
            if self.options.skip_color and _is_in_color(job):
                return Skipped(job.source, "color", job.target, "it is in color already, and was left out")
            count = pages_to_keep(job.source) if job.page is None else 1
            if count > 1 and is_paged(job.target, job.format):
                pages = PagedColorization(job.source, count, painter, self.settings)
                with written_together(job.places, like=job.source, within=claim) as places:
                    pages.write_into(places[job.target], job.target)
                    record(pages.notes, pages.uncertainty, places)
                return finished
            photo = read_photo(job.source, page=job.page)

        def record_last(last: ColorizedPhoto, places: Mapping[Path, Path]) -> None:
            notes = (*last.notes, *_notes_of_format(job, photo, count, self.options))
            record(notes, last.uncertainty, places)

        colorizations = painter.paint_all(painter.predict(photo, self.settings), self.settings)
        write_results(job, photo, colorizations, self.options, claim, record_last)
        return finished


def _is_in_color(job: Job) -> bool:
    """Return whether a photo, or its first page, is in color already."""
    from autochrome.color.own_color import OwnColor
    from autochrome.io.photo import read_photo

    return OwnColor(read_photo(job.source, page=job.page or 0).pixels).is_in_color


@contextmanager
def _claimed(job: Job, options: FileOptions, *, wait: bool) -> Iterator[Workspace | None]:
    """Yield the workspace of a job's results, or None while another process has it.

    Folders that were made for the results and stay empty are removed.
    """
    from autochrome.io.saving import check_target

    folder = job.target.parent
    into_folder = options.out is not None and job.target != options.out
    name = hashlib.sha256(os.fsencode(job.target.name)).hexdigest()[:16]
    made: list[Path] = []
    claim = None
    try:
        while True:
            if into_folder:
                made += [each for each in (folder, *folder.parents) if not each.exists()]
                folder.mkdir(parents=True, exist_ok=True)
            check_target(job.target)
            try:
                claim = open_workspace(folder, name, wait=wait)
                break
            except FileNotFoundError:
                if not into_folder:
                    raise
                # Another process found no use for the folder at this moment, and removed it.
        yield claim
    finally:
        if claim is not None:
            claim.remove()
        for each in made:
            with suppress(OSError):
                each.rmdir()


@contextmanager
def _unchanged(source: Path) -> Iterator[None]:
    """Raise PhotoError if somebody writes a photo while it is read in the block."""
    before = state_of(source)
    yield
    if state_of(source) != before:
        raise PhotoError(source, "changed while it was read", "Color it again once it is complete")


def _notes_of_format(job: Job, photo: Photo, count: int, options: FileOptions) -> Iterator[str]:
    from autochrome.io.losses import losses
    from autochrome.io.saving import FORMATS, format_for, written_as
    from autochrome.io.sniff import READABLE

    chosen = format_for(job.target, job.format, None).name
    theirs = photo.format or chosen
    if options.format is None and job.target != options.out and written_as(theirs) != theirs:
        yield f"{READABLE[theirs]} is only read; its result is {READABLE[written_as(theirs)]}"
    elif chosen == theirs and job.target.suffix.lower() not in FORMATS[chosen].suffixes:
        yield f"it is a {READABLE[chosen]} picture with another ending, and so is its result"
    if lost := losses(photo, chosen):
        yield lost
    if count > 1:
        yield "only a TIFF holds several pages; to color all of them, give --page all or --format tiff"
