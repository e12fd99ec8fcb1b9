"""`autochrome colorize` over many files: lists, dry runs, endings, quiet runs, notes and the report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from autochrome.pipeline.ledger import NAME
from autochrome.pipeline.painter import Painter
from tests.cli.photos import GRAY, LEDGER, is_colored, names, put


def test_a_list_keeps_its_folders(colorize: Any) -> None:
    put("x/a.png")
    put("y/a.png")
    put("left/out.png")
    Path("list").write_text("x/a.png\n./y/a.png\n")
    result = colorize("--files-from", "list", "-o", "out")
    assert result.exit_code == 0, result.stderr
    assert {name for name in names() if name.startswith("out/")} == {"out/x/a.png", "out/y/a.png"}
    again = colorize("--files-from", "-", "--null", "-o", "out", given=b"x/a.png\0y/a.png\0left/out.png\0")
    assert "1 colorized, 2 up to date" in again.stderr
    assert is_colored("out/left/out.png")


def test_a_list_with_folders_and_what_is_not_there(colorize: Any) -> None:
    put("x/a.png")
    Path("list").write_text("x\nx/a.png\nnowhere.png\n")
    result = colorize("--files-from", "list", "-o", "out")
    assert result.exit_code == 1
    assert "failed: nowhere.png: does not exist" in result.stderr
    assert {name for name in names() if name.startswith("out/")} == {"out/x/a.png"}


def test_a_dry_run_writes_nothing_and_loads_no_model(colorize: Any, monkeypatch: Any) -> None:
    put("album/a.png")
    put("album/b.png")
    assert colorize("album/a.png", "-o", "out/", "--ledger", f"out/{NAME}").exit_code == 0
    put("album/a.png", GRAY[::-1].copy())
    before = {name: Path(name).read_bytes() for name in (*names(), f"out/{LEDGER}")}
    monkeypatch.setattr(Painter, "__init__", None)
    result = colorize("album", "-o", "out", "--dry-run", "--save-look", "look.json", "--report", "r.html")
    assert result.exit_code == 0
    assert result.stdout == "album/a.png -> out/a.png (again)\nalbum/b.png -> out/b.png\n"
    assert "2 to be colorized; nothing was done" in result.stderr
    assert {name: Path(name).read_bytes() for name in (*names(), f"out/{LEDGER}")} == before


def test_endings_that_are_kept(colorize: Any) -> None:
    put("album/a.jpg")
    put("album/a.tif")
    put("album/b.png")
    result = colorize("album", "-o", "out", "--format", "png")
    assert result.exit_code == 1
    assert "Add --keep-ending" in result.stderr
    result = colorize("album", "-o", "kept", "--format", "png", "--keep-ending")
    assert result.exit_code == 0, result.stderr
    made = {name for name in names() if name.startswith("kept/")}
    assert made == {"kept/a.jpg.png", "kept/a.tif.png", "kept/b.png"}
    assert colorize("album/a.tif", "--format", "png", "--keep-ending").exit_code == 0
    assert "album/a.tif.colorized.png" in names()


def test_quiet_runs_tell_of_failures_alone(colorize: Any) -> None:
    put("album/a.png")
    assert colorize("album", "-o", "out", "-q").output == ""
    Path("album/b.png").write_text("no photo")
    result = colorize("album", "-o", "out", "-q")
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert line.startswith("failed: album/b.png: ")
    assert result.stdout == ""


def test_every_note_names_its_photo(colorize: Any) -> None:
    from skimage.data import astronaut

    for number in range(3):
        put(f"album/{number}.png", astronaut()[number::8, ::8].copy())
    result = colorize("album", "-o", "out")
    assert not result.stderr.startswith("\n")
    for number in range(3):
        assert f"note: album/{number}.png: it is in color already" in result.stderr


@pytest.mark.parametrize("ledger", ["out/l.jsonl", None])
def test_notes_are_folded_on_a_terminal_where_a_file_has_them(
    ledger: str | None, capsys: Any, monkeypatch: Any
) -> None:
    from autochrome.cli.events import Finished
    from autochrome.cli.plan import Job
    from autochrome.cli.report import Report

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    report = Report(ledger=ledger)
    report.begin(3)
    for number in range(3):
        report(Finished(Job(Path(f"{number}.png"), Path("x.png")), ("odd",)))
    report.print()
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    folded = ["note: 0.png and 2 more (all in out/l.jsonl): odd"]
    assert notes == (folded if ledger else [f"note: {number}.png: odd" for number in range(3)])


def test_the_report_of_a_run(colorize: Any) -> None:
    put("album/a.png")
    Path("album/b.png").write_text("no photo")
    result = colorize("album", "-o", "out", "--report", "report.html", "--saturation", 0.5)
    assert result.exit_code == 1
    html = Path("report.html").read_text("utf-8")
    assert html.index("album/b.png") < html.index("album/a.png")
    assert html.count("data:image/webp") == 2
    assert "saturation" in html
    put("album/b.png")
    assert colorize("album", "-o", "out", "--report", "report.html", "--saturation", 0.5).exit_code == 0
    assert "up to date" in Path("report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("report.txt", "must end in .html"),
        ("no/report.html", "does not exist"),
        ("mine.html", "exists already"),
    ],
)
def test_reports_that_cannot_be_written(colorize: Any, file: str, message: str) -> None:
    put("a.png")
    Path("mine.html").write_text("<title>Mine</title>")
    result = colorize("a.png", "--report", file)
    assert result.exit_code != 0
    assert message in " ".join(result.stderr.split())
    assert names() == {"a.png", "mine.html"}


@pytest.mark.parametrize(
    "option", [("--ledger", "l"), ("--report", "r.html"), ("--dry-run",), ("--redo", "all")]
)
def test_a_pipe_has_nothing_of_this(colorize: Any, option: tuple[str, ...]) -> None:
    put("a.png")
    result = colorize("-", *option, given=Path("a.png").read_bytes())
    assert result.exit_code == 2
    assert f"a pipe (-) has no {option[0]}" in " ".join(result.stderr.split())
