"""Errors by hue and by uncertainty, in a report."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, radians, sin

import numpy as np
import pytest
import torch

from autochrome.color.spaces import LAB
from autochrome.evaluation.intervals import Bootstrap
from autochrome.laboratory.run import Run
from autochrome.laboratory.sections import errors
from autochrome.laboratory.sections.errors.hues import (
    HUES,
    NEAR_GRAY,
    SECTORS,
    hue_errors,
    hue_sector,
    hue_sums,
)
from autochrome.laboratory.sections.errors.uncertainty import (
    COVERAGES,
    Places,
    decile_errors,
    judge,
    measure_uncertainty,
    rank_correlation,
    rank_sums,
    risk,
)
from autochrome.report.html import Figure, Table

MakeRun = Callable[..., Run]
BOOTSTRAP = Bootstrap(replicates=50)


def color(light: float, chroma: float, degrees: float) -> torch.Tensor:
    """Lab of one pixel, "1 3 1 1"."""
    return torch.tensor([light, chroma * cos(radians(degrees)), chroma * sin(radians(degrees))])[
        None, :, None, None
    ]


@pytest.mark.parametrize(
    ("degrees", "name"),
    [
        (0, "pink"),
        (14, "pink"),
        (-14, "pink"),
        (16, "red"),
        (90, "yellow"),
        (330, "magenta"),
        (344, "magenta"),
    ],
)
def test_sectors(degrees: float, name: str) -> None:
    assert HUES[int(hue_sector(color(50, 20, degrees)[:, 1:]))] == name
    assert int(hue_sector(color(50, 4.9, degrees)[:, 1:])) == NEAR_GRAY


def test_names_of_hues_are_those_of_colors() -> None:
    # CSS orange, lime, teal and skyblue lie in the sector of their name or in one beside it.
    named = {
        "orange": (1.0, 0.647, 0.0),
        "green": (0.0, 1.0, 0.0),
        "teal": (0.0, 0.5, 0.5),
        "sky": (0.53, 0.81, 0.92),
    }
    for name, rgb in named.items():
        found = int(hue_sector(LAB.split(torch.tensor(rgb)[None, :, None, None])[1]))
        assert min(abs(found - HUES.index(name)), 12 - abs(found - HUES.index(name))) <= 1


def test_sums_of_hues_by_hand() -> None:
    truth = torch.cat([color(50, 20, 90), color(50, 30, 90), color(50, 2, 0)], 3)
    result = torch.cat([color(50, 10, 90), color(50, 15, 90), color(50, 0, 0)], 3)
    rgb, rgb_truth = (LAB.merge(lab[:, :1], lab[:, 1:]) for lab in (result, truth))
    pixels, error, chroma, chroma_truth = hue_sums(rgb, rgb_truth)
    yellow = HUES.index("yellow")
    assert pixels.sum() == 3
    assert (pixels[yellow], pixels[NEAR_GRAY]) == (2, 1)
    assert chroma_truth[yellow] == pytest.approx(50, abs=0.01)
    assert chroma[yellow] == pytest.approx(25, abs=0.01)
    assert chroma[NEAR_GRAY] == pytest.approx(0, abs=0.02)
    # Of one hue and lightness CIEDE2000 is the step in chroma over 1 + .045 mean C; b alone is not stretched.
    expected = 10 / (1 + 0.045 * 15) + 15 / (1 + 0.045 * 22.5)
    assert error[yellow] == pytest.approx(expected, abs=0.02)


def test_figures_of_hues() -> None:
    sums = torch.zeros(3, 2, 4, len(SECTORS), dtype=torch.float64)
    sums[:, :, 0, 1], sums[:, :, 0, 2] = 30, 10
    sums[:, 0, 1, 1], sums[:, 1, 1, 1] = 60, 90
    sums[:, :, 2, 1], sums[:, :, 3, 1] = 15, 60
    found = hue_errors(sums, BOOTSTRAP)
    assert found.share[1].value == pytest.approx(75)
    assert [row[1].value for row in found.error] == pytest.approx([2, 3])
    assert found.chroma[0][1].value == pytest.approx(0.25)
    assert np.isnan(found.error[0][5].value)  # no pixel has that hue


def test_uncertainty_that_orders_errors_perfectly() -> None:
    error = np.arange(1000.0)
    photos = [Places(error[::2] ** 2, error[::2]), Places(error[1::2] ** 2, error[1::2])]
    sums = rank_sums(photos, "uncertainty")
    assert torch.equal(sums, rank_sums(photos, "error"))
    assert sums[:, 0].sum() == 1000
    curve = risk(sums.sum(0))
    # The surest x of 0, 1, ..., 999 have the mean (1000 x - 1) / 2.
    assert curve.tolist() == pytest.approx([(1000 * x - 1) / 2 for x in COVERAGES])
    deciles = decile_errors(sums.sum(0))
    assert deciles.tolist() == pytest.approx([49.5 + 100 * k for k in range(10)])
    assert rank_correlation(photos[0]) == pytest.approx(1)
    found = judge(photos, BOOTSTRAP)
    assert found.gain.value == pytest.approx(100)
    assert (found.surest.value, found.best.value) == pytest.approx((249.5, 249.5))
    assert found.correlation.low == pytest.approx(1)


def test_uncertainty_that_knows_nothing(generator: torch.Generator) -> None:
    error = torch.rand(40_000, generator=generator).double().numpy()
    photos = [Places(torch.rand(40_000, generator=generator).double().numpy(), error)]
    curve = risk(rank_sums(photos, "uncertainty").sum(0))
    assert torch.allclose(curve, torch.full_like(curve, 0.5), atol=0.02)
    assert rank_correlation(photos[0]) == pytest.approx(0, abs=0.02)
    assert np.isnan(rank_correlation(Places(np.zeros(5), np.arange(5.0))))


def test_resampled_photos_fill_the_shares_as_well_as_they_can() -> None:
    # All that is sure is in one photo: without it the surest share is what comes first of the other.
    photos = [Places(np.zeros(100), np.ones(100)), Places(np.ones(100), np.full(100, 3.0))]
    sums = rank_sums(photos, "uncertainty")
    assert risk(sums.sum(0))[[9, 19]].tolist() == pytest.approx([1, 2])
    assert risk(sums[1])[[0, 9, 19]].tolist() == pytest.approx([3, 3, 3])
    assert risk(2 * sums[0])[[0, 19]].tolist() == pytest.approx([1, 1])


def test_uncertainty_of_systems(make_run: MakeRun) -> None:
    run = make_run("cic.test", "cgan.test", "plain=gray", samples=3)
    found = {system.name: measure_uncertainty(run, system) for system in run.systems}
    assert found["plain"] == []
    assert {len(photos) for name, photos in found.items() if name != "plain"} == {4}
    for photo in [*found["cic.test"], *found["cgan.test"]]:
        assert photo.uncertainty.shape == photo.error.shape
        assert len(photo.error) <= 2100
    assert len(found["cic.test"][0].error) == 16 * 16  # the model's grid
    few = make_run("cgan.test", samples=2)
    assert measure_uncertainty(few, few.systems[0]) == []  # one other sample has no spread


def test_section(make_run: MakeRun) -> None:
    run = make_run("cic.test", "pixcolor.test", samples=3)
    section = errors.section(run)
    by_error, by_chroma, uncertainty = (part for part in section.parts if isinstance(part, Table))
    assert by_error.head[2:] == ["cic.test", "pixcolor.test", "gray"]
    assert by_chroma.head[2:] == ["cic.test", "pixcolor.test"]
    assert [row[0] for row in by_error.rows] == list(SECTORS)
    assert [row[0] for row in uncertainty.rows] == ["cic.test", "pixcolor.test"]
    assert sum(isinstance(part, Figure) for part in section.parts) == 4
    assert {"hues", "uncertainty"} <= run.figures["errors"].keys()
