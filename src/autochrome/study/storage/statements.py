"""The statements by which a study's tables are read and written, the same on SQLite and PostgreSQL.

They are put together once, for that takes longer than most of them run. What differs from call to call is a
parameter: ``study_id`` in each, and those named in the comments.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Executable, and_, bindparam, func, insert, literal, select, update

from autochrome.study.records import Stage
from autochrome.study.storage.schema import raters, studies, trials, units, votes

_study, _rater, _since = bindparam("study_id"), bindparam("rater"), bindparam("since")
_of_rater = and_(trials.c.study == _study, trials.c.rater == _rater)
_of_stage = and_(
    units.c.study == _study, units.c.phase == bindparam("phase"), units.c.stage == bindparam("stage")
)
_with_unit = and_(units.c.study == trials.c.study, units.c.id == trials.c.unit)
_being_answered = and_(trials.c.answered.is_(False), trials.c.opened_at > _since)

# The study: new_phase.
VERSION = select(studies.c.version).where(studies.c.id == _study)
PHASE = select(studies.c.phase).where(studies.c.id == _study)
SET_PHASE = update(studies).where(studies.c.id == _study).values(phase=bindparam("new_phase"))
ANY_TRIAL = select(trials.c.id).where(trials.c.study == _study).limit(1)

# Raters: token_sha256; rater; since.
COUNT_RATERS = select(func.count()).select_from(raters).where(raters.c.study == _study)
ADD_RATER = insert(raters)
RATER = select(raters.c.number).where(
    raters.c.study == _study, raters.c.token_sha256 == bindparam("token_sha256")
)
PHASE_OF_RATER = select(raters.c.phase).where(raters.c.study == _study, raters.c.number == _rater)
RATERS_SINCE = select(trials.c.rater).where(trials.c.study == _study, trials.c.opened_at > _since).distinct()

# Units: phase, stage; unit_id, since.
UNITS = select(units).where(units.c.study == _study).order_by(units.c.id)
ADD_UNITS = insert(units)
VOTES = select(units.c.votes).where(_of_stage)
FEWEST_VOTES = select(func.min(units.c.votes)).where(_of_stage)
PLACES_IN_UNIT = select(trials.c.place).where(
    trials.c.study == _study, trials.c.unit == bindparam("unit_id"), trials.c.answered | _being_answered
)

# Trials: rater; trial_id; stage; now.
LAST_TRIAL = select(trials).where(_of_rater).order_by(trials.c.number.desc()).limit(1)
FIND_TRIAL = select(trials).where(_of_rater, trials.c.id == bindparam("trial_id"))
PLACES_OF_RATER = (
    select(trials.c.place)
    .select_from(trials.join(units, _with_unit))
    .where(_of_rater, units.c.stage == bindparam("stage"))
)
ADD_TRIAL = insert(trials)
_one_trial = and_(trials.c.study == _study, trials.c.id == bindparam("trial_id"))
REOPEN_TRIAL = update(trials).where(_one_trial).values(opened_at=bindparam("now"))
CLOSE_TRIAL = update(trials).where(_one_trial).values(answered=True)

# Votes: unit_id; stages; total.
ADD_VOTE = insert(votes)
COUNT_VOTE = (
    update(units)
    .where(units.c.study == _study, units.c.id == bindparam("unit_id"))
    .values(votes=units.c.votes + 1)
)
_answered = votes.join(trials, and_(votes.c.study == trials.c.study, votes.c.trial == trials.c.id)).join(
    units, _with_unit
)
ANSWERS = (
    select(
        trials, votes.c.chosen, votes.c.shown_ms, votes.c.response_ms, votes.c.slipped, votes.c.answered_at
    )
    .select_from(_answered)
    .where(votes.c.study == _study, units.c.stage.in_(bindparam("stages", expanding=True)))
    .order_by(trials.c.rater, trials.c.number)
)
COUNT_BY_STAGE = (
    select(units.c.stage, votes.c.slipped, func.count().label("number"))
    .select_from(_answered)
    .where(votes.c.study == _study)
    .group_by(units.c.stage, votes.c.slipped)
)
FINISHED = select(trials.c.rater).where(
    trials.c.study == _study, trials.c.answered, trials.c.number == bindparam("total")
)


def _choice(*, balanced: bool) -> tuple[Executable, Executable]:
    """Which unit comes next: how many are equally good, then the one of them at an offset.

    Offered are units on photos that the rater has not seen. If they are to be balanced, the best have the
    least load (votes, and trials being answered), and of those the contest that the rater met least often.
    """
    own = select(trials.c.unit).where(_of_rater)
    shown = select(units.c.picture, units.c.contest, units.c.stage)
    shown = shown.where(units.c.study == _study, units.c.id.in_(own)).cte("shown")
    load: ColumnElement[int] = literal(0)
    times: ColumnElement[int] = literal(0)
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
    offered = select(units.c.id, load.label("load"), times.label("times")).select_from(source)
    offered = offered.where(_of_stage, units.c.picture.not_in(select(shown.c.picture))).subquery()
    ranks = (offered.c.load, offered.c.times)
    counted = select(*ranks, func.count().label("equals")).group_by(*ranks).order_by(*ranks).limit(1)
    taken = select(offered.c.id).order_by(offered.c.id).limit(1).offset(bindparam("offset"))
    return counted, taken.where(offered.c.load == bindparam("load"), offered.c.times == bindparam("times"))


# rater, phase, stage (since); and load, times, offset.
COUNT_BEST, TAKE_BEST = _choice(balanced=True)
COUNT_UNSEEN, TAKE_UNSEEN = _choice(balanced=False)
