"""docs/study.md: its commands work, and its tables are those of the program."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from tests.study.conftest import every_default

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "study.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for block in re.findall(r"```console\n(.*?)```", DOCUMENT, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ autochrome")
]
QUICK = "--raters 1 --trials 4 --practice 1 --vigilance 1 --size 24"


def table(head: str) -> list[list[str]]:
    """Rows of the table whose first line begins so; cells without their spaces and backquotes."""
    lines = DOCUMENT[DOCUMENT.index(f"\n{head}") + 1 :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``originals``; serving lets three raters answer instead."""
    from autochrome.study.web import server
    from tests.study.conftest import draw_photo, write_png

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTOCHROME_STUDY_DATABASE", raising=False)
    for number in range(7):
        write_png(tmp_path / "originals" / f"{number}.png", np.asarray(draw_photo(number, 32, 40)))
    monkeypatch.setattr(server, "serve", lambda study, *given, **named: answer(study))
    return tmp_path


def answer(study: Any) -> None:
    from tests.study.simulation import Crowd, SimulatedRater

    crowd = Crowd(dict.fromkeys(study.design.folders(), 0.3))
    for _ in range(3):
        number = study.rater(study.enroll())
        person = SimulatedRater(crowd, number)
        while (trial := study.next_trial(number)) is not None:
            study.record(number, trial.id, person.answer(study.design.protocol, trial))


def test_every_command_works(desk: Path) -> None:
    from autochrome.cli.main import main

    assert {words[2] for words in COMMANDS if words[1] == "study"} == {
        "power",
        "new",
        "serve",
        "status",
        "report",
        "export",
    }
    for words in COMMANDS:
        built = words[1:3] == ["study", "new"] and "--design" not in words
        given = [*words[1:], *(shlex.split(QUICK) if built else [])]
        result = CliRunner().invoke(main, given)
        assert result.exit_code == 0, f"autochrome {' '.join(given)}\n{result.output}"
    for name in ("judged.html", "judged.json", "votes.csv", "preferred/design.yaml"):
        assert (desk / name).is_file(), name


def test_the_protocols_have_the_defaults_of_the_table() -> None:
    from autochrome.study.records import Protocol

    rows = {row[0]: row[1:] for row in table("| | two-afc |")}
    for number, protocol in enumerate(Protocol):
        defaults = every_default(protocol)
        for key in ("pictures", "raters", "trials", "practice", "vigilance", "size"):
            said = rows[key][number]
            assert defaults[key] == (None if said == "all" else int(said)), (protocol, key)


def test_the_table_of_keys_is_the_design_s() -> None:
    from autochrome.study.design import Design
    from autochrome.study.records import Protocol

    rows = {row[0]: row[1] for row in table("| key | default |")}
    assert list(rows) == [field.alias or name for name, field in Design.model_fields.items()]
    defaults = [every_default(protocol) for protocol in Protocol]
    written: dict[str, Callable[[Any], str]] = {
        "bool": lambda v: str(v).lower(),
        "NoneType": lambda v: "null",
    }
    for key, said in rows.items():
        values = [each[key] for each in defaults if key in each]
        if key in ("question", "consent"):
            continue  # in words
        elif not values:
            assert said == "", key
        elif said == "by protocol":
            assert len({str(value) for value in values}) > 1, key
        else:
            assert {written.get(type(v).__name__, str)(v) for v in values} == {said}, key


def test_the_table_of_columns_is_the_export_s() -> None:
    from autochrome.study.report.export import COLUMNS

    assert [row[0] for row in table("| column |")] == list(COLUMNS)


def test_the_plan_is_the_command_s() -> None:
    from autochrome.study.statistics.power import Question, detectable_difference, plan

    rows = [row[:4] for row in table("| votes per photo |")]
    found = plan(Question(0.3, 0.03), raters=[int(row[0]) for row in rows])
    assert rows == [
        [str(p.raters), str(p.pictures), str(p.votes), f"{100 * p.half_width:.1f} points"] for p in found
    ]
    least = detectable_difference(Question(0.3, 0.03), 5, 500)
    assert least is not None and f"{100 * least:.1f} points\nare detectable" in DOCUMENT
