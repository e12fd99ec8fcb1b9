"""A study's progress at this moment, and its rates so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autochrome.io.plain import to_plain
from autochrome.study.records import judgments
from autochrome.study.report.summary import rates_by_name
from autochrome.study.statistics.rates import Rate
from autochrome.study.statistics.selection import select
from autochrome.study.storage.store import Status, Study


@dataclass(frozen=True)
class Live:
    """A study that may be running.

    Attributes:
        status: its progress.
        rates: of each system so far (preference: of each pair), from the votes that count.
    """

    status: Status
    rates: dict[str, Rate]

    def to_json(self) -> dict[str, Any]:
        """Return the same as dictionaries, lists and numbers."""
        return to_plain(self)


def live(study: Study) -> Live:
    """Return the current figures of a study."""
    verdicts = judgments(study.design.protocol, list(study.answers()))
    kept = select(verdicts).judgments
    return Live(study.status(), rates_by_name(study.design.protocol, kept))
