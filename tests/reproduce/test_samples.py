"""The table of what a person gets of a model that draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from autochrome.evaluation.sums import SCORES
from autochrome.io.photo import read_photo
from autochrome.metrics.pixel import psnr
from autochrome.pipeline.painter import ColorizeSettings, Painter
from reproduce.samples import main, measure_photo, samples_table, series_estimate, sums_of
from tests.drawing_model import Drawing


def as_tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels).movedim(2, 0)[None].float() / 255


@pytest.fixture
def measured(photos: Path) -> dict[str, torch.Tensor]:
    painter, settings = Painter(Drawing()), ColorizeSettings(samples=3, rank=True)
    rows = [measure_photo(painter, read_photo(path), settings) for path in sorted(photos.iterdir())]
    return {key: torch.stack([row[key] for row in rows]) for key in rows[0]}


def test_samples_are_measured_in_the_order_of_their_series(
    photos: Path, measured: dict[str, torch.Tensor]
) -> None:
    """Whatever the judge's order: sample k is the k-th of the plain series."""
    photo = read_photo(photos / "astronaut.png")
    plain = Painter(Drawing()).colorize(photo, ColorizeSettings(samples=3))
    truth = as_tensor(photo.pixels)
    for k, sample in enumerate(plain):
        expected = psnr(as_tensor(sample.pixels), truth).item()
        assert measured["psnr"][0, k].item() == pytest.approx(expected, abs=1e-4)


def test_a_series_is_one_sample_of_each_photo(measured: dict[str, torch.Tensor]) -> None:
    estimate = series_estimate(measured, "chroma_kept")
    each = [
        SCORES["chroma_kept"].compute(
            sums_of(measured, torch.full((3,), k)).combine(torch.ones(1, 3).double())
        )
        for k in range(3)
    ]
    assert estimate.value == pytest.approx(float(torch.cat(each).mean()))
    assert estimate.low <= estimate.value <= estimate.high


def test_the_best_of_the_samples_stands_in_the_table(measured: dict[str, torch.Tensor]) -> None:
    head, _, row = samples_table(measured).splitlines()
    place = [title.strip() for title in head.split("|")].index("best of 3")
    assert row.split("|")[place].split("[")[0].strip() == f"{measured['psnr'].amax(1).mean():.2f}"


def test_the_command(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(photos), "--model", "pixcolor.test", "--samples", "2", "--set", "temperature=0.4"])
    printed = capsys.readouterr().out
    assert printed.startswith("### pixcolor.test, 3 photos of photos")
    assert "| ranker |" in printed and "| likelihood |" in printed and "| oracle (PSNR) |" in printed
    with pytest.raises(SystemExit):
        main([str(photos), "--samples", "1"])
    with pytest.raises(SystemExit):
        main([str(photos / "nowhere"), "--model", "pixcolor.test"])
    assert "nowhere" in capsys.readouterr().err
