"""`autochrome colorize --samples`: several files of one photo, all or none, and their contact sheet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from click.testing import CliRunner, Result

from autochrome.cli.main import main
from autochrome.io.photo import read_photo, read_provenance
from autochrome.pipeline.painter import Painter
from tests.cli.photos import GRAY, names, put
from tests.drawing_model import Drawing


@pytest.fixture
def colorize(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run the command with a model that draws, in the test's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("autochrome.cli.colorize.make_painter", lambda *_: Painter(Drawing()))

    def run(*arguments: object, given: bytes | None = None) -> Result:
        return CliRunner().invoke(
            main, ["colorize", "--model", "pixcolor.test", *map(str, arguments)], input=given
        )

    return run


def made_as(path: str) -> dict[str, Any]:
    provenance = read_provenance(path)
    assert provenance is not None
    return dict(provenance.settings)


def told(result: Result) -> str:
    return " ".join(result.stderr.replace("│", "").split())


# Names -------------------------------------------------------------------------------------------


def test_four_files_and_a_sheet(colorize) -> None:
    put("photo.jpg")
    result = colorize("photo.jpg", "--samples", 4, "--seed", 9)
    assert result.exit_code == 0, result.output
    files = [f"photo.colorized.{number}.jpg" for number in (1, 2, 3, 4)]
    assert names() == {"photo.jpg", *files, "photo.colorized.sheet.jpg"}
    assert [made_as(file)["sample"] for file in files] == [1, 2, 3, 4]
    assert {made_as(file)["seed"] for file in files} == {9}
    assert len({Path(file).read_bytes() for file in files}) == 4
    assert "photo.jpg -> photo.colorized.1.jpg, ..., photo.colorized.4.jpg, photo.colorized.sheet" in told(
        result
    )
    assert result.stdout == ""


def test_one_sample_is_named_as_ever_and_has_no_sheet(colorize) -> None:
    put("photo.jpg")
    assert colorize("photo.jpg", "--seed", 9).exit_code == 0
    assert names() == {"photo.jpg", "photo.colorized.jpg"}
    one = read_photo("photo.colorized.jpg").pixels
    assert colorize("photo.jpg", "--seed", 9, "--samples", 2).exit_code == 0
    np.testing.assert_array_equal(read_photo("photo.colorized.1.jpg").pixels, one)


def test_numbers_are_padded_to_one_width(colorize) -> None:
    put("a.png")
    assert colorize("a.png", "--samples", 10).exit_code == 0
    assert {"a.colorized.01.png", "a.colorized.09.png", "a.colorized.10.png"} < names()
    assert len(names()) == 1 + 10 + 1


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        ("b.png", {"b.1.png", "b.2.png", "b.sheet.png"}),
        ("new/", {"new/a.1.tif", "new/a.2.tif", "new/a.sheet.jpg"}),
        ("b.webp", {"b.1.webp", "b.2.webp", "b.sheet.webp"}),
    ],
)
def test_out(colorize, out: str, expected: set[str]) -> None:
    put("a.tif")
    assert colorize("a.tif", "--samples", 2, "-o", out).exit_code == 0
    assert names() == {"a.tif"} | expected


def test_tree_is_mirrored_and_earlier_results_are_no_photos(colorize) -> None:
    put("photos/a.png")
    put("photos/x/b.png")
    for _ in range(2):
        assert colorize("photos", "-r", "--samples", 2, "-o", "out").exit_code == 0
        mirrored = {f"out/{name}.{mark}.png" for name in ("a", "x/b") for mark in ("1", "2", "sheet")}
        assert names() == {"photos/a.png", "photos/x/b.png"} | mirrored
    assert colorize("photos", "--samples", 2).exit_code == 0
    before = names()
    result = colorize("photos", "--samples", 2)
    assert "0 colorized, 1 skipped" in result.stderr
    assert names() == before


def test_pages(colorize) -> None:
    import pyvips

    image = pyvips.Image.new_from_array(np.vstack([GRAY[..., 0], 255 - GRAY[..., 0]])).copy()
    image.set_type(pyvips.GValue.gint_type, "page-height", 64)
    image.write_to_file("scan.tif")
    assert colorize("scan.tif", "--page", "all", "--samples", 2, "-o", "out/").exit_code == 0
    marks = [f"page-00{page}.{mark}" for page in (0, 1) for mark in ("1.tif", "2.tif", "sheet.jpg")]
    assert names() == {"scan.tif", *(f"out/scan.{mark}" for mark in marks)}


# What is in them ---------------------------------------------------------------------------------


def test_depth_and_alpha_are_kept(colorize) -> None:
    deep = np.ascontiguousarray(GRAY.astype(np.uint16) * 200 + 77)
    put("deep.png", deep, alpha=np.ascontiguousarray(deep[:, :, 0]))
    assert colorize("deep.png", "--samples", 2).exit_code == 0
    for number in (1, 2):
        photo = read_photo(f"deep.colorized.{number}.png")
        assert photo.pixels.dtype == np.uint16
        np.testing.assert_array_equal(photo.alpha, deep[:, :, 0])
    assert read_photo("deep.colorized.sheet.png").pixels.dtype == np.uint8


def test_the_sheet_shows_the_photo_and_the_samples_in_order(colorize) -> None:
    put("a.png")
    assert colorize("a.png", "--samples", 2).exit_code == 0
    sheet = read_photo("a.colorized.sheet.png").pixels
    expected = [np.repeat(GRAY, 3, axis=2), *(read_photo(f"a.colorized.{k}.png").pixels for k in (1, 2))]
    for column, picture in enumerate(expected):
        left = 8 + column * (256 + 8) + (256 - 64) // 2
        np.testing.assert_array_equal(sheet[8:72, left : left + 64], picture)
        assert sheet[72:96, 8 + column * 264 : 264 + column * 264].min() < 100, "its label"
    made = made_as("a.colorized.sheet.png")
    assert made == {
        "seed": 0, "temperature": 0.5, "guidance": 0.125, "refine": True, "size": 64, "upsampling": "guided",
        "look": "natural", "saturation": 1.0,
    }  # fmt: skip


def test_ranked_samples_are_numbered_best_first(colorize) -> None:
    put("a.png")
    assert colorize("a.png", "--samples", 6, "--seed", 1, "--rank").exit_code == 0
    scores = [made_as(f"a.colorized.{number}.png")["rank_score"] for number in range(1, 7)]
    assert scores == sorted(scores, reverse=True)
    assert [made_as(f"a.colorized.{number}.png")["sample"] for number in range(1, 7)] != list(range(1, 7))


def test_refined_or_not(colorize) -> None:
    put("a.png")
    assert colorize("a.png", "-o", "fine.png").exit_code == 0
    assert colorize("a.png", "-o", "coarse.png", "--no-refine").exit_code == 0
    assert (made_as("fine.png")["refine"], made_as("coarse.png")["refine"]) == (True, False)
    assert not np.array_equal(read_photo("fine.png").pixels, read_photo("coarse.png").pixels)


def test_notes_are_told_once(colorize) -> None:
    put("colors.png", np.ascontiguousarray(skimage.data.astronaut()[::8, ::8]))
    result = colorize("colors.png", "--samples", 3)
    assert result.stderr.count("only its lightness was used") == 1


# What can be wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.colorized.1.png", "a.colorized.3.png", "a.colorized.sheet.png"])
def test_one_file_that_is_there_stops_all(colorize, name: str) -> None:
    put("a.png")
    Path(name).write_text("somebody else's")
    result = colorize("a.png", "--samples", 3)
    assert result.exit_code == 1
    assert f"{name} exists already. Use --overwrite" in told(result)
    assert names() == {"a.png", name}
    assert colorize(".", "--samples", 3).exit_code == 1, "found in a folder, a part being there"
    assert names() == {"a.png", name}
    assert colorize("a.png", "--samples", 3, "--overwrite").exit_code == 0
    assert len(names()) == 5
    assert Path(name).read_bytes()[1:4] == b"PNG"


def test_no_result_replaces_a_photo(colorize) -> None:
    put("a.png")
    put("a.2.png")
    before = Path("a.2.png").read_bytes()
    result = colorize("a.png", "a.2.png", "--samples", 2, "-o", ".", "--overwrite")
    assert result.exit_code == 1
    assert "failed: a.png: its result would replace the photo a.2.png" in told(result)
    assert Path("a.2.png").read_bytes() == before
    assert names() == {"a.png", "a.2.png", "a.2.1.png", "a.2.2.png", "a.2.sheet.png"}


def test_photos_that_would_share_a_result(colorize) -> None:
    put("x/a.1.png")
    put("y/a.png")
    put("x/a.1.jpg")
    result = colorize("x/a.1.png", "x/a.1.jpg", "y/a.png", "--samples", 2, "-o", "out", "--format", "png")
    assert "would replace that of x/a.1.png" in told(result)
    assert not any(name.endswith(".part") for name in names())


@pytest.mark.parametrize(
    ("arguments", "given", "message"),
    [
        (["-"], b"", "takes one colorization, not --samples 2"),
        (["a.png", "-o", "-"], None, "takes one colorization, not --samples 2"),
        (
            ["a.png", "--model", "gray"],
            None,
            "not support --samples 2; use --model cgan, cic, lrac or pixcolor",
        ),
        (
            ["a.png", "--vibrance", 1],
            None,
            "not support --vibrance; use --model cic or lrac, or leave that out",
        ),
        (["a.png", "--fuse", "full"], None, "does not support --fuse full; use --model cic or lrac"),
        (["a.png", "--samples", 0], None, "0 is not in the range 1<=x<=64"),
        (["a.png", "--samples", 65], None, "not in the range"),
        (["a.png", "--seed", -1], None, "-1 is not in the range"),
        (["a.png", "--seed", "x"], None, "not a valid integer"),
    ],
)
def test_wrong_options(colorize, arguments: list[object], given: bytes | None, message: str) -> None:
    put("a.png")
    result = colorize("--samples", 2, *arguments, given=given)
    assert result.exit_code == 2
    assert message in told(result)
    assert result.stdout_bytes == b""
    assert names() == {"a.png"}


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("no/folder/x.png", "its folder does not exist"),
        ("x.doc", "x.1.doc: has an ending that stands for no format"),
    ],
)
def test_files_that_cannot_be_written(colorize, out: str, message: str) -> None:
    put("a.png")
    result = colorize("a.png", "--samples", 2, "-o", out)
    assert result.exit_code == 1
    assert message in told(result)
    assert ".autochrome-" not in result.stderr
    assert names() == {"a.png"}


def fail_at(call: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a certain renaming to a final name fail."""
    original, calls = os.replace, []

    def replace(source: object, target: object) -> None:
        if ".autochrome-" not in str(target):
            calls.append(target)
            if len(calls) == call:
                raise error
        original(source, target)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", replace)


@pytest.mark.parametrize("call", [1, 2, 4])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_all_or_none(colorize, monkeypatch: pytest.MonkeyPatch, call: int, error: BaseException) -> None:
    put("a.png")
    fail_at(call, error, monkeypatch)
    result = colorize("a.png", "--samples", 3)
    assert result.exit_code == (130 if isinstance(error, KeyboardInterrupt) else 1)
    assert names() == {"a.png"}


def test_what_was_there_stays_when_it_cannot_be_replaced(colorize, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.png")
    old = ["a.colorized.1.png", "a.colorized.2.png"]  # of an earlier run; the sheet is gone
    for name in old:
        Path(name).write_text(name)
    fail_at(2, OSError("disk full"), monkeypatch)
    assert colorize("a.png", "--samples", 2, "--overwrite").exit_code == 1
    assert names() == {"a.png", *old}
    assert [Path(name).read_text() for name in old] == old


def test_a_failure_while_painting_leaves_nothing(colorize, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.png")
    put("b.png")
    original, calls = Painter.paint, []

    def paint(self: Painter, *arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 3:
            raise MemoryError("no memory left")
        return original(self, *arguments)

    monkeypatch.setattr(Painter, "paint", paint)
    result = colorize("a.png", "b.png", "--samples", 4)
    assert result.exit_code == 1
    assert "failed: a.png: no memory left" in result.stderr
    assert names() == {
        "a.png",
        "b.png",
        "b.colorized.sheet.png",
        *(f"b.colorized.{k}.png" for k in (1, 2, 3, 4)),
    }


def test_a_result_that_appears_meanwhile_is_kept(colorize, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.png")
    original = Painter.paint

    def slow(self: Painter, *arguments: Any) -> Any:
        Path("a.colorized.2.png").write_text("somebody else's")
        return original(self, *arguments)

    monkeypatch.setattr(Painter, "paint", slow)
    assert colorize("a.png", "--samples", 2).exit_code == 1
    assert Path("a.colorized.2.png").read_text() == "somebody else's"
    assert names() == {"a.png", "a.colorized.2.png"}


def test_photos_are_not_piled_up_in_memory(colorize, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many samples only a few are held at a time."""
    import weakref

    put("a.png")
    original, alive, most = Painter.paint, weakref.WeakSet(), []

    def paint(self: Painter, *arguments: Any) -> Any:
        colored = original(self, *arguments)
        alive.add(colored)
        most.append(len(alive))
        return colored

    monkeypatch.setattr(Painter, "paint", paint)
    assert colorize("a.png", "--samples", 12).exit_code == 0
    assert max(most) <= 5


def test_the_network_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put("a.png")
    words = ["colorize", "a.png", "--model", "pixcolor.test", "--size", "32", "--samples", "2", "--rank"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert names() == {"a.png", "a.colorized.1.png", "a.colorized.2.png", "a.colorized.sheet.png"}
