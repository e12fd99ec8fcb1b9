"""`autochrome colorize`: files, folders, pipes, and everything that can be wrong with them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
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


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the tiny model, so that every run has the same ones."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    model = create_model("cic.test")
    with torch.no_grad():  # untrained it would be unsure of everything, and say so
        model.get_parameter("network.head.weight").mul_(1000)
    save_weights(model, path)
    return path


@pytest.fixture
def colorize(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run the command with the tiny model, in the test's folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, given: bytes | None = None) -> Result:
        fixed = ["colorize", "--model", "cic.test", "--weights", str(weights)]
        return CliRunner().invoke(main, [*fixed, *map(str, arguments)], input=given)

    return run


def put(name: str, pixels: np.ndarray = GRAY, **fields: object) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_photo(Photo(pixels, **fields), path)  # type: ignore[arg-type]
    return path


def names() -> set[str]:
    """All files below, hidden ones too."""
    return {str(path) for path in Path().rglob("*") if path.is_file()}


def is_colored(path: str | Path) -> bool:
    pixels = read_photo(path).pixels
    return pixels.shape[2] == 3 and np.ptp(pixels.astype(int), axis=2).max() > 2


# Where results go --------------------------------------------------------------------------------


def test_beside_the_photo(colorize) -> None:
    put("camera.png")
    result = colorize("camera.png")
    assert result.exit_code == 0, result.output
    assert names() == {"camera.png", "camera.colorized.png"}
    assert is_colored("camera.colorized.png")
    assert result.stdout == ""
    assert "camera.png -> camera.colorized.png" in result.stderr


def test_into_a_file_whose_ending_names_the_format(colorize) -> None:
    put("camera.png")
    assert colorize("camera.png", "-o", "result.jpg").exit_code == 0
    assert names() == {"camera.png", "result.jpg"}
    assert read_photo("result.jpg").format == "jpeg"


@pytest.mark.parametrize("out", ["made/new/", "there"])
def test_one_photo_into_a_folder(colorize, out: str) -> None:
    put("camera.png")
    Path("there").mkdir()
    assert colorize("camera.png", "-o", out).exit_code == 0
    assert names() == {"camera.png", str(Path(out, "camera.png"))}


def test_format_and_quality(colorize) -> None:
    put("camera.png")
    sizes = []
    for quality in (10, 95):
        assert colorize("camera.png", "--format", "jpeg", "--quality", quality, "--overwrite").exit_code == 0
        sizes.append(Path("camera.colorized.jpg").stat().st_size)
    assert names() == {"camera.png", "camera.colorized.jpg"}
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize(("out", "problem"), [("old.json", "is a file"), ("new.jpg", "named like a picture")])
def test_several_photos_need_a_folder(colorize, out: str, problem: str) -> None:
    put("photos/a.png")
    Path("old.json").write_text("{}")
    for photos in (["photos"], ["photos/a.png", "photos/a.png"]):
        result = colorize(*photos, "-o", out)
        assert result.exit_code == 1
        assert problem in result.output
        assert names() == {"photos/a.png", "old.json"}
    assert colorize("photos", "-o", "new.jpg/").exit_code == 0  # so it was meant
    assert names() == {"photos/a.png", "old.json", "new.jpg/a.png"}


def test_folder_beside_and_not_below(colorize) -> None:
    put("photos/a.png")
    put("photos/b.JPG")
    put("photos/sub/c.png")
    Path("photos/notes.txt").write_text("no photo")
    result = colorize("photos")
    assert result.exit_code == 0, result.output
    assert {"photos/a.colorized.png", "photos/b.colorized.JPG"} < names()
    assert not any("sub/c.colorized" in name for name in names())
    assert "2 colorized" in result.stderr


def test_tree_is_mirrored(colorize) -> None:
    put("photos/a.png")
    put("photos/x/y/b.png")
    assert colorize("photos", "--recursive", "-o", "out").exit_code == 0
    assert names() == {"photos/a.png", "photos/x/y/b.png", "out/a.png", "out/x/y/b.png"}


def test_earlier_results_are_no_photos(colorize) -> None:
    put("photos/a.png")
    assert colorize("photos").exit_code == 0
    before = names()
    result = colorize("photos")
    assert result.exit_code == 0
    assert "0 colorized, 1 skipped" in result.stderr
    assert names() == before
    assert colorize("photos", "--overwrite").exit_code == 0
    assert names() == before


def test_sheets_of_looks_are_no_photos(colorize) -> None:
    """Those that `autochrome try` writes beside the photos."""
    put("photos/a.png")
    put("photos/a.try.jpg")
    put("photos/try.jpg")
    assert colorize("photos", "-o", "out").exit_code == 0
    assert names() == {"photos/a.png", "photos/a.try.jpg", "photos/try.jpg", "out/a.png", "out/try.jpg"}


def test_pictures_in_formats_that_are_not_read_are_named(colorize) -> None:
    put("album/a.png")
    for name in ("album/b.bmp", "album/c.gif", "album/notes.txt"):
        Path(name).write_bytes(b"x")
    result = colorize("album")
    assert result.exit_code == 0, result.output
    assert "note: album/b.bmp and 1 more: skipped" in result.output
    assert Path("album/a.colorized.png").exists()


def test_results_inside_the_folder_are_no_photos(colorize) -> None:
    put("photos/a.png")
    for _ in range(2):
        assert colorize("photos", "-r", "-o", "photos/out").exit_code == 0
        assert names() == {"photos/a.png", "photos/out/a.png"}


def test_named_twice_is_done_once(colorize) -> None:
    put("photos/a.png")
    result = colorize("photos/a.png", "photos", "./photos/a.png")
    assert result.exit_code == 0
    assert names() == {"photos/a.png", "photos/a.colorized.png"}


def test_pages(colorize) -> None:
    pages = [np.ascontiguousarray(GRAY + np.uint8(i)) for i in range(2)]
    import pyvips

    images = [pyvips.Image.new_from_array(page) for page in pages]
    joined = images[0].join(images[1], "vertical").copy()
    joined.set_type(pyvips.GValue.gint_type, "page-height", 64)
    joined.write_to_file("scan.tif")
    assert colorize("scan.tif", "--page", 1).exit_code == 0
    assert colorize("scan.tif", "--page", "all").exit_code == 0
    made = {"scan.colorized.tif", "scan.page-000.colorized.tif", "scan.page-001.colorized.tif"}
    assert names() == {"scan.tif"} | made
    second = read_photo("scan.page-001.colorized.tif").pixels
    np.testing.assert_array_equal(second, read_photo("scan.colorized.tif").pixels)
    assert not np.array_equal(second, read_photo("scan.page-000.colorized.tif").pixels)
    result = colorize("scan.tif", "--page", 2, "--overwrite")
    assert result.exit_code == 1
    assert "no page 2" in result.stderr


# What is kept and what is told -------------------------------------------------------------------


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
    options = ["--saturation", 1.5, "--hint", "33.33333333%,9,teal", "--warmer", "--reference", "red.jpg"]
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
        (["--save-look", "no/mine.json"], 1, "mine.json cannot be written: No such file or directory"),
        (["--look-file", "mine.json"], 2, "mine.json: version is None, but this release reads version 1"),
        (["--look-file", "camera.png"], 2, "camera.png: is neither a look file nor a photo that Autochrome"),
    ):
        result = colorize("camera.png", *arguments)
        assert result.exit_code == code, result.output
        assert message in " ".join(result.stderr.split())
    assert names() == {"camera.png", "mine.json"}


def test_a_look_that_the_model_lacks_is_a_usage_error(colorize) -> None:
    put("camera.png")
    result = colorize("camera.png", "--look", "vivid")
    assert result.exit_code == 2
    assert "cic.test does not support look=vivid; use --model cgan, cic, lrac or pixcolor" in " ".join(
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


# A pipe ------------------------------------------------------------------------------------------


def test_pipe_carries_the_photo_alone(colorize) -> None:
    content = put("camera.png").read_bytes()
    result = colorize("-", given=content)
    assert result.exit_code == 0, result.stderr
    colored = read_photo(result.stdout_bytes)
    assert colored.format == "png"
    assert colored.pixels.shape == (64, 64, 3)
    assert names() == {"camera.png"}


def test_pipe_in_and_pipe_out(colorize) -> None:
    content = put("camera.png").read_bytes()
    assert colorize("-", "-o", "result.jpg", given=content).exit_code == 0
    assert is_colored("result.jpg")
    result = colorize("camera.png", "-o", "-", "--format", "jpeg")
    assert read_photo(result.stdout_bytes).format == "jpeg"


@pytest.mark.parametrize(
    ("arguments", "given", "told"),
    [
        (["-", "camera.png"], b"", "takes one page of one photo"),
        (["-", "--page", "all"], b"", "takes one page of one photo"),
        (["-"], b"", "the photo from the pipe: is empty"),
        (["-"], b"hello\n", "the photo from the pipe: is not a photo"),
        (["-", "-o", "camera.png"], b"", "camera.png exists already"),
    ],
)
def test_wrong_pipes(colorize, arguments: list[str], given: bytes, told: str) -> None:
    put("camera.png")
    result = colorize(*arguments, given=given)
    assert result.exit_code != 0
    assert told in " ".join(result.stderr.split())
    assert result.stdout_bytes == b""
    assert names() == {"camera.png"}


def test_a_real_pipe(weights: Path, tmp_path: Path) -> None:
    content = write_photo(Photo(GRAY), format="png")
    command = [
        sys.executable,
        "-m",
        "autochrome",
        "colorize",
        "-",
        "--model",
        "cic.test",
        "--weights",
        weights,
    ]
    run = subprocess.run(command, input=content, capture_output=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert read_photo(run.stdout).pixels.shape == (64, 64, 3)
    assert run.stderr == b""


# What can be wrong -------------------------------------------------------------------------------


def wrong_files() -> None:
    put("good.png")
    put("done.png")
    put("done.colorized.png")
    Path("empty.jpg").touch()
    Path("text.jpg").write_text("This is not a photo.\n")
    Path("page.jpg").write_text("<!DOCTYPE html><html></html>")
    content = put("cut.jpg").read_bytes()
    Path("cut.jpg").write_bytes(content[: len(content) // 2])
    Path("nothing").mkdir()
    put("results/a.colorized.png")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere.jpg", "does not exist"),
        ("nothing", "holds no photos"),
        ("results", "holds only earlier results"),
        ("empty.jpg", "is empty"),
        ("text.jpg", "seems to be a text file"),
        ("page.jpg", "a web page"),
        ("cut.jpg", "is damaged or cut short"),
        ("done.png", "done.colorized.png exists already. Use --overwrite"),
    ],
)
def test_one_wrong_photo_does_not_stop_the_others(colorize, name: str, told: str) -> None:
    wrong_files()
    before = {path: Path(path).read_bytes() for path in names()}
    result = colorize(name, "good.png")
    assert result.exit_code == 1
    [failure] = [line for line in result.stderr.splitlines() if line.startswith("failed: ")]
    assert name in failure
    assert told in failure
    assert "1 colorized, 1 failed" in result.stderr
    assert names() == set(before) | {"good.colorized.png"}
    assert {path: Path(path).read_bytes() for path in before} == before


def test_the_same_wrong_photo_alone(colorize) -> None:
    Path("text.jpg").write_text("This is not a photo.\n")
    result = colorize("text.jpg")
    assert result.exit_code == 1
    assert "failed: text.jpg: is not a photo that can be read" in result.stderr
    assert names() == {"text.jpg"}


def test_overwrite_replaces_results_and_never_photos(colorize) -> None:
    put("a.png")
    put("b/a.png")
    Path("a.colorized.png").write_text("old")
    assert colorize("a.png", "--overwrite").exit_code == 0
    assert is_colored("a.colorized.png")
    before = Path("a.png").read_bytes()
    for out in ("a.png", "."):
        result = colorize("a.png", "-o", out, "--overwrite")
        assert result.exit_code == 1
        assert "would replace the photo itself" in result.stderr
    assert Path("a.png").read_bytes() == before


def test_two_photos_for_one_result(colorize) -> None:
    put("x/a.png")
    put("y/a.png")
    result = colorize("x/a.png", "y/a.png", "-o", "out")
    assert result.exit_code == 1
    assert "would replace that of x/a.png" in result.stderr
    assert names() == {"x/a.png", "y/a.png", "out/a.png"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--vibrance", "9"], "9.0 is not in the range -1<=x<=2"),
        (["--vibrance", "much"], "'much' is not a valid float"),
        (["--look", "warm"], "'warm' is not one of 'natural', 'accurate', 'vivid'"),
        (["--saturation", "3.5"], "3.5 is not in the range 0<=x<=3"),
        (["--saturation", "nan"], "saturation"),
        (["--temperature", "-1"], "not in the range 0<=x<=1"),
        (["--temperature", "nan"], "temperature"),
        (["--size", "0"], "0 is not in the range 32<=x<=2048"),
        (["--size", "1.5"], "not a valid integer"),
        (["--quality", "101"], "not in the range 1<=x<=100"),
        (["--fuse", "all"], "'all' is not one of"),
        (["--format", "bmp"], "'bmp' is not one of"),
        (["--page", "first"], "neither a page's number"),
        (["--page", "-1"], "neither a page's number"),
        (["--device", "cuda:77"], "the device cuda:77 is not available"),
        (["--model", "cic.tset"], "did you mean cic.test"),
        (["--model", "cic.compact"], "use --model cic.test"),
        (["--weights", "none.safetensors"], "there are no weights at none.safetensors"),
        (["-o", "no/folder/x.png"], "its folder does not exist"),
        (["-o", "x.doc"], "ending that stands for no format"),
    ],
)
def test_wrong_options(colorize, arguments: list[str], told: str) -> None:
    put("camera.png")
    result = colorize("camera.png", *arguments)
    assert result.exit_code != 0
    assert told in " ".join(result.stderr.replace("│", "").split())
    assert names() == {"camera.png"}
    assert "Traceback" not in result.stderr


def test_no_photo_named(colorize) -> None:
    result = colorize()
    assert result.exit_code == 2
    assert "Missing argument" in result.stderr


def test_interrupted_work_leaves_no_partial_file(colorize, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.png")
    put("b.png")
    put("c.png")
    replace, calls = os.replace, []

    def interrupted(source: object, target: object) -> None:
        calls.append(target)
        if len(calls) == 2:  # the second photo is encoded, and about to take its name
            raise KeyboardInterrupt
        replace(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", interrupted)
    result = colorize("a.png", "b.png", "c.png")
    assert result.exit_code == 130
    assert "1 colorized" in result.stderr
    assert "interrupted" in result.stderr
    assert names() == {"a.png", "b.png", "c.png", "a.colorized.png"}


def test_a_result_that_appears_meanwhile_is_kept(colorize, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.png")
    from autochrome.pipeline.painter import Painter

    original = Painter.colorize

    def slow(self: Painter, *arguments: object):
        Path("a.colorized.png").write_text("somebody else's")
        return original(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Painter, "colorize", slow)
    assert colorize("a.png").exit_code == 1
    assert Path("a.colorized.png").read_text() == "somebody else's"
