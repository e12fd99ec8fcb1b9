"""How often a system uses each color, compared with photos: marginal histograms of a and b.

Guadarrama et al. (2017), PixColor, figure 7: histograms of Lab a and b over the pooled pixels of all photos,
on a logarithmic scale, and their intersection with the truth's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from autochrome.evaluation.intervals import Bootstrap, Estimate
from autochrome.laboratory.run import Run
from autochrome.laboratory.samples import measure
from autochrome.metrics.distribution import HISTOGRAM_BINS, HISTOGRAM_LIMIT, histogram_intersection
from autochrome.report.html import Figure, Section, Table
from autochrome.report.html.charts import steps

LEAST = 1e-5
"""Share of the pixels below which the charts do not follow a histogram's tail."""

EDGES = np.linspace(-HISTOGRAM_LIMIT, HISTOGRAM_LIMIT, HISTOGRAM_BINS + 1)
"""Of the bins of a and of b, in CIE units."""

NAME = "marginals"
TITLE = "Marginal histograms of a and b"


def section(run: Run) -> Section:
    """Return the histograms of a and b, and their intersections with the truth's."""
    measured, truth = measure(run)
    series = {
        name: series_intersections(each.histograms, truth, run.settings.bootstrap)
        for name, each in measured.items()
    }
    pooled = {"truth": truth.sum(0)}
    pooled |= {name: each.histograms.sum((0, 1)) for name, each in measured.items()}
    shares = {name: (counts / counts.sum(1, keepdim=True)).numpy() for name, counts in pooled.items()}
    means = {
        name: [Estimate.of(each.mean(0)[:, channel]) for channel in (0, 1)] for name, each in series.items()
    }
    run.figures[NAME] = {
        "intersections": {name: dict(zip("ab", both, strict=True)) for name, both in means.items()},
        "edges": EDGES,
        "shares": {name: dict(zip("ab", both, strict=True)) for name, both in shares.items()},
    }
    several = any(system.has_several for system in run.systems)
    charts = [_chart(k, shares, {name: both[k] for name, both in means.items()}) for k in (0, 1)]
    return Section(
        TITLE,
        [*charts, _table(series, means)],
        lead="PixColor's figure 7: how often each value of a (green to red) and of b (blue to yellow) occurs"
        " over all pixels of all photos, on a logarithmic scale. Histograms of timid systems are too"
        " narrow, however small their errors."
        + (" Of systems that draw, all samples are pooled." if several else ""),
    )


def series_intersections(
    histograms: Float[Tensor, "photos n 2 bins"], truth: Float[Tensor, "photos 2 bins"], bootstrap: Bootstrap
) -> Float[Tensor, "n rows 2"]:
    """Return the histogram intersection on a and b of each series of samples, for each resample.

    A series is sample k of every photo. With a few hundred photos a single one is noisy, their mean less so.
    """
    counts = bootstrap.counts(len(truth))

    def pooled(of_photos: Float[Tensor, "photos 2 bins"]) -> Float[Tensor, "rows 2 bins"]:
        return (counts @ of_photos.flatten(1)).unflatten(1, (2, -1))

    wanted = pooled(truth)
    return torch.stack([histogram_intersection(pooled(one), wanted) for one in histograms.unbind(1)])


def _chart(channel: int, shares: Mapping[str, ndarray], means: Mapping[str, Estimate]) -> Figure:
    name = "ab"[channel]
    used = np.flatnonzero(np.max([share[channel] for share in shares.values()], axis=0) >= LEAST)
    first, last = int(used[0]), int(used[-1]) + 1
    # Below that share a tail is noise, which on a logarithmic scale takes half the chart.
    series = {
        system: (EDGES[first : last + 1], np.where(share[channel] >= LEAST, share[channel], 0)[first:last])
        for system, share in shares.items()
    }
    values = ", ".join(f"{system} {estimate.value:.3f}" for system, estimate in means.items())
    return Figure(
        steps(series, xlabel=f"{name} (CIE units)", ylabel="share of pixels", logy=True),
        f"histograms of {name} of the true photos and of each system; intersections with the truth: {values}",
        f"{name}. Intersection with the truth: {values}.",
    )


def _table(series: Mapping[str, Float[Tensor, "n rows 2"]], means: Mapping[str, list[Estimate]]) -> Table:
    rows = []
    for name, each in series.items():
        ranges = (f"{float(one.min()):.3f} to {float(one.max()):.3f}" for one in each[:, 0].unbind(1))
        several = ("", "") if len(each) == 1 else ranges
        rows.append([name, *(estimate.cell(3) for estimate in means[name]), *several])
    head = ["", "intersection a", "intersection b"]
    if all(len(each) == 1 for each in series.values()):
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
