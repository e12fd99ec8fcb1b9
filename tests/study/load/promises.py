"""What a study promises of its votes, held against the database itself after raters and kills."""

from __future__ import annotations

import hashlib
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, delete, select

from autochrome.study.records import Stage
from autochrome.study.storage.schema import Database, raters, studies, trials, units, votes
from tests.study.load.http_raters import Journal, Sent

Row = dict[str, Any]
"""A row of a table, by the names of its columns."""

MOST_APART = 2
"""Votes by which test units may differ. One would do if raters could take any unit; a rater who has seen the
photos of all that lack a vote takes another, and makes it two."""


@dataclass(frozen=True)
class Stored:
    """The tables of one study as they are.

    Attributes:
        raters: number -> SHA-256 of the token.
        units: id -> row.
        trials: id -> row.
        votes: rows.
    """

    raters: dict[int, str]
    units: dict[int, Row]
    trials: dict[str, Row]
    votes: list[Row]

    @classmethod
    def read(cls, database: Database, study: str) -> Stored:
        """Read them in one transaction."""
        with database.reading() as connection:

            def rows(table: Table) -> list[Row]:
                query = select(table).where(table.c.study == study)
                return [dict(row) for row in connection.execute(query).mappings()]

            return cls(
                {row["number"]: row["token_sha256"] for row in rows(raters)},
                {row["id"]: row for row in rows(units)},
                {row["id"]: row for row in rows(trials)},
                rows(votes),
            )

    def tested(self) -> list[Row]:
        """Trials of the test, without practice and vigilance."""
        return [row for row in self.trials.values() if self.units[row["unit"]]["stage"] == Stage.TEST]


def forget(database: Database, study: str) -> None:
    """Take a study out of a database that others use too."""
    with database.writing(study) as connection:
        for table in (votes, trials, units, raters):
            connection.execute(delete(table).where(table.c.study == study))
        connection.execute(delete(studies).where(studies.c.id == study))


@dataclass(frozen=True)
class Balance:
    """How evenly votes and orders came out in the test.

    Attributes:
        fewest, most: votes of the unit that has fewest and most.
        order: how unevenly a unit's first version stood in the slots: 0 where all slots came equally often, 1
            where they were drawn (the mean over units of chi-squared by its degrees of freedom).
        rater_order: the largest difference between two slots in one rater's trials.
    """

    fewest: int
    most: int
    order: float
    rater_order: int

    @classmethod
    def of(cls, stored: Stored) -> Balance:
        """Count in the trials that have a vote."""
        voted = {row["trial"] for row in stored.votes}
        tested = [row for row in stored.tested() if row["id"] in voted]
        given = Counter(row["unit"] for row in tested)
        counts = [given[key] for key, row in stored.units.items() if row["stage"] == Stage.TEST]
        return cls(
            min(counts),
            max(counts),
            statistics.fmean([_dispersion(slots) for slots in _places(tested, "unit")] or [0.0]),
            max((max(slots) - min(slots) for slots in _places(tested, "rater")), default=0),
        )


def _places(rows: list[Row], key: str) -> list[list[int]]:
    """For each value of a column, how often the first version stood in each slot."""
    found: dict[int, list[int]] = {}
    for row in rows:
        found.setdefault(row[key], [0] * len(row["order"]))[row["order"].index(0)] += 1
    return list(found.values())


def _dispersion(slots: list[int]) -> float:
    even = sum(slots) / len(slots)
    return sum((count - even) ** 2 for count in slots) / even / (len(slots) - 1)


def broken_promises(journal: Journal, stored: Stored, total: int) -> list[str]:
    """All that is not as promised, in words; empty if everything is.

    Args:
        journal: of the raters.
        stored: what the database holds.
        total: trials of a rater.
    """
    return [
        *journal.complaints,
        *_of_votes(journal, stored),
        *_of_trials(journal, stored),
        *_of_raters(journal, stored, total),
        *_of_balance(stored),
    ]


def _of_votes(journal: Journal, stored: Stored) -> Iterator[str]:
    """Lost, made up, altered, doubled."""
    rows = {row["trial"]: row for row in stored.votes}
    if len(rows) < len(stored.votes):
        yield f"doubled: {len(stored.votes) - len(rows)} trials have two votes"
    for trial in journal.acknowledged - rows.keys():
        yield f"lost: the vote on trial {trial} was acknowledged"
    for trial in rows.keys() - journal.votes.keys():
        yield f"made up: nobody sent the vote on trial {trial}"
    for trial, sent in journal.votes.items():
        taken = sum(each.taken for each in sent)
        if taken > 1:
            yield f"doubled: trial {trial} was recorded {taken} times"
        # Where an answer said "recorded now", that vote; where none did, one of those that were sent.
        possible = [each for each in sent if each.taken] or sent
        if trial in rows and not any(_equal(each, rows[trial]) for each in possible):
            yield f"altered: the vote on trial {trial} is not the one that was taken"
    counted = Counter(stored.trials[trial]["unit"] for trial in rows if trial in stored.trials)
    for key, unit in stored.units.items():
        if unit["votes"] != counted[key]:
            yield f"miscounted: unit {key} has {counted[key]} votes and says {unit['votes']}"


def _equal(sent: Sent, row: Row) -> bool:
    found = (tuple(row["chosen"]), tuple(row["shown_ms"]), row["response_ms"])
    return found == (sent.chosen, sent.shown_ms, sent.response_ms) and not row["slipped"]


def _of_trials(journal: Journal, stored: Stored) -> Iterator[str]:
    """Answered or not, whose, and of what."""
    voted = {row["trial"] for row in stored.votes}
    for trial, row in stored.trials.items():
        if row["answered"] != (trial in voted):
            yield f"miscounted: trial {trial} has {'a' if trial in voted else 'no'} vote, and says otherwise"
        for sent in journal.votes.get(trial, ()):
            if _digest(sent.token) != stored.raters[row["rater"]]:
                yield f"mistaken: trial {trial} is another rater's than its sender"
        seen = journal.recognized.get(trial)
        if seen is None:
            continue
        unit = stored.units[row["unit"]]
        shown = [unit["versions"][version] for version in row["order"]]
        if (unit["picture"], shown) != (seen.unit.picture, [seen.shown(slot) for slot in range(len(shown))]):
            yield f"mistaken: trial {trial} showed other pictures than it says"


def _of_raters(journal: Journal, stored: Stored, total: int) -> Iterator[str]:
    known = {digest: number for number, digest in stored.raters.items()}
    theirs: dict[int, list[Row]] = {number: [] for number in stored.raters}
    for row in stored.trials.values():
        theirs[row["rater"]].append(row)
    for token in journal.enrolled:
        number = known.pop(_digest(token), None)
        if number is None:
            yield "forgotten: a rater who was let in is unknown"
            continue
        yield from _of_one(number, theirs[number], stored, total, token in journal.finished)
    if len(known) > journal.broken["enrollment"]:
        yield f"made up: {len(known)} raters; {journal.broken['enrollment']} enrollments got no answer"
    if any(theirs[number] for number in known.values()):
        yield "made up: a rater who is nobody was shown something"


def _of_one(number: int, rows: list[Row], stored: Stored, total: int, finished: bool) -> Iterator[str]:
    if not finished:
        yield f"unfinished: rater {number} did not come to the end"
    elif sorted(row["number"] for row in rows) != list(range(1, total + 1)):
        yield f"unfinished: rater {number} finished with {len(rows)} trials instead of {total}"
    seen = Counter(stored.units[row["unit"]]["picture"] for row in rows)
    for picture, times in seen.items():
        if times > 1:
            yield f"seen twice: rater {number} saw {picture} {times} times"


def _of_balance(stored: Stored) -> Iterator[str]:
    balance = Balance.of(stored)
    if balance.most - balance.fewest > MOST_APART:
        yield f"unbalanced: a unit has {balance.fewest} votes and another {balance.most}"
    if balance.order > 1:
        yield f"unbalanced: the orders in a unit are {balance.order:.2f} times as uneven as drawn ones"
    if balance.rater_order > 1:
        yield f"unbalanced: for a rater a slot comes {balance.rater_order} times more often than another"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
