"""`autochrome colorize` remembers: what is colored again, what is left, and what a kill leaves behind."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autochrome.pipeline.ledger import NAME, Entry, Ledger
from autochrome.pipeline.painter import Painter
from tests.cli.photos import GRAY, LEDGER, is_colored, names, put

OTHER = np.ascontiguousarray(GRAY[::-1])


def entries(folder: str = "out") -> list[Entry]:
    return list(Ledger(Path(folder, NAME)).latest())


def lines(folder: str = "out") -> int:
    return len(Path(folder, NAME).read_bytes().splitlines())


@pytest.fixture
def album(colorize: Any) -> Any:
    """Two photos that were colored into `out`, and the command to do it again."""
    put("album/a.png")
    put("album/x/b.png", OTHER)
    run = lambda *more: colorize("album", "-r", "-o", "out", *more)  # noqa: E731
    assert run().exit_code == 0
    return run


def test_the_name_in_the_tests() -> None:
    assert NAME == LEDGER


def test_what_is_remembered(album: Any, weights: Path) -> None:
    first, second = entries()
    assert (first.result, second.result) == ("a.png", "x/b.png")
    for entry, path in ((first, Path("album/a.png")), (second, Path("album/x/b.png"))):
        assert entry.source.path == f"../{path}"
        assert entry.source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        result = Path("out", entry.result)
        [file] = entry.files
        assert (file.path, file.size) == (entry.result, result.stat().st_size)
        assert file.sha256 == hashlib.sha256(result.read_bytes()).hexdigest()
        assert file.mtime_ns == result.stat().st_mtime_ns
        assert entry.made_with.model == "cic.test"
        assert entry.made_with.weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
        assert entry.made_with.look == {"version": 1, "settings": {}}
        assert entry.uncertainty is not None
        assert 0 < entry.uncertainty < 1
        assert entry.seconds > 0
        assert entry.failure is None


def test_a_second_run_does_nothing(album: Any, monkeypatch: Any) -> None:
    before = {name: Path(name).read_bytes() for name in (*names(), f"out/{NAME}")}
    monkeypatch.setattr(Painter, "__init__", None)  # no model is loaded
    result = album()
    assert result.exit_code == 0
    assert result.stderr == "0 colorized, 2 up to date\n"
    assert {name: Path(name).read_bytes() for name in before} == before


def test_what_is_missing_is_made(album: Any) -> None:
    Path("out/a.png").unlink()
    put("album/c.png")
    result = album()
    assert "2 colorized, 1 up to date" in result.stderr
    assert names() >= {"out/a.png", "out/c.png"}


def test_a_photo_that_was_replaced_is_colored_again(album: Any) -> None:
    put("album/a.png", OTHER)
    assert album("--redo", "missing").stderr.startswith(
        "0 colorized, 1 up to date, 1 of another photo by now"
    )
    assert "1 colorized (1 of them again), 1 up to date" in album().stderr
    assert Path("out/a.png").read_bytes() == Path("out/x/b.png").read_bytes()
    assert "2 up to date" in album().stderr


def test_a_copy_with_new_times_is_the_same_photo(album: Any) -> None:
    for name in names():
        os.utime(name, (2_000_000_000, 2_000_000_000))
    assert album().stderr == "0 colorized, 2 up to date\n"
    assert lines() == 4
    assert {entry.source.mtime_ns for entry in entries()} == {2 * 10**18}
    assert album().stderr == "0 colorized, 2 up to date\n"
    assert lines() == 4


def test_an_edited_result_is_never_lost(album: Any) -> None:
    put("out/a.png", OTHER)
    edited = Path("out/a.png").read_bytes()
    assert album().stderr == "0 colorized, 2 up to date\n"
    put("album/a.png", OTHER)
    result = album()
    assert result.exit_code == 0
    assert "note: album/a.png: its result out/a.png was edited since it was made, and kept" in result.stderr
    assert "0 colorized, 1 up to date, 1 edited since, and kept" in result.stderr
    assert Path("out/a.png").read_bytes() == edited
    assert "1 colorized" in album("--overwrite", "--redo", "stale").stderr
    assert Path("out/a.png").read_bytes() != edited


def test_a_result_that_is_edited_while_the_run_goes_on_is_kept(album: Any, monkeypatch: Any) -> None:
    put("album/a.png", OTHER)
    predict = Painter.predict

    def edit(*arguments: Any, **named: Any) -> Any:
        put("out/a.png", OTHER)
        return predict(*arguments, **named)

    monkeypatch.setattr(Painter, "predict", edit)
    result = album()
    assert result.exit_code == 1
    assert "failed: album/a.png: out/a.png: exists already and was changed meanwhile" in result.stderr
    assert not is_colored("out/a.png")


def test_other_settings_on_request_alone(album: Any, weights: Path) -> None:
    result = album("--saturation", 0)
    assert "0 colorized, 2 made with other settings or weights (--redo changed" in result.stderr
    assert is_colored("out/a.png")
    assert "2 colorized (2 of them again)" in album("--saturation", 0, "--redo", "changed").stderr
    assert not is_colored("out/a.png")
    assert entries()[0].made_with.look["settings"] == {"saturation": 0}
    assert "2 up to date" in album("--saturation", 0).stderr
    assert "2 colorized (2 of them again)" in album("--saturation", 0, "--redo", "all").stderr
    changed = weights.with_name("other.safetensors")
    if not changed.exists():
        from autochrome.models.registry import create_model
        from autochrome.models.weights import save_weights

        save_weights(create_model("cic.test"), changed)
    assert "2 made with other settings or weights" in album("--saturation", 0, "--weights", changed).stderr


def test_a_failure_is_remembered_and_tried_again(album: Any) -> None:
    Path("album/c.png").write_text("no photo")
    assert album().exit_code == 1
    failed = entries()[-1]
    assert (failed.result, failed.files) == ("c.png", ())
    assert failed.failure is not None
    assert failed.failure.kind == "PhotoError"
    assert "not a photo" in failed.failure.reason
    put("album/d.png")
    result = album("--redo", "failed")
    assert result.stderr.count("failed: album/c.png") == 1
    assert "0 colorized, 2 up to date, 1 without a result, but left as --redo says, 1 failed" in result.stderr
    put("album/c.png")
    assert "2 colorized" in album().stderr
    assert all(entry.failure is None for entry in entries())


def test_named_photos_are_remembered_too(colorize: Any) -> None:
    put("a.png")
    put("b.png")
    assert colorize("a.png", "b.png", "-o", "out").exit_code == 0
    again = colorize("a.png", "b.png", "-o", "out")
    assert (again.exit_code, again.stderr) == (0, "0 colorized, 2 up to date\n")


def test_samples_and_pages(colorize: Any) -> None:
    put("album/a.png")
    several = ("album", "-o", "out", "--samples", 2, "--uncertainty")
    assert colorize(*several).exit_code == 0
    [entry] = entries()
    assert entry.result == "a.1.png"
    marks = ("1", "2", "sheet", "uncertainty")
    assert [file.path for file in entry.files] == [f"a.{mark}.png" for mark in marks]
    assert "1 up to date" in colorize(*several).stderr
    Path("out/a.sheet.png").unlink()
    assert colorize(*several).exit_code == 0
    assert Path("out/a.sheet.png").exists()


def test_where_there_is_no_ledger_an_older_result_is_named(colorize: Any) -> None:
    put("album/a.png")
    for options in ((), ("-o", "out", "--no-ledger")):
        assert colorize("album", *options).exit_code == 0
        os.utime("album/a.png", (2_000_000_000, 2_000_000_000))
        result = colorize("album", *options)
        assert result.exit_code == 0
        assert "is older than the photo; --overwrite makes it again" in result.stderr
        os.utime("album/a.png", (1, 1))
        assert "older" not in colorize("album", *options).stderr
    assert not Path("out", NAME).exists()


def test_a_ledger_elsewhere(colorize: Any) -> None:
    put("album/a.png")
    for expected in ("album/a.png -> album/a.colorized.png", "1 up to date"):
        result = colorize("album", "--ledger", "memory/ledger.jsonl")
        assert expected in result.stderr
    [entry] = Ledger(Path("memory/ledger.jsonl")).latest()
    assert entry.result == "../album/a.colorized.png"


def test_a_photo_alone_gets_no_ledger_of_its_own(colorize: Any) -> None:
    put("a.png")
    assert colorize("a.png", "-o", "out/").exit_code == 0
    assert not Path("out", NAME).exists()


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--ledger", "album/a.png"), 1, "album/a.png is not a ledger"),
        (("--ledger", "l.jsonl", "--no-ledger"), 2, "give one of --ledger and --no-ledger"),
        (("--redo", "all"), 2, "--redo needs a ledger"),
        (("--null",), 2, "--null is about --files-from"),
    ],
)
def test_ledgers_that_cannot_be(colorize: Any, options: tuple[str, ...], code: int, message: str) -> None:
    put("album/a.png")
    before = Path("album/a.png").read_bytes()
    result = colorize("album", *options)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())
    assert names() == {"album/a.png"}
    assert Path("album/a.png").read_bytes() == before


def test_a_ledger_that_cannot_be_written_ends_the_run(album: Any, monkeypatch: Any) -> None:
    """Since what is not remembered would not be known as ours."""
    put("album/c.png")
    put("album/d.png")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("autochrome.pipeline.ledger._write", full)
    result = album()
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith(f"Error: out/{NAME} cannot be written (No space left")
    assert names() == {f"album/{name}.png" for name in ("a", "c", "d", "x/b")} | {"out/a.png", "out/x/b.png"}


def test_damaged_lines_are_named(album: Any) -> None:
    with Path("out", NAME).open("ab") as file:
        file.write(b"???\n")
    assert (
        album().stderr == f"note: out/{NAME}: cannot be read in these lines: 3\n0 colorized, 2 up to date\n"
    )


def test_a_tree_that_moves_as_a_whole_is_known(album: Any, colorize: Any) -> None:
    Path("new").mkdir()
    for name in ("album", "out"):
        shutil.move(name, f"new/{name}")
    assert "2 up to date" in colorize("new/album", "-r", "-o", "new/out").stderr


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_run_that_is_killed_and_started_again(tmp_path: Path, weights: Path, kills: int) -> None:
    for number in range(8):
        put(str(tmp_path / f"album/{number}.png"), np.roll(GRAY, number, 0))
    (tmp_path / "album/broken.png").write_text("no photo")
    arguments = ["--model", "cic.test", "--weights", str(weights)]
    driver = [sys.executable, "-m", "tests.cli.killed", str(tmp_path), str(kills), *arguments]
    root = Path(__file__).parents[2]
    run = subprocess.run(
        driver, capture_output=True, cwd=root, env={**os.environ, "OMP_NUM_THREADS": "1"}, text=True
    )
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["hit"] == kills
    assert len(told["whole"]) == 9
    assert told["broken"] == told["whole"]
    for result in (tmp_path / "whole").glob("*.png"):
        assert (tmp_path / "broken" / result.name).read_bytes() == result.read_bytes()
    left = {path.name for path in (tmp_path / "broken").iterdir()}
    assert left == {path.name for path in (tmp_path / "whole").iterdir()}
