"""`autochrome try`: one sheet of models and looks, with the commands."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from click.testing import CliRunner, Result

from autochrome.cli import try_
from autochrome.cli.main import main
from autochrome.io.photo import Photo, read_photo, read_provenance, write_photo
from autochrome.pipeline.painter import Painter, Prediction
from autochrome.pipeline.settings import ColorizeSettings
from autochrome.report.contact_sheet import fit

GRAY = np.ascontiguousarray(skimage.data.camera()[::8, ::6, None])


@pytest.fixture
def attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run the command with tiny models, in the test's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(try_, "MODELS", ("cic.test", "cgan.test"))

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, ["try", *map(str, arguments)])

    return run


def put(name: str, pixels: np.ndarray = GRAY) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_photo(Photo(pixels), path)
    return path


def names() -> set[str]:
    """All files below, hidden ones too."""
    return {str(path) for path in Path().rglob("*") if path.is_file()}


def told(result: Result) -> str:
    return " ".join(result.output.split())


def test_a_sheet_beside_the_photo_and_its_commands(attempt) -> None:
    put("camera.png")
    result = attempt("camera.png")
    assert result.exit_code == 0, result.output
    assert names() == {"camera.png", "camera.try.jpg"}
    assert result.stdout.splitlines() == [
        "camera.png -> camera.try.jpg",
        "  autochrome colorize camera.png --model cic.test --look natural",
        "  autochrome colorize camera.png --model cgan.test --look natural",
    ]
    sheet = read_photo("camera.try.jpg")
    assert sheet.size[0] > 3 * 64  # the photo and two versions, one above the other
    assert np.ptp(sheet.pixels.astype(int), axis=2).max() > 10


def test_the_sheet_shows_what_the_commands_make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a model of either kind, in every look: each printed command's picture stands on the sheet."""
    monkeypatch.chdir(tmp_path)
    put("my photo.png")
    run = ["try", "my photo.png", "--model", "lrac", "--model", "cgan", "--seed", "3", "-o", "sheet.png"]
    result = CliRunner().invoke(main, run)
    assert result.exit_code == 0, result.output
    sheet = read_photo("sheet.png").pixels
    commands = [shlex.split(line) for line in result.stdout.splitlines()[1:]]
    assert [words[3:] for words in commands] == [
        *(["--model", "lrac", "--look", look] for look in ("natural", "accurate", "vivid")),
        *(["--model", "cgan", "--look", look, "--seed", "3"] for look in ("natural", "accurate", "vivid")),
    ]
    found = []
    for words in commands:
        assert words[:3] == ["autochrome", "colorize", "my photo.png"]
        made = CliRunner().invoke(main, [*words[1:], "-o", "made.png", "--overwrite"])
        assert made.exit_code == 0, made.output
        found.append(place(fit(read_photo("made.png").pixels), sheet))
    rows, columns = ([places[i] for places in found] for i in (0, 1))
    assert rows[0] == rows[1] == rows[2] < rows[3] == rows[4] == rows[5]
    assert columns[0] == columns[3] < columns[1] == columns[4] < columns[2] == columns[5]


def place(picture: np.ndarray, sheet: np.ndarray) -> tuple[int, int]:
    """Row and column where a picture stands on a sheet."""
    height, width = picture.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(sheet, (height, width), axis=(0, 1))
    candidates = np.argwhere((windows[..., 0, 0] == picture[0, 0]).all(2))
    places = [(y, x) for y, x in candidates if (sheet[y : y + height, x : x + width] == picture).all()]
    [(y, x)] = places
    return int(y), int(x)


def test_a_model_is_asked_no_more_than_its_looks_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LRAC's natural and vivid looks differ in decoding alone; every look of cgan is a draw of its own."""
    monkeypatch.chdir(tmp_path)
    put("camera.png")
    asked: list[tuple[str, str]] = []
    predict = Painter.predict

    def counted(painter: Painter, photo: Photo, settings: ColorizeSettings | None = None) -> Prediction:
        assert settings is not None
        asked.append((painter.model.spec.arch, settings.look))
        return predict(painter, photo, settings)

    monkeypatch.setattr(Painter, "predict", counted)
    result = CliRunner().invoke(main, ["try", "camera.png", "--model", "lrac", "--model", "cgan"])
    assert result.exit_code == 0, result.output
    assert asked == [
        ("lrac", "natural"),
        ("lrac", "accurate"),
        *(("cgan", look) for look in ("natural", "accurate", "vivid")),
    ]


def test_the_sheet_says_in_its_metadata_that_models_colored_it(attempt) -> None:
    put("camera.png")
    assert attempt("camera.png", "-o", "sheet.jpg").exit_code == 0
    made = read_provenance("sheet.jpg")
    assert made is not None
    assert made.model == "cic.test, cgan.test"
    assert made.settings["versions"] == [
        "--model cic.test --look natural",
        "--model cgan.test --look natural",
    ]


def test_twice_is_the_same_and_another_seed_is_another(attempt) -> None:
    put("camera.png")
    for name, extra in (("a", ()), ("b", ()), ("c", ("--seed", 5))):
        torch.manual_seed(1)  # the tiny models' weights are random
        assert attempt("camera.png", "-o", f"{name}.png", *extra).exit_code == 0
    sheets = [read_photo(f"{name}.png").pixels for name in "abc"]
    np.testing.assert_array_equal(sheets[0], sheets[1])
    assert not np.array_equal(sheets[0], sheets[2])


def test_several_photos_have_a_sheet_each(attempt) -> None:
    put("a.png")
    put("b.jpg")
    result = attempt("a.png", "b.jpg")
    assert result.exit_code == 0
    assert names() == {"a.png", "a.try.jpg", "b.jpg", "b.try.jpg"}
    assert attempt("a.png", "b.jpg", "-o", "sheets/").exit_code == 0
    assert names() > {"sheets/a.try.jpg", "sheets/b.try.jpg"}


def test_a_model_named_twice_is_tried_once(attempt) -> None:
    put("a.png")
    result = attempt("a.png", "--model", "gray", "--model", "gray.baseline")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 2


def test_deep_and_colored_photos(attempt) -> None:
    put("deep.tif", np.ascontiguousarray(GRAY.astype(np.uint16) * 200))
    put("color.png", np.ascontiguousarray(skimage.data.astronaut()[::8, ::8]))
    result = attempt("deep.tif", "color.png", "--model", "gray", "--model", "cgan.test")
    assert result.exit_code == 0, result.output
    [note] = [line for line in result.stderr.splitlines() if line.startswith("note:")]
    assert note.startswith("note: color.png: it is in color already")


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (400, 2), (900, 1200)])
def test_photos_of_any_shape(attempt, shape: tuple[int, int]) -> None:
    put("odd.png", np.full((*shape, 1), 120, np.uint8))
    assert attempt("odd.png").exit_code == 0
    assert min(read_photo("odd.try.jpg").size) > 100


# What can be wrong -------------------------------------------------------------------------------


def test_a_sheet_that_exists_stays(attempt) -> None:
    put("a.png")
    Path("a.try.jpg").write_text("mine")
    result = attempt("a.png")
    assert result.exit_code == 1
    assert result.stderr == "failed: a.png: a.try.jpg exists already. Use --overwrite to replace it\n"
    assert Path("a.try.jpg").read_text() == "mine"
    assert attempt("a.png", "--overwrite").exit_code == 0
    assert read_photo("a.try.jpg").format == "jpeg"


def test_a_photo_is_never_replaced(attempt) -> None:
    before = put("a.jpg").read_bytes()
    result = attempt("a.jpg", "-o", "a.jpg", "--overwrite")
    assert result.exit_code == 1
    assert "a.jpg: its sheet a.jpg would replace a photo. Give another -o" in told(result)
    assert names() == {"a.jpg"}
    assert Path("a.jpg").read_bytes() == before


def test_one_wrong_photo_does_not_stop_the_others(attempt) -> None:
    put("good.png")
    put("good.jpg")
    Path("text.jpg").write_text("This is not a photo.\n")
    Path("album").mkdir()
    content = put("cut.jpg").read_bytes()
    Path("cut.jpg").write_bytes(content[: len(content) // 2])
    before = names()
    result = attempt("nowhere.jpg", "text.jpg", "album", "cut.jpg", "good.png", "good.jpg")
    assert result.exit_code == 1
    failures = [line for line in result.stderr.splitlines() if line.startswith("failed: ")]
    wanted = {
        "nowhere.jpg: does not exist",
        "text.jpg: is not a photo",
        "album: is a folder. Name the photos in it: album/*.jpg",
        "good.jpg: its sheet good.try.jpg would replace that of another",
        "cut.jpg: is damaged or cut short",
    }
    assert len(failures) == len(wanted)
    assert all(any(line.startswith(f"failed: {start}") for line in failures) for start in wanted)
    assert names() == before | {"good.try.jpg"}


def test_the_other_models_are_shown_where_one_is_missing(attempt) -> None:
    put("a.png")
    result = attempt("a.png", "--model", "cic.paper", "--model", "gray")
    assert result.exit_code == 1
    assert "failed: cic.paper: no weights are shipped" in told(result)
    assert "--model gray --look natural" in result.stdout
    assert names() == {"a.png", "a.try.jpg"}


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["a.png", "-o", "sheet.tif"], "sheet.tif must end in one of .jpeg, .jpg, .png, .webp", 2),
        (["a.png", "b.png", "-o", "sheet.jpg"], "several photos need a folder: -o sheet/", 2),
        (["a.png", "--model", "crag"], "did you mean", 2),
        (["a.png", "--seed", "-1"], "is not in the range", 2),
        (["a.png", "--device", "cuda:77"], "the device cuda:77 is not available", 2),
        (["a.png", "--model", "cic.paper"], "failed: cic.paper: no weights are shipped", 1),
        ([], "Missing argument", 2),
    ],
)
def test_wrong_options(attempt, arguments: list[str], message: str, code: int) -> None:
    put("a.png")
    put("b.png")
    result = attempt(*arguments)
    assert result.exit_code == code
    assert message in told(result)
    assert names() == {"a.png", "b.png"}
