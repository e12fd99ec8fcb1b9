"""Contact sheets: photos that stand for the set, and those that each system colors worst and best."""

from __future__ import annotations

from dataclasses import dataclass

from autochrome.laboratory.pictures import picture, pixels_of
from autochrome.laboratory.run import Run, System
from autochrome.laboratory.sections.scores import first_answers
from autochrome.metrics.baselines import gray
from autochrome.report.html import Figure, Gallery, Section

PHOTOS = 12
"""On the contact sheet, evenly spaced over the names."""

SAMPLES = 6
"""Of each of these photos, by each system that draws."""

EXTREMES = 6
"""Worst and best photos of each system."""

SIDE = 224
"""Longest side of a picture on a sheet, in pixels."""


@dataclass(frozen=True)
class Extreme:
    """A photo, and how far a system's colors are from its own: mean CIEDE2000."""

    name: str
    error: float


def section(run: Run) -> Section:
    """The same photos by every system, and several samples of them by those that draw."""
    names = run.spread(PHOTOS)
    columns = ["gray", *(system.name for system in run.systems), "truth"]
    sheets = [
        Gallery(
            [(name, _row(run, name)) for name in names],
            columns,
            caption=f"{len(names)} photos, evenly spaced over the names; of several samples the first.",
        )
    ]
    for system in run.systems:
        if len(system.samples) > 1:
            sheets.append(_samples(run, system, names))
    return Section("Contact sheets", sheets, lead="The same photos by every system.")


def extremes(run: Run) -> Section:
    """The photos that each system colors worst and best."""
    scores = run.once(first_answers)
    found = {
        system.name: extreme_photos(run.names, scores.per_photo[system.name]["ciede2000"])
        for system in run.systems
    }
    run.figures["extremes"] = {
        name: {
            kind: [vars(each) for each in photos]
            for kind, photos in zip(("worst", "best"), both, strict=True)
        }
        for name, both in found.items()
    }
    return Section(
        "Worst and best photos",
        [_extremes_sheet(run, system, *found[system.name]) for system in run.systems],
        lead="By the mean CIEDE2000 between the photo and its colorization; of systems that draw, of the"
        " first sample. Gray things colored gray are easily best: below each is what was there to find.",
    )


def extreme_photos(
    names: list[str], errors: list[float], count: int = EXTREMES
) -> tuple[list[Extreme], list[Extreme]]:
    """The photos of the largest errors, the worst first, and of the smallest, the best first.

    Of few photos each list has at most half, so that none is in both.
    """
    ordered = sorted(
        (Extreme(name, error) for name, error in zip(names, errors, strict=True)),
        key=lambda each: (-each.error, each.name),
    )
    count = min(count, len(ordered) // 2)
    return ordered[:count], ordered[::-1][:count]


def _row(run: Run, name: str) -> list[Figure]:
    truth = run.truth(name)
    row = [picture(pixels_of(gray(truth)), f"photo {name} in gray", side=SIDE)]
    row += [_result(run, system, name) for system in run.systems]
    return [*row, _truth(run, name)]


def _samples(run: Run, system: System, names: list[str]) -> Gallery:
    count = min(SAMPLES, len(system.samples))
    rows = []
    for name in names:
        shown = [_result(run, system, name, sample=k) for k in range(count)]
        rows.append((name, [*shown, _truth(run, name)]))
    head = [*(f"sample {k + 1}" for k in range(count)), "truth"]
    return Gallery(rows, head, caption=f"Samples of {system.name}.")


def _extremes_sheet(run: Run, system: System, worst: list[Extreme], best: list[Extreme]) -> Gallery:
    rows: list[tuple[str, list[Figure]]] = []
    for label, photos in (("worst", worst), ("best", best)):
        shown = [_result(run, system, each.name, f"{each.name}: {each.error:.1f}") for each in photos]
        rows += [(label, shown), ("truth", [_truth(run, each.name) for each in photos])]
    return Gallery(
        rows,
        [f"{place}." for place in range(1, len(worst) + 1)],
        caption=f"{system.name}: the photos that it colors worst and best, with their mean CIEDE2000.",
    )


def _truth(run: Run, name: str) -> Figure:
    return picture(pixels_of(run.truth(name)), f"photo {name}", side=SIDE)


def _result(run: Run, system: System, name: str, caption: str = "", sample: int = 0) -> Figure:
    which = f", sample {sample + 1}" if len(system.samples) > 1 else ""
    rgb = run.result(system, name, sample)
    return picture(pixels_of(rgb), f"photo {name} by {system.name}{which}", caption, side=SIDE)
