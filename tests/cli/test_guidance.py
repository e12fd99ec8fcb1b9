"""`autochrome colorize`: references, warmth, tints, rotated samples and the uncertainty map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.color
import skimage.data
import torch
from click.testing import CliRunner, Result

from autochrome.cli.main import main
from autochrome.guidance import parse_hint, write_hints
from autochrome.io.photo import Photo, read_photo, read_provenance, write_photo
from autochrome.pipeline.painter import Painter
from tests.drawing_model import Drawing

GRAY = np.ascontiguousarray(skimage.data.camera()[::8, ::8, None])
BLUE = np.tile(np.array((40, 90, 200), np.uint8), (48, 64, 1))


@pytest.fixture(autouse=True)
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a gray photo and a blue one."""
    monkeypatch.chdir(tmp_path)
    write_photo(Photo(GRAY), "a.png")
    write_photo(Photo(BLUE), "blue.jpg")


def colorize(*arguments: object, model: str = "cic.test", given: bytes | None = None) -> Result:
    torch.manual_seed(1)  # so that the untrained models are the same in every run
    words = ["colorize", "--model", model, *map(str, arguments)]
    return CliRunner().invoke(main, words, input=given)


def names() -> set[str]:
    """All files, hidden ones too, but for the two photos."""
    return {str(path) for path in Path().rglob("*") if path.is_file()} - {"a.png", "blue.jpg"}


def made_as(path: str) -> dict[str, Any]:
    provenance = read_provenance(path)
    assert provenance is not None
    return dict(provenance.settings)


def mean_ab(path: str) -> np.ndarray:
    return skimage.color.rgb2lab(read_photo(path).pixels)[..., 1:].mean((0, 1))


def told(result: Result) -> str:
    return " ".join(result.stderr.replace("│", "").split())


# References --------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer", [None, "energy", "quantiles"])
def test_a_reference(transfer: str | None) -> None:
    chosen = [] if transfer is None else ["--transfer", transfer]
    result = colorize("a.png", "--reference", "blue.jpg", *chosen)
    assert result.exit_code == 0, result.output
    made = made_as("a.colorized.png")
    assert (made["reference"], made["transfer"]) == ("blue.jpg", transfer or "energy")
    assert mean_ab("a.colorized.png")[1] < -10


def test_a_reference_for_a_model_without_distribution() -> None:
    assert colorize("a.png", "--reference", "blue.jpg", model="gray").exit_code == 0
    assert made_as("a.colorized.png")["transfer"] == "quantiles"
    assert mean_ab("a.colorized.png")[1] < -10


@pytest.mark.parametrize(
    ("arguments", "model", "code", "message"),
    [
        (
            ["--reference", "a.png"],
            "cic.test",
            2,
            "the reference a.png has no colors; give a photo in color",
        ),
        (["--reference", "nowhere.jpg"], "cic.test", 2, "nowhere.jpg: does not exist"),
        (["--reference", "text.jpg"], "cic.test", 2, "text.jpg: is not a photo"),
        (["--transfer", "energy"], "cic.test", 2, "--transfer needs --reference; give that too"),
        (["--reference", "blue.jpg", "--transfer", "magic"], "cic.test", 2, "'magic' is not one of"),
        (
            ["--reference", "blue.jpg", "--transfer", "energy"],
            "cgan.test",
            2,
            "does not support --transfer energy",
        ),
        (
            ["--reference", "blue.jpg", "--transfer", "energy"],
            "gray",
            2,
            "does not support --transfer energy",
        ),
        (["--warmth", 2], "cic.test", 2, "2.0 is not in the range -1<=x<=1"),
        (["--warmer", "--cooler"], "cic.test", 2, "give one of --warmer, --cooler and --warmth"),
        (["--warmer", "--warmth", 0.2], "cic.test", 2, "give one of --warmer, --cooler and --warmth"),
        (["--warmer"], "cgan.test", 2, "does not support --warmth; use --model cgan, cic, lrac or"),
        (["--cooler"], "gray", 2, "does not support --warmth; use --model cgan, cic, lrac or"),
        (["--tint", "turqoise"], "cic.test", 2, "'turqoise' is not a color; did you mean turquoise"),
        (["--tint", "#12345"], "cic.test", 2, "write # and 3 or 6 digits"),
        (["--tint", "teal", "--tint-strength", 0], "cic.test", 2, "0.0 is not in the range"),
        (["--tint-strength", 0.7], "cic.test", 2, "--tint-strength needs --tint; give that too"),
        (["--tint", "teal"], "cgan.test", 2, "does not support --tint"),
        (["--hint", "9,9"], "cic.test", 2, "'9,9' is not a hint; write x,y,color"),
        (["--hint", "9,9,blurple"], "cic.test", 2, "'9,9,blurple' is not a hint: 'blurple' is not a color"),
        (["--hints", "nowhere.json"], "cic.test", 2, "nowhere.json: cannot be read"),
        (["--hints", "text.jpg"], "cic.test", 2, "text.jpg: is not JSON: line 1"),
        (["--hint", "9,9,red"], "cgan.test", 2, "does not support --hints"),
        (["--hint", "64,9,red"], "cic.test", 1, "failed: a.png: the hint at 64,9 lies outside the photo"),
        (["--uncertainty"], "pixcolor.test", 2, "how much its samples differ; give --samples 2 or more"),
        (["--uncertainty"], "gray", 2, "does not know how sure it is; use --model cic"),
        (["--uncertainty", "-o", "-"], "cic.test", 2, "a pipe (-) takes one colorization, not --uncertainty"),
    ],
)
def test_wrong_options(arguments: list[object], model: str, code: int, message: str) -> None:
    Path("text.jpg").write_text("This is not a photo.\n")
    result = colorize("a.png", *arguments, model=model)
    assert result.exit_code == code
    assert message in told(result)
    assert names() == {"text.jpg"}
    assert "Traceback" not in result.stderr


# Warmth and tints --------------------------------------------------------------------------------


def test_warmer_and_cooler() -> None:
    for flag, warmth in (("--warmer", 0.5), ("--cooler", -0.5)):
        assert colorize("a.png", flag, "-o", f"{flag[2:]}.png").exit_code == 0
        assert made_as(f"{flag[2:]}.png")["warmth"] == warmth
    assert mean_ab("warmer.png")[1] - mean_ab("cooler.png")[1] > 5
    assert colorize("a.png", "--warmth", -0.5, "-o", "number.png").exit_code == 0
    np.testing.assert_array_equal(read_photo("number.png").pixels, read_photo("cooler.png").pixels)


def test_a_tint() -> None:
    assert colorize("a.png", "--tint", "teal", "--tint-strength", 1).exit_code == 0
    a, b = mean_ab("a.colorized.png")
    assert a < -8
    assert b < 0
    assert made_as("a.colorized.png")["tint"] == "teal"


# Hints -------------------------------------------------------------------------------------------


def test_hints_replay_on_every_photo() -> None:
    write_photo(Photo(np.ascontiguousarray(np.tile(GRAY, (2, 2, 1)))), "large.png")
    write_photo(Photo(np.ascontiguousarray(GRAY[:20])), "small.png")
    write_hints([parse_hint("75%,75%,#4682b4,20%")], "hints.json")
    words = ("--hints", "hints.json", "--hint", "10,30,tomato", "-o", "out/")
    result = colorize("a.png", "large.png", "small.png", *words)
    assert result.exit_code == 1
    assert "failed: small.png: the hint at 10,30 lies outside the photo, which has 64 x 20 pixels" in told(
        result
    )
    assert names() >= {"out/a.png", "out/large.png"}
    for name, place in (("a", (48, 48)), ("large", (96, 96))):
        b = skimage.color.rgb2lab(read_photo(f"out/{name}.png").pixels)[..., 2]
        assert b[place] < -5
        assert [hint["color"] for hint in made_as(f"out/{name}.png")["hints"]] == ["#4682b4", "#ff6347"]
    assert not Path("out/small.png").exists()


# Rotated samples ---------------------------------------------------------------------------------


def test_several_colorizations_and_their_sheet() -> None:
    result = colorize("a.png", "--samples", 4)
    assert result.exit_code == 0, result.output
    files = [f"a.colorized.{number}.png" for number in (1, 2, 3, 4)]
    assert names() == {*files, "a.colorized.sheet.png"}
    assert [made_as(file).get("rotation") for file in files] == [None, 0, 120, 240]
    assert colorize("a.png").exit_code == 0
    np.testing.assert_array_equal(read_photo("a.colorized.png").pixels, read_photo(files[0]).pixels)
    assert not {"sample", "rotation"} & set(made_as("a.colorized.sheet.png"))


# Uncertainty -------------------------------------------------------------------------------------


def test_the_map_lies_beside_the_result() -> None:
    result = colorize("a.png", "--uncertainty", "--format", "jpeg")
    assert result.exit_code == 0, result.output
    assert names() == {"a.colorized.jpg", "a.colorized.uncertainty.png"}
    assert "-> a.colorized.jpg, a.colorized.uncertainty.png" in told(result)
    picture = read_photo("a.colorized.uncertainty.png").pixels
    assert picture.shape == (64, 64, 1)
    assert picture.min() > 200  # an untrained network is unsure of everything
    assert made_as("a.colorized.uncertainty.png")["uncertainty"] == "L* from 0 to 100: 0 to 5.746 nats"


@pytest.mark.parametrize(
    ("out", "expected"),
    [("b.webp", {"b.webp", "b.uncertainty.png"}), ("new/", {"new/a.png", "new/a.uncertainty.png"})],
)
def test_out(out: str, expected: set[str]) -> None:
    assert colorize("a.png", "--uncertainty", "-o", out).exit_code == 0
    assert names() == expected


def test_with_samples_there_is_one_map() -> None:
    assert colorize("a.png", "--uncertainty", "--samples", 2).exit_code == 0
    marks = ("1", "2", "sheet", "uncertainty")
    assert names() == {f"a.colorized.{mark}.png" for mark in marks}


def test_of_a_model_that_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autochrome.cli.colorize.make_painter", lambda *_: Painter(Drawing()))
    assert colorize("a.png", "--uncertainty", "--samples", 2, model="pixcolor.test").exit_code == 0
    assert "CIE units" in made_as("a.colorized.uncertainty.png")["uncertainty"]


def test_maps_are_no_photos() -> None:
    Path("photos").mkdir()
    Path("a.png").rename("photos/a.png")
    for expected in ("1 colorized", "0 colorized, 1 skipped"):
        result = colorize("photos", "--uncertainty")
        assert expected in result.stderr or result.stderr.startswith("photos/a.png ->")
        assert names() == {f"photos/a{mark}.png" for mark in ("", ".colorized", ".colorized.uncertainty")}
    write_photo(Photo(GRAY), "a.png")


def test_a_map_that_is_there_stops_all() -> None:
    Path("a.colorized.uncertainty.png").write_text("somebody else's")
    result = colorize("a.png", "--uncertainty")
    assert result.exit_code == 1
    assert "a.colorized.uncertainty.png exists already. Use --overwrite" in told(result)
    assert names() == {"a.colorized.uncertainty.png"}


def test_every_unsure_photo_is_named() -> None:
    write_photo(Photo(255 - GRAY), "b.png")
    result = colorize("a.png", "b.png")
    for name in ("a.png", "b.png"):
        assert f"note: {name}: the model is unsure of most of its colors" in result.stderr


# Hints, before anything is colored ----------------------------------------------------------------


def test_hints_are_previewed_and_nothing_is_colored() -> None:
    result = colorize("a.png", "--hint", "50%,50%,tomato", "--preview-hints", "where.png")
    assert result.exit_code == 0, result.output
    assert names() == {"where.png"}
    assert (read_photo("where.png").pixels == (255, 99, 71)).all(2).any()
    assert colorize("a.png", "--preview-hints", "where.png").exit_code == 1  # it exists
    assert colorize("a.png", "blue.jpg", "--preview-hints", "other.png").exit_code == 2
    assert colorize("a.png", "--preview-hints", "other.txt").exit_code == 2
    assert names() == {"where.png"}


def test_a_reference_with_hardly_any_colors_says_so() -> None:
    pale = (BLUE * 0.05 + 120).astype(np.uint8)
    write_photo(Photo(pale), "pale.png")
    assert "pale.png has hardly any colors" in told(
        colorize("a.png", "--reference", "pale.png", "-o", "b.png")
    )
    assert "hardly any" not in told(colorize("a.png", "--reference", "blue.jpg", "-o", "c.png"))


def test_the_look_of_a_result_of_another_model_is_noted() -> None:
    assert colorize("a.png", "-o", "made.png", "--look", "natural").exit_code == 0
    again = colorize("a.png", "--look-file", "made.png", "-o", "again.png")
    assert "made with" not in told(again)
    other = colorize("a.png", "--look-file", "made.png", "-o", "other.png", model="lrac.test")
    assert other.exit_code == 0
    assert "note: made.png: it was made with cic.test" in told(other)
