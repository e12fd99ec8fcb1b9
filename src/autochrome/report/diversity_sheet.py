"""PixColor's figure 8: how much the samples of a photo differ, as a histogram and in pictures.

Guadarrama et al. (2017), section 5.1: the histogram of the MS-SSIM of pairs of samples over a set of photos,
and below it a pair for each of several levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from autochrome.metrics.diversity import EDGES, LEVELS, representative_pairs, value_histogram
from autochrome.report.contact_sheet import Layout, Page, contact_sheets, write_sheets

Picture = UInt8[np.ndarray, "_ _ 3"]
"""8-bit sRGB, (height, width, 3)."""

_BAR, _LINE, _INK = (96, 128, 176), 200, 0
_MARGIN = 56  # of the histogram's axes, in pixels


@dataclass(frozen=True)
class Example:
    """Two samples of a photo, and their MS-SSIM."""

    value: float
    first: Picture
    second: Picture


class Examples:
    """Keeps the pair nearest to each level while photos go by, so that not all pictures are held.

    Args:
        levels: the MS-SSIM to look for.
    """

    def __init__(self, levels: Sequence[float] = LEVELS) -> None:
        self.levels = tuple(levels)
        self._nearest: dict[float, Example] = {}

    def offer(
        self,
        values: Float[Tensor, " pairs"],
        pairs: Sequence[tuple[int, int]],
        samples: Sequence[Picture],
    ) -> None:
        """Look at the pairs of one photo.

        Args:
            values: MS-SSIM of each pair.
            pairs: which samples each is of.
            samples: the photo's samples.
        """
        for level, index in zip(self.levels, representative_pairs(values, self.levels).tolist(), strict=True):
            value = float(values[index])
            kept = self._nearest.get(level)
            if kept is None or abs(value - level) < abs(kept.value - level):
                first, second = pairs[index]
                self._nearest[level] = Example(value, samples[first].copy(), samples[second].copy())

    def found(self) -> list[Example]:
        """The pair nearest to each level, in the levels' order; empty before the first photo."""
        return [self._nearest[level] for level in self.levels if level in self._nearest]


def diversity_sheet(
    values: Float[Tensor, " pairs"], examples: Sequence[Example], *, layout: Layout | None = None
) -> Page:
    """Draw the histogram of MS-SSIM and below it the pairs, one above the other.

    Args:
        values: MS-SSIM of all pairs of samples of all photos.
        examples: pairs to show, one column each; see `Examples`.
        layout: sizes of the pictures.

    Raises:
        ValueError: there are no values or no examples.
    """
    if not len(values) or not examples:
        raise ValueError("the figure needs pairs of samples: draw two samples of a photo or more")
    columns: dict[str, Sequence[Picture]] = {}
    for example in examples:
        label = f"MS-SSIM = {example.value:.3f}"
        while label in columns:  # one pair may stand for several levels
            label += " "
        columns[label] = [example.first, example.second]
    (pairs,) = contact_sheets(columns, layout=layout or Layout())
    return np.concatenate([_histogram(values, pairs.shape[1]), pairs])


def write_diversity_sheet(
    values: Float[Tensor, " pairs"],
    examples: Sequence[Example],
    path: Path,
    *,
    layout: Layout | None = None,
) -> Path:
    """Draw the figure and write it; the file appears only when it is complete.

    Args:
        values: as in `diversity_sheet`.
        examples: as in `diversity_sheet`.
        path: its suffix says the format: PNG, JPEG or WebP.
        layout: sizes of the pictures.

    Raises:
        ValueError: nothing to draw, or another suffix.
    """
    return write_sheets([diversity_sheet(values, examples, layout=layout)], path)[0]


def _histogram(values: Float[Tensor, " pairs"], width: int) -> Page:
    """Bars of the share of pairs in each bin of `EDGES`; the first bar has what lies below, too."""
    height = max(240, width // 5)
    page = np.full((height, width, 3), 255, np.uint8)
    shares = (value_histogram(values, EDGES) / len(values)).tolist()
    top, bottom = 32, height - 32
    edges = np.round(np.linspace(_MARGIN, width - _MARGIN // 2, len(EDGES))).astype(int).tolist()
    step = _step(max(shares))
    highest = step * max(1, int(np.ceil(max(shares) / step - 1e-9)))
    for mark in np.arange(0, highest + step / 2, step):
        y = round(bottom - (bottom - top) * mark / highest)
        page[y, edges[0] : edges[-1]] = _LINE
        _write(page, f"{100 * mark:.0f}%", edges[0] - 6, y, align="right")
    for share, left, right in zip(shares, edges[:-1], edges[1:], strict=True):
        page[round(bottom - (bottom - top) * share / highest) : bottom, left + 1 : right] = _BAR
    page[bottom, edges[0] : edges[-1]] = _INK
    for index in range(0, len(EDGES), 5):
        below = "≤ " if index == 0 else ""
        _write(page, f"{below}{EDGES[index]:.2f}", edges[index], bottom + 14)
    mean = float(torch.mean(values.double()))
    _write(page, f"MS-SSIM of {len(values)} pairs of samples, mean {mean:.3f}", width // 2, 14)
    return page


def _step(largest: float) -> float:
    """Distance of the axis marks: three to six of them up to the largest share."""
    return next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if largest <= 5 * step)


def _write(page: Page, text: str, x: int, y: int, *, align: str = "center") -> None:
    """Draw one line of text about row y, its middle or its right end at column x; what is outside is cut."""
    mask = pyvips.Image.text(text, font="sans", dpi=84).numpy()
    height, width = mask.shape[:2]
    left = max(0, x - width if align == "right" else x - width // 2)
    area = page[max(0, y - height // 2) :, left:][:height, :width]
    ink = mask.reshape(height, width, 1)[: area.shape[0], : area.shape[1]] / 255
    area[:] = np.round(area * (1 - ink)).astype(np.uint8)
