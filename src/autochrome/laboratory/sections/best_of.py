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


def section(run: Run) -> Section:
    """Return curves and a table of the best of n.

    Raises:
        LaboratoryError: no system has several samples, or fewer than two photos have errors to compare.
    """
    several = run.several_samples()
    measured, scores = measure(run), first_samples(run)
    drawn = {system.name: measured.systems[system.name].errors for system in several}
    single = _single(scores, [*drawn])
    kept = _kept(drawn, single)
    if int(kept.sum()) < 2:
        raise LaboratoryError("Fewer than two photos remain after excluding exact matches.")
    curves = best_curves(drawn, kept, run.settings.bootstrap)
    run.figures[NAME] = curves
    left_out = len(kept) - int(kept.sum())
    note = f" {left_out} photos that a system matches exactly, being gray, are left out." if left_out else ""
    return Section(
        TITLE,
        [
            *(_chart(key, curves[key], _means(key, single, kept, run.settings.bootstrap)) for key in ERRORS),
            best_table(curves, drawn, single, kept, run.settings.bootstrap, caption=note),
        ],
        lead="What a person who chooses among the samples can reach. Best of m is the expected best of m of"
        " the samples, each score choosing for itself; so best of 1 is the mean over single samples.",
    )


def best_curves(
    drawn: Mapping[str, Mapping[str, Float[Tensor, "photos n"]]], kept: Tensor, bootstrap: Bootstrap
) -> Curves:
    """Return the curves of the systems that draw, over the photos that are ``kept``."""
    return {
        key: {
            name: [
                bootstrap.mean(column)
                for column in expected_best(errors[key][kept], lower=key in LOWER).unbind(1)
            ]
            for name, errors in drawn.items()
        }
        for key in ERRORS
    }


def shown_counts(n: int) -> list[int]:
    """Return 1, 2, 4, ... and finally n."""
    powers = takewhile(lambda m: m < n, (2**k for k in range(n)))
    return [*powers, n]


def best_table(
    curves: Curves,
    drawn: Mapping[str, Mapping[str, Float[Tensor, "photos n"]]],
    single: Mapping[str, Mapping[str, Float[Tensor, " photos"]]],
    kept: Tensor,
    bootstrap: Bootstrap,
    caption: str = "",
) -> Table:
    """Return the best of 1, 2, 4, ... of the systems ``drawn``, beside those with a ``single`` sample."""
    rows = []
    for name, errors in drawn.items():
        psnr = expected_best(errors["psnr"])
        for m in shown_counts(psnr.shape[1]):
            means = [curves[key][name][m - 1].cell() for key in ERRORS]
            rows.append([name, str(m), *means, _above_gray(psnr[:, m - 1], single, kept, bootstrap)])
    for name, errors in single.items():
        means = [bootstrap.mean(errors[key][kept]).cell() for key in ERRORS]
        above = "" if name == "gray" else _above_gray(errors["psnr"], single, kept, bootstrap)
        rows.append([name, "", *means, above])
    return Table(
        ["", "best of", *(LABELS[key] for key in ERRORS), "PSNR above gray"],
        rows,
        caption="Best of several, beside systems with one sample: means over photos. So AuC is the mean of"
        " the photos' own, not that of pooled pixels. 95% bootstrap intervals over photos, the same resamples"
        f" in each.{caption}",
    )


def _above_gray(
    psnr: Tensor, single: Mapping[str, Mapping[str, Tensor]], kept: Tensor, bootstrap: Bootstrap
) -> str:
    return bootstrap.mean((psnr - single["gray"]["psnr"])[kept]).cell(sign="+")


def _single(scores: Scores, drawn: list[str]) -> dict[str, dict[str, Tensor]]:
    """Return `ERRORS` of systems with one sample and of the baselines, except of the photos themselves."""
    errors_of = {
        name: {key: torch.tensor(row[key], dtype=torch.float64) for key in ERRORS}
        for name, row in scores.per_photo.items()
        if name not in drawn
    }
    return {name: errors for name, errors in errors_of.items() if not errors["psnr"].isinf().all()}


def _kept(drawn: Mapping[str, Mapping[str, Tensor]], single: Mapping[str, Mapping[str, Tensor]]) -> Tensor:
    """Return which photos no system matches exactly, so that the mean of their dB is finite."""
    finite = [errors["psnr"].isfinite().all(1) for errors in drawn.values()]
    finite += [errors["psnr"].isfinite() for errors in single.values()]
    return torch.stack(finite).all(0)


def _means(
    key: str, single: Mapping[str, Mapping[str, Tensor]], kept: Tensor, bootstrap: Bootstrap
) -> dict[str, float]:
    return {name: bootstrap.mean(errors[key][kept]).value for name, errors in single.items()}


def _chart(key: str, curves: Mapping[str, list[Estimate]], single: Mapping[str, float]) -> Figure:
    longest = max(len(curve) for curve in curves.values())
    series, bands, summary = {}, {}, []
    for name, curve in curves.items():
        at = np.arange(1, len(curve) + 1, dtype=np.float64)
        value, low, high = (np.array([getattr(e, part) for e in curve]) for part in ("value", "low", "high"))
        series[name], bands[name] = (at, value), (low, high)
        summary.append(f"{name} from {value[0]:.2f} to {value[-1]:.2f}")
    for name, mean in single.items():
        if name != "random":
            series[name] = (np.array([1.0, longest]), np.array([mean, mean]))
            summary.append(f"{name} {mean:.2f}")
    return Figure(
        lines(series, xlabel="samples to choose from", ylabel=LABELS[key], bands=bands),
        f"{LABELS[key]} of the best of 1 to {longest} samples: {'; '.join(summary)}",
        f"{LABELS[key]}: the best of as many samples, with 95% bands. Level lines: systems with one sample.",
    )
