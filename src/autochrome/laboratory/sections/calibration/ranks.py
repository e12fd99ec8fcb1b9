"""Whether the truth could be one of a system's samples: its rank among them, pixel by pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from autochrome.color.spaces import LAB
from autochrome.evaluation.intervals import Bootstrap, Estimate
from autochrome.laboratory.run import Run, System
from autochrome.metrics.reliability import (
    expected_coverage,
    rank_histogram,
    rank_unevenness,
    truth_coverage,
    truth_ranks,
)
from autochrome.report.html import Figure, Part, Table
from autochrome.report.html.charts import steps
from autochrome.types import RGB

_PIXEL_STEP = 4  # in either direction, between those at which samples are ranked


@dataclass(frozen=True)
class Ranks:
    """The rank of the truth among a system's samples, on a and on b.

    Attributes:
        samples: number per photo.
        coverage: share of places whose truth is within the samples' range; see `expected_coverage`.
        unevenness: of the ranks, 0 to 1 but for chance.
        histogram: frequency of each rank relative to its expectation.
    """

    samples: int
    coverage: tuple[Estimate, Estimate]
    unevenness: tuple[Estimate, Estimate]
    histogram: Float[Tensor, "2 ranks"]


def judge_ranks(counts: Float[Tensor, "photos 2 ranks"], bootstrap: Bootstrap) -> Ranks:
    """Return the figures from the `rank_histogram` of a and of b of every photo."""
    totals = torch.tensordot(bootstrap.counts(len(counts)), counts, dims=1)
    coverage_a, coverage_b = (Estimate.of(c) for c in truth_coverage(totals).unbind(1))
    uneven_a, uneven_b = (
        bootstrap.crossed(each, rank_unevenness, lambda part: part.sum(-1)) for each in counts.unbind(1)
    )
    shares = totals[0] / totals[0].sum(-1, keepdim=True)
    ranks = counts.shape[2]
    return Ranks(ranks - 1, (coverage_a, coverage_b), (uneven_a, uneven_b), ranks * shares)


@torch.inference_mode()
def ranks_of(system: System, run: Run, name: str) -> Float64[np.ndarray, "2 ranks"]:
    """Return the histogram of the truth's rank among the samples of a photo, on a and on b."""
    results = (run.result(system, name, sample) for sample in range(len(system.samples)))
    samples = torch.cat([_ab(result) for result in results])
    truth = _ab(run.truth(name))[0]
    generator = torch.Generator().manual_seed(run.settings.seed + run.names.index(name))
    ranks = (truth_ranks(samples[:, channel], truth[channel], generator) for channel in (0, 1))
    return np.stack([rank_histogram(each, len(samples)).numpy() for each in ranks])


def _ab(rgb: RGB) -> Float[Tensor, "1 2 h2 w2"]:
    return LAB.split(rgb[..., ::_PIXEL_STEP, ::_PIXEL_STEP])[1]


def measure_ranks(run: Run) -> dict[str, Ranks]:
    """Return where the truth lies among the samples of every system that has several."""
    ranked = {}
    for system in run.systems:
        if system.has_several:
            counts = run.map(f"ranks in {system.name}", partial(ranks_of, system), run.subset)
            ranked[system.name] = judge_ranks(torch.from_numpy(np.stack(counts)), run.settings.bootstrap)
    return ranked


def rank_parts(ranked: Mapping[str, Ranks], run: Run) -> list[Part]:
    """Return histograms and a table of where the truth lies among samples."""
    return [*(_histogram(ranked, channel) for channel in (0, 1)), _table(ranked, run)]


def _histogram(ranked: Mapping[str, Ranks], channel: int) -> Figure:
    axis = "ab"[channel]
    within = ", ".join(f"{name} {100 * each.coverage[channel].value:.0f}%" for name, each in ranked.items())
    series = {
        name: (np.linspace(0, 1, each.samples + 2), each.histogram[channel].numpy())
        for name, each in ranked.items()
    }
    return Figure(
        steps(series, xlabel=f"rank of the true {axis}, lowest to highest", ylabel="frequency over expected"),
        f"How frequent each rank of the true {axis} among the samples is; within their range: {within}",
        f"Ranks of the true {axis} among the samples; 1 throughout would be right. A valley: the samples"
        " differ too little. A hill: too much. A slope: a color cast.",
    )


def _table(ranked: Mapping[str, Ranks], run: Run) -> Table:
    return Table(
        ["", "samples", "expected within", "a within, %", "b within, %", "uneven a", "uneven b"],
        [
            [
                name,
                str(ranks.samples),
                f"{100 * expected_coverage(ranks.samples):.0f}%",
                *(each.scaled(100.0).cell(0) for each in ranks.coverage),
                *(each.cell() for each in ranks.unevenness),
            ]
            for name, ranks in ranked.items()
        ],
        f"Where the truth lies among the samples: {len(run.subset)} photos, {run.settings.protocol}, every"
        f" {_PIXEL_STEP}th pixel in either direction; 95% bootstrap intervals over photos. Within: between"
        " the lowest and the highest sample; expected is the share if the truth were one more sample."
        " Uneven: share of the pixels that would have to change rank; for each tenth of the photos the"
        " signs come from the others, so that around 0 it may be negative. Pixels and axes are examined one"
        " by one: samples whose colors never occur together pass nevertheless.",
    )
