"""Whether a system is uncertain where it is wrong: risk-coverage curves, and error by uncertainty."""

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
from autochrome.evaluation.files import load_rgb
from autochrome.evaluation.intervals import Bootstrap, Estimate
from autochrome.laboratory.run import Run, System
from autochrome.metrics.pixel import delta_e
from autochrome.pipeline.uncertainty import spread_of
from autochrome.report.html import Figure, Part, Table
from autochrome.report.html.charts import lines

COVERAGES = tuple(k / 20 for k in range(1, 21))
"""Shares of the places that are kept, from the most certain on."""

DECILES = 10
_FINE = 100  # bins of uncertainty, of which ten make a decile
_CELLS = 2000  # places of a photo at which uncertainty and error are compared


@dataclass(frozen=True, eq=False)
class Places:
    """A system's uncertainty at each place of one photo, and its error there."""

    uncertainty: Float64[np.ndarray, " places"]
    error: Float64[np.ndarray, " places"]


def rank_sums(photos: Sequence[Places], key: str) -> Float[Tensor, "photos 2 fine"]:
    """Return the number of each photo's places in each hundredth of all places, and the sum of their errors.

    ``key`` orders the places: "uncertainty", or "error" itself, which is the best possible order.
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
    """Return the mean error of the most certain share of the places, for each of `COVERAGES`."""
    count, error = sums.cumsum(-1).unbind(-2)
    share = count / count[..., -1:]
    # Resampled photos fill the bins unevenly: the first bins that hold the share, or hardly less.
    index = torch.stack([(share < coverage - 1e-9).sum(-1) for coverage in COVERAGES], -1)
    index = index.clamp(max=_FINE - 1)
    return error.gather(-1, index) / count.gather(-1, index)


def decile_errors(sums: Float[Tensor, "*n 2 fine"]) -> Float[Tensor, "*n deciles"]:
    """Return the mean error within each tenth of the places, from the most to the least certain."""
    count, error = sums.unflatten(-1, (DECILES, -1)).sum(-1).unbind(-2)
    return error / count


def rank_correlation(places: Places) -> float:
    """Return Spearman's correlation of uncertainty and error in a photo; nan if either is constant."""
    from scipy.stats import spearmanr

    if np.ptp(places.uncertainty) == 0 or np.ptp(places.error) == 0:
        return float("nan")
    result: Any = spearmanr(places.uncertainty, places.error)
    return float(result.statistic)


@dataclass(frozen=True)
class RiskCoverage:
    """Whether a system is uncertain where it errs; errors are mean CIEDE2000.

    Attributes:
        error: of all places.
        surest: of the half of the places where it is most certain.
        best: of the half of the smallest errors.
        gain: the drop from all places to the surest half, in percent of that to the best half.
        correlation: `rank_correlation`, mean over photos.
        kept: of the most certain places, for each of `COVERAGES`.
        deciles: within each tenth, from the most certain on.
    """

    error: Estimate
    surest: Estimate
    best: Estimate
    gain: Estimate
    correlation: Estimate
    kept: Float[Tensor, " coverages"]
    deciles: Float[Tensor, " deciles"]


def judge(photos: Sequence[Places], bootstrap: Bootstrap) -> RiskCoverage:
    """Return the figures with their intervals over the photos."""
    counts = bootstrap.counts(len(photos))
    own, ideal = (torch.tensordot(counts, rank_sums(photos, key), dims=1) for key in ("uncertainty", "error"))
    kept, half = risk(own), COVERAGES.index(0.5)
    error, surest, best = kept[:, -1], kept[:, half], risk(ideal)[:, half]
    return RiskCoverage(
        Estimate.of(error),
        Estimate.of(surest),
        Estimate.of(best),
        Estimate.of(100 * (error - surest) / (error - best)),
        bootstrap.mean([rank_correlation(photo) for photo in photos]),
        kept[0],
        decile_errors(own)[0],
    )


def measure_uncertainty(run: Run, system: System) -> list[Places]:
    """Return a system's uncertainty and error over the subset; empty if it has no uncertainty.

    A model with a distribution has its own uncertainty. For a system with three samples or more, the error is
    that of the first, and the uncertainty the spread of the others.
    """
    if system.kind == "distribution":
        work = _of_distribution
    elif len(system.samples) > 2:
        work = _of_samples
    else:
        return []
    return run.map(f"uncertainty of {system.name}", partial(work, system), run.subset)


@torch.inference_mode()
def _of_distribution(system: System, run: Run, name: str) -> Places:
    painter, settings = run.painter(system), run.settings_of(system)
    uncertainty = painter.decode(painter.predict(run.photo(name), settings), settings).uncertainty
    assert uncertainty is not None
    # The files themselves, whatever the size of comparison: the map is of the whole photo.
    truth, result = load_rgb(run.reference(name)), load_rgb(run.result_path(system, name))
    return _places(torch.from_numpy(uncertainty.values), delta_e(result, truth)[0])


@torch.inference_mode()
def _of_samples(system: System, run: Run, name: str) -> Places:
    first, *others = (run.result(system, name, sample) for sample in range(len(system.samples)))
    spread = spread_of(LAB.split(torch.cat(others))[1])
    assert spread is not None
    return _places(torch.from_numpy(spread.values), delta_e(first, run.truth(name))[0])


def _places(uncertainty: Float[Tensor, "h w"], error: Float[Tensor, "h2 w2"]) -> Places:
    """Average both over the cells of one grid: that of the uncertainty, or a coarser one of `_CELLS`."""
    height, width = uncertainty.shape
    scale = min(1.0, (_CELLS / (height * width)) ** 0.5)
    grid = (max(1, round(height * scale)), max(1, round(width * scale)))
    means = (F.adaptive_avg_pool2d(plane[None, None].double(), grid) for plane in (uncertainty, error))
    return Places(*(plane.flatten().numpy() for plane in means))


def uncertainty_parts(judged: Mapping[str, RiskCoverage], photos: int) -> list[Part]:
    """Return charts and a table; nothing if no system has an uncertainty."""
    return [*_charts(judged), _table(judged, photos)] if judged else []


def _charts(judged: Mapping[str, RiskCoverage]) -> list[Figure]:
    kept = {name: (np.array(COVERAGES), each.kept.numpy()) for name, each in judged.items()}
    deciles = {name: (np.arange(1.0, DECILES + 1), each.deciles.numpy()) for name, each in judged.items()}
    halves = ", ".join(f"{name} {r.error.value:.1f} and {r.surest.value:.1f}" for name, r in judged.items())
    ends = ", ".join(f"{name} {r.deciles[0]:.1f} and {r.deciles[-1]:.1f}" for name, r in judged.items())
    return [
        Figure(
            lines(kept, xlabel="share of places kept, most certain first", ylabel="CIEDE2000 of those"),
            f"Mean error of the most certain places against their share; of all and of half: {halves}",
            "Risk and coverage. A level line would mean that uncertainty says nothing about error.",
        ),
        Figure(
            lines(deciles, xlabel="tenth of the places, most certain first", ylabel="CIEDE2000"),
            f"Mean error within each tenth of the places by uncertainty; in the first and the last: {ends}",
            "Error by uncertainty. Tenths are of the places of all photos together.",
        ),
    ]


def _table(judged: Mapping[str, RiskCoverage], photos: int) -> Table:
    rows = [
        [name, r.error.cell(1), r.surest.cell(1), r.best.cell(1), r.gain.cell(0), r.correlation.cell()]
        for name, r in judged.items()
    ]
    return Table(
        ["", "all places", "surest half", "best half possible", "gain, % of possible", "Spearman"],
        rows,
        "Mean CIEDE2000 of all places, of the half where the system is most certain, and of the half of"
        f" smallest error: {photos} photos, places of the model's grid; 95% bootstrap intervals over photos."
        " Uncertainty is the model's own (CIC: entropy; LRAC: entropy of hue times chroma); for systems"
        " with three samples or more it is the spread of the others, and the error that of the first."
        " Spearman's correlation is within each photo, mean over photos. Part of it is telling gray"
        " things, where all systems are certain and right, from colored ones.",
    )
