"""Calibration of uncertainty: predicted probabilities, and the spread of samples."""

from __future__ import annotations

from autochrome.errors import LaboratoryError
from autochrome.laboratory.run import Run
from autochrome.laboratory.sections.calibration.distributions import distribution_parts, measure_distributions
from autochrome.laboratory.sections.calibration.ranks import measure_ranks, rank_parts
from autochrome.report.html import Part, Section

NAME = "calibration"
TITLE = "Calibration"


def section(run: Run) -> Section:
    """Return reliability of the models' distributions, and ranks of the truth among samples; over the subset.

    Raises:
        LaboratoryError: no system has an uncertainty, or there are too few photos.
    """
    if len(run.subset) < 4:
        raise LaboratoryError("Calibration needs at least four photos: one half is tested with the other.")
    judged, ranked = measure_distributions(run), measure_ranks(run)
    if not judged and not ranked:
        raise LaboratoryError(
            "No system has an uncertainty: add a model with a distribution (cic, lrac), or one that draws"
            " (pixcolor, cgan) with two samples or more."
        )
    run.figures[NAME] = {"distributions": judged, "ranks": ranked}
    parts: list[Part] = []
    if judged:
        parts += distribution_parts(judged, len(run.subset))
    if ranked:
        parts += rank_parts(ranked, run)
    return Section(
        TITLE,
        parts,
        "Whether a color that is given 10% is right one time in ten, and whether the truth could be one of"
        " the samples.",
    )
