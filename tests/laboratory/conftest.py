"""Drawn photos, and a comparison of tiny models over them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

SIDE = 64


def draw_photo(number: int, height: int = SIDE, width: int = SIDE) -> np.ndarray:
    """Sky over ground with a colored disc: smooth, vivid, and another one for each number; uint8 "h w 3"."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    sky, ground, disc = rng.uniform(0.15, 0.9, (3, 3))
    picture = np.where(
        (y < 0.55)[..., None], sky * (0.6 + 0.4 * y[..., None]), ground * (1.2 - 0.4 * y[..., None])
    )
    center = rng.uniform(0.3, 0.7, 2)
    inside = (y - center[0]) ** 2 + (x - center[1]) ** 2 < 0.04
    picture = np.where(inside[..., None], disc, picture)
    picture += rng.normal(0, 0.02, picture.shape)
    return np.round(255 * picture.clip(0, 1)).astype(np.uint8)


def save_picture(path: Path, pixels: np.ndarray) -> Path:
    """Write uint8 "h w 3" by the suffix, making the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pyvips.Image.new_from_array(pixels).copy(interpretation="srgb").write_to_file(str(path))
    return path


@pytest.fixture
def references(tmp_path: Path) -> Path:
    """A folder of six photos of 64 px: 0.png to 5.png."""
    for number in range(6):
        save_picture(tmp_path / "references" / f"{number}.png", draw_photo(number))
    return tmp_path / "references"


@pytest.fixture
def make_run(references: Path, tmp_path: Path) -> Callable[..., Any]:
    """Start a run over the drawn photos: ``make_run("cic.test", "pixcolor.test", samples=2)``.

    Photos are painted by the models unless ``paint`` is False; further arguments are those of `LabSettings`,
    and ``results`` other people's folders.
    """

    def make(
        *models: str,
        results: tuple[str, ...] = (),
        photos: int | None = None,
        paint: bool = True,
        **settings: Any,
    ) -> Any:
        from autochrome.laboratory.run import LabSettings
        from autochrome.laboratory.systems import open_run, paint_systems

        chosen = LabSettings(**{"samples": 2, "subset": 4, "replicates": 20, "device": "cpu", **settings})
        run = open_run(references, tmp_path / "out", models, results, settings=chosen, photos=photos)
        if paint:
            paint_systems(run)
        return run

    return make
