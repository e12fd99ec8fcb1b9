"""Which colors are wrong: errors, and how vivid the results are, by the hue of the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from numpy import ndarray
from torch import Tensor

from autochrome.color.difference import ciede2000
from autochrome.color.spaces import rgb_to_lab
from autochrome.evaluation.intervals import Bootstrap, Estimate
from autochrome.laboratory.run import Run
from autochrome.metrics.baselines import gray
from autochrome.report.html import Figure, Part, Table
from autochrome.report.html.charts import lines

HUES = (
    *("pink", "red", "orange", "yellow", "lime", "green"),
    *("teal", "cyan", "sky", "blue", "violet", "magenta"),
)
"""Sectors of CIE Lab hue: 30 degrees each, about 0, 30, ..., 330."""

NEAR_GRAY = len(HUES)
"""The sector of colors without a clear hue."""

SECTORS = (*HUES, "near gray")

GRAY = "gray"
"""Name of the baseline without colors."""

GRAY_CHROMA = 5.0
"""C*ab below which a true color counts as near gray."""
_STEP = 2  # of the pixels in either direction, those at which hues are compared


def hue_sector(ab: Float[Tensor, "b 2 h w"]) -> Int[Tensor, "b h w"]:
    """Return the index in `HUES` of colors in CIE units, or `NEAR_GRAY`."""
    degrees = torch.rad2deg(torch.atan2(ab[:, 1], ab[:, 0]))
    sector = ((degrees + 15) % 360 / 30).floor().long().clamp(max=len(HUES) - 1)
    return torch.where(ab.square().sum(1).sqrt() < GRAY_CHROMA, NEAR_GRAY, sector)


def hue_sums(
    rgb: Float[Tensor, "b 3 h w"], truth: Float[Tensor, "b 3 h w"]
) -> Float64[np.ndarray, "4 sectors"]:
    """Return sums over the pixels of each sector of the true colors, of a colorization in sRGB in [0, 1].

    The rows are pixels, CIEDE2000, chroma of the colorization, and chroma of the truth.
    """
    lab, lab_truth = rgb_to_lab(rgb), rgb_to_lab(truth)
    sector = hue_sector(lab_truth[:, 1:]).flatten()
    chroma, chroma_truth = (x[:, 1:].square().sum(1).sqrt().flatten() for x in (lab, lab_truth))
    rows = torch.stack([torch.ones_like(chroma), ciede2000(lab, lab_truth).flatten(), chroma, chroma_truth])
    return rows.new_zeros(4, NEAR_GRAY + 1, dtype=torch.float64).index_add_(1, sector, rows.double()).numpy()


@dataclass(frozen=True)
class HueErrors:
    """Figures of each sector of `SECTORS`, for each system in turn."""

    share: list[Estimate]
    """Of all pixels, in percent."""
    error: list[list[Estimate]]
    chroma: list[list[Estimate]]


def hue_errors(sums: Float[Tensor, "photos systems 4 sectors"], bootstrap: Bootstrap) -> HueErrors:
    """Return figures with their intervals, from `hue_sums` of every photo and system."""
    counts = bootstrap.counts(len(sums))
    pixels, error, chroma, truth = torch.tensordot(counts, sums, dims=1).unbind(2)
    share = 100 * pixels[:, 0] / pixels[:, 0].sum(-1, keepdim=True)

    def of_each(values: Float[Tensor, "rows systems sectors"]) -> list[list[Estimate]]:
        return [[Estimate.of(v) for v in one.unbind(-1)] for one in values.unbind(1)]

    return HueErrors(
        [Estimate.of(s) for s in share.unbind(-1)], of_each(error / pixels), of_each(chroma / truth)
    )


def measure_hues(run: Run) -> HueErrors:
    """Return the figures of every system and, last, of gray, over all photos."""
    sums = np.stack(run.map("errors by hue", _hues_of_photo))
    return hue_errors(torch.from_numpy(sums), run.settings.bootstrap)


def _hues_of_photo(run: Run, name: str) -> Float64[np.ndarray, "systems 4 sectors"]:
    """Return `hue_sums` of every system and, last, of gray."""
    truth = run.truth(name)
    results = [*(run.result(system, name) for system in run.systems), gray(truth)]
    coarse = truth[..., ::_STEP, ::_STEP]
    return np.stack([hue_sums(result[..., ::_STEP, ::_STEP], coarse) for result in results])


def hue_parts(hues: HueErrors, run: Run) -> list[Part]:
    """Return charts and tables."""
    names = [*(system.name for system in run.systems), GRAY]
    return [*_charts(names, hues), *_tables(names, hues, run)]


def _charts(names: Sequence[str], hues: HueErrors) -> list[Figure]:
    degrees = 30.0 * np.arange(len(HUES))

    def curves(table: Sequence[Sequence[Estimate]]) -> dict[str, tuple[ndarray, ndarray]]:
        return {
            name: (degrees, np.array([each.value for each in row[: len(HUES)]]))
            for name, row in zip(names, table, strict=True)
            if name != GRAY or table is hues.error
        }

    def extremes(name: str, values: ndarray) -> str:
        largest = HUES[int(np.nanargmax(values))]
        return f"{name} from {np.nanmin(values):.2g} to {np.nanmax(values):.2g} ({largest})"

    xlabel = "true hue in degrees: 0 pink, 90 yellow, 180 teal, 270 blue"
    errors, ratios = curves(hues.error), curves(hues.chroma)
    summaries = [", ".join(extremes(name, y) for name, (_, y) in each.items()) for each in (errors, ratios)]
    return [
        Figure(
            lines(errors, xlabel=xlabel, ylabel="CIEDE2000"),
            f"Mean CIEDE2000 by the hue of the truth: {summaries[0]}",
            "Error by hue. Where a curve is above gray's, the colors do harm on average.",
        ),
        Figure(
            lines(ratios, xlabel=xlabel, ylabel="chroma, result / truth"),
            f"Chroma of the result over that of the truth, by the hue of the truth: {summaries[1]}",
            "How vivid each hue comes out, whether or not the hue is right.",
        ),
    ]


def _tables(names: Sequence[str], hues: HueErrors, run: Run) -> list[Table]:
    head = ["true hue", "% of pixels", *names]

    def rows(table: Sequence[Sequence[Estimate]], digits: int) -> list[list[str]]:
        shares = zip(SECTORS, hues.share, strict=True)
        return [
            [sector, share.cell(1), *(row[i].cell(digits) for row in table)]
            for i, (sector, share) in enumerate(shares)
        ]

    return [
        Table(
            head,
            rows(hues.error, 1),
            "Mean CIEDE2000 by the CIE hue of the true pixel, sectors of 30 degrees; near gray is C*ab"
            f" below {GRAY_CHROMA:g}. {len(run.pairs)} photos, {run.settings.protocol}, every {_STEP}nd"
            " pixel in either direction; 95% bootstrap intervals over photos. Vivid hues have the largest"
            " errors whichever system colors them, and few photos have the rare ones: compare each row"
            " with gray's column, and mind its interval.",
        ),
        Table(
            head[:-1],
            rows(hues.chroma[:-1], 2),
            "Chroma ratio: mean C*ab of the result over that of the truth, on the same pixels. 1 is as"
            " vivid as the truth, and says nothing about the hue. Near gray, more than 1 is color given to"
            " what has none.",
        ),
    ]
