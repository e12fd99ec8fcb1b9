"""Contact sheets: photos that stand for the set, colored by every system."""

from __future__ import annotations

from autochrome.evaluation.files import pixels_of
from autochrome.laboratory.pictures import result_picture, true_picture
from autochrome.laboratory.run import Run, System
from autochrome.metrics.baselines import gray
from autochrome.report.html import Figure, Gallery, Section
from autochrome.report.thumbnails import picture

NAME = "sheets"
TITLE = "Contact sheets"

PHOTOS = 12
"""On the contact sheet, evenly spaced over the names."""

SAMPLES = 6
"""Of each of these photos, by each system that draws."""

_SIDE = 224


def section(run: Run) -> Section:
    """Return the same photos by every system, and several samples of them by those that draw."""
    names = run.spread(PHOTOS)
    columns = ["gray", *(system.name for system in run.systems), "truth"]
    sheets = [
        Gallery(
            [(name, _row(run, name)) for name in names],
            columns,
            caption=f"{len(names)} photos, evenly spaced over the names; of several samples the first.",
        )
    ]
    sheets += [_samples(run, system, names) for system in run.systems if len(system.samples) > 1]
    return Section(TITLE, sheets, lead="The same photos by every system.")


def _row(run: Run, name: str) -> list[Figure]:
    without_color = picture(pixels_of(gray(run.truth(name))), f"photo {name} in gray", side=_SIDE)
    results = [result_picture(run, system, name, side=_SIDE) for system in run.systems]
    return [without_color, *results, true_picture(run, name, _SIDE)]


def _samples(run: Run, system: System, names: list[str]) -> Gallery:
    count = min(SAMPLES, len(system.samples))
    rows = []
    for name in names:
        samples = [result_picture(run, system, name, k, side=_SIDE) for k in range(count)]
        rows.append((name, [*samples, true_picture(run, name, _SIDE)]))
    head = [*(f"sample {k + 1}" for k in range(count)), "truth"]
    return Gallery(rows, head, caption=f"Samples of {system.name}.")
