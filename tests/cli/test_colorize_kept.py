"""`autochrome colorize`: what of a photo is kept in its result, what the metadata tell, and looks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner

from autochrome.cli.main import main
from autochrome.io.photo import Photo, read_photo, read_provenance, write_photo
from tests.cli.photos import GRAY, names, put


def test_sixteen_bits_stay_sixteen(colorize) -> None:
    put("deep.tif", np.ascontiguousarray(GRAY.astype(np.uint16) * 200 + 77), dpi=(300.0, 300.0))
    assert colorize("deep.tif").exit_code == 0
    colored = read_photo("deep.colorized.tif")
    assert colored.pixels.dtype == np.uint16
    assert len(np.unique(colored.pixels)) > 1000
    assert colored.dpi == pytest.approx((300, 300), abs=0.1)


def test_alpha_is_kept(colorize) -> None:
    alpha = np.ascontiguousarray(255 - GRAY[:, :, 0])
    put("cut.png", alpha=alpha)
    assert colorize("cut.png").exit_code == 0
    np.testing.assert_array_equal(read_photo("cut.colorized.png").alpha, alpha)


def test_how_it_was_made_is_in_the_metadata(colorize, weights: Path) -> None:
    put("camera.jpg")
    assert colorize("camera.jpg", "--vibrance", 0.5, "--size", 96, "--fuse", "none").exit_code == 0
    made = read_provenance("camera.colorized.jpg")
    assert made is not None
    assert made.model == "cic.test"
    assert made.weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert made.settings["vibrance"] == 0.5
    assert (made.settings["size"], made.settings["fuse"]) == (96, "none")
    content = Path("camera.colorized.jpg").read_bytes()
    assert b"digitalsourcetype/compositeWithTrainedAlgorithmicMedia" in content


def test_saturation_and_look_are_in_the_metadata(colorize) -> None:
    put("camera.png")
    assert colorize("camera.png", "--saturation", 0, "--look", "natural").exit_code == 0
    made = read_provenance("camera.colorized.png")
    assert made is not None
    assert (made.settings["look"], made.settings["saturation"]) == ("natural", 0.0)
    assert np.ptp(read_photo("camera.colorized.png").pixels, axis=2).max() == 0


def test_a_look_file_gives_the_same_bytes(colorize) -> None:
    """A file saved, and the metadata of a result; single options still replace its values."""
    put("camera.png")
    write_photo(Photo(np.ascontiguousarray(skimage.data.astronaut()[::8, ::8])), Path("red.jpg"))
    options = ["--saturation", 1.5, "--hint", "33.33333333%,9%,teal", "--warmer", "--reference", "red.jpg"]
    result = colorize("camera.png", *options, "--no-border-detection", "--save-look", "mine.json")
    assert result.exit_code == 0, result.output
    expected = Path("camera.colorized.png").read_bytes()
    made = read_provenance("camera.colorized.png")
    assert made is not None
    assert made.look == json.loads(Path("mine.json").read_text())
    for number, source in enumerate(("mine.json", "camera.colorized.png")):
        assert colorize("camera.png", "--look-file", source, "-o", f"{number}.png").exit_code == 0
        assert Path(f"{number}.png").read_bytes() == expected
    assert (
        colorize("camera.png", "--look-file", "mine.json", "--saturation", 0, "-o", "gray.png").exit_code == 0
    )
    made = read_provenance("gray.png")
    assert made is not None
    assert (made.settings["saturation"], made.settings["warmth"]) == (0.0, 0.5)


def test_looks_that_cannot_be_saved_or_read(colorize) -> None:
    put("camera.png")
    Path("mine.json").write_text("{}")
    for arguments, code, message in (
        (["--save-look", "camera.png", "--overwrite"], 2, "camera.png must end in .json"),
        (["--save-look", "mine.json"], 1, "mine.json exists already. Use --overwrite to replace it"),
        (["--save-look", "no/mine.json"], 2, "the folder of no/mine.json does not exist; make it first"),
        (["--look-file", "mine.json"], 2, "mine.json: version is None, but this release reads version 1"),
        (["--look-file", "camera.png"], 2, "camera.png: is neither a look file nor a photo that Autochrome"),
    ):
        result = colorize("camera.png", *arguments)
        assert result.exit_code == code, result.output
        assert message in " ".join(result.stderr.split())
    assert names() == {"camera.png", "mine.json"}


def test_no_look_is_saved_where_nothing_was_colored(colorize) -> None:
    assert colorize("nowhere.png", "--save-look", "mine.json").exit_code == 1
    put("camera.png")
    Path("camera.colorized.png").write_text("in the way")
    assert colorize("camera.png", "--save-look", "mine.json").exit_code == 1
    assert colorize("-", "-o", "out.png", "--save-look", "mine.json", given=b"no photo").exit_code == 1
    assert names() == {"camera.png", "camera.colorized.png"}
    given = Path("camera.png").read_bytes()
    assert colorize("-", "-o", "out.png", "--save-look", "mine.json", given=given).exit_code == 0
    assert json.loads(Path("mine.json").read_text())["version"] == 1


def test_a_look_that_the_model_lacks_is_a_usage_error(colorize) -> None:
    put("camera.png")
    result = colorize("camera.png", "--look", "vivid")
    assert result.exit_code == 2
    assert "cic.test does not support --look vivid; use --model cgan, cic, lrac or pixcolor" in " ".join(
        result.stderr.split()
    )
    assert names() == {"camera.png"}


def test_a_look_of_a_shipped_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put("camera.png")
    chroma = {}
    for look in ("accurate", "vivid"):
        arguments = ["colorize", "camera.png", "--model", "lrac", "--look", look, "-o", f"{look}.png"]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        made = read_provenance(f"{look}.png")
        assert made is not None
        assert made.settings["look"] == look
        chroma[look] = np.ptp(read_photo(f"{look}.png").pixels.astype(int), axis=2).mean()
    assert chroma["accurate"] < chroma["vivid"]


def test_color_input_is_told(colorize) -> None:
    put("astronaut.png", np.ascontiguousarray(skimage.data.astronaut()[::8, ::8]))
    put("camera.png")
    result = colorize("astronaut.png", "camera.png")
    assert result.exit_code == 0
    [note] = [line for line in result.stderr.splitlines() if line.startswith("note:")]
    assert "astronaut.png" in note
    assert "only its lightness was used" in note


def test_twice_gives_the_same_file(colorize) -> None:
    put("camera.png")
    assert colorize("camera.png", "-o", "one.png").exit_code == 0
    assert colorize("camera.png", "-o", "two.png").exit_code == 0
    assert Path("one.png").read_bytes() == Path("two.png").read_bytes()


def test_settings_reach_the_picture(colorize) -> None:
    put("camera.png")
    made = set()
    for number, extra in enumerate(
        ([], ["--temperature", 1], ["--size", 200], ["--fuse", "full"], ["--upsampling", "bilinear"])
    ):
        assert colorize("camera.png", "-o", f"{number}.png", *extra).exit_code == 0
        settings = read_provenance(f"{number}.png")
        assert settings is not None
        made.add(str(settings.settings))
    assert len(made) == 5


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (400, 2)])
def test_tiny_and_extreme_photos(colorize, shape: tuple[int, int]) -> None:
    put("odd.png", np.full((*shape, 1), 120, np.uint8))
    assert colorize("odd.png").exit_code == 0
    assert read_photo("odd.colorized.png").size == shape
