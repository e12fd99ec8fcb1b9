"""Pictures of a run for the report."""

from __future__ import annotations

from autochrome.evaluation.files import pixels_of
from autochrome.laboratory.run import Run, System
from autochrome.report.html import Figure
from autochrome.report.thumbnails import SIDE, picture


def true_picture(run: Run, name: str, side: int = SIDE) -> Figure:
    """Return the picture of a true photo."""
    return picture(pixels_of(run.truth(name)), f"photo {name}", side=side)


def result_picture(
    run: Run, system: System, name: str, sample: int = 0, caption: str = "", side: int = SIDE
) -> Figure:
    """Return the picture of a system's result."""
    number = f", sample {sample + 1}" if system.has_several else ""
    rgb = run.result(system, name, sample)
    return picture(pixels_of(rgb), f"photo {name} by {system.name}{number}", caption, side)
