"""Many raters at once, in threads and in processes: votes counted once, the balance held, nobody stuck."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autochrome.errors import AlreadyAnswered, StudyBusy
from autochrome.study.records import Stage
from autochrome.study.storage import schema
from autochrome.study.storage.store import Study
from tests.study.raters import enrolled, first_slot, following, take_part

MakeStudy = Callable[..., Study]
ROOT = Path(__file__).parents[3]


def check(study: Study, raters: int) -> None:
    """Every rater has every trial once, and units are judged equally often."""
    answers = list(study.answers())
    assert len(answers) == raters * study.design.total
    assert len({answer.trial.id for answer in answers}) == len(answers)
    assert {(a.rater, a.trial.number) for a in answers} == {
        (rater, number) for rater in range(1, raters + 1) for number in range(1, study.design.total + 1)
    }
    seen = Counter((answer.rater, answer.trial.unit.picture) for answer in answers)
    assert set(seen.values()) == {1}
    counted = Counter(a.trial.unit.id for a in answers if a.trial.unit.stage is Stage.TEST)
    status = study.status()
    assert (status.fewest, status.most) == (min(counted.values()), max(counted.values()))
    # 2 where all that is left of a round are photos that the rater has seen.
    assert len(counted) == status.units and status.most - status.fewest <= 2
    assert status.finished == raters


@pytest.mark.parametrize("raters", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_raters_vote_at_once(small_study: MakeStudy, database: str | None, raters: int) -> None:
    study = small_study("two-afc", database, count=23, raters=raters, max_raters=raters)
    waits: list[float] = []

    def rate(_: int) -> None:
        rater = enrolled(study)
        for _ in range(study.design.total):
            start = time.perf_counter()
            trial = following(study, rater)
            study.record(rater, trial.id, first_slot(trial))
            waits.append(time.perf_counter() - start)

    with ThreadPoolExecutor(raters) as pool:
        list(pool.map(rate, range(raters)))
    check(study, raters)
    assert max(waits) < 2 * schema.WAIT_S


def test_processes_share_a_study(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database, count=11, raters=20, max_raters=9)
    command = [sys.executable, "-m", "tests.study.storage.voter", str(study.folder), database or "", "3"]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    acknowledged = [process.communicate(timeout=300)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    check(study, 9)
    assert sorted(name for part in acknowledged for name in part) == sorted(
        answer.trial.id for answer in study.answers()
    )


def test_a_vote_sent_many_times_counts_once(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database)
    rater = enrolled(study)
    trial = following(study, rater)

    def send(_: int) -> bool:
        try:
            study.record(rater, trial.id, first_slot(trial))
        except AlreadyAnswered:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(send, range(12))) == 1
    assert len(list(study.answers())) == 1


def test_two_pages_of_a_rater_show_the_same_trial(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database)
    rater = enrolled(study)
    with ThreadPoolExecutor(12) as pool:
        shown = list(pool.map(lambda _: following(study, rater), range(12)))
    assert len({trial.id for trial in shown}) == 1 and shown[0].number == 1


def test_reading_waits_for_no_writer(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database)
    rater = take_part(study, trials=1)
    trial = following(study, rater)
    with study._database.writing(study.id), ThreadPoolExecutor(1) as pool:
        assert pool.submit(study.open_trial, rater, trial.id).result(15) == trial
        assert pool.submit(study.next_trial, rater).result(15) == trial
        assert pool.submit(lambda: len(list(study.answers()))).result(15) == 1
        assert pool.submit(study.status).result(15).enrolled == 1
        assert pool.submit(study.rater, "nobody").result(15) is None


def test_waiting_has_an_end(
    small_study: MakeStudy, database: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "WAIT_S", 1)
    study = small_study("turing", database)
    with Study.open(study.folder, database) as other:
        writing, done = threading.Event(), threading.Event()

        def hold() -> None:
            with study._database.writing(study.id):
                writing.set()
                done.wait(30)

        with ThreadPoolExecutor(1) as pool:
            held = pool.submit(hold)
            assert writing.wait(10)
            try:
                for each in (study, other):  # in the same process, and as another one sees it
                    with pytest.raises(StudyBusy, match="busy for 1 s; try again"):
                        each.enroll()
            finally:
                done.set()
            held.result(10)
        assert other.rater(other.enroll()) == 1


def test_raters_of_two_studies_do_not_wait_for_each_other(small_study: MakeStudy, postgresql: str) -> None:
    first, second = small_study("turing", postgresql), small_study("turing", postgresql)
    with first._database.writing(first.id):
        assert second.rater(second.enroll()) == 1
