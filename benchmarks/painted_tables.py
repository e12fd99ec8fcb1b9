"""The tables of `benchmarks.cgan_table`: a column for each system, or one system beside single answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from autochrome.laboratory.estimates import cell, estimate_of
from autochrome.metrics.diversity import expected_best
from benchmarks.painted_samples import SCORES, Errors, Painted
from benchmarks.painting import markdown, mean_estimate
from benchmarks.sample_tables import resamples, series_intersections, spread_rows, structure_rows

TOLERANCE = 0.2
"""How far the samples' colorfulness may lie from the photos', as a share of it."""

MS_SSIM_CHROMA = "MS-SSIM of pairs in Cb and Cr, mean"
TITLES = {"psnr": "PSNR", "auc": "AuC per photo", "ciede2000": "CIEDE2000"}
LOWER = ("ciede2000",)
"""Scores of which less is better."""


def columns(systems: Mapping[str, Painted], rows_of: Callable[[Painted], dict[str, str]]) -> str:
    """The same rows for every system."""
    found = [rows_of(one) for one in systems.values()]
    names = list(dict.fromkeys(name for rows in found for name in rows))
    return markdown(["", *systems], [[name, *(rows.get(name, "") for rows in found)] for name in names])


def color_table(systems: Mapping[str, Painted]) -> str:
    """Whether single samples have the colors of photos: histograms of a and b, colorfulness, chroma."""
    return columns(systems, _color_rows)


def _color_rows(found: Painted) -> dict[str, str]:
    counts, series = resamples(len(found.psnr)), series_intersections(found)
    rows = {}
    for channel, name in enumerate("ab"):
        values = series[:, :, channel]
        rows[f"intersection {name}, mean of the series"] = cell(estimate_of(values.mean(0)), 3)
        rows[f"intersection {name}, first series"] = cell(estimate_of(values[0]), 3)
        rows[f"intersection {name}, each series"] = ", ".join(
            f"{value:.3f}" for value in values[:, 0].tolist()
        )
    ratio = estimate_of((counts @ found.colorfulness.mean(1)) / (counts @ found.colorfulness_truth[:, 0]))
    pixels = counts @ found.pixels[:, 0]
    return {
        **rows,
        "colorfulness, mean of the samples": cell(mean_estimate(found.colorfulness.mean(1))),
        "colorfulness, first samples": cell(mean_estimate(found.colorfulness[:, 0])),
        "colorfulness of the photos": cell(mean_estimate(found.colorfulness_truth[:, 0])),
        "samples / photos": cell(ratio, 3),
        f"within {TOLERANCE:.0%}": "yes" if abs(ratio.value - 1) <= TOLERANCE else "no",
        "mean chroma of the samples": cell(estimate_of((counts @ found.chroma.mean(1)) / pixels)),
        "mean chroma of the photos": cell(estimate_of((counts @ found.chroma_truth[:, 0]) / pixels)),
    }


def diversity_table(systems: Mapping[str, Painted]) -> str:
    """How much the samples of one photo differ."""
    several = {title: found for title, found in systems.items() if found.delta_e.shape[1]}
    if not several:
        return "One sample: no diversity."
    note = "" if all(found.ms_ssim.shape[1] for found in several.values()) else "\n\nMS-SSIM was left out."
    return columns(several, _diversity_rows) + note


def _diversity_rows(found: Painted) -> dict[str, str]:
    if not found.ms_ssim.shape[1]:
        return spread_rows(found)
    chroma = {MS_SSIM_CHROMA: cell(mean_estimate(found.ms_ssim_chroma.mean(1)), 3)}
    return {**structure_rows(found), **chroma, **spread_rows(found)}


def accuracy_table(found: Painted, rivals: Mapping[str, Errors]) -> str:
    """How near the samples come to the photos' own colors, beside single answers to as many photos.

    "best of m" is the expected best of m of the samples, judged by each score for itself; so "best of 1" is
    the mean over the samples. Photos that any system paints without error, gray ones, are left out.
    """
    photos = len(found.psnr)
    answers: dict[str, Errors] = {
        f"best of {m}": {
            key: expected_best(getattr(found, key), lower=key in LOWER)[:, m - 1] for key in SCORES
        }
        for m in range(1, found.psnr.shape[1] + 1)
    }
    answers["mean color of the samples"] = dict(zip(SCORES, found.mean_errors.unbind(1), strict=True))
    single = {name: {key: errors[key][:photos] for key in SCORES} for name, errors in rivals.items()}
    answers |= single
    kept = torch.stack([errors["psnr"].isfinite() for errors in answers.values()]).all(0)
    beside = [name for name in single if not name.endswith("default")]
    rows = []
    for name, errors in answers.items():
        above = [
            cell(mean_estimate((errors[key] - single[rival][key])[kept]), sign="+")
            if name not in single
            else ""
            for rival in beside
            for key in ("psnr", "auc")
        ]
        rows.append([name, *(cell(mean_estimate(errors[key][kept])) for key in SCORES), *above])
    gains = [f"{title} above {rival}" for rival in beside for title in ("PSNR", "AuC")]
    table = markdown(["mean over photos", *TITLES.values(), *gains], rows)
    left_out = photos - int(kept.sum())
    return table + (f"\n\nLeft out, being gray themselves: {left_out}." if left_out else "")
