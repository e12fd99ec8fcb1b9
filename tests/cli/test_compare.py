"""`autochrome compare` as a person uses it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips
from click.testing import CliRunner

from autochrome.cli import console
from autochrome.cli.main import main
from autochrome.laboratory.compare import SECTIONS
from tests.laboratory.conftest import draw_photo, save_picture

ASKING = ("calibration", "errors", "sweeps", "diversity", "stability", "interpretability")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(4):
        save_picture(tmp_path / "photos" / f"{number}.png", draw_photo(number))
    return tmp_path / "photos"


def run(*arguments: object, without: tuple[str, ...] = ASKING) -> tuple[int, str]:
    left_out = [part for name in without for part in ("--without", name)]
    common = ["--workers", 1, "--device", "cpu", "--replicates", 10, *left_out]
    result = CliRunner().invoke(main, ["compare", *(str(a) for a in (*common, *arguments))])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, " ".join(result.output.split())


def test_from_photos_to_the_report_and_on(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    models = ("--model", "cgan.test", "--model", "vivid=cic.test,vibrance=1", "--samples", 2)
    code, output = run(photos, "-o", out, *models, "--results", f"perfect={photos}", "--photos", 3)
    assert code == 0, output
    assert "coloring by cgan.test: 3 photos" in output
    assert str(out / "report.html") in output
    figures = json.loads((out / "scores.json").read_text())
    assert [system["name"] for system in figures["systems"]] == ["cgan.test", "vivid", "perfect"]
    assert list(figures["sections"]) == [name for name in SECTIONS if name not in ASKING]
    before = (out / "results" / "cgan.test" / "2" / "1.png").stat().st_mtime_ns
    # What is colored stays; the fourth photo is added.
    code, output = run(photos, "-o", out, *models)
    assert code == 0, output
    assert "coloring by cgan.test: 1 photo " in output
    assert (out / "results" / "cgan.test" / "2" / "1.png").stat().st_mtime_ns == before
    assert json.loads((out / "scores.json").read_text())["photos"] == ["0", "1", "2", "3"]


def test_folders_alone(photos: Path, tmp_path: Path) -> None:
    for number in range(4):
        save_picture(tmp_path / "theirs" / f"{number}.png", np.full((64, 64, 3), 90, np.uint8))
    code, output = run(photos, "-o", tmp_path / "out", "--no-models", "--results", tmp_path / "theirs")
    assert code == 0, output
    assert "No system has several samples" in (tmp_path / "out" / "results.md").read_text()
    assert not (tmp_path / "out" / "results").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "cik"], "did you mean"),
        (["--model", "cic.paper"], "weights=FILE"),
        (["--model", "a=cic.test,vibrance=9"], "vibrance must be a number from -1 to 2, not 9"),
        (["--no-models"], "nothing to compare"),
        (["--no-models", "--model", "cic"], "not both"),
        (["--no-models", "--results", "nowhere"], "not a folder of results"),
        (["--model", "cic.test", "--protocol", "squash"], "native, crop:N or resize:N"),
        (["--model", "cic.test", "--without", "colors"], "no section is called colors"),
        (["--model", "cic.test", "--photos", "1"], "--photos"),
        (["--model", "cic.test", "--device", "abacus"], "abacus"),
    ],
)
def test_bad_options_say_what_to_do(photos: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    code, output = run(photos, "-o", tmp_path / "out", *arguments)
    assert code != 0
    assert words in output
    assert not (tmp_path / "out" / "report.html").exists()


def test_bad_folders_say_what_to_do(photos: Path, tmp_path: Path) -> None:
    save_picture(tmp_path / "theirs" / "0.png", draw_photo(0))
    code, output = run(photos, "-o", tmp_path / "out", "--no-models", "--results", tmp_path / "theirs")
    assert code == 1
    assert "lacks results for 1.png, 2.png, 3.png" in output
    save_picture(tmp_path / "one" / "0.png", draw_photo(0))
    code, output = run(tmp_path / "one", "-o", tmp_path / "out", "--model", "cic.test")
    assert code == 1
    assert "at least two are needed" in output
    (photos / "2.png").write_bytes(b"no picture")
    code, output = run(photos, "-o", tmp_path / "out", "--model", "cic.test")
    assert code == 1
    assert "2.png" in output
    assert not (tmp_path / "out" / "report.html").exists()


def test_a_section_that_fails_leaves_the_others_and_a_bad_exit(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from autochrome.laboratory.sections import sheets

    def broken(*_: object, **__: object) -> None:
        raise pyvips.Error("no room")

    monkeypatch.setattr(sheets, "picture", broken)
    code, output = run(photos, "-o", tmp_path / "out", "--model", "cic.test", "--photos", 2)
    assert code == 1
    assert "some sections failed (sheets: Error: no room" in output
    assert "PSNR" in (tmp_path / "out" / "results.md").read_text()


@pytest.mark.parametrize("package", ["jinja2", "matplotlib", "scipy"])
def test_a_missing_extra_names_the_command_for_it(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    code, output = run(photos, "-o", tmp_path / "out", "--model", "cic.test")
    assert code == 1
    assert package in output
    assert "pip install 'autochrome[report]'" in output
    assert not (tmp_path / "out").exists()


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from autochrome.cli.compare import compare;"
        "assert CliRunner().invoke(compare, ['--help']).exit_code == 0; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("screen", [Terminal, io.StringIO])
def test_what_is_done_is_told_with_the_time_left(
    screen: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr, now = screen(), iter(range(0, 1000, 6))
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(console.time, "monotonic", lambda: float(next(now)))
    monkeypatch.setenv("TERM", "xterm")
    with console.step_progress() as tell:
        for label in ("coloring by cic", "scoring"):
            for done in range(5):
                tell(label, done, 4)
    told = stderr.getvalue()
    assert told.index("coloring by cic: done in") < told.index("scoring: done in")
    if screen is io.StringIO:
        # Two of four are done after 12 seconds.
        assert "coloring by cic: about 12 s left" in told


@pytest.mark.slow
def test_every_section_can_be_had_of_tiny_models(photos: Path, tmp_path: Path) -> None:
    models = [part for name in ("cic", "lrac", "pixcolor", "cgan") for part in ("--model", f"{name}.test")]
    sizes = ("--samples", 3, "--subset", 4)
    code, output = run(photos, "-o", tmp_path / "out", *models, *sizes, without=())
    assert code == 0, output
    figures = json.loads((tmp_path / "out" / "scores.json").read_text())["sections"]
    assert list(figures) == list(SECTIONS)
    pictures = ("sheets", "extremes")
    assert [name for name, section in figures.items() if not section["tables"]] == list(pictures)
