"""Whether a system is unsure where it is wrong: error by doubt. Does it know when it does not know?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.spaces import LAB
from autochrome.evaluation.scores import Estimate, load_rgb
from autochrome.laboratory.estimates import cell, estimate_of, mean_estimate, resamples
from autochrome.laboratory.run import LabSettings, Run, System
from autochrome.metrics.pixel import delta_e
from autochrome.models.base import HasDistribution
from autochrome.pipeline.decode import decode
from autochrome.pipeline.uncertainty import spread_of
from autochrome.report.html import Figure, Part, Table
from autochrome.report.html.charts import lines

COVERAGES = tuple(k / 20 for k in range(1, 21))
"""Shares of the places that are kept, the surest first."""

DECILES = 10
_FINE = 100  # bins of doubt, of which ten make a decile
_CELLS = 2000  # places of a photo at which doubt and error are compared


@dataclass(frozen=True, eq=False)
class Doubt:
    """Of one photo: how unsure a system is at each of its places, and how far it is from the truth there."""

    uncertainty: Float64[np.ndarray, " places"]
    error: Float64[np.ndarray, " places"]


def doubt_sums(photos: Sequence[Doubt], key: str) -> Float[Tensor, "photos 2 fine"]:
    """How many places of each photo lie in each hundredth of all places, and the sum of their errors.

    Args:
        photos: their places.
        key: what orders the places: "uncertainty", or "error" itself, which is the best order there can be.
    """
    order = np.concatenate([getattr(photo, key) for photo in photos])
    rank = np.empty(len(order), np.int64)
    rank[np.argsort(order, kind="stable")] = np.arange(len(order))
    bins = np.split(rank * _FINE // len(order), np.cumsum([len(photo.error) for photo in photos])[:-1])
    sums = [
        [np.bincount(index, weights, _FINE) for weights in (None, photo.error)]
        for index, photo in zip(bins, photos, strict=True)
    ]
    return torch.from_numpy(np.array(sums, np.float64))


def risk(sums: Float[Tensor, "*n 2 fine"]) -> Float[Tensor, "*n coverages"]:
    """Mean error of the surest share of the places, for each of `COVERAGES`; the last is that of all."""
    count, error = sums.cumsum(-1).unbind(-2)
    share = count / count[..., -1:]
    # Resampled photos fill the bins unevenly: the first bins that hold the share, or hardly less.
    index = torch.stack([(share < coverage - 1e-9).sum(-1) for coverage in COVERAGES], -1)
    index = index.clamp(max=_FINE - 1)
    return error.gather(-1, index) / count.gather(-1, index)


def decile_errors(sums: Float[Tensor, "*n 2 fine"]) -> Float[Tensor, "*n deciles"]:
    """Mean error within each tenth of the places, from the surest to the most unsure."""
    count, error = sums.unflatten(-1, (DECILES, -1)).sum(-1).unbind(-2)
    return error / count


def rank_correlation(doubt: Doubt) -> float:
    """Spearman's, of a photo's uncertainty and error; nan where either is the same all over."""
    from scipy.stats import spearmanr

    if np.ptp(doubt.uncertainty) == 0 or np.ptp(doubt.error) == 0:
        return float("nan")
    found: Any = spearmanr(doubt.uncertainty, doubt.error)
    return float(found.statistic)


@dataclass(frozen=True)
class Insight:
    """Whether a system knows where it errs; errors are mean CIEDE2000.

    Attributes:
        error: of all places.
        surest: of the half of the places of which it is surest.
        best: of the half of the least errors.
        gain: how much of the way from all to the best half the surest half goes, in percent.
        agreement: `rank_correlation`, mean over photos.
        kept: of the surest places, for each of `COVERAGES`.
        tenths: within each tenth, from the surest on.
    """

    error: Estimate
    surest: Estimate
    best: Estimate
    gain: Estimate
    agreement: Estimate
    kept: Float[Tensor, " coverages"]
    tenths: Float[Tensor, " deciles"]


def judge(photos: Sequence[Doubt], settings: LabSettings) -> Insight:
    """Measure, with intervals over the photos."""
    counts = resamples(len(photos), settings)
    told, ideal = (
        torch.tensordot(counts, doubt_sums(photos, key), dims=1) for key in ("uncertainty", "error")
    )
    kept, half = risk(told), COVERAGES.index(0.5)
    error, surest, best = kept[:, -1], kept[:, half], risk(ideal)[:, half]
    return Insight(
        estimate_of(error),
        estimate_of(surest),
        estimate_of(best),
        estimate_of(100 * (error - surest) / (error - best)),
        mean_estimate([rank_correlation(photo) for photo in photos], settings),
        kept[0],
        decile_errors(told)[0],
    )


def measure_doubt(run: Run, system: System) -> list[Doubt]:
    """How unsure a system is and how wrong, over the subset; empty where it does not tell.

    A model with a distribution tells its own uncertainty, of the distribution that it decodes. Of a system
    with three samples or more, the first is judged, and the others' spread is its doubt.
    """
    painter = run.painter(system)
    if painter is not None and isinstance(painter.model, HasDistribution):
        work = _doubt_of_distribution
    elif len(system.samples) > 2:
        work = _doubt_of_samples
    else:
        return []
    return run.map(f"doubt of {system.name}", partial(work, system.name), run.subset)


@torch.inference_mode()
def _doubt_of_distribution(system_name: str, run: Run, name: str) -> Doubt:
    system = run.system(system_name)
    painter = run.painter(system)
    assert painter is not None
    asked = run.asked(system)
    prediction = painter.predict(run.photo(name), asked)
    told = decode(painter.model, prediction, asked, 0, None).uncertainty
    assert told is not None
    # The files themselves, whatever the size of comparison: the map is of the whole photo.
    truth, result = (
        load_rgb(run.pairs[run.names.index(name)].reference),
        load_rgb(run.result_path(system, name)),
    )
    return _doubt(torch.from_numpy(told.values), delta_e(result, truth)[0])


@torch.inference_mode()
def _doubt_of_samples(system_name: str, run: Run, name: str) -> Doubt:
    system = run.system(system_name)
    first, *others = (run.result(system, name, sample) for sample in range(len(system.samples)))
    spread = spread_of(LAB.split(torch.cat(others))[1])
    assert spread is not None
    return _doubt(torch.from_numpy(spread.values), delta_e(first, run.truth(name))[0])


def _doubt(uncertainty: Float[Tensor, "h w"], error: Float[Tensor, "h2 w2"]) -> Doubt:
    """Both as means over the cells of one grid, at most `_CELLS` of them or the uncertainty's own."""
    height, width = uncertainty.shape
    scale = min(1.0, (_CELLS / (height * width)) ** 0.5)
    grid = (max(1, round(height * scale)), max(1, round(width * scale)))
    means = (F.adaptive_avg_pool2d(plane[None, None].double(), grid) for plane in (uncertainty, error))
    return Doubt(*(plane.flatten().numpy() for plane in means))


def doubt_parts(insights: Mapping[str, Insight], photos: int) -> list[Part]:
    """Charts and a table; nothing where no system tells of its doubt."""
    return [*_charts(insights), _table(insights, photos)] if insights else []


def _charts(insights: Mapping[str, Insight]) -> list[Figure]:
    kept = {name: (np.array(COVERAGES), found.kept.numpy()) for name, found in insights.items()}
    tenths = {name: (np.arange(1.0, DECILES + 1), found.tenths.numpy()) for name, found in insights.items()}
    halves = ", ".join(f"{name} {f.error.value:.1f} and {f.surest.value:.1f}" for name, f in insights.items())
    ends = ", ".join(f"{name} {f.tenths[0]:.1f} and {f.tenths[-1]:.1f}" for name, f in insights.items())
    return [
        Figure(
            lines(kept, xlabel="share of places kept, surest first", ylabel="CIEDE2000 of those"),
            f"Mean error of the surest places against their share; of all and of the surest half: {halves}",
            "Risk and coverage. A level line would mean that doubt says nothing of error.",
        ),
        Figure(
            lines(tenths, xlabel="tenth of the places, surest first", ylabel="CIEDE2000"),
            f"Mean error within each tenth of the places by doubt; in the first and the last: {ends}",
            "Error by doubt. Tenths are of the places of all photos together.",
        ),
    ]


def _table(insights: Mapping[str, Insight], photos: int) -> Table:
    rows = [
        [
            name,
            *(cell(each, 1) for each in (found.error, found.surest, found.best)),
            cell(found.gain, 0),
            cell(found.agreement),
        ]
        for name, found in insights.items()
    ]
    return Table(
        ["", "all places", "surest half", "best half there is", "gain, % of possible", "Spearman"],
        rows,
        "Mean CIEDE2000 of all places, of the half of which the system is surest, and of the half of"
        f" least error: {photos} photos, places of the model's grid; 95% bootstrap intervals over photos."
        " Doubt is the uncertainty that a model tells (CIC: entropy; LRAC: entropy of hue times chroma);"
        " of systems with three samples or more the spread of the others, and the first is judged."
        " Spearman's correlation is within each photo, mean over photos. Part of it is telling gray"
        " things, of which all are sure and right, from colored ones.",
    )
