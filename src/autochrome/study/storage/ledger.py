"""The rows of one study, in the words of `records`; every call is made inside the caller's transaction.

The statements are the same on SQLite and PostgreSQL, and are built once, since building one takes longer than
running it. Their parameters are ``study_id`` and those named in the comments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, and_, bindparam, func, insert, literal, select, update

from autochrome.study.records import Answer, Stage, Trial, Unit, Vote
from autochrome.study.storage.schema import SCHEMA_VERSION, raters, studies, trials, units, votes

_study, _rater, _since = bindparam("study_id"), bindparam("rater"), bindparam("since")
_of_rater = and_(trials.c.study == _study, trials.c.rater == _rater)
_of_stage = and_(
    units.c.study == _study, units.c.phase == bindparam("phase"), units.c.stage == bindparam("stage")
)
_with_unit = and_(units.c.study == trials.c.study, units.c.id == trials.c.unit)
_being_answered = and_(trials.c.answered.is_(False), trials.c.opened_at > _since)

# The study: new_phase.
_VERSION = select(studies.c.version).where(studies.c.id == _study)
_PHASE = select(studies.c.phase).where(studies.c.id == _study)
_SET_PHASE = update(studies).where(studies.c.id == _study).values(phase=bindparam("new_phase"))
_ANY_TRIAL = select(trials.c.id).where(trials.c.study == _study).limit(1)

# Raters: token_sha256; rater; since.
_COUNT_RATERS = select(func.count()).select_from(raters).where(raters.c.study == _study)
_RATER = select(raters.c.number).where(
    raters.c.study == _study, raters.c.token_sha256 == bindparam("token_sha256")
)
_PHASE_OF_RATER = select(raters.c.phase).where(raters.c.study == _study, raters.c.number == _rater)
_RATERS_SINCE = select(trials.c.rater).where(trials.c.study == _study, trials.c.opened_at > _since).distinct()

# Units: phase, stage; unit_id, since.
_UNITS = select(units).where(units.c.study == _study).order_by(units.c.id)
_VOTES = select(units.c.votes).where(_of_stage)
_FEWEST_VOTES = select(func.min(units.c.votes)).where(_of_stage)
_PLACES_IN_UNIT = select(trials.c.place).where(
    trials.c.study == _study, trials.c.unit == bindparam("unit_id"), trials.c.answered | _being_answered
)

# Trials: rater; trial_id; stage; now.
_LAST_TRIAL = select(trials).where(_of_rater).order_by(trials.c.number.desc()).limit(1)
_FIND_TRIAL = select(trials).where(_of_rater, trials.c.id == bindparam("trial_id"))
_PLACES_OF_RATER = (
    select(trials.c.place)
    .select_from(trials.join(units, _with_unit))
    .where(_of_rater, units.c.stage == bindparam("stage"))
)
_one_trial = and_(trials.c.study == _study, trials.c.id == bindparam("trial_id"))
_REOPEN_TRIAL = update(trials).where(_one_trial).values(opened_at=bindparam("now"))
_CLOSE_TRIAL = update(trials).where(_one_trial).values(answered=True)

# Votes: unit_id; stages; total.
_COUNT_VOTE = (
    update(units)
    .where(units.c.study == _study, units.c.id == bindparam("unit_id"))
    .values(votes=units.c.votes + 1)
)
_answered = votes.join(trials, and_(votes.c.study == trials.c.study, votes.c.trial == trials.c.id)).join(
    units, _with_unit
)
_ANSWERS = (
    select(
        trials, votes.c.chosen, votes.c.shown_ms, votes.c.response_ms, votes.c.slipped, votes.c.answered_at
    )
    .select_from(_answered)
    .where(votes.c.study == _study, units.c.stage.in_(bindparam("stages", expanding=True)))
    .order_by(trials.c.rater, trials.c.number)
)
_COUNT_BY_STAGE = (
    select(units.c.stage, votes.c.slipped, func.count().label("number"))
    .select_from(_answered)
    .where(votes.c.study == _study)
    .group_by(units.c.stage, votes.c.slipped)
)
_FINISHED = select(trials.c.rater).where(
    trials.c.study == _study, trials.c.answered, trials.c.number == bindparam("total")
)


def _choice(*, balanced: bool) -> tuple[sa.Executable, sa.Executable]:
    """Return two statements that choose a rater's next unit: count the best, and take one at an offset.

    The candidates are units on photos that the rater has not seen. If ``balanced``, the best have the least
    load (votes plus trials being answered) and, among those, the contest that the rater has met least often.
    """
    own = select(trials.c.unit).where(_of_rater)
    shown = select(units.c.picture, units.c.contest, units.c.stage)
    shown = shown.where(units.c.study == _study, units.c.id.in_(own)).cte("shown")
    load: sa.ColumnElement[int] = literal(0)
    times: sa.ColumnElement[int] = literal(0)
    source: Any = units
    if balanced:
        pending = select(trials.c.unit, func.count().label("count")).group_by(trials.c.unit)
        pending = pending.where(trials.c.study == _study, _being_answered).subquery()
        met = select(shown.c.contest, func.count().label("count")).group_by(shown.c.contest)
        met = met.where(shown.c.stage == Stage.TEST).subquery()
        source = units.outerjoin(pending, pending.c.unit == units.c.id)
        source = source.outerjoin(met, met.c.contest == units.c.contest)
        load = units.c.votes + func.coalesce(pending.c.count, 0)
        times = func.coalesce(met.c.count, 0)
    candidates = select(units.c.id, load.label("load"), times.label("times")).select_from(source)
    candidates = candidates.where(_of_stage, units.c.picture.not_in(select(shown.c.picture))).subquery()
    ranks = (candidates.c.load, candidates.c.times)
    counted = select(*ranks, func.count().label("equals")).group_by(*ranks).order_by(*ranks).limit(1)
    taken = select(candidates.c.id).order_by(candidates.c.id).limit(1).offset(bindparam("offset"))
    return counted, taken.where(ranks[0] == bindparam("load"), ranks[1] == bindparam("times"))


# rater, phase, stage (since); and load, times, offset.
_COUNT_BEST, _TAKE_BEST = _choice(balanced=True)
_COUNT_UNSEEN, _TAKE_UNSEEN = _choice(balanced=False)


@dataclass(frozen=True)
class Entry:
    """A trial, whether it has its vote, and when its rater last opened it, in seconds since 1970."""

    trial: Trial
    answered: bool
    opened_at: float


class Ledger:
    """The rows of one study, of ``total`` trials per rater. Units never change, so they are cached."""

    def __init__(self, study: str, total: int) -> None:
        self.study, self.total = study, total
        self._units: dict[int, Unit] = {}
        self._sources: dict[int, tuple[str, ...]] = {}

    def _run(self, connection: Connection, statement: sa.Executable, **values: Any) -> sa.Result[Any]:
        return connection.execute(statement, {"study_id": self.study, **values})

    # The study.

    def add_study(self, connection: Connection) -> None:
        """Insert the study itself, in its first phase, and the tables that do not exist yet."""
        studies.metadata.create_all(connection)
        connection.execute(insert(studies).values(id=self.study, version=SCHEMA_VERSION, phase=1))

    def version(self, connection: Connection) -> int | None:
        """Return the version of its tables; None if the database does not hold the study."""
        known = sa.inspect(connection).has_table(studies.name)
        return self._run(connection, _VERSION).scalar() if known else None

    def phase(self, connection: Connection) -> int:
        """Return the phase in which new raters enroll."""
        return self._run(connection, _PHASE).scalar_one()

    def set_phase(self, connection: Connection, phase: int) -> None:
        """Let raters who enroll from now on judge the units of another phase."""
        self._run(connection, _SET_PHASE, new_phase=phase)

    def has_trials(self, connection: Connection) -> bool:
        """Return whether any rater has been shown a trial."""
        return self._run(connection, _ANY_TRIAL).scalar() is not None

    # Units.

    def add_units(
        self, connection: Connection, new: Sequence[Unit], sources: Sequence[Sequence[str]]
    ) -> None:
        """Insert units; ``sources`` has the version whose picture is shown for each version of each unit."""
        contests: dict[tuple[str, ...], int] = {}
        rows = [
            {
                **asdict(unit),
                "study": self.study,
                "contest": contests.setdefault(unit.versions, len(contests)),
                "sources": source,
                "votes": 0,
            }
            for unit, source in zip(new, sources, strict=True)
        ]
        connection.execute(insert(units), rows)

    def unit(self, connection: Connection, number: int) -> Unit:
        """Return a unit by its id."""
        if number not in self._units:  # the first request, or another process has begun the second phase
            self._read_units(connection)
        return self._units[number]

    def units(self, connection: Connection, phase: int) -> list[Unit]:
        """Return the units of a phase."""
        self._read_units(connection)
        return [unit for unit in self._units.values() if unit.phase == phase]

    def source(self, unit: int, version: int) -> str:
        """Return the version whose picture is shown for a version of a unit that was given out."""
        return self._sources[unit][version]

    def votes(self, connection: Connection, phase: int, stage: Stage) -> list[int]:
        """Return the number of votes on each unit of a stage."""
        return list(self._run(connection, _VOTES, phase=phase, stage=stage).scalars())

    def fewest_votes(self, connection: Connection, phase: int) -> int:
        """Return the smallest number of votes on any test unit of a phase."""
        return self._run(connection, _FEWEST_VOTES, phase=phase, stage=Stage.TEST).scalar_one()

    def choose_unit(
        self, connection: Connection, rater: int, phase: int, stage: Stage, rng: Random, since: float | None
    ) -> Unit:
        """Choose the next unit of a stage for a rater, on a photo that they have not seen.

        It has the fewest votes and, among those, versions that the rater was shown least often; ``rng``
        breaks ties. Trials opened since ``since`` count as votes; None draws from all units alike.
        """
        where: dict[str, Any] = {"rater": rater, "phase": phase, "stage": stage}
        count, take = _COUNT_UNSEEN, _TAKE_UNSEEN
        if since is not None:
            where["since"] = since
            count, take = _COUNT_BEST, _TAKE_BEST
        best = self._run(connection, count, **where).one()
        where |= {"load": best.load, "times": best.times, "offset": rng.randrange(best.equals)}
        return self.unit(connection, self._run(connection, take, **where).scalar_one())

    def places(self, connection: Connection, unit: int, since: float) -> Counter[int]:
        """Count how often a unit's first version was in each slot, in trials answered or being answered."""
        return Counter(self._run(connection, _PLACES_IN_UNIT, unit_id=unit, since=since).scalars())

    # Raters.

    def count_raters(self, connection: Connection) -> int:
        """Return how many raters have enrolled."""
        return self._run(connection, _COUNT_RATERS).scalar_one()

    def raters_since(self, connection: Connection, since: float) -> set[int]:
        """Return the raters who opened a trial after ``since``."""
        return set(self._run(connection, _RATERS_SINCE, since=since).scalars())

    def add_rater(self, connection: Connection, number: int, token_sha256: str, phase: int) -> None:
        """Enroll a rater."""
        row = {"study": self.study, "number": number, "token_sha256": token_sha256, "phase": phase}
        connection.execute(insert(raters), row)

    def rater(self, connection: Connection, token_sha256: str) -> int | None:
        """Return the number of the rater whose token has this digest; None if there is none."""
        return self._run(connection, _RATER, token_sha256=token_sha256).scalar()

    def phase_of(self, connection: Connection, rater: int) -> int | None:
        """Return the phase in which a rater enrolled; None if there is no such rater."""
        return self._run(connection, _PHASE_OF_RATER, rater=rater).scalar()

    def places_of(self, connection: Connection, rater: int, stage: Stage) -> Counter[int]:
        """Count how often the first version was in each slot, in a rater's trials of a stage."""
        return Counter(self._run(connection, _PLACES_OF_RATER, rater=rater, stage=stage).scalars())

    # Trials and votes.

    def last(self, connection: Connection, rater: int) -> Entry | None:
        """Return the trial that a rater was given last."""
        return self._entry(connection, self._run(connection, _LAST_TRIAL, rater=rater).first())

    def find(self, connection: Connection, rater: int, trial_id: str) -> Entry | None:
        """Return a rater's trial by its id."""
        row = self._run(connection, _FIND_TRIAL, rater=rater, trial_id=trial_id).first()
        return self._entry(connection, row)

    def add_trial(self, connection: Connection, rater: int, trial: Trial, now: float) -> None:
        """Give a rater a trial."""
        row = {
            "study": self.study,
            "id": trial.id,
            "rater": rater,
            "number": trial.number,
            "unit": trial.unit.id,
            "order": trial.order,
            "place": trial.order.index(0),
            "opened_at": now,
            "answered": False,
        }
        connection.execute(insert(trials), row)

    def reopen(self, connection: Connection, trial: Trial, now: float) -> None:
        """Record that a rater came back to a trial."""
        self._run(connection, _REOPEN_TRIAL, trial_id=trial.id, now=now)

    def add_vote(self, connection: Connection, trial: Trial, vote: Vote, now: float) -> None:
        """Store the vote on a trial and count it."""
        row = {"study": self.study, "trial": trial.id, **asdict(vote), "answered_at": int(now)}
        connection.execute(insert(votes), {**row, "chosen": sorted(vote.chosen)})
        self._run(connection, _CLOSE_TRIAL, trial_id=trial.id)
        self._run(connection, _COUNT_VOTE, unit_id=trial.unit.id)

    def answers(self, connection: Connection, stages: Iterable[Stage]) -> Iterator[Answer]:
        """Yield the answers to trials of the given stages, by rater and number."""
        for row in self._run(connection, _ANSWERS, stages=list(stages)):
            shown = tuple(float(t) for t in row.shown_ms)
            vote = Vote(tuple(row.chosen), shown, float(row.response_ms), row.slipped)
            at = datetime.fromtimestamp(row.answered_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            yield Answer(row.rater, self._trial(connection, row), vote, at)

    def count_votes(self, connection: Connection) -> dict[tuple[Stage, bool], int]:
        """Count the votes of each stage, those that slipped and those that did not."""
        rows = self._run(connection, _COUNT_BY_STAGE)
        return {(Stage(row.stage), row.slipped): row.number for row in rows}

    def finished(self, connection: Connection) -> set[int]:
        """Return the raters who have answered all their trials."""
        return set(self._run(connection, _FINISHED, total=self.total).scalars())

    def _read_units(self, connection: Connection) -> None:
        for row in self._run(connection, _UNITS):
            unit = Unit(row.id, row.phase, Stage(row.stage), row.picture, tuple(row.versions))
            self._sources[unit.id], self._units[unit.id] = tuple(row.sources), unit

    def _entry(self, connection: Connection, row: Any) -> Entry | None:
        if row is None:
            return None
        return Entry(self._trial(connection, row), row.answered, row.opened_at)

    def _trial(self, connection: Connection, row: Any) -> Trial:
        return Trial(row.id, self.unit(connection, row.unit), tuple(row.order), row.number, self.total)
