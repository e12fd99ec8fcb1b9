"""What the tables of one study say, in the words of `records`; calls are inside of a caller's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

from sqlalchemy import Connection, Executable

from autochrome.study.records import Answer, Stage, Trial, Unit, Vote
from autochrome.study.storage import statements as sql


@dataclass(frozen=True)
class Entry:
    """A trial, and how it stands.

    Attributes:
        trial: the trial.
        answered: whether it has its vote.
        opened_at: when its rater was given it, or came back to it; seconds since 1970.
    """

    trial: Trial
    answered: bool
    opened_at: float


def unit_rows(study: str, laid_out: Sequence[Unit], sources: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
    """Rows of new units.

    Args:
        study: its id.
        laid_out: the units.
        sources: for each, whose picture stands for each of its versions.
    """
    contests: dict[tuple[str, ...], int] = {}
    return [
        {
            "study": study,
            "id": unit.id,
            "phase": unit.phase,
            "stage": unit.stage,
            "picture": unit.picture,
            "versions": list(unit.versions),
            "contest": contests.setdefault(unit.versions, len(contests)),
            "sources": list(source),
            "votes": 0,
        }
        for unit, source in zip(laid_out, sources, strict=True)
    ]


class Ledger:
    """The rows of one study. Units never change, so they are read once and kept.

    Args:
        study: its id.
        total: trials of a rater.
    """

    def __init__(self, study: str, total: int) -> None:
        self.study, self.total = study, total
        self._units: dict[int, Unit] = {}
        self._sources: dict[int, tuple[str, ...]] = {}

    # The study.

    def version(self, connection: Connection) -> int | None:
        """The form of its tables; None where the database does not hold it."""
        return connection.scalar(sql.VERSION, {"study_id": self.study})

    def phase(self, connection: Connection) -> int:
        """The phase in which new raters enroll."""
        return connection.execute(sql.PHASE, {"study_id": self.study}).scalar_one()

    def has_trials(self, connection: Connection) -> bool:
        """Whether any rater was shown anything."""
        return connection.scalar(sql.ANY_TRIAL, {"study_id": self.study}) is not None

    # Units.

    def unit(self, connection: Connection, number: int) -> Unit:
        """A unit by its id."""
        if number not in self._units:  # the first to be asked for, or another process began the second phase
            self._read_units(connection)
        return self._units[number]

    def units(self, connection: Connection, phase: int) -> list[Unit]:
        """The units of a phase."""
        self._read_units(connection)
        return [unit for unit in self._units.values() if unit.phase == phase]

    def source(self, unit: int, version: int) -> str:
        """Whose picture stands for a version of a unit that was given out."""
        return self._sources[unit][version]

    def votes(self, connection: Connection, phase: int, stage: Stage) -> list[int]:
        """Votes of each unit of a stage."""
        return list(connection.scalars(sql.VOTES, {"study_id": self.study, "phase": phase, "stage": stage}))

    def fewest_votes(self, connection: Connection, phase: int) -> int:
        """Votes of the test unit of a phase that has fewest."""
        where = {"study_id": self.study, "phase": phase, "stage": Stage.TEST}
        return connection.execute(sql.FEWEST_VOTES, where).scalar_one()

    def choose_unit(
        self,
        connection: Connection,
        rater: int,
        phase: int,
        stage: Stage,
        rng: Random,
        *,
        since: float | None,
    ) -> Unit:
        """The unit that a rater is shown next, on a photo that they have not seen.

        Args:
            connection: in a transaction that alone may write.
            rater: their number.
            phase: theirs.
            stage: of their next trial.
            rng: decides between equals.
            since: a trial opened before then no longer counts as being answered; None draws from all units
                alike, because every rater is shown them all.

        Returns:
            One of those with the fewest votes, trials being answered among them; of those, one whose versions
            the rater was shown least often.
        """
        where: dict[str, Any] = {"study_id": self.study, "rater": rater, "phase": phase, "stage": stage}
        count, take = sql.COUNT_UNSEEN, sql.TAKE_UNSEEN
        if since is not None:
            where["since"] = since
            count, take = sql.COUNT_BEST, sql.TAKE_BEST
        best = connection.execute(count, where).one()
        where |= {"load": best.load, "times": best.times, "offset": rng.randrange(best.equals)}
        return self.unit(connection, connection.execute(take, where).scalar_one())

    def places(self, connection: Connection, unit: int, since: float) -> Counter[int]:
        """How often a unit's first version stood in each slot, in trials answered or being answered."""
        where = {"study_id": self.study, "unit_id": unit, "since": since}
        return Counter(connection.scalars(sql.PLACES_IN_UNIT, where))

    # Raters.

    def count_raters(self, connection: Connection) -> int:
        """How many enrolled."""
        return connection.execute(sql.COUNT_RATERS, {"study_id": self.study}).scalar_one()

    def raters_since(self, connection: Connection, since: float) -> set[int]:
        """Raters who were given a trial, or came back to one, after ``since``."""
        return set(connection.scalars(sql.RATERS_SINCE, {"study_id": self.study, "since": since}))

    def add_rater(self, connection: Connection, number: int, token_sha256: str, phase: int) -> None:
        """Enroll one."""
        row = {"study": self.study, "number": number, "token_sha256": token_sha256, "phase": phase}
        connection.execute(sql.ADD_RATER, row)

    def rater(self, connection: Connection, token_sha256: str) -> int | None:
        """Number of the rater whose token has a digest."""
        return connection.scalar(sql.RATER, {"study_id": self.study, "token_sha256": token_sha256})

    def phase_of(self, connection: Connection, rater: int) -> int | None:
        """The phase in which a rater enrolled; None where there is no such rater."""
        return connection.scalar(sql.PHASE_OF_RATER, {"study_id": self.study, "rater": rater})

    def places_of(self, connection: Connection, rater: int, stage: Stage) -> Counter[int]:
        """How often the first version stood in each slot, in the trials of a stage that a rater was shown."""
        where = {"study_id": self.study, "rater": rater, "stage": stage}
        return Counter(connection.scalars(sql.PLACES_OF_RATER, where))

    # Trials and votes.

    def last(self, connection: Connection, rater: int) -> Entry | None:
        """The trial that a rater was given last."""
        return self._entry(connection, sql.LAST_TRIAL, {"study_id": self.study, "rater": rater})

    def find(self, connection: Connection, rater: int, trial_id: str) -> Entry | None:
        """A trial of a rater by its id."""
        where = {"study_id": self.study, "rater": rater, "trial_id": trial_id}
        return self._entry(connection, sql.FIND_TRIAL, where)

    def add_trial(self, connection: Connection, rater: int, trial: Trial, now: float) -> None:
        """Give a rater a trial."""
        row = {
            "study": self.study,
            "id": trial.id,
            "rater": rater,
            "number": trial.number,
            "unit": trial.unit.id,
            "order": list(trial.order),
            "place": trial.order.index(0),
            "opened_at": now,
            "answered": False,
        }
        connection.execute(sql.ADD_TRIAL, row)

    def reopen(self, connection: Connection, trial: Trial, now: float) -> None:
        """Note that a rater came back to a trial."""
        connection.execute(sql.REOPEN_TRIAL, {"study_id": self.study, "trial_id": trial.id, "now": now})

    def add_vote(self, connection: Connection, trial: Trial, vote: Vote, now: float) -> None:
        """Keep the vote of a trial, and count it."""
        row = {
            "study": self.study,
            "trial": trial.id,
            "chosen": sorted(vote.chosen),
            "shown_ms": list(vote.shown_ms),
            "response_ms": vote.response_ms,
            "slipped": vote.slipped,
            "answered_at": int(now),
        }
        connection.execute(sql.ADD_VOTE, row)
        connection.execute(sql.CLOSE_TRIAL, {"study_id": self.study, "trial_id": trial.id})
        connection.execute(sql.COUNT_VOTE, {"study_id": self.study, "unit_id": trial.unit.id})

    def answers(self, connection: Connection, stages: Collection[Stage]) -> Iterator[Answer]:
        """Answers to trials of the given stages, by rater and number."""
        where = {"study_id": self.study, "stages": list(stages)}
        for row in connection.execute(sql.ANSWERS, where):
            trial = Trial(row.id, self.unit(connection, row.unit), tuple(row.order), row.number, self.total)
            shown = tuple(float(t) for t in row.shown_ms)
            vote = Vote(tuple(row.chosen), shown, float(row.response_ms), row.slipped)
            at = datetime.fromtimestamp(row.answered_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            yield Answer(row.rater, trial, vote, at)

    def count_votes(self, connection: Connection) -> dict[tuple[Stage, bool], int]:
        """How many votes there are of each stage, in and out of time (slipped)."""
        rows = connection.execute(sql.COUNT_BY_STAGE, {"study_id": self.study})
        return {(Stage(row.stage), row.slipped): row.number for row in rows}

    def finished(self, connection: Connection) -> set[int]:
        """Raters who answered all their trials."""
        return set(connection.scalars(sql.FINISHED, {"study_id": self.study, "total": self.total}))

    def _read_units(self, connection: Connection) -> None:
        for row in connection.execute(sql.UNITS, {"study_id": self.study}):
            unit = Unit(row.id, row.phase, Stage(row.stage), row.picture, tuple(row.versions))
            self._sources[unit.id], self._units[unit.id] = tuple(row.sources), unit

    def _entry(self, connection: Connection, query: Executable, where: dict[str, Any]) -> Entry | None:
        row = connection.execute(query, where).first()
        if row is None:
            return None
        unit = self.unit(connection, row.unit)
        trial = Trial(row.id, unit, tuple(row.order), row.number, self.total)
        return Entry(trial, row.answered, row.opened_at)
