"""How good the best of several samples is: what a person who may choose gets of a system that draws."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.errors import LaboratoryError
from autochrome.evaluation.scores import Estimate, Scores
from autochrome.laboratory.estimates import cell, mean_estimate
from autochrome.laboratory.run import LabSettings, Run
from autochrome.laboratory.samples import ERRORS, measure
from autochrome.laboratory.sections.scores import first_answers
from autochrome.metrics.diversity import expected_best
from autochrome.report.html import Figure, Section, Table
from autochrome.report.html.charts import lines

TITLES = {"psnr": "PSNR dB ↑", "auc": "AuC per photo ↑", "ciede2000": "CIEDE2000 ↓"}
LOWER = ("ciede2000",)
"""Scores of which less is better."""

Curves = dict[str, dict[str, list[Estimate]]]
"""By score and system: the mean over photos of the best of 1, 2, ..., n samples."""


def section(run: Run) -> Section:
    """Curves and a table of the best of n.

    Raises:
        LaboratoryError: no system has several answers, or these are the photos themselves.
    """
    several = [system for system in run.systems if len(system.samples) > 1]
    if not several:
        raise LaboratoryError(
            "No system has several answers to a photo: take a model that draws (pixcolor, cgan) and two"
            " samples or more, or a folder of results with a folder for each sample."
        )
    measured, scores = run.once(measure), run.once(first_answers)
    drawn = {system.name: measured.systems[system.name].errors for system in several}
    single = _single(scores, [*drawn])
    kept = _kept(drawn, single)
    if int(kept.sum()) < 2:
        raise LaboratoryError("Of all photos but one or none some system meets the truth exactly.")
    curves = best_curves(drawn, kept, run.settings)
    run.figures["best-of-n"] = {
        key: {name: [each.to_dict() for each in curve] for name, curve in row.items()}
        for key, row in curves.items()
    }
    left_out = len(kept) - int(kept.sum())
    note = f" {left_out} photos that a system meets exactly, being gray, are left out." if left_out else ""
    return Section(
        "Best of several samples",
        [
            *(_chart(key, curves[key], _means(key, single, kept, run.settings)) for key in ERRORS),
            best_table(curves, drawn, single, kept, run.settings, caption=note),
        ],
        lead="What a person who chooses among the samples can reach. Best of m is the expected best of m of"
        " the samples, each score choosing for itself; so best of 1 is the mean over single samples.",
    )


def best_curves(
    drawn: Mapping[str, Mapping[str, Float[Tensor, "photos n"]]],
    kept: Tensor,
    settings: LabSettings,
) -> Curves:
    """The curves of every system that draws.

    Args:
        drawn: `ERRORS` of the samples, by system.
        kept: of which photos, as booleans.
        settings: of the intervals.
    """
    return {
        key: {
            name: [
                mean_estimate(column, settings)
                for column in expected_best(errors[key][kept], lower=key in LOWER).unbind(1)
            ]
            for name, errors in drawn.items()
        }
        for key in ERRORS
    }


def shown_counts(n: int) -> list[int]:
    """1, 2, 4, ... and at last n."""
    powers = takewhile(lambda m: m < n, (2**k for k in range(n)))
    return [*powers, n]


def best_table(
    curves: Curves,
    drawn: Mapping[str, Mapping[str, Float[Tensor, "photos n"]]],
    single: Mapping[str, Mapping[str, Float[Tensor, " photos"]]],
    kept: Tensor,
    settings: LabSettings,
    caption: str = "",
) -> Table:
    """Best of 1, 2, 4, ... of each system that draws, beside the systems with one answer.

    Args:
        curves: of `best_curves`.
        drawn: `ERRORS` of the samples, by system.
        single: those of the systems with one answer, and of gray.
        kept: of which photos, as booleans.
        settings: of the intervals.
        caption: what is to be added to it.
    """
    rows = []
    for name, errors in drawn.items():
        psnr = expected_best(errors["psnr"])
        for m in shown_counts(psnr.shape[1]):
            means = [cell(curves[key][name][m - 1]) for key in ERRORS]
            rows.append([name, str(m), *means, _above_gray(psnr[:, m - 1], single, kept, settings)])
    for name, errors in single.items():
        means = [cell(mean_estimate(errors[key][kept], settings)) for key in ERRORS]
        above = "" if name == "gray" else _above_gray(errors["psnr"], single, kept, settings)
        rows.append([name, "", *means, above])
    return Table(
        ["", "best of", *(TITLES[key] for key in ERRORS), "PSNR above gray"],
        rows,
        caption="Best of several, beside systems with one answer: means over photos. So AuC is the mean of"
        " the photos' own, not that of pooled pixels. 95% bootstrap intervals over photos, the same resamples"
        f" in each.{caption}",
    )


def _above_gray(
    psnr: Tensor, single: Mapping[str, Mapping[str, Tensor]], kept: Tensor, settings: LabSettings
) -> str:
    return cell(mean_estimate((psnr - single["gray"]["psnr"])[kept], settings), sign="+")


def _single(scores: Scores, drawn: list[str]) -> dict[str, dict[str, Tensor]]:
    """`ERRORS` of every photo of the systems with one answer, and of the baselines.

    A system that meets every photo exactly has no errors to show beside others: it is the photos themselves.
    """
    found = {
        name: {key: torch.tensor(row[key], dtype=torch.float64) for key in ERRORS}
        for name, row in scores.per_photo.items()
        if name not in drawn
    }
    return {name: errors for name, errors in found.items() if not errors["psnr"].isinf().all()}


def _kept(drawn: Mapping[str, Mapping[str, Tensor]], single: Mapping[str, Mapping[str, Tensor]]) -> Tensor:
    """Photos that no system meets exactly: the mean of their dB is not infinite."""
    finite = [errors["psnr"].isfinite().all(1) for errors in drawn.values()]
    finite += [errors["psnr"].isfinite() for errors in single.values()]
    return torch.stack(finite).all(0)


def _means(
    key: str, single: Mapping[str, Mapping[str, Tensor]], kept: Tensor, settings: LabSettings
) -> dict[str, float]:
    return {name: mean_estimate(errors[key][kept], settings).value for name, errors in single.items()}


def _chart(key: str, curves: Mapping[str, list[Estimate]], single: Mapping[str, float]) -> Figure:
    longest = max(len(curve) for curve in curves.values())
    series, bands, said = {}, {}, []
    for name, curve in curves.items():
        at = np.arange(1, len(curve) + 1, dtype=np.float64)
        value, low, high = (np.array([getattr(e, part) for e in curve]) for part in ("value", "low", "high"))
        series[name], bands[name] = (at, value), (low, high)
        said.append(f"{name} from {value[0]:.2f} to {value[-1]:.2f}")
    for name, mean in single.items():
        if name != "random":
            series[name] = (np.array([1.0, longest]), np.array([mean, mean]))
            said.append(f"{name} {mean:.2f}")
    return Figure(
        lines(series, xlabel="samples to choose from", ylabel=TITLES[key], bands=bands),
        f"{TITLES[key]} of the best of 1 to {longest} samples: {'; '.join(said)}",
        f"{TITLES[key]}: the best of so many samples, with 95% bands. Level lines: systems with one answer.",
    )
