"""Whether a system uses the colors of photos as often as photos do: marginal histograms of a and b.

Guadarrama et al. (2017), PixColor, figure 7: histograms of Lab a and b over the pooled pixels of all photos,
on a logarithmic scale, and how much of the truth's they share ("histogram intersection").
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from autochrome.evaluation.scores import Estimate
from autochrome.laboratory.estimates import cell, estimate_of, resamples
from autochrome.laboratory.run import LabSettings, Run
from autochrome.laboratory.samples import measure
from autochrome.metrics.distribution import HISTOGRAM_BINS, HISTOGRAM_LIMIT, histogram_intersection
from autochrome.report.html import Figure, Section, Table
from autochrome.report.html.charts import steps

LEAST = 1e-5
"""Share of the pixels below which the charts do not follow a histogram's tail."""


def section(run: Run) -> Section:
    """The histograms of a and b, and their intersections with the truth's."""
    measured = run.once(measure)
    series = {
        name: series_intersections(answers.histograms, measured.truth, run.settings)
        for name, answers in measured.systems.items()
    }
    pooled = {"truth": measured.truth.sum(0)}
    pooled |= {name: answers.histograms.sum((0, 1)) for name, answers in measured.systems.items()}
    shares = {name: (counts / counts.sum(1, keepdim=True)).numpy() for name, counts in pooled.items()}
    means = {
        name: [estimate_of(found.mean(0)[:, channel]) for channel in (0, 1)] for name, found in series.items()
    }
    run.figures["marginals"] = {
        "intersections": {
            name: dict(zip("ab", (each.to_dict() for each in both), strict=True))
            for name, both in means.items()
        },
        "edges": edges().tolist(),
        "shares": {name: dict(zip("ab", found.tolist(), strict=True)) for name, found in shares.items()},
    }
    several = any(len(system.samples) > 1 for system in run.systems)
    return Section(
        "Marginal histograms of a and b",
        [
            *(
                _chart(channel, shares, {name: both[channel] for name, both in means.items()})
                for channel in (0, 1)
            ),
            _table(series, means),
        ],
        lead="PixColor's figure 7: how often each value of a (green to red) and of b (blue to yellow) occurs"
        " over all pixels of all photos, on a logarithmic scale. Timid systems are too narrow, however small"
        " their errors." + (" Of systems that draw, all samples are pooled." if several else ""),
    )


def series_intersections(
    histograms: Float[Tensor, "photos n 2 bins"], truth: Float[Tensor, "photos 2 bins"], settings: LabSettings
) -> Float[Tensor, "n rows 2"]:
    """Histogram intersection on a and b of each series of samples, for each row of `resamples`.

    A series is sample k of every photo. Pixels are pooled over photos, whose colors hang together: a few
    hundred leave a single series much to chance, and the mean over the series is the steadier figure.
    """
    counts = resamples(len(truth), settings)

    def pooled(of_photos: Float[Tensor, "photos 2 bins"]) -> Float[Tensor, "rows 2 bins"]:
        return (counts @ of_photos.flatten(1)).unflatten(1, (2, -1))

    wanted = pooled(truth)
    return torch.stack([histogram_intersection(pooled(one), wanted) for one in histograms.unbind(1)])


def edges() -> Float[ndarray, " edges"]:
    """Edges of the bins of a and of b, in CIE units."""
    return np.linspace(-HISTOGRAM_LIMIT, HISTOGRAM_LIMIT, HISTOGRAM_BINS + 1)


def _chart(channel: int, shares: Mapping[str, ndarray], means: Mapping[str, Estimate]) -> Figure:
    name = "ab"[channel]
    used = np.flatnonzero(np.max([found[channel] for found in shares.values()], axis=0) >= LEAST)
    first, last = int(used[0]), int(used[-1]) + 1
    # Below that share a tail is noise, which on a logarithmic scale takes half the chart.
    series = {
        system: (edges()[first : last + 1], np.where(found[channel] >= LEAST, found[channel], 0)[first:last])
        for system, found in shares.items()
    }
    said = ", ".join(f"{system} {estimate.value:.3f}" for system, estimate in means.items())
    return Figure(
        steps(series, xlabel=f"{name} (CIE units)", ylabel="share of pixels", logy=True),
        f"histograms of {name} of the true photos and of each system; intersections with the truth: {said}",
        f"{name}. Intersection with the truth: {said}.",
    )


def _table(series: Mapping[str, Float[Tensor, "n rows 2"]], means: Mapping[str, list[Estimate]]) -> Table:
    rows = []
    for name, found in series.items():
        ranges = (f"{float(one.min()):.3f} to {float(one.max()):.3f}" for one in found[:, 0].unbind(1))
        several = ("", "") if len(found) == 1 else ranges
        rows.append([name, *(cell(estimate, 3) for estimate in means[name]), *several])
    head = ["", "intersection a", "intersection b"]
    if all(len(found) == 1 for found in series.values()):
        rows = [row[:3] for row in rows]
    else:
        head += ["a, single series", "b, single series"]
    return Table(
        head,
        rows,
        caption=f"Histogram intersection, sum of min(p, q) over {HISTOGRAM_BINS} bins of width"
        f" {2 * HISTOGRAM_LIMIT / HISTOGRAM_BINS:g}: 1 where colors occur exactly as often as in the photos,"
        " wherever they are. Of several samples the mean of the series; a series is sample k of every photo.",
    )
