"""The photos that each system colors worst and best."""

from __future__ import annotations

from dataclasses import dataclass

from autochrome.laboratory.pictures import result_picture, true_picture
from autochrome.laboratory.run import Run, System
from autochrome.laboratory.sections.scores import first_samples
from autochrome.report.html import Figure, Gallery, Section

NAME = "extremes"
TITLE = "Worst and best photos"

PHOTOS = 6
"""Worst and best photos of each system."""

_SIDE = 224


@dataclass(frozen=True)
class Extreme:
    """A photo, and how far a system's colors are from its own: mean CIEDE2000."""

    name: str
    error: float


def section(run: Run) -> Section:
    """Return the photos that each system colors worst and best."""
    scores = first_samples(run)
    extremes = {
        system.name: extreme_photos(run.names, scores.per_photo[system.name]["ciede2000"])
        for system in run.systems
    }
    run.figures[NAME] = {name: {"worst": worst, "best": best} for name, (worst, best) in extremes.items()}
    return Section(
        TITLE,
        [_sheet(run, system, *extremes[system.name]) for system in run.systems],
        lead="By the mean CIEDE2000 between the photo and its colorization; of systems that draw, the first"
        " sample. Gray things colored gray are easily best: the true photos are shown below.",
    )


def extreme_photos(
    names: list[str], errors: list[float], count: int = PHOTOS
) -> tuple[list[Extreme], list[Extreme]]:
    """Return the photos of the largest errors, the worst first, and of the smallest, the best first.

    With few photos each list has at most half of them, so that none is in both.
    """
    ordered = sorted(
        (Extreme(name, error) for name, error in zip(names, errors, strict=True)),
        key=lambda each: (-each.error, each.name),
    )
    count = min(count, len(ordered) // 2)
    return ordered[:count], ordered[::-1][:count]


def _sheet(run: Run, system: System, worst: list[Extreme], best: list[Extreme]) -> Gallery:
    rows: list[tuple[str, list[Figure]]] = []
    for label, photos in (("worst", worst), ("best", best)):
        results = [
            result_picture(run, system, each.name, caption=f"{each.name}: {each.error:.1f}", side=_SIDE)
            for each in photos
        ]
        rows += [(label, results), ("truth", [true_picture(run, each.name, _SIDE) for each in photos])]
    return Gallery(
        rows,
        [f"{place}." for place in range(1, len(worst) + 1)],
        caption=f"{system.name}: the photos that it colors worst and best, with their mean CIEDE2000.",
    )
