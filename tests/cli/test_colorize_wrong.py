"""`autochrome colorize`: everything that can be wrong with photos, options and results."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.photos import is_colored, names, put


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
        (["--page", "1" * 5000], "neither a page's number"),
        (["--page", "1" * 400], "neither a page's number"),
        (["--device", "meta"], "the device meta is not available"),
        (["--device", "cuda:" + "1" * 5000], "the device cuda:111"),
        (["--seed", "1" * 400, "--model", "cgan.test"], "has more than 18 digits"),
        (["--samples", "1" * 5000], "has more than 18 digits"),
        (["--seed", "3"], "does not support --seed 3"),
        (["--rank"], "does not support --rank; use --model"),
        (["--no-refine"], "does not support --no-refine; use --model"),
        (["--hint", "1" * 400 + ",5,red"], "is not a hint"),
        (["--model", "cic.tset"], "did you mean cic"),
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
    assert len(result.stderr) < 2000


@pytest.mark.parametrize("option", ["--hints", "--reference", "--look-file", "--weights"])
@pytest.mark.parametrize("name", ["missing", "n" * 300])
def test_files_of_options_that_are_missing_are_usage_errors(colorize, option: str, name: str) -> None:
    put("camera.png")
    result = colorize("camera.png", option, name)
    assert result.exit_code == 2
    assert name[:40] in result.stderr.replace("\n", "")
    assert names() == {"camera.png"}


def test_no_photo_named(colorize) -> None:
    result = colorize()
    assert result.exit_code == 2
    assert "--files-from" in result.stderr


def test_interrupted_work_leaves_no_partial_file(colorize, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.png")
    put("b.png")
    put("c.png")
    replace, calls = os.replace, []

    def interrupted(source: object, target: object) -> None:
        if ".autochrome-" not in str(target):
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

    original = Painter.paint

    def slow(self: Painter, *arguments: object):
        Path("a.colorized.png").write_text("somebody else's")
        return original(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Painter, "paint", slow)
    assert colorize("a.png").exit_code == 1
    assert Path("a.colorized.png").read_text() == "somebody else's"
