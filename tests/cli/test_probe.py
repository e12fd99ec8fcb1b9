"""`autochrome probe` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from autochrome.cli.main import main
from autochrome.models.registry import create_model, list_models, model_spec
from autochrome.models.weights import save_weights
from tests.data.made_photos import encode, write_folder
from tests.evaluation.probe.made_voc import write_voc


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checks of 4 and of 16 pixels, in random places: the trunk must see texture to tell them."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32]
    for name, side in (("fine", 4), ("coarse", 16)):
        for number in range(30):
            dy, dx = rng.integers(0, 32, 2)
            checks = ((y + dy) // side + (x + dx) // side) % 2 * 120 + 60
            noisy = checks[:, :, None] + rng.normal(0, 10, (32, 32, 3))
            (folder / f"{name}_{number}.png").write_bytes(encode(noisy.clip(0, 255).astype(np.uint8)))
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    save_weights(create_model("cic.test"), path, metadata={})
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(
        main, ["probe", "--model", "cic.test", "--size", "32", *map(str, arguments)], catch_exceptions=False
    )


def test_a_linear_probe_compares_both_trunks(photos: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "results.json"
    result = run(photos, "--weights", weights, "--layers", "0,2+3", "--replicates", 100, "-o", out)
    assert result.exit_code == 0, result.output
    for word in ("colorization", "random", "difference", "0 (8 x 16 x 16)", "2+3", "top1", "12 test photos"):
        assert word in result.stdout, word
    found = json.loads(out.read_text())
    assert found["schema"] == "autochrome-probe/1"
    assert [(row["trunk"], row["layers"]) for row in found["rows"]] == [
        ("colorization", "0"),
        ("colorization", "2+3"),
        ("random", "0"),
        ("random", "2+3"),
    ]
    # Texture of two scales: any convolutional trunk, a random one too, tells them apart.
    assert found["rows"][0]["scores"]["top1"]["value"] > 0.8
    assert set(found["trained_less_random"]) == {"0", "2+3"}
    manifest = found["manifest"]
    assert (manifest["data"]["train"], manifest["data"]["validation"], manifest["data"]["test"]) == (
        36,
        12,
        12,
    )
    assert manifest["data"]["classes"] == ["coarse", "fine"]
    assert len(manifest["weights_sha256"]["colorization"]) == 64
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


def test_the_same_seed_gives_the_same_results(photos: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("one.json", "same.json", "other.json")]
    for file, seed in zip(files, (1, 1, 2), strict=True):
        run(photos, "--random", "--layers", "1", "--replicates", 20, "--seed", seed, "-o", file)
    one, same, other = (json.loads(file.read_text())["rows"] for file in files)
    assert one == same != other


@pytest.mark.parametrize("model", [name for name in list_models(internal=True) if name.endswith(".test")])
def test_every_system_is_probed_or_refused(photos: Path, model: str) -> None:
    """On the luma of its own space, whatever its layers are."""
    result = run(photos, "--random", "--model", model, "--layers", "each,all", "--per-class", 10)
    if "features" in model_spec(model).can:
        assert result.exit_code == 0, result.output
        assert f"{model}, percent" in result.stdout
    else:
        assert f"{model} does not expose features" in result.stderr


def test_fine_tuning_of_a_random_trunk(photos: Path) -> None:
    arguments = ("--method", "finetune", "--random", "--steps", 15, "--batch-size", 16, "--lr", 0.01)
    result = run(photos, *arguments, "--classes", 2)
    assert result.exit_code == 0, result.output
    assert "48 photos of 2 classes (chance 50.0) to learn from" in " ".join(result.stdout.split())
    assert "difference" not in result.stdout


def test_segmentation_of_a_folder_in_voc_s_format(tmp_path: Path) -> None:
    voc = write_voc(tmp_path / "voc", train=6, val=2)
    result = run(voc, "--method", "segment", "--random", "--steps", 2, "--layers", "7")
    assert result.exit_code == 0, result.output
    assert "mean_iu" in result.stdout and "iu/class 2" in result.stdout


def test_mistakes_are_told_in_one_line(photos: Path, weights: Path, tmp_path: Path) -> None:
    nameless = write_folder(tmp_path / "nameless", 2)
    cases = {
        "no photos at": [tmp_path / "nowhere", "--random"],
        "the name of 000.png carries no class": [nameless, "--random"],
        "does not contain JPEGImages": [nameless, "--random", "--method", "segment"],
        "the trunk has 0 to 7": [photos, "--random", "--layers", "8"],
        "needs a size that is a multiple of 32": [photos, "--random", "--size", "40"],
        "cic.test comes without weights: give --weights, or --random": [photos],
        "a random trunk has none": [photos, "--random", "--weights", weights],
        "no weights at gone.safetensors": [photos, "--weights", "gone.safetensors"],
        "gray.baseline does not expose features": [photos, "--random", "--model", "gray"],
        "the folder of none/out.json does not exist": [photos, "--random", "-o", "none/out.json"],
        "the device nowhere is not available": [photos, "--random", "--device", "nowhere"],
    }
    for message, arguments in cases.items():
        result = run(*arguments)
        assert result.exit_code != 0, message
        errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        assert len(errors) == 1 and message in errors[0], result.stderr
