"""The quantiles of the models' uncertainty."""

from __future__ import annotations

from pathlib import Path

import pytest

from autochrome.data.sources import open_source
from autochrome.pipeline.painter import Painter
from reproduce.unsure import main, row, uncertainties
from tests.data.made_photos import write_folder


def test_quantiles_and_the_share_above_the_threshold() -> None:
    assert row("cic", [0.1, 0.2, 0.3, 0.4, 0.5], 0.35) == ["cic", "0.140", "0.300", "0.460", "0.35", "2 of 5"]


def test_photos_are_spaced_over_the_source(tmp_path: Path) -> None:
    source, painter = open_source(write_folder(tmp_path / "photos", 5)), Painter("cgan.test")
    every = uncertainties(painter, source, 10)
    assert len(every) == 5
    assert all(value > 0 for value in every)
    assert uncertainties(painter, source, 3) == every[::2]


def test_the_command_prints_a_row_per_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_folder(tmp_path / "photos", 3)
    main([str(folder), "--model", "cic.test", "--model", "cgan.test"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines] == ["", "---", "cic.test", "cgan.test"]
    assert all(line.split("|")[-2].strip().endswith("of 3") for line in lines[2:])
    with pytest.raises(SystemExit):
        main([str(tmp_path / "none")])
