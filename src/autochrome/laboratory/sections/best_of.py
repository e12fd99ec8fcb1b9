"""The quality of the best of several samples, which a person who chooses among them can reach."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.errors import LaboratoryError
from autochrome.evaluation.intervals import Bootstrap, Estimate
from autochrome.evaluation.scores import Scores
from autochrome.laboratory.run import Run
from autochrome.laboratory.samples import ERRORS, measure
from autochrome.laboratory.sections.scores import first_samples
from autochrome.metrics.diversity import expected_best
from autochrome.report.html import Figure, Section, Table
from autochrome.report.html.charts import lines

NAME = "best-of-n"
TITLE = "Best of several samples"

LABELS = {"psnr": "PSNR dB ↑", "auc": "AuC per photo ↑", "ciede2000": "CIEDE2000 ↓"}
LOWER = ("ciede2000",)
"""Scores for which lower is better."""

Curves = dict[str, dict[str, list[Estimate]]]
"""By score and system: the mean over photos of the best of 1, 2, ..., n samples."""

Errors = Mapping[str, Mapping[str, Float[Tensor, "_ ..."]]]
"""By system and score: of every photo and, of systems that draw, every sample: "photos n"."""


def section(run: Run) -> Section:
    """Return curves and a table of the best of n.

    Raises:
        LaboratoryError: no system has several samples, or fewer than two photos have errors to compare.
    """
    several = run.several_samples()
    measured, bootstrap = measure(run)[0], run.settings.bootstrap
    drawn = {system.name: measured[system.name].errors for system in several}
    drawn, single, left_out = without_exact_matches(drawn, _single(first_samples(run), [*drawn]))
    curves = best_curves(drawn, bootstrap)
    run.figures[NAME] = curves
    note = f" {left_out} photos that a system matches exactly, being gray, are left out." if left_out else ""
    return Section(
        TITLE,
        [
            *(_chart(key, curves[key], single) for key in ERRORS),
            _table(curves, drawn, single, bootstrap, note),
        ],
        lead="What a person who chooses among the samples can reach. Best of m is the expected best of m of"
        " the samples, each score choosing for itself; so best of 1 is the mean over single samples.",
    )


def without_exact_matches(drawn: Errors, single: Errors) -> tuple[Errors, Errors, int]:
    """Leave out the photos that a system matches exactly, whose dB have no mean; return their number, too.

    Raises:
        LaboratoryError: fewer than two photos remain.
    """
    finite = [errors["psnr"].isfinite().all(1) for errors in drawn.values()]
    finite += [errors["psnr"].isfinite() for errors in single.values()]
    kept = torch.stack(finite).all(0)
    if int(kept.sum()) < 2:
        raise LaboratoryError("Fewer than two photos remain after excluding exact matches.")
    drawn, single = (
        {name: {key: each[kept] for key, each in errors.items()} for name, errors in systems.items()}
        for systems in (drawn, single)
    )
    return drawn, single, len(kept) - int(kept.sum())


def best_curves(drawn: Errors, bootstrap: Bootstrap) -> Curves:
    """Return the curves of the systems that draw."""

    def curve(key: str, errors: Float[Tensor, "photos n"]) -> list[Estimate]:
        return [bootstrap.mean(best) for best in expected_best(errors, lower=key in LOWER).unbind(1)]

    return {key: {name: curve(key, errors[key]) for name, errors in drawn.items()} for key in ERRORS}


def shown_counts(n: int) -> list[int]:
    """Return 1, 2, 4, ... and finally n."""
    powers = takewhile(lambda m: m < n, (2**k for k in range(n)))
    return [*powers, n]


def _table(curves: Curves, drawn: Errors, single: Errors, bootstrap: Bootstrap, note: str) -> Table:
    """Return the best of 1, 2, 4, ... of the systems ``drawn``, beside those with a ``single`` sample."""

    def above_gray(psnr: Tensor) -> str:
        return bootstrap.mean(psnr - single["gray"]["psnr"]).cell(sign="+")

    rows = []
    for name, errors in drawn.items():
        psnr = expected_best(errors["psnr"])
        for m in shown_counts(psnr.shape[1]):
            means = [curves[key][name][m - 1].cell() for key in ERRORS]
            rows.append([name, str(m), *means, above_gray(psnr[:, m - 1])])
    for name, errors in single.items():
        means = [bootstrap.mean(errors[key]).cell() for key in ERRORS]
        rows.append([name, "", *means, "" if name == "gray" else above_gray(errors["psnr"])])
    return Table(
        ["", "best of", *(LABELS[key] for key in ERRORS), "PSNR above gray"],
        rows,
        caption="Best of several, beside systems with one sample: means over photos. So AuC is the mean of"
        " the photos' own, not that of pooled pixels. 95% bootstrap intervals over photos, the same resamples"
        f" in each.{note}",
    )


def _single(scores: Scores, drawn: list[str]) -> dict[str, dict[str, Tensor]]:
    """Return `ERRORS` of systems with one sample and of the baselines, except of the photos themselves."""
    errors_of = {
        name: {key: torch.tensor(row[key], dtype=torch.float64) for key in ERRORS}
        for name, row in scores.per_photo.items()
        if name not in drawn
    }
    return {name: errors for name, errors in errors_of.items() if not errors["psnr"].isinf().all()}


def _chart(key: str, curves: Mapping[str, list[Estimate]], single: Errors) -> Figure:
    longest = max(len(curve) for curve in curves.values())
    series, bands, summary = {}, {}, []
    for name, curve in curves.items():
        at = np.arange(1, len(curve) + 1, dtype=np.float64)
        value, low, high = (np.array([getattr(e, part) for e in curve]) for part in ("value", "low", "high"))
        series[name], bands[name] = (at, value), (low, high)
        summary.append(f"{name} from {value[0]:.2f} to {value[-1]:.2f}")
    for name, errors in single.items():
        if name != "random":
            mean = float(errors[key].mean())
            series[name] = (np.array([1.0, longest]), np.array([mean, mean]))
            summary.append(f"{name} {mean:.2f}")
    return Figure(
        lines(series, xlabel="samples to choose from", ylabel=LABELS[key], bands=bands),
        f"{LABELS[key]} of the best of 1 to {longest} samples: {'; '.join(summary)}",
        f"{LABELS[key]}: the best of as many samples, with 95% bands. Level lines: systems with one sample.",
    )
