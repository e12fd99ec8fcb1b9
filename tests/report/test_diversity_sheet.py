"""The figure of diversity: bars as high as the shares, pictures in their columns, files written whole."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

from autochrome.metrics.diversity import EDGES
from autochrome.report.contact_sheet import Layout
from autochrome.report.diversity_sheet import Example, Examples, diversity_sheet, write_diversity_sheet

LAYOUT = Layout(cell_width=160, cell_height=40, gap=4, label_height=16)
RED, GREEN, BLUE = (200, 10, 20), (10, 180, 30), (20, 30, 220)
BAR = (96, 128, 176)


def flat(color: tuple[int, int, int]) -> np.ndarray:
    return np.full((40, 160, 3), color, np.uint8)


def bars(page: np.ndarray) -> list[int]:
    """Height in pixels of the bar of each bin."""
    color = (page[:240] == BAR).all(2)
    edges = np.round(np.linspace(56, page.shape[1] - 28, len(EDGES))).astype(int)
    return [int(color[:, (left + right) // 2].sum()) for left, right in pairwise(edges)]


def test_bars_are_as_high_as_the_shares() -> None:
    values = torch.tensor([0.2, 0.973, 0.975, 0.978, 0.915, 0.995, 0.996, 0.977])
    page = diversity_sheet(values, [Example(0.9, flat(RED), flat(GREEN))] * 4, layout=LAYOUT)
    heights = bars(page)
    assert [i for i, high in enumerate(heights) if high] == [0, 31, 37, 39]
    # Half of the pairs, with the axis up to 50%: all of the 176 pixels between the margins.
    assert heights[37] == pytest.approx(176, abs=1)
    assert heights[39] == pytest.approx(heights[37] / 2, abs=1)
    assert heights[0] == heights[31] == pytest.approx(heights[37] / 4, abs=1)


def test_pairs_stand_below_one_above_the_other() -> None:
    examples = [Example(0.85, flat(RED), flat(GREEN)), Example(0.85, flat(BLUE), flat(RED))]
    page = diversity_sheet(torch.tensor([0.85, 0.85]), examples, layout=LAYOUT)
    assert page.shape == (240 + 16 + 4 + 2 * (40 + 4), 4 + 2 * 164, 3)
    first, second = page[260:300], page[304:344]
    assert (first[:, 4:164] == RED).all()
    assert (second[:, 4:164] == GREEN).all()
    assert (first[:, 168:328] == BLUE).all()
    assert page[240:256, 4:164].min() < 100, "the pair's MS-SSIM"
    assert page[:28].min() < 100, "the title"


def test_examples_keep_the_nearest_pair_of_all_photos() -> None:
    examples = Examples(levels=(0.8, 0.95))
    assert examples.found() == []
    pairs = [(0, 1), (0, 2), (1, 2)]
    examples.offer(torch.tensor([0.7, 0.94, 0.97]), pairs, [flat(RED), flat(GREEN), flat(BLUE)])
    examples.offer(torch.tensor([0.82, 0.99, 0.93]), pairs, [flat(BLUE), flat(RED), flat(GREEN)])
    low, high = examples.found()
    assert (low.value, high.value) == pytest.approx((0.82, 0.94))
    assert (tuple(low.first[0, 0]), tuple(low.second[0, 0])) == (BLUE, RED)
    assert (tuple(high.first[0, 0]), tuple(high.second[0, 0])) == (RED, BLUE)


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ValueError, match="two samples"):
        diversity_sheet(torch.empty(0), [Example(0.9, flat(RED), flat(RED))])
    with pytest.raises(ValueError, match="two samples"):
        diversity_sheet(torch.tensor([0.9]), [])


def test_file_is_written_whole(tmp_path: Path) -> None:
    examples = [Example(0.9, flat(RED), flat(GREEN))]
    path = write_diversity_sheet(torch.tensor([0.9]), examples, tmp_path / "figure.png", layout=LAYOUT)
    assert [p.name for p in tmp_path.iterdir()] == ["figure.png"]
    drawn = diversity_sheet(torch.tensor([0.9]), examples, layout=LAYOUT)
    assert (pyvips.Image.new_from_file(str(path)).numpy() == drawn).all()
    with pytest.raises(ValueError, match=r"\.png"):
        write_diversity_sheet(torch.tensor([0.9]), examples, tmp_path / "figure.bmp")
