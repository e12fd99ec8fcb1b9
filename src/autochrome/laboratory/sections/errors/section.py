"""Where systems err: by the hue of the truth, and by their own doubt."""

from __future__ import annotations

from autochrome.laboratory.run import Run
from autochrome.laboratory.sections.errors.doubt import doubt_parts, judge, measure_doubt
from autochrome.laboratory.sections.errors.hues import SECTORS, hue_parts, measure_hues
from autochrome.report.html import Section


def section(run: Run) -> Section:
    """Errors by the hue of the truth over all photos, and by the systems' own doubt over the subset."""
    hues = measure_hues(run)
    told = {system.name: photos for system in run.systems if (photos := measure_doubt(run, system))}
    insights = {name: judge(photos, run.settings) for name, photos in told.items()}
    run.figures["errors"] = {
        "hues": {"sectors": SECTORS, **vars(hues)},
        "doubt": {name: vars(insight) for name, insight in insights.items()},
    }
    return Section(
        "Errors by hue and by doubt",
        [*hue_parts(hues, run), *doubt_parts(insights, len(run.subset))],
        "Which colors come out wrong, and whether a system is unsure where it is wrong.",
    )
