"""`autochrome figures`: CIC's figures 4 and 14."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner, Result

from autochrome.cli.main import main
from autochrome.io.photo import Photo, read_photo, write_photo


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    write_photo(Photo(np.ascontiguousarray(skimage.data.chelsea()[::4, ::4])), path)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["figures", *map(str, arguments)])


@pytest.mark.parametrize(
    ("figure", "extra", "columns"),
    [("temperatures", (), 7), ("probabilities", (), 9), ("probabilities", ("--bins", 3), 4)],
)
def test_a_sheet_of_so_many_columns(
    photo: Path, tmp_path: Path, figure: str, extra: tuple[object, ...], columns: int
) -> None:
    result = run(figure, photo, "-o", tmp_path / "sheet.png", "--model", "cic.test", *extra)
    assert result.exit_code == 0, result.output
    sheet = read_photo(tmp_path / "sheet.png").pixels
    assert sheet.shape[1] == 8 + columns * (320 + 8)
    assert sheet.std() > 10


def test_probabilities_are_of_ab_bins_alone(photo: Path, tmp_path: Path) -> None:
    assert run("temperatures", photo, "-o", tmp_path / "t.png", "--model", "lrac.test").exit_code == 0
    result = run("probabilities", photo, "-o", tmp_path / "p.png", "--model", "lrac.test")
    assert result.exit_code == 1
    assert "does not predict the 313 ab bins" in " ".join(result.output.split())
    assert not (tmp_path / "p.png").exists()


def test_temperatures_differ(photo: Path, tmp_path: Path) -> None:
    """The first column (the mean) is duller than the last (the mode)."""
    run("temperatures", photo, "-o", tmp_path / "sheet.png", "--model", "cic.test")
    sheet = read_photo(tmp_path / "sheet.png").pixels.astype(int)
    color = [np.ptp(sheet[40:, 8 + i * 328 : 8 + i * 328 + 320], axis=2).mean() for i in (0, 6)]
    assert color[0] < color[1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere.png", "-o", "sheet.png"], "nowhere.png: does not exist"),
        (["PHOTO", "-o", "sheet.txt"], "must end in one of"),
        (["PHOTO", "-o", "PHOTO"], "exists already"),
        (["PHOTO", "-o", "no/where/sheet.png"], "does not exist; make it first"),
        (["PHOTO", "-o", "sheet.png", "--model", "gray"], "does not predict a distribution"),
        (["PHOTO", "-o", "sheet.png", "--model", "grey"], "choose one of cgan, cic, lrac, pixcolor"),
        (
            ["PHOTO", "-o", "sheet.png", "--model", "cic.test", "--look", "vivid"],
            "does not support --look vivid",
        ),
        (["PHOTO"], "Missing option"),
    ],
)
def test_wrong_input(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = photo.read_bytes()
    result = run("temperatures", *(str(photo) if a == "PHOTO" else a for a in arguments))
    assert result.exit_code != 0
    assert told in " ".join(result.output.split())
    assert list(tmp_path.iterdir()) == [photo]
    assert photo.read_bytes() == before
