"""`autochrome evaluate` as a person uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips
from click.testing import CliRunner
from skimage import data

from autochrome.cli.main import main


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, piece in enumerate((data.astronaut()[:40, 200:250], data.coffee()[150:190, 200:250])):
        pyvips.Image.new_from_array(np.ascontiguousarray(piece)).write_to_file(str(folder / f"{i}.png"))
    return folder


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["evaluate", *map(str, arguments)], catch_exceptions=False)
    return result.exit_code, result.output


def test_table_json_markdown_and_sheet(photos: Path, tmp_path: Path) -> None:
    out = {name: tmp_path / name for name in ("scores.json", "scores.md", "sheet.png")}
    code, output = run(
        photos,
        photos,
        "--json",
        out["scores.json"],
        "--markdown",
        out["scores.md"],
        "--sheet",
        out["sheet.png"],
    )
    assert code == 0, output
    assert "AuC rebalanced" in output
    assert "2 photos, native" in output
    assert json.loads(out["scores.json"].read_text())["systems"]["photos"]["auc"]["value"] == 100
    assert out["scores.md"].read_text().startswith("| score | photos | gray | random | truth |")
    sheet = pyvips.Image.new_from_file(str(out["sheet.png"]))
    # Gray, result and truth beside each other.
    assert sheet.width == 8 + 3 * (256 + 8)


@pytest.mark.parametrize("kind", ["--json", "--markdown", "--sheet"])
def test_files_that_exist_are_kept(kind: str, photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "scores.png"
    path.write_text("older")
    words = [photos, "--replicates", 10, kind, path]
    assert run(*words) == (1, f"Error: {path} exists already. Use --overwrite to replace it\n")
    assert path.read_text() == "older"
    assert run(*words, "--overwrite")[0] == 0
    assert path.read_bytes() != b"older"


def test_the_further_pages_of_a_sheet_replace_nothing(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "sheet-2.png").write_text("older")
    words = [photos, "--replicates", 10, "--sheet", tmp_path / "sheet.png"]
    assert run(*words, "--sheet-rows", 21)[0] == 1
    assert run(*words)[0] == 0
    assert (tmp_path / "sheet-2.png").read_text() == "older"


def test_the_sheets_columns_are_gray_result_and_truth(photos: Path, tmp_path: Path) -> None:
    code, output = run(photos, photos, "--photos", 1, "--sheet", tmp_path / "sheet.png", "--replicates", 10)
    assert code == 0, output
    sheet = pyvips.Image.new_from_file(str(tmp_path / "sheet.png")).numpy()
    top, left = 32, 8 + (256 - 50) // 2
    gray, result, truth = (sheet[top : top + 40, left + i * 264 : left + i * 264 + 50] for i in range(3))
    assert (truth == data.astronaut()[:40, 200:250]).all()
    assert (result == truth).all()
    assert (gray == gray[..., :1]).all()
    assert gray.std() > 10


def test_baselines_alone(photos: Path) -> None:
    code, output = run(photos, "--replicates", 10)
    assert code == 0
    assert "gray" in output
    assert "random" in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--protocol", "squash"], "native, crop:N or resize:N"),
        (["--protocol", "crop:500"], "too small for crop:500"),
        (["--sheet", "sheet.bmp"], ".png"),
        (["--json", "nowhere/scores.json"], "does not exist"),
        (["--photos", "0"], "--photos"),
    ],
)
def test_bad_options_say_what_to_do(photos: Path, arguments: list[str], words: str) -> None:
    code, output = run(photos, photos, *arguments)
    assert code != 0
    assert words in " ".join(output.replace("│", " ").split())


def test_bad_folders_say_what_to_do(photos: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "none", photos)[0] != 0
    code, output = run(photos, "--no-baselines")
    assert (code != 0, "nothing to score" in output) == (True, True)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "0.png").write_bytes((photos / "0.png").read_bytes())
    code, output = run(photos, tmp_path / "results", "--json", tmp_path / "scores.json")
    assert code != 0
    assert "lacks results for 1.png" in output
    assert not (tmp_path / "scores.json").exists()


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from autochrome.cli.evaluate import evaluate;"
        "assert CliRunner().invoke(evaluate, ['--help']).exit_code == 0; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
