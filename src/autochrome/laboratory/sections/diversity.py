"""How much the samples of one photo differ: PixColor's figure 8 for every system that draws.

Guadarrama et al. (2017), section 5.1: MS-SSIM between two samples of a photo, and pairs at its levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from autochrome.color.spaces import rgb_to_lab
from autochrome.evaluation.intervals import Bootstrap, Estimate
from autochrome.laboratory.pictures import result_picture, true_picture
from autochrome.laboratory.run import Run, System
from autochrome.metrics.diversity import (
    EDGES,
    LEVELS,
    ab_spread,
    pair_values,
    pairwise_delta_e,
    representative_pairs,
    sample_pairs,
    value_histogram,
)
from autochrome.metrics.ms_ssim import SMALLEST, pairwise_ms_ssim
from autochrome.report.html import Figure, Gallery, Part, Section, Table
from autochrome.report.html.charts import steps

NAME = "diversity"
TITLE = "Diversity"

DELTA_E_EDGES = tuple(float(edge) for edge in range(0, 31))
"""Edges of the histogram of CIEDE2000; the last bin also counts larger values."""

_SIDE = 192  # of the pairs that are shown


@dataclass(frozen=True, eq=False)
class Pairs:
    """How the samples of one photo differ, pair by pair in the order of `sample_pairs`.

    Attributes:
        ms_ssim: mean over R, G and B; empty where a side is below 176 pixels.
        delta_e: CIEDE2000, mean over pixels.
        spread: of the samples in ab, in CIE units (`autochrome.metrics.diversity.ab_spread`).
    """

    ms_ssim: Float64[np.ndarray, " pairs_or_none"]
    delta_e: Float64[np.ndarray, " pairs"]
    spread: float


@dataclass(frozen=True)
class Diversity:
    """Means over photos.

    Attributes:
        ms_ssim: of pairs; None if no photo is large enough for MS-SSIM.
        shares: of the pairs whose MS-SSIM lies within the bounds in the key.
        spread: standard deviation in ab, CIE units.
        delta_e: of pairs.
    """

    ms_ssim: Estimate | None
    shares: dict[str, Estimate]
    spread: Estimate
    delta_e: Estimate


def structure_shares(pairs: Float[Tensor, "*n pairs"]) -> dict[str, Float[Tensor, "*n"]]:
    """Return the shares of the pairs by MS-SSIM; most of the paper's lie in .95 to .99."""
    within = {
        "below .90": pairs < 0.90,
        ".90 to .95": (pairs >= 0.90) & (pairs < 0.95),
        ".95 to .99": (pairs >= 0.95) & (pairs <= 0.99),
        "above .99": pairs > 0.99,
    }
    return {name: inside.double().mean(-1) for name, inside in within.items()}


def judge(photos: Sequence[Pairs], bootstrap: Bootstrap) -> Diversity:
    """Return the figures with their intervals over the photos."""
    structured = [torch.from_numpy(photo.ms_ssim) for photo in photos if len(photo.ms_ssim)]
    ms_ssim, shares = None, {}
    if structured:
        pairs = torch.stack(structured)
        ms_ssim = bootstrap.mean(pairs.mean(1))
        shares = {name: bootstrap.mean(each) for name, each in structure_shares(pairs).items()}
    return Diversity(
        ms_ssim,
        shares,
        bootstrap.mean([photo.spread for photo in photos]),
        bootstrap.mean([float(photo.delta_e.mean()) for photo in photos]),
    )


@torch.inference_mode()
def pairs_of(system: System, run: Run, name: str) -> Pairs:
    """Compare all samples of a photo with each other."""
    rgb = torch.cat([run.result(system, name, sample) for sample in range(len(system.samples))])
    lab = rgb_to_lab(rgb)
    large = min(rgb.shape[2:]) >= SMALLEST
    structure = pair_values(pairwise_ms_ssim(rgb).mean(2)) if large else rgb.new_empty(0)
    return Pairs(
        structure.double().numpy(), pairwise_delta_e(lab).double().numpy(), float(ab_spread(lab[:, 1:]))
    )


# The section --------------------------------------------------------------------------------------


def section(run: Run) -> Section:
    """Return histograms, a table, and pairs of samples at the paper's levels; over the subset.

    Raises:
        LaboratoryError: no system has several samples.
    """
    pairs = {
        system.name: run.map(f"diversity of {system.name}", partial(pairs_of, system), run.subset)
        for system in run.several_samples()
    }
    judged = {name: judge(photos, run.settings.bootstrap) for name, photos in pairs.items()}
    run.figures[NAME] = judged
    structured = {
        name: [photo.ms_ssim for photo in photos] for name, photos in pairs.items() if judged[name].ms_ssim
    }
    differences = {name: [photo.delta_e for photo in photos] for name, photos in pairs.items()}
    parts: list[Part] = []
    if structured:
        parts.append(_histogram(structured, EDGES, "MS-SSIM of two samples of a photo; 1: alike"))
    parts.append(_histogram(differences, DELTA_E_EDGES, "CIEDE2000 of two samples of a photo; 0: alike"))
    parts.append(_table(judged, run))
    parts += [_examples(run, name, photos) for name, photos in structured.items()]
    return Section(
        TITLE,
        parts,
        "How far the samples of one photo are from each other. Diverse does not mean plausible: random"
        " colors would be the most diverse.",
    )


def _histogram(
    systems: Mapping[str, Sequence[Float64[np.ndarray, " pairs"]]], edges: Sequence[float], xlabel: str
) -> Figure:
    series, means = {}, []
    for name, photos in systems.items():
        values = torch.from_numpy(np.concatenate(photos))
        series[name] = (np.array(edges), (value_histogram(values, edges) / len(values)).numpy())
        means.append(f"{name} {float(values.mean()):.3g}")
    return Figure(
        steps(series, xlabel=xlabel, ylabel="share of pairs"),
        f"Histogram of {xlabel}; means: {', '.join(means)}",
        f"{xlabel.partition(';')[0]}, all pairs of all photos. The outermost bins hold what lies beyond.",
    )


def _table(judged: Mapping[str, Diversity], run: Run) -> Table:
    shares = next((list(each.shares) for each in judged.values() if each.shares), [])
    rows = []
    for name, figures in judged.items():
        structure = [figures.ms_ssim.cell(3)] if figures.ms_ssim else ["–"]
        structure += [figures.shares[share].cell() if figures.shares else "–" for share in shares]
        samples = str(len(run.system(name).samples))
        rows.append([name, samples, *structure, figures.spread.cell(1), figures.delta_e.cell(1)])
    return Table(
        ["", "samples", "MS-SSIM", *(f"share {share}" for share in shares), "spread in ab", "CIEDE2000"],
        rows,
        f"Pairs of samples of {len(run.subset)} photos, {run.settings.protocol}; means over photos with"
        " 95% bootstrap intervals. MS-SSIM is the mean of R, G and B, because samples share their"
        " lightness and would be alike in gray; unlike CIEDE2000, it hardly notices a tint of the whole"
        " picture. Spread: standard deviation over the samples, sqrt(var a + var b), mean over pixels.",
    )


def _examples(run: Run, name: str, photos: Sequence[Float64[np.ndarray, " pairs"]]) -> Gallery:
    """Show for each level the pair nearest to it among all photos."""
    system = run.system(name)
    names = [photo for photo, values in zip(run.subset, photos, strict=True) for _ in values]
    pairs = [pair for values in photos for pair in sample_pairs(len(system.samples))[: len(values)]]
    values = torch.from_numpy(np.concatenate(photos))
    rows = []
    for level, index in zip(LEVELS, representative_pairs(values).tolist(), strict=True):
        photo, both = names[index], pairs[index]
        shown = [result_picture(run, system, photo, k, side=_SIDE) for k in both]
        label = f"{level:.2f} ({float(values[index]):.3f})"
        rows.append((label, [*shown, true_picture(run, photo, _SIDE)]))
    return Gallery(
        rows,
        ["one sample", "another", "truth"],
        f"{name}: the pairs of samples nearest to each level of MS-SSIM of the paper's figure 8.",
    )
