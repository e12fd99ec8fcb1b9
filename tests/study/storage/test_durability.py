"""A vote that was acknowledged is there, whatever becomes of the process that took it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest

from autochrome.errors import StudyError
from autochrome.study.records import Stage
from autochrome.study.storage.schema import votes
from autochrome.study.storage.store import Study
from tests.study.postgresql import Cluster
from tests.study.raters import fill, following, judged_trials, take_part
from tests.study.storage.test_concurrency import ROOT

MakeStudy = Callable[..., Study]

# 2 is FULL: the log is synchronized with the disk after each transaction (sqlite.org/pragma.html).
PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def killed_after(study: Study, database: str | None, number: int) -> list[str]:
    """Kill a process of raters in the middle of its work; the trials that it said were answered."""
    command = [sys.executable, "-m", "tests.study.storage.voter", str(study.folder), database or "", "1000"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline().strip() for _ in range(number)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.read().split("\n")[:-1]  # the last line may be cut short
    assert process.returncode == -signal.SIGKILL
    return acknowledged


def test_acknowledged_votes_survive_a_kill(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("two-afc", database, count=18, raters=8, max_raters=1000)
    acknowledged: list[str] = []
    for number in (13, 30, 47):
        acknowledged += killed_after(study, database, number)
        answered = Counter(answer.trial.id for answer in study.answers())
        assert set(answered.values()) == {1}
        assert set(acknowledged) <= set(answered)
        # At each kill, one vote may have been kept whose acknowledgement did not get through.
        assert len(answered) - len(acknowledged) <= 3
        _check_counts(study)
    study.clock = lambda _clock=study.clock: _clock() + study.design.abandoned_after_s + 1
    fill(study)
    assert study.status().done
    _check_counts(study)


def _check_counts(study: Study) -> None:
    counts = Counter(trial.unit.id for trial in judged_trials(study))
    status = study.status()
    assert status.missing == sum(max(study.design.raters - counts[unit], 0) for unit in _tested(study))
    assert status.most == max(counts.values()) and status.most - status.fewest <= 1


def _tested(study: Study) -> list[int]:
    with study._database.reading() as connection:
        return [u.id for u in study._ledger.units(connection, 1) if u.stage is Stage.TEST]


@pytest.mark.slow
def test_acknowledged_votes_survive_a_crash_of_postgresql(
    small_study: MakeStudy, own_cluster: Cluster
) -> None:
    study = small_study("turing", own_cluster.url)
    rater = take_part(study, trials=3)
    before = list(study.answers())
    own_cluster.crash()
    with pytest.raises(StudyError, match="postgres"):
        study.next_trial(rater)
    own_cluster.start(synchronous=True)
    # The same study goes on, with new connections.
    assert list(study.answers()) == before and len(before) == 3
    assert following(study, rater).number == 4


def test_every_commit_waits_for_the_disk(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database)
    with study._database.writing(study.id) as connection:
        if database is None:
            pragmas = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in PRAGMAS}
            assert pragmas == PRAGMAS
        else:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_a_vote_is_unique_in_the_database_itself(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database)
    take_part(study, trials=1)
    (answer,) = study.answers()
    row = {"study": study.id, "trial": answer.trial.id, "chosen": [0], "shown_ms": [], "response_ms": 0.0}
    again = {**row, "slipped": False, "answered_at": 0}
    with pytest.raises(StudyError, match=r"(?i)unique"), study._database.writing(study.id) as connection:
        connection.execute(votes.insert().values(again))
    assert list(study.answers()) == [answer]
