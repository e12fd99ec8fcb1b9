"""Tables of what single samples share with photos, and of how far the samples of a photo differ."""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.laboratory import estimates
from autochrome.laboratory.estimates import cell
from autochrome.laboratory.run import LabSettings
from autochrome.laboratory.sections.diversity import structure_shares
from autochrome.metrics.distribution import histogram_intersection
from autochrome.metrics.diversity import EDGES, value_histogram
from benchmarks.painting import REPLICATES, markdown, mean_estimate
from benchmarks.sample_figures import SampleFigures

QUANTILES = (0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.99)


_SHARES = {
    "share in .95 to .99": ".95 to .99",
    "share above .99": "above .99",
    "share in .90 to .95": ".90 to .95",
    "share below .90": "below .90",
}
"""Rows of the table, and how `structure_shares` calls them."""


def resamples(photos: int) -> Float[Tensor, "rows photos"]:
    """How often each photo counts: once in the first row, which is the set itself; then its resamples."""
    return estimates.resamples(photos, LabSettings(replicates=REPLICATES))


def series_intersections(found: SampleFigures) -> Float[Tensor, "n rows 2"]:
    """Histogram intersection on a and b of each series of samples, for each row of `resamples`.

    A series is sample k of every photo; pixels are pooled over photos.
    """
    photos, n = found.histograms.shape[:2]
    counts = resamples(photos)

    def pooled(histograms: Float[Tensor, "photos 2 bins"]) -> Float[Tensor, "rows 2 bins"]:
        return (counts @ histograms.flatten(1)).unflatten(1, (2, -1))

    truth = pooled(found.histograms_truth)
    return torch.stack([histogram_intersection(pooled(found.histograms[:, k]), truth) for k in range(n)])


def structure_rows(found: SampleFigures) -> dict[str, str]:
    """MS-SSIM of the pairs of samples of a photo, mean of R, G and B: its mean and what shares lie where."""
    pairs = found.ms_ssim.mean(2)
    found_shares = structure_shares(pairs)
    shares = {label: found_shares[name] for label, name in _SHARES.items()}
    values = {"MS-SSIM of pairs, mean": pairs.mean(1), **shares}
    return {name: cell(mean_estimate(value), 3) for name, value in values.items()}


def spread_rows(found: SampleFigures) -> dict[str, str]:
    """How far the samples of a photo lie apart in Lab."""
    return {
        "standard deviation in ab, CIE units": cell(mean_estimate(found.spread[:, 0])),
        "CIEDE2000 of pairs, mean": cell(mean_estimate(found.delta_e.mean(1))),
    }


def pair_tables(found: SampleFigures) -> str:
    """MS-SSIM over the pairs of all photos: its quantiles, and its histogram."""
    pairs = found.ms_ssim.mean(2)
    columns = {"color": pairs, **dict(zip("RGB", found.ms_ssim.unbind(2), strict=True))}
    points = torch.tensor(QUANTILES, dtype=torch.float64)
    quantiles = [
        [name, *(f"{q:.3f}" for q in torch.quantile(values.flatten(), points).tolist())]
        for name, values in columns.items()
    ]
    head = ["MS-SSIM, quantile", *(f"{q:.0%}" for q in QUANTILES)]
    return f"{markdown(head, quantiles)}\n\n{text_histogram(pairs.flatten())}"


def text_histogram(values: Float[Tensor, " pairs"], width: int = 50) -> str:
    """Bars of the share of values in bins of 0.02 from 0.60 to 1; the first has what lies below, too."""
    edges = EDGES[::2]
    shares = (value_histogram(values, edges) / len(values)).tolist()
    names = ["below 0.62", *(f"{low:.2f}-{high:.2f}" for low, high in pairwise(edges[1:]))]
    bars = ["#" * round(width * share / max(shares)) for share in shares]
    lines = [
        f"{name:>10} {share:6.1%} {bar}".rstrip()
        for name, share, bar in zip(names, shares, bars, strict=True)
    ]
    return "\n".join(["```text", *lines, "```"])
