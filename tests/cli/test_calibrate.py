"""`autochrome calibrate` as a person uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from autochrome.cli.main import main
from autochrome.models.pixcolor.calibration import identity_curve
from autochrome.models.registry import create_model
from tests.data.made_photos import write_folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["calibrate", *map(str, arguments)], catch_exceptions=False)


def test_weights_with_a_curve_are_written(tmp_path: Path) -> None:
    write_folder(tmp_path / "photos", 3)
    out = tmp_path / "new.safetensors"
    result = run(tmp_path / "photos", "--model", "pixcolor.test", "--photos", 2, "-o", out)
    assert result.exit_code == 0, result.output
    assert "curve of 2 photos, sha256" in result.stdout
    assert "128: 128.0" in result.stdout
    curve = create_model("pixcolor.test", weights=out).state_dict()["calibration"]
    assert (curve != identity_curve()).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "cic.test"], "draws nothing"),
        (["--model", "pixcollor"], "did you mean"),
        (["--weights", "none.safetensors"], "none.safetensors"),
        (["-o", "nowhere/new.safetensors"], "make it first"),
    ],
)
def test_what_is_wrong_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "photos", 1)
    result = run("photos", *arguments)
    assert result.exit_code != 0
    assert message in " ".join(result.stderr.split())
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
