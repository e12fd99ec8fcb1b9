"""How samples differ, in a report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from autochrome.errors import LaboratoryError
from autochrome.evaluation.intervals import Bootstrap
from autochrome.laboratory.run import Run
from autochrome.laboratory.sections import diversity
from autochrome.laboratory.sections.diversity import Pairs, judge, pairs_of, structure_shares
from autochrome.metrics.ms_ssim import pairwise_ms_ssim
from autochrome.report.html import Figure, Gallery, Table
from tests.laboratory.conftest import draw_photo, save_picture

MakeRun = Callable[..., Run]


@pytest.fixture
def large(references: Path, tmp_path: Path) -> str:
    """Results of three samples as large as MS-SSIM needs, and photos of that size; ``--results``."""
    for number in range(6):
        truth = draw_photo(number, 180, 184)
        save_picture(references / f"{number}.png", truth)
        for sample in (1, 2, 3):
            shifted = truth.astype(int) + np.array([20, 0, -20]) * (sample - 1)
            save_picture(
                tmp_path / "shifts" / str(sample) / f"{number}.png", shifted.clip(0, 255).astype(np.uint8)
            )
    return f"shifts={tmp_path / 'shifts'}"


def test_shares_by_hand() -> None:
    pairs = torch.tensor([[0.5, 0.9, 0.95, 0.99, 0.991, 1.0]], dtype=torch.float64)
    found = {name: float(share) for name, share in structure_shares(pairs).items()}
    assert found == pytest.approx(
        {"below .90": 1 / 6, ".90 to .95": 1 / 6, ".95 to .99": 2 / 6, "above .99": 2 / 6}
    )


def test_figures_are_means_of_the_photos() -> None:
    photos = [
        Pairs(np.array([0.8, 1.0, 0.96]), np.array([3.0, 0.0, 6.0]), 2.0),
        Pairs(np.array([0.97, 0.97, 0.97]), np.array([1.0, 1.0, 1.0]), 4.0),
    ]
    found = judge(photos, Bootstrap(replicates=20))
    assert found.ms_ssim is not None
    assert found.ms_ssim.value == pytest.approx((0.92 + 0.97) / 2)
    assert (found.ms_ssim.low, found.ms_ssim.high) == pytest.approx((0.92, 0.97))
    assert found.shares[".95 to .99"].value == pytest.approx((1 / 3 + 1) / 2)
    assert found.spread.value == 3
    assert found.delta_e.value == pytest.approx(2)
    small = [Pairs(np.empty(0), photo.delta_e, photo.spread) for photo in photos]
    assert judge(small, Bootstrap(replicates=20)).ms_ssim is None


def test_pairs_of_results(make_run: MakeRun, large: str) -> None:
    run = make_run(results=(large,))
    found = pairs_of(run.system("shifts"), run, "4")
    rgb = [run.result(run.systems[0], "4", sample) for sample in range(3)]
    table = pairwise_ms_ssim(torch.cat(rgb)).mean(2)
    expected = [float(table[i, j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert found.ms_ssim.tolist() == pytest.approx(expected, abs=1e-5)
    assert found.delta_e[1] > max(found.delta_e[0], found.delta_e[2])  # first and last are the farthest apart
    assert found.spread > 1


def test_samples_that_are_alike(make_run: MakeRun, references: Path, tmp_path: Path) -> None:
    for number in range(6):
        for sample in (1, 2):
            save_picture(tmp_path / "same" / str(sample) / f"{number}.png", draw_photo(number))
    run = make_run(results=(f"same={tmp_path / 'same'}",))
    found = pairs_of(run.system("same"), run, "0")
    assert found.ms_ssim.size == 0  # of 64 px there is none
    assert found.delta_e.tolist() == [0]
    assert found.spread == 0


def test_section(make_run: MakeRun, large: str) -> None:
    run = make_run("plain=gray", results=(large,))
    section = diversity.section(run)
    (table,) = (part for part in section.parts if isinstance(part, Table))
    assert [row[:2] for row in table.rows] == [["shifts", "3"]]
    assert sum(isinstance(part, Figure) for part in section.parts) == 2
    (examples,) = (part for part in section.parts if isinstance(part, Gallery))
    assert len(examples.items) == 5
    # The level, and in brackets the value of the pair that stands for it: as near as any.
    values = np.concatenate([pairs_of(run.system("shifts"), run, name).ms_ssim for name in run.subset])
    shown = float(examples.items[2][0].partition("(")[2].rstrip(")"))
    assert abs(shown - 0.9) == pytest.approx(np.abs(values - 0.9).min(), abs=6e-4)
    assert "shifts" in run.figures["diversity"]


def test_section_of_small_photos_has_color_differences_alone(make_run: MakeRun) -> None:
    section = diversity.section(make_run("cgan.test"))
    assert [type(part) for part in section.parts] == [Figure, Table]
    (table,) = (part for part in section.parts if isinstance(part, Table))
    assert table.rows[0][2] == "–"


def test_nothing_to_compare(make_run: MakeRun) -> None:
    with pytest.raises(LaboratoryError, match="draws"):
        diversity.section(make_run("cic.test"))
