"""The export holds every judgment once, in columns that say what they are."""

from __future__ import annotations

import csv
import errno
from pathlib import Path

import pytest

from autochrome.errors import StudyError
from autochrome.study.records import RANDOM, TRUTH, Answer, Protocol, Stage, Trial, Unit, Vote
from autochrome.study.report.export import COLUMNS, export_votes, rows

PAIR = Unit(7, 1, Stage.TEST, "pho,to", (TRUTH, "cic"))
NOON = "2026-01-02T12:00:00Z"


def answer(unit: Unit, order: tuple[int, ...], vote: Vote, *, rater: int = 1, number: int = 1) -> Answer:
    return Answer(rater, Trial(f"t{rater}-{number}", unit, order, number, 9), vote, NOON)


ANSWERS = [
    answer(PAIR, (0, 1), Vote((0,), (1001.5, 998.0), 730.0)),
    answer(PAIR, (1, 0), Vote((0,), (1000.0, 1600.0), 730.0, True), rater=2, number=3),
    answer(Unit(8, 1, Stage.VIGILANCE, "b", (TRUTH, RANDOM)), (0, 1), Vote((1,), (1000.0, 1000.0), 500.0)),
]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_csv_has_a_row_per_judgment(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    assert export_votes(Protocol.TWO_AFC, ANSWERS, path) == 3
    first, second, third = read(path)
    assert first == {
        "rater": "1",
        "number": "1",
        "stage": "test",
        "phase": "1",
        "unit": "7",
        "picture": "pho,to",
        "system": "cic",
        "rival": "",
        "success": "1",  # the true one, in slot 0, was taken for the generated one
        "slot": "1",
        "slots": "2",
        "shown_ms": "998.0",
        "response_ms": "730.0",
        "slipped": "0",
        "answered_at": NOON,
    }
    assert (second["success"], second["slot"], second["shown_ms"]) == ("0", "0", "1000.0")
    assert (second["slipped"], second["rater"], second["number"]) == ("1", "2", "3")
    assert (third["stage"], third["system"], third["success"]) == ("vigilance", "random", "0")
    assert list(tmp_path.iterdir()) == [path]


def test_parquet_holds_the_same_with_types(tmp_path: Path) -> None:
    import pyarrow.parquet as parquet

    path = tmp_path / "votes.PARQUET"
    assert export_votes(Protocol.TWO_AFC, ANSWERS, path) == 3
    table = parquet.read_table(path)
    assert table.to_pylist() == list(rows(Protocol.TWO_AFC, ANSWERS))
    assert [str(kind) for kind in table.schema.types] == [
        {int: "int64", float: "double", bool: "bool", str: "string"}[kind] for kind, _ in COLUMNS.values()
    ]


def test_a_questionnaire_gives_a_row_per_picture() -> None:
    unit = Unit(1, 1, Stage.TEST, "a", (TRUTH, "s", "t"))
    table = list(rows(Protocol.QUESTIONNAIRE, [answer(unit, (2, 0, 1), Vote((0, 1)))]))
    assert [(row["system"], row["success"], row["slot"]) for row in table] == [
        (TRUTH, False, 1),
        ("s", True, 2),
        ("t", False, 0),
    ]
    assert {row["shown_ms"] for row in table} == {None}


def test_a_preference_names_the_rival() -> None:
    unit = Unit(1, 1, Stage.TEST, "a", ("s", "t"))
    (row,) = rows(Protocol.PREFERENCE, [answer(unit, (1, 0), Vote((1,)))])
    assert (row["system"], row["rival"], row["success"], row["slot"]) == ("s", "t", True, 1)


@pytest.mark.parametrize("name", ["votes.csv", "votes.parquet"])
def test_no_votes_give_the_columns_alone(tmp_path: Path, name: str) -> None:
    assert export_votes(Protocol.TURING, [], tmp_path / name) == 0
    assert (tmp_path / name).stat().st_size > 0


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"votes\.xlsx: votes are written as \.csv or \.parquet"):
        export_votes(Protocol.TURING, ANSWERS, tmp_path / "votes.xlsx")
    assert not list(tmp_path.iterdir())


def test_a_failure_keeps_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "votes.csv"
    path.write_text("older")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match=r"No space left.*votes\.csv"):
        export_votes(Protocol.TWO_AFC, ANSWERS, path)
    assert path.read_text() == "older" and list(tmp_path.iterdir()) == [path]
