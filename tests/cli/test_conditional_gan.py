"""`autochrome colorize --model cgan`: noise alone tells one colorization from another."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from click.testing import CliRunner, Result

from autochrome.cli.main import main
from autochrome.io.photo import Photo, read_photo, read_provenance, write_photo
from autochrome.models.registry import create_model
from autochrome.models.weights import save_weights

GRAY = np.ascontiguousarray(skimage.data.camera()[::8, ::8, None])


@pytest.fixture
def colorize(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run the command with the tiny model, in the test's folder, in which there is a.png."""
    monkeypatch.chdir(tmp_path)
    write_photo(Photo(GRAY), Path("a.png"))

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, ["colorize", "--model", "cgan.test", *map(str, arguments)])

    return run


def names() -> set[str]:
    """All files below, hidden ones too."""
    return {str(path) for path in Path().rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the tiny conditional GAN; untrained its colors would hardly be seen."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "gan.safetensors"
    model = create_model("cgan.test")
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(10)
    save_weights(model, path)
    return path


def test_eight_drawings_of_a_conditional_gan(colorize, weights: Path) -> None:
    gan = ["--weights", weights, "--size", 32, "--seed", 5]
    result = colorize("a.png", *gan, "--samples", 8, "--temperature", 0.75)
    assert result.exit_code == 0, result.output
    files = [f"a.colorized.{number}.png" for number in range(1, 9)]
    assert names() == {"a.png", *files, "a.colorized.sheet.png"}
    assert len({read_photo(file).pixels.tobytes() for file in files}) == 8
    assert all(np.ptp(read_photo(file).pixels.astype(int), axis=2).max() > 2 for file in files)
    made = read_provenance(files[2])
    assert made is not None
    assert made.weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert made.settings == {
        "sample": 3, "seed": 5, "temperature": 0.75, "size": 32, "upsampling": "guided",
        "look": "natural", "saturation": 1.0,
    }  # fmt: skip


def test_a_seed_is_one_series(colorize, weights: Path) -> None:
    """Sample 3 of 4 is sample 3 of 8."""
    gan = ["--weights", weights, "--size", 32, "--seed", 5]
    for count in (4, 8):
        assert colorize("a.png", *gan, "--samples", count, "-o", f"of{count}.png").exit_code == 0
    for number in range(1, 5):
        assert Path(f"of4.{number}.png").read_bytes() == Path(f"of8.{number}.png").read_bytes()
    assert colorize("a.png", *gan[:-1], 6, "-o", "other.png").exit_code == 0
    assert Path("other.png").read_bytes() != Path("of4.1.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--guidance", 0.5], "cgan.test does not support --guidance; use --model pixcolor, or leave"),
        (["--no-refine"], "cgan.test does not support --no-refine; use --model pixcolor"),
        (["--rank"], "cgan.test does not support --rank; use --model cgan or pixcolor"),
        (
            ["--vibrance", 1],
            "cgan.test does not support --vibrance; use --model cic or lrac, or",
        ),
        (["--fuse", "mirror"], "does not support --fuse mirror; use --model cic or lrac, or leave that out"),
    ],
)
def test_what_a_conditional_gan_has_not(colorize, arguments: list[object], told: str) -> None:
    """Refused before the weights, which are not there, are missed."""
    result = colorize("a.png", "--weights", "none.safetensors", *arguments)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", "").split())
    assert names() == {"a.png"}
