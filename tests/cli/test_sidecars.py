"""`autochrome colorize --sidecars`: what lies beside a photo comes beside its results."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from autochrome.pipeline.painter import Painter
from tests.cli.photos import is_colored, names, put
from tests.cli.test_pages import album
from tests.io.test_sidecars import DEVELOPED, RATED


def sidecar(name: str, content: bytes = RATED) -> None:
    Path(name).write_bytes(content)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a.xmp", "a.colorized.xmp"),
        ("a.XMP", "a.colorized.XMP"),
        ("a.jpg.xmp", "a.colorized.jpg.xmp"),
        ("a.jpg.XMP", "a.colorized.jpg.XMP"),
    ],
)
def test_names(colorize, given: str, expected: str) -> None:
    put("a.jpg")
    sidecar(given, DEVELOPED)
    result = colorize("a.jpg", "--sidecars")
    assert result.exit_code == 0 and f"a.jpg -> a.colorized.jpg, {expected}" in result.stderr
    assert names() == {"a.jpg", given, "a.colorized.jpg", expected}
    written = Path(expected).read_bytes()
    assert b"Rating" in written and b"Grayscale" not in written
    assert Path(given).read_bytes() == DEVELOPED


def test_only_on_request_and_only_where_there_is_one(colorize) -> None:
    put("a.jpg")
    sidecar("a.xmp")
    put("b.jpg")
    assert colorize("a.jpg").exit_code == 0
    assert colorize("b.jpg", "--sidecars").exit_code == 0
    assert names() == {"a.jpg", "a.xmp", "b.jpg", "a.colorized.jpg", "b.colorized.jpg"}


def test_every_sample_has_one(colorize) -> None:
    put("a.jpg")
    sidecar("a.xmp")
    assert colorize("a.jpg", "--sidecars", "--samples", 2, "--uncertainty", "-o", "out/").exit_code == 0
    pictures = {"a.1.jpg", "a.2.jpg", "a.sheet.jpg", "a.uncertainty.png"}
    assert {path.name for path in Path("out").glob("a.*")} == pictures | {"a.1.xmp", "a.2.xmp"}


def test_pages(colorize) -> None:
    album("a.tif")
    sidecar("a.xmp")
    assert colorize("a.tif", "--sidecars").exit_code == 0
    assert Path("a.colorized.xmp").read_bytes() == RATED
    assert colorize("a.tif", "--sidecars", "--page", "all").exit_code == 0
    assert all(Path(f"a.page-00{page}.colorized.xmp").read_bytes() == RATED for page in range(3))


@pytest.mark.parametrize("content", [b"no XMP", RATED[:-20]])
def test_a_damaged_one_is_a_note(colorize, content: bytes) -> None:
    put("a.jpg")
    sidecar("a.xmp", content)
    result = colorize("a.jpg", "--sidecars")
    assert result.exit_code == 0 and "sidecar a.xmp was left out" in " ".join(result.stderr.split())
    assert names() == {"a.jpg", "a.xmp", "a.colorized.jpg"} and is_colored("a.colorized.jpg")


def test_a_huge_one_is_a_note(colorize) -> None:
    put("a.jpg")
    with Path("a.xmp").open("wb") as file:
        file.truncate(1 << 40)
    result = colorize("a.jpg", "--sidecars")
    assert result.exit_code == 0 and "a.xmp was left out" in " ".join(result.stderr.split())
    assert is_colored("a.colorized.jpg") and not Path("a.colorized.xmp").exists()


def test_what_exists_is_replaced_on_request_only(colorize) -> None:
    put("a.jpg")
    sidecar("a.xmp")
    sidecar("a.colorized.xmp", b"mine")
    assert colorize("a.jpg", "--sidecars").exit_code == 1
    assert names() == {"a.jpg", "a.xmp", "a.colorized.xmp"}
    assert Path("a.colorized.xmp").read_bytes() == b"mine"
    assert colorize("a.jpg", "--sidecars", "--overwrite").exit_code == 0
    assert Path("a.colorized.xmp").read_bytes() == RATED


def test_one_that_appears_meanwhile_is_kept(colorize, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.jpg")
    sidecar("a.xmp")
    predict = Painter.predict

    def meanwhile(*arguments, **named):
        sidecar("a.colorized.xmp", b"mine")
        return predict(*arguments, **named)

    monkeypatch.setattr(Painter, "predict", meanwhile)
    assert colorize("a.jpg", "--sidecars").exit_code == 1
    assert names() == {"a.jpg", "a.xmp", "a.colorized.xmp"}
    assert Path("a.colorized.xmp").read_bytes() == b"mine"


def test_one_that_is_gone_meanwhile_leaves_nothing_half_made(colorize, monkeypatch) -> None:
    put("a.jpg")
    sidecar("a.xmp")
    predict = Painter.predict

    def meanwhile(*arguments, **named):
        Path("a.xmp").unlink()
        return predict(*arguments, **named)

    monkeypatch.setattr(Painter, "predict", meanwhile)
    result = colorize("a.jpg", "--sidecars")
    assert result.exit_code == 1 and "a.xmp" in result.stderr
    assert names() == {"a.jpg"}


def test_photos_that_share_one_have_their_own_afterwards(colorize) -> None:
    put("photos/a.jpg")
    put("photos/a.png")
    sidecar("photos/a.xmp")
    for out in ([], ["-o", "out"]):
        assert colorize("photos", "--sidecars", *out).exit_code == 0
    beside = {"photos/a.colorized.xmp", "photos/a.colorized.png.xmp"}
    assert beside | {"out/a.xmp", "out/a.png.xmp"} < names()


def test_a_sidecar_of_a_photo_is_never_replaced(colorize) -> None:
    put("a.jpg")
    put("b.1.tif")
    put("b.jpg")
    for name in ("a.xmp", "b.xmp", "b.1.xmp"):
        sidecar(name, DEVELOPED)
    fixed = ("--sidecars", "--overwrite", "-o")
    assert colorize("a.jpg", *fixed, "a.png").exit_code == 0
    assert Path("a.png.xmp").exists() and Path("a.xmp").read_bytes() == DEVELOPED
    for photos in itertools.permutations(["b.jpg", "b.1.tif"]):
        colorize(*photos, "--samples", 2, *fixed, ".")
        assert Path("b.1.xmp").read_bytes() == Path("b.xmp").read_bytes() == DEVELOPED


def test_the_next_run_knows_them(colorize) -> None:
    put("photos/a.jpg")
    sidecar("photos/a.xmp")
    assert colorize("photos", "-o", "out").exit_code == 0
    for expected in ("a.jpg -> out/a.jpg, out/a.xmp", "0 colorized", "0 colorized"):
        result = colorize("photos", "-o", "out", "--sidecars")
        assert result.exit_code == 0 and expected in result.stderr and "not looked at" not in result.stderr
        assert Path("out/a.xmp").read_bytes() == RATED
    sidecar("out/a.xmp", DEVELOPED)
    assert colorize("photos", "-o", "out", "--sidecars").exit_code == 0
    assert Path("out/a.xmp").read_bytes() == DEVELOPED  # edited, and kept


def test_a_pipe_has_none(colorize) -> None:
    put("a.jpg")
    assert colorize("-", "--sidecars", given=Path("a.jpg").read_bytes()).exit_code == 2
