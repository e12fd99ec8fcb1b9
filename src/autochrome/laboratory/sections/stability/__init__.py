"""Stability: how much the colors change with what should not change them."""

from __future__ import annotations

from functools import partial

from autochrome.errors import LaboratoryError
from autochrome.laboratory.run import Run
from autochrome.laboratory.sections.stability.changes import change_parts, changes_of, judge
from autochrome.laboratory.sections.stability.chart import chart_parts, show_charts
from autochrome.laboratory.sections.stability.perturbations import PERTURBATIONS
from autochrome.report.html import Section

NAME = "stability"
TITLE = "Stability"

_SHARE = 3  # one photo in three of the subset


def section(run: Run) -> Section:
    """Return curves, a table and pictures of the perturbations, and the color charts.

    Raises:
        LaboratoryError: there is no model to run.
    """
    systems = [system for system in run.systems if system.model is not None]
    if not systems:
        raise LaboratoryError("Stability needs models to run, and there are only folders of results here.")
    names = run.spread(-(-run.settings.subset // _SHARE))
    judged = {}
    for system in systems:
        photos = run.map(f"stability of {system.name}", partial(changes_of, system), names)
        judged[system.name] = judge(photos, run.settings.bootstrap)
    results = show_charts(run)
    run.figures[NAME] = {
        "perturbations": [perturbation.name for perturbation in PERTURBATIONS],
        "systems": judged,
        "charts": {"charts": results.recovered, "photos": results.photos},
    }
    return Section(
        TITLE,
        [*change_parts(judged, run, names), *chart_parts(results, len(run.subset))],
        "Whether a system still sees the same colors when the photo is darker, flatter, softer or"
        " noisier; and whether lightness alone determines a color.",
    )
