"""Where systems err: by the hue of the truth, and by their own uncertainty."""

from __future__ import annotations

from autochrome.laboratory.run import Run
from autochrome.laboratory.sections.errors.hues import SECTORS, hue_parts, measure_hues
from autochrome.laboratory.sections.errors.uncertainty import judge, measure_uncertainty, uncertainty_parts
from autochrome.report.html import Section

NAME = "errors"
TITLE = "Errors by hue and by uncertainty"


def section(run: Run) -> Section:
    """Return errors by the hue of the truth over all photos, and by uncertainty over the subset."""
    hues = measure_hues(run)
    places = {system.name: photos for system in run.systems if (photos := measure_uncertainty(run, system))}
    judged = {name: judge(photos, run.settings.bootstrap) for name, photos in places.items()}
    run.figures[NAME] = {"hues": {"sectors": SECTORS, **vars(hues)}, "uncertainty": judged}
    return Section(
        TITLE,
        [*hue_parts(hues, run), *uncertainty_parts(judged, len(run.subset))],
        "Which colors come out wrong, and whether a system is uncertain where it is wrong.",
    )
