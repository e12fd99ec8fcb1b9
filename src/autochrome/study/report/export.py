"""Votes as a table: one row per judgment, as CSV or Parquet, for any other program."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from autochrome.errors import StudyError
from autochrome.io.whole_file import written_whole
from autochrome.study.records import Answer, Judgment, Protocol, judgments


@dataclass(frozen=True)
class Column:
    """A column of the export.

    Attributes:
        kind: ``int``, ``float``, ``bool`` or ``str``; bools are 0 and 1 in CSV.
        meaning: its content, for the documentation.
        value: returns its cell from a trial's answer and one of its verdicts; None is left empty.
    """

    kind: type
    meaning: str
    value: Callable[[Answer, Judgment], Any]


def _slot(answer: Answer, verdict: Judgment) -> int:
    trial = answer.trial
    return trial.order.index(trial.unit.versions.index(verdict.system))


def _shown_ms(answer: Answer, verdict: Judgment) -> float | None:
    shown = answer.vote.shown_ms
    return shown[_slot(answer, verdict)] if shown else None


COLUMNS: dict[str, Column] = {
    "rater": Column(int, "Number of the rater, from 1, in order of enrollment.", lambda a, v: v.rater),
    "number": Column(
        int, "Place of the trial among the rater's trials, from 1.", lambda a, v: a.trial.number
    ),
    "stage": Column(str, "`practice`, `test` or `vigilance`. Rates use `test`.", lambda a, v: str(v.stage)),
    "phase": Column(
        int, "1, or 2 for the re-rating of the best-liked samples (oracle).", lambda a, v: v.phase
    ),
    "unit": Column(
        int, "Number of the unit: a photo and what it is judged against.", lambda a, v: a.trial.unit.id
    ),
    "picture": Column(str, "Name of the photo.", lambda a, v: v.picture),
    "system": Column(
        str,
        "What is judged; `truth` is the true photo (questionnaire), `random` the random colors.",
        lambda a, v: v.system,
    ),
    "rival": Column(str, "Preference: the other system; else empty.", lambda a, v: v.rival or None),
    "success": Column(
        bool,
        "two-afc, turing: taken for the true photo; questionnaire: not marked as poor; preference: preferred"
        " to the rival.",
        lambda a, v: v.success,
    ),
    "slot": Column(int, "Where it was shown: 0 is the first place.", _slot),
    "slots": Column(int, "How many pictures the trial showed.", lambda a, v: len(a.trial.order)),
    "shown_ms": Column(float, "How long it was actually on the screen; empty if not timed.", _shown_ms),
    "response_ms": Column(
        float, "From the end of the display to the answer.", lambda a, v: a.vote.response_ms
    ),
    "slipped": Column(
        bool, "The timing was not as designed, or the page was hidden.", lambda a, v: v.slipped
    ),
    "answered_at": Column(str, "UTC, ISO 8601, to the second.", lambda a, v: a.answered_at),
}
"""Names of the columns in their order."""

_BLOCK = 20_000  # rows that are in memory at once


def rows(protocol: Protocol, answers: Iterable[Answer]) -> Iterator[dict[str, Any]]:
    """Yield a row per judgment, in the order of the answers; the keys are those of `COLUMNS`."""
    for answer in answers:
        for verdict in judgments(protocol, [answer]):
            yield {name: column.value(answer, verdict) for name, column in COLUMNS.items()}


def export_votes(protocol: Protocol, answers: Iterable[Answer], path: Path) -> int:
    """Write all judgments to a file, replacing an existing one as a whole.

    Args:
        protocol: of the study.
        answers: of any stage.
        path: ``.csv`` or ``.parquet``.

    Returns:
        The number of rows.

    Raises:
        StudyError: the suffix is not supported, or the file cannot be written.
    """
    write = _WRITERS[check_suffix(path)]
    try:
        with written_whole(path) as temporary:
            return write(rows(protocol, answers), temporary)
    except OSError as error:
        raise StudyError(f"{path} cannot be written: {error.strerror or error}") from error


def check_suffix(path: Path) -> str:
    """Return the suffix of an export in lower case.

    Raises:
        StudyError: the suffix is not supported.
    """
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        raise StudyError(f"{path.name}: votes are written as {' or '.join(_WRITERS)}; rename the file")
    return suffix


def _write_csv(content: Iterator[dict[str, Any]], path: Path) -> int:
    count = 0
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in content:
            writer.writerow(int(cell) if isinstance(cell, bool) else cell for cell in row.values())
            count += 1
    return count


def _write_parquet(content: Iterator[dict[str, Any]], path: Path) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string()}
    schema = pa.schema([(name, kinds[column.kind]) for name, column in COLUMNS.items()])
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        while block := list(islice(content, _BLOCK)):
            writer.write_table(pa.Table.from_pylist(block, schema))
            count += len(block)
    return count


_WRITERS = {".csv": _write_csv, ".parquet": _write_parquet}
