"""`autochrome calibrate` as a person uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from autochrome.cli.main import main
from autochrome.models.registry import create_model
from autochrome.models.tone_curves import identity_curve
from autochrome.models.weights import save_weights
from tests.data.made_photos import write_folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["calibrate", *map(str, arguments)], catch_exceptions=False)


def test_weights_with_a_curve_are_written(tmp_path: Path) -> None:
    write_folder(tmp_path / "photos", 3)
    out = tmp_path / "new.safetensors"
    result = run(tmp_path / "photos", "--model", "pixcolor.test", "--photos", 2, "-o", out)
    assert result.exit_code == 0, result.output
    assert "curve of 2 photos, sha256" in result.stdout
    assert "Bytes from gray become:" in result.stdout
    assert "  Cb  -40: " in result.stdout
    curve = create_model("pixcolor.test", weights=out).state_dict()["tone_curves"]
    assert (curve != identity_curve()).any()


def test_a_gan_of_given_weights_gets_a_curve(tmp_path: Path) -> None:
    write_folder(tmp_path / "photos", 3)
    weights, out = tmp_path / "own.safetensors", tmp_path / "new.safetensors"
    torch.manual_seed(0)
    save_weights(create_model("cgan.compact", pretrained=False, own_trunk=True), weights)
    result = run(tmp_path / "photos", "--model", "cgan", "--weights", weights, "-o", out)
    assert result.exit_code == 0, result.output
    assert "curve of 3 photos, sha256" in result.stdout
    channels = [line.split() for line in result.stdout.splitlines()[1:]]
    assert [channel[0] for channel in channels] == ["U", "V"]
    for channel in channels:
        assert channel[channel.index("0:") + 1] == "0.0"
    before = create_model("cgan", weights=weights).state_dict()
    after = create_model("cgan", weights=out).state_dict()
    assert (after.pop("tone_curves") != before.pop("tone_curves")).any()
    assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "cic.test"], "cic.test has no curve to fit; cgan and pixcolor have one"),
        (["--model", "cgan.test"], "cgan.test has no curve to fit"),
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
