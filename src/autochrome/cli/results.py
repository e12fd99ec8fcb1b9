"""Write a photo's colorizations: every file whole, and either all of them or none."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from autochrome.cli.plan import FileOptions, Job
from autochrome.errors import PhotoError, SettingsError
from autochrome.io.whole_file import written_together
from autochrome.io.workspace import Workspace

if TYPE_CHECKING:
    from autochrome.io.photo import Photo, Provenance
    from autochrome.pipeline.painter import ColorizedPhoto
    from autochrome.report.contact_sheet import Page

_AHEAD = 2  # colorizations that may wait for being written: each is a whole photo in memory


def write_results(
    job: Job,
    photo: Photo,
    colorizations: Iterable[ColorizedPhoto],
    options: FileOptions,
    claim: Workspace,
    record: Callable[[ColorizedPhoto, Mapping[Path, Path]], None],
) -> None:
    """Write the colorizations of a photo, their contact sheet and the uncertainty map, as the job says.

    While one is written the next is painted. The files get their names at the end, all together; until then
    they are in the workspace by which the job is claimed.

    Args:
        job: the photo, and its results.
        photo: as it was read.
        colorizations: of the photo.
        options: about files.
        claim: the workspace.
        record: called when all is written, before the files get their names, with the last of the
            colorizations, whose notes and uncertainty are those of all, and where each file is.

    Raises:
        PhotoError: one cannot be written.
        SettingsError: an uncertainty map was requested that the model does not provide.
    """
    cells: list[tuple[str, Page]] = []
    last = None
    with (
        written_together(job.places, like=job.source, within=claim) as places,
        ThreadPoolExecutor(1) as writer,
    ):
        waiting: deque[tuple[str, Future[Page | None]]] = deque()

        def await_written(most: int) -> None:
            """Wait until at most so many colorizations wait for being written."""
            while len(waiting) > most:
                name, written = waiting.popleft()
                if (cell := written.result()) is not None:
                    cells.append((name, cell))

        for number, (colored, target) in enumerate(zip(colorizations, job.files, strict=True), 1):
            if number == 1 and job.uncertainty_map is not None:
                _write_map(colored, places[job.uncertainty_map], job.uncertainty_map)
            sample = writer.submit(_write_sample, colored, places[target], target, job, options)
            waiting.append((_label(number, colored), sample))
            last = colored
            await_written(_AHEAD - 1)
        await_written(0)
        assert last is not None
        if job.sheet is not None:
            original = ("original", _cell(photo))
            _write_sheet([original, *cells], last, places[job.sheet], job.sheet, options.quality)
        record(last, places)


def write_sidecars(job: Job, places: Mapping[Path, Path]) -> None:
    """Write the sidecars of a photo's colorizations, if there are to be some, to their temporary places.

    Raises:
        PhotoError: the photo's own cannot be read any more.
    """
    from autochrome.io.sidecars import true_sidecar
    from autochrome.io.xmp import XmpError

    if job.sidecar is None:
        return
    try:
        xmp = true_sidecar(job.sidecar)
    except XmpError as error:
        raise PhotoError(job.sidecar, f"is {error} by now", "Color the photo again") from error
    for target in job.sidecars:
        places[target].write_bytes(xmp)


def _label(number: int, colored: ColorizedPhoto) -> str:
    """Return the file's number, with the hue that it favors, or the number of the draw if ranked."""
    made = colored.provenance.settings if colored.provenance else {}
    if "rotation" in made:
        return f"{number} (hue {made['rotation']:.0f}°)"
    drawn = made.get("sample", number)
    return f"{number}" if "rank_score" not in made else f"{number} (draw {drawn})"


def _cell(photo: Photo) -> Page:
    """Return a photo at the size of the contact sheet's cells."""
    from autochrome.report.contact_sheet import fit

    return fit(photo.pixels)


def _write_sample(
    colored: ColorizedPhoto, place: Path, target: Path, job: Job, options: FileOptions
) -> Page | None:
    """Write a colorization to its temporary place, and return its cell if there is to be a contact sheet."""
    _write(colored, place, target, colored.provenance, format=job.format, quality=options.quality)
    return None if job.sheet is None else _cell(colored)


def _write(
    photo: Photo,
    place: Path,
    target: Path,
    provenance: Provenance | None,
    *,
    format: str | None = None,
    quality: int = 92,
) -> None:
    """Write a photo to its temporary place."""
    from autochrome.io.photo import write_photo
    from autochrome.io.saving import format_for

    chosen = format_for(target, format, None).name
    try:
        write_photo(photo, place, provenance=provenance, format=chosen, quality=quality)
    except PhotoError as error:
        raise PhotoError(target, error.problem, error.advice) from error


def _write_sheet(
    cells: Sequence[tuple[str, Page]], colored: ColorizedPhoto, place: Path, sheet: Path, quality: int
) -> None:
    """Write the contact sheet, with the provenance that its samples share."""
    from autochrome.io.photo import Photo
    from autochrome.report.contact_sheet import gallery

    made = colored.provenance
    if made is not None:
        own = ("sample", "log_prob", "bits_per_dimension", "rank_score", "rotation")
        made = replace(made, settings={key: made.settings[key] for key in made.settings if key not in own})
    page = gallery([picture for _, picture in cells], [name for name, _ in cells])
    _write(Photo(page), place, sheet, made, quality=quality)


def _write_map(colored: ColorizedPhoto, place: Path, target: Path) -> None:
    """Write the uncertainty map of a photo, with the meaning of black and white in its metadata."""
    from autochrome.io.photo import Photo
    from autochrome.report.uncertainty_map import draw_uncertainty

    unsure, made = colored.uncertainty, colored.provenance
    if unsure is None:
        raise SettingsError(
            "this model does not know how sure it is; leave out --uncertainty, or use --model cic"
        )
    if made is not None:
        scale = f"L* from 0 to 100: 0 to {unsure.most:.4g} {unsure.unit}"
        made = replace(made, settings={**made.settings, "uncertainty": scale})
    _write(
        Photo(draw_uncertainty(unsure.values, colored.size, unsure.most, unsure.extent)), place, target, made
    )
