"""The ledger of a run of `autochrome colorize`: what is written into it, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from autochrome.cli.events import Event, Failed, Finished
from autochrome.errors import PhotoError
from autochrome.io.workspace import uninterrupted
from autochrome.pipeline.ledger import Entry, Failure, FileStamp, Ledger, MadeWith, relative

if TYPE_CHECKING:
    from autochrome.cli.plan import Job
    from autochrome.models.spec import ModelSpec
    from autochrome.pipeline.settings import ColorizeSettings


class Recorder:
    """Writes a line for each photo: before its results get their names, or when it has failed."""

    def __init__(self, ledger: Ledger, made_with: MadeWith) -> None:
        self._ledger, self._made_with = ledger, made_with

    def look_at(self, source: Path) -> FileStamp:
        """Return what a photo is before it is read; of a pipe, which can be read but once, its name alone."""
        name = self._name(source)
        return FileStamp.of(source, name) if source.is_file() else FileStamp(name, 0, 0, "")

    def record(self, finished: Finished, seen: FileStamp, places: Mapping[Path, Path]) -> None:
        """Write the line of a photo whose results are about to get their names.

        Args:
            finished: what is known of it.
            seen: what it was when it was read.
            places: where each of its results is until then.

        Raises:
            PhotoError: it was changed since it was read.
            LedgerError: the ledger cannot be written.
        """
        source = finished.job.source
        if seen.sha256 and not seen.is_at_hand(source):
            raise PhotoError(source, "changed while it was read", "Color it again once it is complete")
        files = [FileStamp.of(place, self._name(target)) for target, place in places.items()]
        share = None if finished.uncertainty is None else round(finished.uncertainty.share, 4)
        self._append(
            finished.job,
            seen,
            files=tuple(files),
            notes=finished.notes,
            uncertainty=share,
            seconds=round(finished.seconds, 3),
        )

    def __call__(self, event: Event) -> None:
        """Write the line of a photo that failed; what failed before its results had names has none."""
        if not isinstance(event, Failed) or event.job is None:
            return
        source = event.job.source
        try:
            seen = self.look_at(source)
        except OSError:
            seen = FileStamp(self._name(source), 0, 0, "")
        self._append(event.job, seen, failure=Failure(event.kind, event.message))

    def _append(self, job: Job, seen: FileStamp, **more: object) -> None:
        made_with = replace(self._made_with, page=job.page)
        with uninterrupted():
            self._ledger.append(Entry(self._name(job.files[0]), seen, made_with, **more))  # type: ignore[arg-type]

    def _name(self, path: Path) -> str:
        return relative(path, self._ledger.folder)


def made_with(spec: ModelSpec, weights: str | None, settings: ColorizeSettings, quality: int) -> MadeWith:
    """Return what a run makes its results with, before the model is loaded.

    Raises:
        WeightsError: there are no such weights.
    """
    from autochrome.io.whole_file import file_sha256
    from autochrome.pipeline.look_file import as_look

    digest = spec.sha256 or ""
    if weights is not None:
        from autochrome.models.weights import resolve_weights

        digest = resolve_weights(weights, spec=spec).sha256
    reference = settings.reference and settings.reference.source
    return MadeWith(
        model=spec.name,
        weights_sha256=digest,
        look=as_look(settings),
        reference_sha256=file_sha256(reference) if reference else None,
        quality=quality,
    )
