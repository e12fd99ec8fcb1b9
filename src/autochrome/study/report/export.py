"""Votes as a table: one row per judgment, as CSV or Parquet, for any other program."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from autochrome.errors import StudyError
from autochrome.io.whole_file import written_whole
from autochrome.study.records import Answer, Judgment, Protocol, judgments


def _slot(answer: Answer, verdict: Judgment) -> int:
    trial = answer.trial
    return trial.order.index(trial.unit.versions.index(verdict.system))


def _shown_ms(answer: Answer, verdict: Judgment) -> float | None:
    shown = answer.vote.shown_ms
    return shown[_slot(answer, verdict)] if shown else None


COLUMNS: dict[str, tuple[type, Callable[[Answer, Judgment], Any]]] = {
    "rater": (int, lambda answer, verdict: verdict.rater),
    "number": (int, lambda answer, verdict: answer.trial.number),
    "stage": (str, lambda answer, verdict: str(verdict.stage)),
    "phase": (int, lambda answer, verdict: verdict.phase),
    "unit": (int, lambda answer, verdict: answer.trial.unit.id),
    "picture": (str, lambda answer, verdict: verdict.picture),
    "system": (str, lambda answer, verdict: verdict.system),
    "rival": (str, lambda answer, verdict: verdict.rival or None),
    "success": (bool, lambda answer, verdict: verdict.success),
    "slot": (int, _slot),
    "slots": (int, lambda answer, verdict: len(answer.trial.order)),
    "shown_ms": (float, _shown_ms),
    "response_ms": (float, lambda answer, verdict: answer.vote.response_ms),
    "slipped": (bool, lambda answer, verdict: verdict.slipped),
    "answered_at": (str, lambda answer, verdict: answer.answered_at),
}
"""The columns in their order, each with its type and its cell for a trial's answer and one of its verdicts.

Bools are 0 and 1 in CSV, and None is left empty. docs/study.md says what the columns mean."""

_BLOCK = 20_000  # rows that are in memory at once


def rows(protocol: Protocol, answers: Iterable[Answer]) -> Iterator[dict[str, Any]]:
    """Yield a row per judgment, in the order of the answers; the keys are those of `COLUMNS`."""
    for answer in answers:
        for verdict in judgments(protocol, [answer]):
            yield {name: cell(answer, verdict) for name, (_, cell) in COLUMNS.items()}


def export_votes(protocol: Protocol, answers: Iterable[Answer], path: Path) -> int:
    """Write all judgments to a ``.csv`` or ``.parquet`` file, as a whole, and return the number of rows.

    Raises:
        StudyError: the suffix is not supported.
        OSError: the file cannot be written.
    """
    write = _WRITERS[check_suffix(path)]
    with written_whole(path, mode=0o600) as temporary:  # what people answered is theirs to give on
        return write(rows(protocol, answers), temporary)


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
    schema = pa.schema([(name, kinds[kind]) for name, (kind, _) in COLUMNS.items()])
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        while block := list(islice(content, _BLOCK)):
            writer.write_table(pa.Table.from_pylist(block, schema))
            count += len(block)
    return count


_WRITERS = {".csv": _write_csv, ".parquet": _write_parquet}
