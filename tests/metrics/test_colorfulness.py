"""Colorfulness against a second computation, written from the paper with numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data

from autochrome.metrics.colorfulness import colorfulness


def by_numpy(picture: np.ndarray, *, absolute: bool) -> float:
    r, g, b = np.moveaxis(picture.astype(np.float64), 2, 0)
    rg, yb = r - g, (r + g) / 2 - b
    if absolute:
        rg, yb = np.abs(rg), np.abs(yb)
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_agrees_with_numpy(name: str, absolute: bool) -> None:
    picture = getattr(data, name)()
    rgb = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    assert colorfulness(rgb, absolute=absolute).item() == pytest.approx(
        by_numpy(picture, absolute=absolute), abs=1e-3
    )


def test_red_and_gray_by_hand() -> None:
    # Flat red: no spread, rg = 255, yb = 127.5. Flat gray has none.
    red = torch.zeros(1, 3, 4, 4)
    red[:, 0] = 1
    assert colorfulness(red).item() == pytest.approx(0.3 * np.hypot(255, 127.5), abs=1e-3)
    assert colorfulness(torch.full((1, 3, 4, 4), 0.5)).item() == 0


def test_signs_matter() -> None:
    # Half green, half magenta: the signed measure sees the spread of rg, the absolute one sees none of it.
    rgb = torch.zeros(1, 3, 1, 2)
    rgb[0, 1, 0, 0] = 1
    rgb[0, 0, 0, 1] = rgb[0, 2, 0, 1] = 1
    picture = (rgb[0].permute(1, 2, 0) * 255).numpy()
    assert by_numpy(picture, absolute=True) < by_numpy(picture, absolute=False)
    assert colorfulness(rgb).item() == pytest.approx(by_numpy(picture, absolute=False), abs=1e-3)
    assert colorfulness(rgb, absolute=True).item() == pytest.approx(
        by_numpy(picture, absolute=True), abs=1e-3
    )
