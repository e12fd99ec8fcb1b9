"""The photos of a run, one after another; whatever happens to one is told, and the others go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from autochrome.cli.checks import check_free
from autochrome.cli.events import Finished, LookedThrough, Skipped, Started, Subscriber, failure
from autochrome.cli.plan import FileOptions, Job, Plan
from autochrome.cli.results import write_results

if TYPE_CHECKING:
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


def run_batch(
    jobs: list[Job],
    load: Callable[[], Painter],
    settings: ColorizeSettings,
    options: FileOptions,
    emit: Subscriber,
) -> None:
    """Do the jobs one by one, after the model was loaded."""
    painter = load()
    for number, job in enumerate(jobs):
        emit(Started(job, number, len(jobs)))
        try:
            finished = _colorize_one(job, painter, settings, options)
        except Exception as error:  # whatever is wrong with one photo does not stop the others
            emit(failure(job.source, error, job))
        else:
            emit(finished)


def _colorize_one(job: Job, painter: Painter, settings: ColorizeSettings, options: FileOptions) -> Finished:
    from autochrome.io.photo import read_photo, write_photo
    from autochrome.io.saving import WRITTEN_AS
    from autochrome.io.sniff import READABLE

    began = time.perf_counter()
    photo = read_photo(job.source, page=job.page)
    if len(job.places) > 1:
        prediction = painter.predict(photo, settings)
        _make_folder(job, options)
        last = write_results(job, photo, painter.paint_all(prediction, settings), options)
    else:
        [last] = painter.colorize(photo, settings)
        check_free(job.target, options.overwrite)  # again: it may have appeared since the plan was made
        _make_folder(job, options)
        made = last.provenance
        write_photo(last, job.target, format=options.format, quality=options.quality, provenance=made)
    notes = last.notes
    if options.format is None and job.target != options.out and photo.format in WRITTEN_AS:
        notes += (
            f"{READABLE[photo.format]} is only read; its result is {READABLE[WRITTEN_AS[photo.format]]}",
        )
    return Finished(job, notes, last.uncertainty, time.perf_counter() - began)


def _make_folder(job: Job, options: FileOptions) -> None:
    if options.out is not None and job.target != options.out:
        job.target.parent.mkdir(parents=True, exist_ok=True)
