"""Whether what systems say of their doubt is true: predicted probabilities, and how far samples spread."""

from __future__ import annotations

from autochrome.errors import LaboratoryError
from autochrome.laboratory.run import Run
from autochrome.laboratory.sections.calibration.distributions import distribution_parts, measure_distributions
from autochrome.laboratory.sections.calibration.ranks import measure_ranks, rank_parts
from autochrome.report.html import Part, Section


def section(run: Run) -> Section:
    """Reliability of the models' distributions, and ranks of the truth among samples; over the subset.

    Raises:
        LaboratoryError: no system says anything of its doubt, or there are too few photos.
    """
    if len(run.subset) < 4:
        raise LaboratoryError("Calibration needs four photos or more, of which halves judge each other.")
    judged, ranked = measure_distributions(run), measure_ranks(run)
    if not judged and not ranked:
        raise LaboratoryError(
            "No system says anything of its doubt: take a model with a distribution (cic, lrac), or one"
            " that draws (pixcolor, cgan) and two samples or more."
        )
    run.figures["calibration"] = {
        "distributions": {name: found.to_dict() for name, found in judged.items()},
        "ranks": {name: vars(found) for name, found in ranked.items()},
    }
    parts: list[Part] = []
    if judged:
        parts += distribution_parts(judged, len(run.subset))
    if ranked:
        parts += rank_parts(ranked, run)
    return Section(
        "Calibration",
        parts,
        "Whether a color that is given 10% is right one time in ten, and whether the truth could be one of"
        " the samples.",
    )
