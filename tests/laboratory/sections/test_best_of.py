"""The best of several samples, in a report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from autochrome.errors import LaboratoryError
from autochrome.evaluation.intervals import Bootstrap
from autochrome.laboratory.run import Run
from autochrome.laboratory.sections import best_of
from autochrome.report.html import Figure, Table
from tests.laboratory.conftest import draw_photo, save_picture

MakeRun = Callable[..., Run]
BOOTSTRAP = Bootstrap(replicates=50)


def test_curves_begin_at_the_mean_and_end_at_the_best() -> None:
    psnr = torch.tensor([[20.0, 24.0, 22.0], [18.0, 12.0, 15.0]], dtype=torch.float64)
    errors = {"psnr": psnr, "auc": psnr, "ciede2000": psnr}
    curves = best_of.best_curves({"a": errors}, BOOTSTRAP)
    # Means of the photos 22 and 15; best of two by pairs 24, 24, 22 and 18, 18, 15; best of all 24 and 18.
    found = [each.value for each in curves["psnr"]["a"]]
    assert found == pytest.approx([18.5, (70 / 3 + 17) / 2, 21])
    # Of CIEDE2000 the least is the best: pairs 20, 20, 22 -> 62/3 and 12, 15, 12 -> 13; then 20 and 12.
    found = [each.value for each in curves["ciede2000"]["a"]]
    assert found == pytest.approx([18.5, (62 / 3 + 13) / 2, 16])
    first = curves["psnr"]["a"][0]
    assert (first.low, first.high) == (15, 22)  # of two photos the resamples have both, or one twice


def test_a_photo_without_an_error_is_left_out_of_all() -> None:
    drawn = {"a": {"psnr": torch.tensor([[20.0, 24], [18, float("inf")], [12, 15]])}}
    single = {"gray": {"psnr": torch.tensor([19.0, 17, 16])}}
    drawn, single, out = best_of.without_exact_matches(drawn, single)
    assert (drawn["a"]["psnr"].tolist(), single["gray"]["psnr"].tolist()) == ([[20, 24], [12, 15]], [19, 16])
    assert out == 1
    with pytest.raises(LaboratoryError):
        best_of.without_exact_matches({"a": {"psnr": drawn["a"]["psnr"][:1]}}, {})


@pytest.mark.parametrize(("n", "shown"), [(1, [1]), (2, [1, 2]), (5, [1, 2, 4, 5]), (8, [1, 2, 4, 8])])
def test_powers_of_two_are_shown_and_the_last(n: int, shown: list[int]) -> None:
    assert best_of.shown_counts(n) == shown


def test_section_beside_systems_with_one_sample(make_run: MakeRun) -> None:
    run = make_run("cgan.test", "cic.test", samples=3)
    section = best_of.section(run)
    (table,) = (part for part in section.parts if isinstance(part, Table))
    assert [tuple(row[:2]) for row in table.rows] == [
        ("cgan.test", "1"),
        ("cgan.test", "2"),
        ("cgan.test", "3"),
        ("cic.test", ""),
        ("gray", ""),
        ("random", ""),
    ]
    assert table.rows[4][-1] == ""
    psnr = [float(row[2].split()[0]) for row in table.rows]
    above = [float(row[-1].split()[0]) for row in table.rows if row[-1]]
    assert above == pytest.approx([value - psnr[4] for k, value in enumerate(psnr) if k != 4], abs=0.011)
    figures = [part for part in section.parts if isinstance(part, Figure)]
    assert len(figures) == 3
    assert all(name in figures[0].alt for name in ("cgan.test", "cic.test", "gray"))
    assert len(run.figures["best-of-n"]["psnr"]["cgan.test"]) == 3
    values = [each.value for each in run.figures["best-of-n"]["psnr"]["cgan.test"]]
    assert values == sorted(values)


def test_photos_matched_exactly_are_left_out_of_all_rows(
    make_run: MakeRun, references: Path, tmp_path: Path
) -> None:
    for sample in (1, 2):
        for number in range(6):
            right = sample == 1 and number in (0, 3)
            picture = draw_photo(number) if right else np.full((64, 64, 3), 100 + sample, np.uint8)
            save_picture(tmp_path / "theirs" / str(sample) / f"{number}.png", picture)
    section = best_of.section(make_run(results=(f"theirs={tmp_path / 'theirs'}",)))
    (table,) = (part for part in section.parts if isinstance(part, Table))
    assert "2 photos that a system matches exactly" in table.caption
    assert all(np.isfinite(float(row[2].split()[0])) for row in table.rows)


def test_the_photos_themselves_are_no_rival(make_run: MakeRun, references: Path) -> None:
    section = best_of.section(make_run("cgan.test", results=(f"perfect={references}",)))
    (table,) = (part for part in section.parts if isinstance(part, Table))
    assert [row[0] for row in table.rows] == ["cgan.test", "cgan.test", "gray", "random"]


def test_without_several_samples_it_says_so(make_run: MakeRun) -> None:
    with pytest.raises(LaboratoryError, match="No system has several samples"):
        best_of.section(make_run("cic.test"))
