"""Raters at once and a killed server: every vote is there once, and the check would notice if it were not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest

import tests.study.load.run as load_run
from autochrome.study.records import TRUTH, Protocol
from autochrome.study.storage.building import build_study
from autochrome.study.storage.store import DATABASE_VARIABLE
from tests.study.load.http_raters import Journal, Recognition
from tests.study.load.promises import Balance, Stored, broken_promises
from tests.study.load.run import Load, Outcome, draw, draw_study, main, report, run, spread

SMALL = Load(raters=20, trials=5, kills=1, size=32, limit=90.0)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(DATABASE_VARIABLE, raising=False)
        return run(SMALL, tmp_path_factory.mktemp("load"))


@pytest.fixture(autouse=True)
def no_database_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)


def test_a_kill_loses_no_vote_and_counts_none_twice(outcome: Outcome) -> None:
    assert outcome.broken == []
    assert len(outcome.away) == 1
    # 2 practice and 1 vigilance trials beside the test's; one rater in twenty is too many.
    assert len(outcome.stored.votes) == len(outcome.journal.acknowledged) == 20 * (5 + 3)
    assert (len(outcome.journal.finished), outcome.journal.full) == (20, 1)


def test_the_kill_came_in_the_middle(outcome: Outcome) -> None:
    (killed_at,) = outcome.killed_at
    assert 0 < killed_at < len(outcome.stored.votes)
    assert outcome.journal.broken.total() > 0, "requests broke off"


def test_raters_clicked_twice_and_the_second_vote_was_refused(outcome: Outcome) -> None:
    twice = [sent for sent in outcome.journal.votes.values() if len(sent) == 2]
    assert twice
    assert all(sum(each.taken for each in sent) <= 1 for sent in twice)


def test_the_report_tells_the_figures(outcome: Outcome) -> None:
    text = report(SMALL, outcome, "SQLite")
    assert "two-afc in SQLite: 20 raters at once, 8 trials each" in text
    assert "votes      160 in" in text
    assert text.endswith("lost 0, doubled 0, altered 0, made up 0")
    assert re.search(r"^vote +\d+( +[\d.]+){4}$", text, re.M)


# What is done to the tables, or to the raters' memory, and what the check must say of it.
Fault = Callable[[Journal, Stored], object]


def _drop_vote(journal: Journal, stored: Stored) -> None:
    gone = stored.votes.pop()
    stored.trials[gone["trial"]]["answered"] = False
    stored.units[stored.trials[gone["trial"]]["unit"]]["votes"] -= 1


def _other_slot(journal: Journal, stored: Stored) -> None:
    vote = next(row for row in stored.votes if len(journal.votes[row["trial"]]) == 1)
    vote["chosen"] = [1 - vote["chosen"][0]]


def _take_second(journal: Journal, stored: Stored) -> None:
    """Keep the other of two clicks than the one that was said to be recorded."""
    trial, sent = next(
        (trial, sent)
        for trial, sent in journal.votes.items()
        if len(sent) == 2 and any(each.taken for each in sent)
    )
    other = next(each for each in sent if not each.taken)
    vote = next(row for row in stored.votes if row["trial"] == trial)
    vote.update(chosen=list(other.chosen), response_ms=other.response_ms)


def _repeat_photo(journal: Journal, stored: Stored) -> None:
    a, b, *_ = (row for row in stored.tested() if row["rater"] == 1)
    unit = stored.units[b["unit"]]
    unit["picture"] = stored.units[a["unit"]]["picture"]


def _pile_up(journal: Journal, stored: Stored) -> None:
    for row in stored.tested()[:6]:
        row["unit"] = stored.tested()[0]["unit"]


def _truth_first(journal: Journal, stored: Stored) -> None:
    for row in stored.trials.values():
        row["order"] = [0, 1]


FAULTS: dict[str, tuple[str, Fault]] = {
    "a lost vote": ("lost", _drop_vote),
    "a vote that nobody sent": ("made up", lambda j, s: j.votes.pop(s.votes[0]["trial"])),
    "another slot": ("altered", _other_slot),
    "the other click": ("altered", _take_second),
    "a vote that slipped": ("altered", lambda j, s: s.votes[0].update(slipped=True)),
    "two votes on a trial": ("doubled", lambda j, s: s.votes.append(s.votes[0])),
    "a click that counts twice": (
        "doubled",
        lambda j, s: setattr(j.votes[s.votes[0]["trial"]][0], "taken", 2),
    ),
    "a count": ("miscounted", lambda j, s: s.units[5].update(votes=99)),
    "an answered trial without a vote": ("miscounted", lambda j, s: s.votes.pop()),
    "another's trial": ("mistaken", lambda j, s: setattr(next(iter(j.votes.values()))[0], "token", "else")),
    "other pictures than were seen": ("mistaken", _truth_first),
    "a rater who is gone": ("forgotten", lambda j, s: s.raters.update({3: "0" * 64})),
    "a rater who stopped": ("unfinished", lambda j, s: j.finished.clear()),
    "a trial too few": ("unfinished", lambda j, s: s.trials.pop(s.votes.pop()["trial"])),
    "a photo twice": ("seen twice", _repeat_photo),
    "one unit for all": ("unbalanced", _pile_up),
    "the truth always first": ("unbalanced", _truth_first),
    "a complaint": ("complaint", lambda j, s: j.complaints.append("complaint: something")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_not_as_promised_is_said(name: str, outcome: Outcome) -> None:
    word, fault = FAULTS[name]
    journal, stored = deepcopy(outcome.journal), deepcopy(outcome.stored)
    fault(journal, stored)
    found = broken_promises(journal, stored, outcome.design.total)
    assert word in {text.partition(":")[0] for text in found}, found


def test_enrollments_without_an_answer_may_leave_raters_who_are_nobody(outcome: Outcome) -> None:
    journal, stored = deepcopy(outcome.journal), deepcopy(outcome.stored)
    stored.raters[99] = "0" * 64
    journal.broken["enrollment"] = 1
    assert broken_promises(journal, stored, outcome.design.total) == []
    journal.broken["enrollment"] = 0
    (found,) = broken_promises(journal, stored, outcome.design.total)
    assert found.startswith("made up: 1 raters")


@pytest.mark.parametrize(("orders", "expected"), [("01", 0.0), ("0011", 0.0), ("00", 2.0), ("0001", 1.0)])
def test_the_balance_of_orders(orders: str, expected: float) -> None:
    """Chi-squared by hand: (2 - 1)² / 1 + (0 - 1)² / 1 = 2, and (3 - 2)² / 2 + (1 - 2)² / 2 = 1."""
    trials = {
        str(k): {"id": str(k), "unit": 1, "rater": k, "order": [int(first), 1 - int(first)]}
        for k, first in enumerate(orders)
    }
    stored = Stored({}, {1: {"stage": "test"}}, dict(trials), [{"trial": key} for key in trials])
    assert Balance.of(stored) == Balance(len(orders), len(orders), expected, 1)


def test_the_spread_of_latencies() -> None:
    # 101 values 0..100: quantiles that include both ends are the values themselves.
    assert spread([float(k) for k in range(101)]) == [50.0, 95.0, 99.0, 100.0]
    assert spread([3.0]) == [3.0] * 4


@pytest.mark.parametrize("protocol", Protocol)
def test_raters_know_every_picture_of_every_protocol(protocol: Protocol, tmp_path: Path) -> None:
    design = draw_study(Load(protocol, raters=4, trials=4, size=16), tmp_path / "drawn")
    with build_study(design, tmp_path / "study") as study:
        recognition = Recognition(study)
        rater = study.rater(study.enroll())
        assert rater is not None
        trial = study.next_trial(rater)
        assert trial is not None
        described = {"trial": trial.id, "stage": "test", "number": trial.number, "total": trial.total}
        slots = range(len(trial.order))
        pictures = [study.picture_path(trial, slot).read_bytes() for slot in slots]
        seen = recognition.trial(described, pictures)
        assert (seen.unit.picture, seen.unit.versions) == (trial.unit.picture, trial.unit.versions)
        assert [seen.shown(slot) for slot in slots] == [trial.shown(slot) for slot in slots]
        with pytest.raises(KeyError):
            recognition.trial(described, [b"another picture"] * len(slots))


def test_versions_are_drawn_apart() -> None:
    drawn = draw(0, 32)
    assert Counter(pixels.tobytes() for pixels in drawn.values()).most_common(1)[0][1] == 1
    assert TRUTH in drawn


def test_the_exit_code(outcome: Outcome, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    asked: list[tuple[Load, str | None]] = []

    def known(load: Load, folder: Path, database: str | None) -> Outcome:
        asked.append((load, database))
        return outcome

    monkeypatch.setattr(load_run, "run", known)
    assert main(["--raters", "20", "--kills", "1", "--protocol", "turing", "--think", "0.5"]) == 0
    assert asked == [(Load(Protocol.TURING, raters=20, kills=1, think=0.5), None)]
    broken = deepcopy(outcome)
    broken.broken.append("lost: the vote on trial x was acknowledged")
    monkeypatch.setattr(load_run, "run", lambda *_: broken)
    assert main([]) == 1
    assert "lost 1" in capsys.readouterr().out


def test_raters_who_come_to_no_end_are_said(tmp_path: Path) -> None:
    found = run(Load(raters=2, trials=3, kills=0, size=16, think=30.0, limit=0.5), tmp_path)
    assert any("not all raters came to an end in 0.5 s" in text for text in found.broken)
