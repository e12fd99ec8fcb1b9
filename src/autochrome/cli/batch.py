"""The photos of a run, one after another; whatever happens to one is told, and the others go on.

Several runs may share the work on a folder: each photo is claimed by the workspace in which its results are
made, which no two processes can have at once.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from autochrome.cli.checks import check_free
from autochrome.cli.events import Event, Finished, LookedThrough, Skipped, Started, Subscriber, failure
from autochrome.cli.multipage import PagedColorization, is_paged
from autochrome.cli.plan import FileOptions, Job, Plan, state_of
from autochrome.cli.results import write_results
from autochrome.errors import PhotoError
from autochrome.io.whole_file import written_together
from autochrome.io.workspace import Workspace, open_workspace, uninterrupted

if TYPE_CHECKING:
    from autochrome.io.photo import Photo
    from autochrome.pipeline.painter import Painter
    from autochrome.pipeline.settings import ColorizeSettings


def tell_plan(plan: Plan, emit: Subscriber) -> None:
    """Tell of what cannot or need not be done."""
    for failed in plan.failures:
        emit(failed)
    for source, target in plan.skipped:
        emit(Skipped(source, "exists", target))
    for folder, passed_over in plan.passed_over.items():
        emit(LookedThrough(folder, passed_over))


class Batch:
    """The jobs of a run.

    Args:
        jobs: what to do.
        settings: of every colorization.
        options: about files.
        emit: called with every event; it is never interrupted by a signal.
    """

    def __init__(
        self, jobs: list[Job], settings: ColorizeSettings, options: FileOptions, emit: Subscriber
    ) -> None:
        self.jobs, self.settings, self.options = jobs, settings, options
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
                self._tell(Finished(self._begun))

    def _tell(self, event: Event) -> None:
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
                    self._tell(Skipped(job.source, "elsewhere", job.target))
                else:
                    self._tell(Started(job, number, len(self.jobs)))
                    self._tell(_colorize_one(job, painter, self.settings, self.options, claim))
        except Exception as error:  # whatever is wrong with one photo does not stop the others
            self._tell(failure(job.source, error, job))
        return True


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


def _colorize_one(
    job: Job, painter: Painter, settings: ColorizeSettings, options: FileOptions, claim: Workspace
) -> Finished:
    from autochrome.io.pages import pages_to_keep
    from autochrome.io.photo import read_photo

    began = time.perf_counter()
    with _unchanged(job.source):
        count = pages_to_keep(job.source) if job.page is None else 1
        if count > 1 and is_paged(job.target, options.format):
            pages = PagedColorization(job.source, count, painter, settings)
            with written_together(job.places, like=job.source, within=claim) as places:
                pages.write_into(places[job.target], job.target)
                check_free(
                    job.target, options.overwrite
                )  # again: it may have appeared since the plan was made
            return Finished(job, pages.notes, pages.uncertainty, time.perf_counter() - began)
        photo = read_photo(job.source, page=job.page)
    prediction = painter.predict(photo, settings)
    last = write_results(job, photo, painter.paint_all(prediction, settings), options, claim)
    notes = (*last.notes, *_notes_of_format(job, photo, count, options))
    return Finished(job, notes, last.uncertainty, time.perf_counter() - began)


@contextmanager
def _unchanged(source: Path) -> Iterator[None]:
    """Raise PhotoError if somebody writes a photo while it is read in the block."""
    before = state_of(source)
    yield
    if state_of(source) != before:
        raise PhotoError(source, "changed while it was read", "Color it again once it is complete")


def _notes_of_format(job: Job, photo: Photo, count: int, options: FileOptions) -> Iterator[str]:
    from autochrome.io.saving import WRITTEN_AS
    from autochrome.io.sniff import READABLE

    if options.format is None and job.target != options.out and photo.format in WRITTEN_AS:
        yield f"{READABLE[photo.format]} is only read; its result is {READABLE[WRITTEN_AS[photo.format]]}"
    if count > 1:
        yield "only a TIFF holds several pages; to color all of them, give --page all or --format tiff"
