from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from autochrome.guidance.hint_files import Point
from autochrome.io.photo import Photo, write_photo
from autochrome.pipeline.painter import ColorizeSettings, Painter
from reproduce.hints import FalseColor, Gain, box, false_row, gain_of, gain_table, true_hints


def truth_and_gray() -> tuple[torch.Tensor, torch.Tensor]:
    """A red square on the left, a weaker blue one on the right, on gray; and gray throughout."""
    gray = torch.full((1, 3, 64, 96), 0.5)
    truth = gray.clone()
    truth[0, :, 16:28, 8:20] = torch.tensor([0.8, 0.3, 0.3])[:, None, None]
    truth[0, :, 32:44, 64:76] = torch.tensor([0.4, 0.5, 0.6])[:, None, None]
    return truth, gray


def test_hints_are_true_colors_where_the_error_is_largest() -> None:
    truth, gray = truth_and_gray()
    hints = true_hints(gray, truth, 3)
    assert len(hints) == 3
    places = [[length.value for length in hint.where.at] for hint in hints if isinstance(hint.where, Point)]
    (x, y), (blue_x, blue_y) = places[:2]
    assert 10 <= x <= 17
    assert 18 <= y <= 25
    assert 66 <= blue_x <= 73
    assert 34 <= blue_y <= 41
    assert hints[0].color == pytest.approx((0.8, 0.3, 0.3), abs=0.01)
    assert hints[1].color == pytest.approx((0.4, 0.5, 0.6), abs=0.01)
    for first in range(3):
        for second in range(first):
            assert np.hypot(*np.subtract(places[first], places[second])) >= 16


def test_the_table_holds_every_photo_and_the_mean() -> None:
    gains = [Gain("a", (20.0, 22.0), (0.1, 0.2), ()), Gain("b", (30.0, 29.5), (0.1, 0.4), ())]
    table = gain_table(gains)
    assert "| a | 20.00 | 22.00 | +2.00 |" in table
    assert "| **mean of 2** | 25.00 | 25.75 | +0.75 [" in table
    assert "Worse with hints: 1 of 2, by 0.50 dB at most" in table
    assert "with hints 0.300 s" in table


def test_photos_are_painted_without_hints_and_with_them(tmp_path: Path) -> None:
    truth, _ = truth_and_gray()
    pixels = (truth[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    path = tmp_path / "photo.png"
    write_photo(Photo(np.ascontiguousarray(pixels)), path)
    painter = Painter("cic.test")
    gain = gain_of(path, painter, ColorizeSettings(), 2, tmp_path / "kept")
    assert len(gain.hints) == 2
    assert gain.psnr[0] != gain.psnr[1]
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        "photo-hinted.png",
        "photo-plain.png",
    ]
    case = FalseColor("photo", "square", "14,22,green", box(10, 27, 19, 42), box(60, 0, 100, 20))
    row = false_row(case, path, painter, None)
    assert row[:3] == ["photo", "square", "14,22,green"]
    thing, sky = (float(cell) for cell in row[3:5])
    assert thing > sky > 0
