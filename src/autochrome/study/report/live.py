"""How a study stands at this moment: how far it is, and its rates so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autochrome.study.analysis import Rate, select, to_plain
from autochrome.study.records import judgments
from autochrome.study.report.summary import rates_by_name
from autochrome.study.storage.status import Status
from autochrome.study.storage.store import Study


@dataclass(frozen=True)
class Live:
    """A study that may be running.

    Attributes:
        status: how far it is.
        rates: of each system so far (preference: of each pair), from the votes that count.
    """

    status: Status
    rates: dict[str, Rate]

    def to_json(self) -> dict[str, Any]:
        """The same as dictionaries, lists and numbers."""
        return to_plain(self)


def live(study: Study) -> Live:
    """Look at a study."""
    verdicts = judgments(study.design.protocol, list(study.answers()))
    kept = select(verdicts).judgments
    return Live(study.status(), rates_by_name(study.design.protocol, kept))
