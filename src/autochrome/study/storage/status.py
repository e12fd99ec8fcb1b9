"""How far a study is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import Connection

from autochrome.study.design import Design
from autochrome.study.records import Stage, judgments, passed
from autochrome.study.storage.ledger import Ledger


@dataclass(frozen=True)
class Status:
    """How far a study is.

    Attributes:
        phase: in which new raters enroll.
        phases: 2 with an oracle, else 1.
        done: every unit has the votes that are wanted.
        enrolled: raters so far.
        finished: those who answered all their trials.
        active: those who have not finished and were shown something lately (`Design.abandoned_after_s`).
        max_raters: how many may enroll.
        units: how many test units the phase has.
        wanted: votes wanted for each.
        fewest: votes of the unit that has fewest.
        most: votes of the unit that has most.
        missing: votes that the phase still lacks.
        votes: how many there are per stage, over both phases.
        slipped: test votes whose timing was not as designed.
        vigilance_failed: vigilance votes that were wrong.
    """

    phase: int
    phases: int
    done: bool
    enrolled: int
    finished: int
    active: int
    max_raters: int
    units: int
    wanted: int
    fewest: int
    most: int
    missing: int
    votes: dict[Stage, int]
    slipped: int
    vigilance_failed: int


def read_status(
    connection: Connection, ledger: Ledger, design: Design, *, max_raters: int, active_since: float
) -> Status:
    """Count.

    Args:
        connection: in one transaction, so that the figures belong together.
        ledger: of the study.
        design: of the study.
        max_raters: how many may enroll.
        active_since: raters who were shown nothing since then (seconds since 1970) are not active.
    """
    phase = ledger.phase(connection)
    counts = ledger.votes(connection, phase, Stage.TEST)
    finished = ledger.finished(connection)
    votes = Counter(ledger.count_votes(connection))
    watched = list(ledger.answers(connection, [Stage.VIGILANCE]))
    return Status(
        phase=phase,
        phases=design.phases,
        done=phase == design.phases and min(counts) >= design.raters,
        enrolled=ledger.count_raters(connection),
        finished=len(finished),
        active=len(ledger.raters_since(connection, active_since) - finished),
        max_raters=max_raters,
        units=len(counts),
        wanted=design.raters,
        fewest=min(counts),
        most=max(counts),
        missing=sum(max(design.raters - count, 0) for count in counts),
        votes={stage: votes[stage, False] + votes[stage, True] for stage in Stage},
        slipped=votes[Stage.TEST, True],
        vigilance_failed=sum(not passed(each) for each in judgments(design.protocol, watched)),
    )
