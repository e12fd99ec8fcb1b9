"""`autochrome study` from the first command to the report, and what it says when something is wrong."""

from __future__ import annotations

import csv
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from click.testing import CliRunner, Result

from autochrome.cli.main import main

SMALL = ("--raters", "2", "--trials", "4", "--practice", "1", "--vigilance", "1", "--size", "24")


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["study", *map(str, words)])


def succeed(*words: str | Path) -> Result:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result


def fail(*words: str | Path) -> str:
    """The message of a command that fails, which is one line and no traceback."""
    result = run(*words)
    assert result.exit_code != 0
    assert isinstance(result.exception, SystemExit), result.exception
    (message,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    return message


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photos in ``truth`` and the results of two systems in ``one`` and ``two``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTOCHROME_STUDY_DATABASE", raising=False)
    rng = np.random.default_rng(0)
    for number in range(8):
        photo = rng.integers(0, 255, (3, 4, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
        for name, shift in (("truth", 0), ("one", 1), ("two", 2)):
            (tmp_path / name).mkdir(exist_ok=True)
            pixels = np.ascontiguousarray(np.roll(photo, shift, 2))
            pyvips.Image.new_from_array(pixels).pngsave(str(tmp_path / name / f"{number}.png"))
    return tmp_path


def new(folder: str = "s", protocol: str = "two-afc", *more: str) -> Result:
    given = ("--protocol", protocol, "--references", "truth", "--system", "one=one", "--system", "two=two")
    return succeed("new", folder, *given, *SMALL, *more)


def vote(folder: Path, raters: int) -> None:
    """Raters who find the random colors, and else name what they saw first."""
    from autochrome.study.records import RANDOM, Vote
    from autochrome.study.storage.store import Study

    with Study.open(folder) as study:
        for _ in range(raters):
            number = study.rater(study.enroll())
            assert number is not None
            while (trial := study.next_trial(number)) is not None:
                named = 1 if trial.shown(1) == RANDOM else 0
                study.record(number, trial.id, Vote((named,), (1000.0, 1000.0), 400.0))


def test_a_study_from_its_first_command_to_its_report(desk: Path) -> None:
    said = new().stdout
    # 8 photos less one for practice and one for vigilance; 6 x 2 units x 2 votes / 4 trials.
    assert said.startswith(
        "s: 6 photos, 12 units of 2 votes each\nIt needs 6 raters who finish, each for about"
    )
    assert said.endswith("To begin:\n  autochrome study serve s\n")
    assert "24 votes missing" in succeed("status", "s").stdout
    vote(desk / "s", 2)
    status = succeed("status", "s")
    assert "16 votes missing" in status.stdout and "2 enrolled, 2 finished" in status.stdout
    assert "fix the stopping rule in advance" in status.stderr
    found = json.loads(succeed("status", "s", "--json").stdout)
    assert found["status"]["votes"] == {"practice": 2, "test": 8, "vigilance": 2}

    assert succeed("export", "s", "-o", "votes.csv").stdout == "votes.csv: 12 judgments\n"
    with open("votes.csv", encoding="utf-8") as stream:
        assert len(list(csv.DictReader(stream))) == 12
    succeed("export", "s", "-o", "votes.parquet")

    assert "of 8 judgments" in succeed("report", "s", "-o", "r.html", "--json", "r.json").stdout
    assert Path("r.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert json.loads(Path("r.json").read_text())["design"]["systems"] == ["one", "two"]


def test_options_become_the_design(desk: Path) -> None:
    from autochrome.study.design import Design

    Path("consent.txt").write_text("One.\n\nTwo.\n", encoding="utf-8")
    new("s", "turing", "--title", "T", "--question", "Q?", "--consent", "consent.txt", "--seed", "7")
    design = Design.read(desk / "s" / "design.yaml")
    assert (design.title, design.question, design.consent, design.seed) == ("T", "Q?", "One.\n\nTwo.", 7)
    assert (design.raters, design.trials, design.practice, design.vigilance, design.size) == (2, 4, 1, 1, 24)


def test_a_name_given_twice_is_one_system_of_two_samples(desk: Path) -> None:
    from autochrome.study.design import Design

    given = ("--protocol", "turing", "--references", "truth", "--system", "m=one", "--system", "m=two")
    succeed("new", "s", *given, *SMALL, "--pictures", "5", "--oracle")
    design = Design.read(desk / "s" / "design.yaml")
    assert design.oracle and list(design.folders()) == ["m.1", "m.2"]


def test_design_only_writes_a_file_that_builds(desk: Path) -> None:
    said = new("my study", "preference", "--design-only").stdout
    assert not Path("my study").exists()
    design = Path("my study.yaml")
    design.write_text(design.read_text().replace("raters: 2", "raters: 3"))
    command = shlex.split(said.splitlines()[-1])[2:]
    assert command == ["new", "my study", "--design", "my study.yaml"]
    assert "6 units of 3 votes" in succeed(*command).stdout
    assert "exists; build it with --design" in fail(
        "new",
        "my study",
        "--protocol",
        "turing",
        "--references",
        "truth",
        "--system",
        "one=one",
        "--design-only",
    )


def test_the_database_of_the_environment_is_used(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOCHROME_STUDY_DATABASE", f"sqlite:///{desk / 'elsewhere.sqlite'}")
    new()
    assert not (desk / "s" / "study.sqlite").exists()
    succeed("status", "s")
    monkeypatch.delenv("AUTOCHROME_STUDY_DATABASE")
    assert "AUTOCHROME_STUDY_DATABASE" in fail("status", "s")
    succeed("status", "s", "--database", f"sqlite:///{desk / 'elsewhere.sqlite'}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("new s --references truth --system one=one", "give --protocol, or a whole design with --design"),
        ("new s --protocol turing --references truth --system one", "'one' is not NAME=DIR"),
        ("new s --protocol turing --references truth --system truth=one", "rename the system"),
        ("new s --protocol turing --references none --system one=one", "none"),
        ("new s --protocol preference --references truth --system one=one", "two or more systems"),
        ("new s --protocol questionnaire --references truth --system one=one --vigilance 2", "set both to 0"),
        ("new s --protocol turing --references truth --system one=one --title=", "title"),
        ("new s --protocol turing --references truth --system one=one --consent gone.txt", "gone.txt"),
        ("new s --design gone.yaml", "gone.yaml does not exist"),
        ("new s --design gone.yaml --seed 3", "--seed: --design has the whole design"),
        ("new truth --protocol turing --references truth --system one=one --trials 4", "not empty"),
        ("status truth", "is not a study"),
        ("serve truth", "is not a study"),
        ("report truth -o r.html", "is not a study"),
        ("report truth -o r.pdf", "a report is written as .html"),
        ("report truth -o gone/r.html", "does not exist; make it first"),
        ("export truth -o votes.csv", "is not a study"),
        ("export truth -o votes.xlsx", "votes are written as .csv or .parquet"),
        ("export truth -o gone/votes.csv", "does not exist; make it first"),
        ("power --rate 30 --difference .03", "rate is 30; give a share between 0 and 1"),
        ("power --rate .3 --difference 0", "difference"),
    ],
)
def test_errors_are_one_line_that_says_what_to_do(desk: Path, words: str, message: str) -> None:
    before = sorted(desk.rglob("*"))
    assert message in fail(*shlex.split(words))
    assert sorted(desk.rglob("*")) == before, "something was left behind"


def test_serving_passes_its_options_on_and_warns_of_the_open_network(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import autochrome.study.web.server as server

    new()
    calls: list[Any] = []
    monkeypatch.setattr(server, "serve", lambda *given, **named: calls.append((given, named)))
    assert succeed("serve", "s").stderr == ""
    assert "HTTPS" in succeed("serve", "s", "--host", "0.0.0.0", "--port", "9", "--name", "lab.org").stderr
    (given, _), (opened, named) = calls
    assert given[1:] == ("127.0.0.1", 8000, 1)
    assert opened[1:] == ("0.0.0.0", 9, 1) and named["names"] == ("lab.org",)


def test_power_is_the_planned_table(desk: Path) -> None:
    from autochrome.study.statistics.power import Question, plan

    said = succeed(
        "power", "--rate", ".3", "--difference", ".03", "--raters", "5", "--pictures", "500"
    ).stdout
    (row,) = plan(Question(0.3, 0.03), raters=[5], pictures=500)
    assert row.detectable is not None
    for text in (f" {row.pictures} ", f" {row.votes} ", f"{100 * row.detectable:+.1f} points"):
        assert text in said


def test_a_missing_package_is_named_with_its_command(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "autochrome.study.storage.store", None)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    monkeypatch.delitem(sys.modules, "autochrome.study.storage.store")
    for name in [name for name in sys.modules if name.startswith("autochrome.study.")]:
        monkeypatch.delitem(sys.modules, name)
    assert (
        fail("status", "s") == "Error: studies need the package sqlalchemy: pip install 'autochrome[study]'"
    )
