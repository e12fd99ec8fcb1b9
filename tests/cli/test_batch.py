"""`autochrome colorize`: whatever is wrong with one photo is told, and the others are colored."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autochrome.cli.batch import Batch
from autochrome.cli.events import Event, Failed, Finished, Started
from autochrome.cli.plan import FileOptions, make_plan
from autochrome.io.photo import Photo, read_photo, write_photo
from autochrome.pipeline.painter import Painter
from autochrome.pipeline.settings import ColorizeSettings
from tests.cli.photos import GRAY, names, put


def failures(stderr: str) -> list[str]:
    return [line for line in stderr.splitlines() if line.startswith("failed: ")]


def nested_xmp() -> bytes:
    """A photo whose XMP is nested 5,000 deep: more than Python's recursion, in a small file."""
    depth = 5000
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        b'xmlns:d="http://example.org/d/">' + b"<d:a>" * depth + b"</d:a>" * depth
    )
    photo = Photo(GRAY, metadata={"xmp": xmp + b"</rdf:Description></rdf:RDF></x:xmpmeta>"})
    content = write_photo(photo, format="png")
    assert content is not None
    return content


def photo_called(name: str | bytes) -> None:
    with open(name, "wb") as file:
        file.write(put("a.png").read_bytes())


def make_too_long() -> str:
    name = "写" * 82 + ".png"  # 250 bytes, and those of .colorized come on top
    photo_called(name)
    return name


def make_circle() -> str:
    Path("circle.png").symlink_to("circle.png")
    return "circle.png"


def make_nested() -> str:
    Path("nested.png").write_bytes(nested_xmp())
    return "nested.png"


def make_pipe() -> str:
    os.mkfifo("pipe.png")
    return "pipe.png"


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (make_too_long, "too long"),
        (make_circle, "symbolic links"),
        (make_nested, "nested too deep"),
        (make_pipe, "regular"),
    ],
)
def test_a_photo_that_nobody_expects(colorize, make, kind: str) -> None:
    put("album/a.png")
    os.chdir("album")
    name = make()
    result = colorize(".")
    assert Path("a.colorized.png").exists(), result.output
    if make is make_nested and result.exit_code == 0:
        return  # it can be colored
    assert result.exit_code == 1
    [line] = failures(result.stderr)
    assert f"failed: {name}: " in line
    assert kind in line


def test_a_name_that_is_not_utf8_is_colored(colorize) -> None:
    photo_called(b"m\xfcller.png")
    result = colorize(".", "-r")
    assert result.exit_code == 0, result.output
    assert b"m\xfcller.colorized.png" in os.listdir(b".")


@pytest.mark.parametrize("error", [ZeroDivisionError("by 0"), KeyError("x"), AssertionError()])
def test_an_exception_that_nobody_expects_is_named_and_counted(
    colorize, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        put(name)
    original, calls = Painter.predict, []

    def fails(self: Painter, *arguments: object, **named: object):
        calls.append(1)
        if len(calls) == 2:
            raise error
        return original(self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Painter, "predict", fails)
    result = colorize("a.png", "b.png", "c.png")
    assert result.exit_code == 1
    [line] = failures(result.stderr)
    assert line.startswith(f"failed: b.png: unexpected {type(error).__name__}: ")
    assert "2 colorized, 1 failed (1 unexpectedly)" in result.stderr
    assert {"a.colorized.png", "c.colorized.png"} < names()


def test_memory_that_runs_out_is_expected(colorize, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object):
        raise MemoryError

    put("a.png")
    monkeypatch.setattr(Painter, "predict", fails)
    result = colorize("a.png")
    assert result.exit_code == 1
    assert "failed: a.png: memory ran out" in result.stderr


def test_a_photo_that_vanishes_meanwhile(colorize, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.png")
    put("b.png")
    original = Painter.predict

    def vanishes(self: Painter, *arguments: object, **named: object):
        Path("b.png").unlink(missing_ok=True)
        return original(self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Painter, "predict", vanishes)
    result = colorize(".")
    assert failures(result.stderr) == [
        "failed: b.png: does not exist. Check the spelling of the name and its folder"
    ]
    assert "1 colorized, 1 failed" in result.stderr


def test_a_subfolder_that_cannot_be_searched(colorize, monkeypatch: pytest.MonkeyPatch) -> None:
    put("album/a.png")
    put("album/closed/b.png")
    original = os.scandir

    def scandir(path: str = "."):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return original(path)

    monkeypatch.setattr(os, "scandir", scandir)  # the tests may run as root, who may read everything
    result = colorize("album", "-r")
    assert result.exit_code == 1
    [line] = failures(result.stderr)
    assert line.startswith("failed: album/closed: could not be searched (Permission denied)")
    assert Path("album/a.colorized.png").exists()


def test_failures_are_listed_even_if_the_model_cannot_be_loaded(colorize) -> None:
    put("a.png")
    result = colorize("nowhere.png", "a.png", "--weights", "none.safetensors")
    assert result.exit_code != 0
    assert failures(result.stderr)
    assert "there are no weights at" in result.stderr


def test_every_photo_has_its_events(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put("a.png")
    Path("b.png").write_text("no photo")
    put("c.png")
    options = FileOptions()
    plan = make_plan([Path("a.png"), Path("c.png")], options)
    Path("c.png").write_text("no photo any more")
    events: list[Event] = []
    Batch(plan.jobs, ColorizeSettings(), options, events.append).run(Painter("cic.test", weights=weights))
    assert [type(event) for event in events] == [Started, Finished, Started, Failed]
    finished, failed = events[1], events[3]
    assert isinstance(finished, Finished)
    assert finished.job.target == Path("a.colorized.png")
    assert read_photo(finished.job.target).size == (64, 64)
    assert finished.seconds > 0
    assert finished.uncertainty is not None
    assert isinstance(failed, Failed)
    assert (failed.source, failed.kind, failed.unexpected) == ("c.png", "PhotoError", False)
    assert failed.job == plan.jobs[1]
