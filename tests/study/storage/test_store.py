"""A study at work, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import select

from autochrome.errors import AlreadyAnswered, BadVote, NoSuchTrial, NotCurrent, StudyFull
from autochrome.study.records import RANDOM, TRUTH, Protocol, Stage, Trial, Vote, judgments, passed
from autochrome.study.storage.folder import Manifest
from autochrome.study.storage.schema import metadata, raters, trials, units
from autochrome.study.storage.store import Study
from tests.study.raters import enrolled, fair_vote, fill, first_slot, following, shown_to, take_part

MakeStudy = Callable[..., Study]


# Raters.


def test_raters_are_numbered_and_known_by_their_token(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database)
    tokens = [study.enroll() for _ in range(3)]
    assert [study.rater(token) for token in tokens] == [1, 2, 3]
    assert all(re.fullmatch(r"[\w-]{22}", token) for token in tokens)
    assert study.rater("nobody") is None and study.rater("") is None
    assert study.status().enrolled == 3


def test_nothing_but_a_digest_is_kept_of_a_token(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database)
    token = study.enroll()
    with study._database.reading() as connection:
        rows = connection.execute(select(raters).where(raters.c.study == study.id)).all()
    assert token not in str(rows)
    assert set(raters.columns.keys()) == {"study", "number", "token_sha256", "phase"}


def test_a_study_takes_as_many_raters_as_designed(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database, max_raters=2)
    for _ in range(2):
        study.enroll()
    with pytest.raises(StudyFull, match=r"all 2 places .* raise max_raters in design.yaml"):
        study.enroll()


def test_a_study_is_full_when_all_votes_are_there(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("two-afc", database, count=9, systems=("good",), trials=6, raters=2)
    assert study.max_raters == 20
    assert fill(study) == 2
    status = study.status()
    assert status.done and status.missing == 0 and (status.fewest, status.most) == (2, 2)
    with pytest.raises(StudyFull, match="all the votes it needs"):
        study.enroll()


def test_three_times_the_raters_that_are_needed_may_enroll(small_study: MakeStudy) -> None:
    # 11 photos x 2 systems x 12 votes, 6 trials a rater: 44 raters.
    assert small_study("turing", raters=12).max_raters == 3 * 44


def test_completion_codes_are_ones_own(small_study: MakeStudy) -> None:
    study, other = small_study("turing"), small_study("turing")
    codes = [study.completion_code(rater) for rater in (1, 2, 1)] + [other.completion_code(1)]
    assert codes[0] == codes[2] and len(set(codes)) == 3
    assert all(re.fullmatch(r"[A-Z2-7]{5}-[A-Z2-7]{5}", code) for code in codes)


# What a rater is shown.


@pytest.mark.parametrize("protocol", list(Protocol))
def test_a_rater_goes_through_all_trials_once(
    small_study: MakeStudy, database: str | None, protocol: str
) -> None:
    study = small_study(protocol, database)
    rater = take_part(study)
    shown = shown_to(study, rater)
    design = study.design
    assert [trial.number for trial in shown] == list(range(1, design.total + 1))
    assert {trial.total for trial in shown} == {design.total}
    assert len({trial.unit.picture for trial in shown}) == design.total
    assert Counter(trial.unit.stage for trial in shown) == +Counter(
        {Stage.PRACTICE: design.practice, Stage.TEST: design.trials, Stage.VIGILANCE: design.vigilance}
    )
    assert study.next_trial(rater) is None
    for trial in shown:
        assert study.open_trial(rater, trial.id) is None
        assert re.fullmatch(r"[\w-]{22}", trial.id)
        for slot in range(len(trial.order)):
            assert study.picture_path(trial, slot).is_file()


def test_the_open_trial_comes_again(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database)
    rater = enrolled(study)
    trial = following(study, rater)
    assert study.next_trial(rater) == trial
    assert study.open_trial(rater, trial.id) == trial
    with Study.open(study.folder, database) as again:
        assert again.next_trial(rater) == trial


def test_pictures_are_those_of_the_slots(small_study: MakeStudy) -> None:
    study = small_study("turing")
    trial = following(study, enrolled(study))
    files = {(each.picture, each.version): each.file for each in Manifest.read(study.folder).pictures}
    for slot in range(2):
        assert study.picture_path(trial, slot).name == files[trial.unit.picture, trial.shown(slot)]


def test_an_abandoned_trial_is_given_to_others_and_kept_for_its_rater(
    small_study: MakeStudy, database: str | None
) -> None:
    study = small_study("turing", database, vigilance=0, systems=("good",), count=6, abandoned_after_s=60)
    now = 1_000_000.0
    study.clock = lambda: now
    absent = enrolled(study)
    left = following(study, absent)
    others = [following(study, enrolled(study)) for _ in range(5)]
    assert left.unit.id not in {trial.unit.id for trial in others}
    assert study.status().active == 6
    now += 61
    assert study.status().active == 0
    # None of the six open trials counts any more: of six raters, one is shown what was left.
    new = [following(study, enrolled(study)) for _ in range(6)]
    assert sorted(trial.unit.id for trial in new) == sorted(trial.unit.id for trial in (left, *others))
    # Who comes back goes on with the same trial, and it counts again.
    assert study.next_trial(absent) == left
    assert study.status().active == 7
    assert study.record(absent, left.id, first_slot(left)) is None


# Votes.


def test_a_vote_is_taken_once(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database)
    rater = enrolled(study)
    trial = following(study, rater)
    assert study.record(rater, trial.id, fair_vote(trial, 1)) is None
    with pytest.raises(AlreadyAnswered, match="trial 1 is already answered"):
        study.record(rater, trial.id, fair_vote(trial, 0))
    (answer,) = study.answers()
    assert answer.vote == Vote((1,), (1000.0, 1000.0), 700.0)
    assert answer.trial == trial and answer.rater == rater


def test_a_vote_of_another_is_no_vote(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database)
    rater, other = (enrolled(study) for _ in range(2))
    trial = following(study, rater)
    for who, name in ((other, trial.id), (rater, "forged"), (99, trial.id)):
        with pytest.raises(NoSuchTrial):
            study.record(who, name, fair_vote(trial, 0))
        assert study.open_trial(who, name) is None
    with pytest.raises(NoSuchTrial, match="no rater 99"):
        study.next_trial(99)
    assert list(study.answers()) == []


def test_a_trial_is_answered_in_its_turn(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database)
    rater = enrolled(study)
    first = following(study, rater)
    second = {"id": "later", "rater": rater, "number": 2, "unit": 2, "order": [0, 1], "place": 0}
    with study._database.writing(study.id) as connection:  # as no call of the store leaves it
        row = {"study": study.id, **second, "opened_at": 0.0, "answered": False}
        connection.execute(trials.insert().values(row))
    with pytest.raises(NotCurrent, match="trial 2 is the current one, not trial 1"):
        study.record(rater, first.id, fair_vote(first, 0))


WRONG_VOTES = {
    "turing": {
        Vote((2,)): "slots from 0 to 1",
        Vote((-1,)): "slots from 0 to 1",
        Vote(()): "exactly one picture, not 0",
        Vote((0, 1)): "exactly one picture, not 2",
        Vote((0,), (1000.0,)): "a time for each of the 2 pictures",
        Vote((0,), (1000.0, float("nan"))): "finite milliseconds, 0 or more",
        Vote((0,), (1000.0, -1.0)): "finite milliseconds, 0 or more",
        Vote((0,), (), float("inf")): "finite milliseconds, 0 or more",
    },
    "questionnaire": {Vote((0, 0)): "each once", Vote((5,)): "slots from 0 to 4"},
}


@pytest.mark.parametrize("protocol", list(WRONG_VOTES))
def test_votes_that_do_not_fit_are_refused(small_study: MakeStudy, protocol: str) -> None:
    study = small_study(protocol)
    rater = enrolled(study)
    trial = following(study, rater)
    for vote, expected in WRONG_VOTES[protocol].items():
        with pytest.raises(BadVote, match=expected):
            study.record(rater, trial.id, vote)
    assert study.next_trial(rater) == trial and list(study.answers()) == []


def test_any_number_may_be_marked_in_a_questionnaire(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("questionnaire", database)
    rater = enrolled(study)
    for chosen in ((), (3, 1), (0, 1, 2, 3, 4)):
        trial = following(study, rater)
        study.record(rater, trial.id, Vote(chosen))
    assert [answer.vote.chosen for answer in study.answers()] == [(), (1, 3), (0, 1, 2, 3, 4)]


def test_a_display_out_of_time_is_flagged_whatever_the_page_says(
    small_study: MakeStudy, database: str | None
) -> None:
    study = small_study("turing", database, vigilance=0)
    rater = enrolled(study)
    votes = [
        Vote((0,), (1000.0, 1049.0)),
        Vote((0,), (1000.0, 1051.0)),
        Vote((0,), (1000.0, 1000.0), slipped=True),
        Vote((0,)),
    ]
    for vote in votes:
        study.record(rater, following(study, rater).id, vote)
    assert [answer.vote.slipped for answer in study.answers()] == [False, True, True, True]
    assert study.status().slipped == 3


@pytest.mark.parametrize("protocol", ["two-afc", "turing", "preference"])
def test_practice_tells_the_right_answer_and_the_test_does_not(
    small_study: MakeStudy, database: str | None, protocol: str
) -> None:
    study = small_study(protocol, database, practice=4, trials=4)
    rater = enrolled(study)
    while (trial := study.next_trial(rater)) is not None:
        slot = study.record(rater, trial.id, first_slot(trial))
        if slot is None:
            assert trial.unit.stage is not Stage.PRACTICE
            continue
        assert trial.unit.stage is Stage.PRACTICE
        # The fake one, the true one, the better one.
        right = trial.shown(slot)
        wrong = trial.shown(1 - slot)
        if protocol == "two-afc":
            assert wrong == TRUTH
        else:
            assert right == {"turing": TRUTH, "preference": "good"}[protocol]


@pytest.mark.parametrize("protocol", ["two-afc", "turing", "preference"])
def test_vigilance_is_failed_by_whoever_falls_for_random_colors(
    small_study: MakeStudy, database: str | None, protocol: str
) -> None:
    study = small_study(protocol, database, vigilance=3, trials=4)

    def choose(random_is_chosen: bool) -> Callable[[Trial], Vote]:
        def answer(trial: Trial) -> Vote:
            versions = [trial.shown(slot) for slot in range(2)]
            if RANDOM not in versions:
                return fair_vote(trial, 0)
            place = versions.index(RANDOM)
            return fair_vote(trial, place if random_is_chosen else 1 - place)

        return answer

    # In two-afc the fake one is asked for, so choosing random colors is right.
    take_part(study, choose(protocol == "two-afc"))
    assert study.status().vigilance_failed == 0
    take_part(study, choose(protocol != "two-afc"))
    assert study.status().vigilance_failed == 3
    verdicts = judgments(study.design.protocol, list(study.answers()))
    watched = [passed(verdict) for verdict in verdicts if verdict.stage is Stage.VIGILANCE]
    assert watched == [True] * 3 + [False] * 3


# What was found.


def test_answers_come_by_rater_and_number_with_their_time(
    small_study: MakeStudy, database: str | None
) -> None:
    study = small_study("two-afc", database)
    study.clock = lambda: 1_700_000_000.9
    first, second = (enrolled(study) for _ in range(2))
    for rater in (second, first, second):
        trial = following(study, rater)
        study.record(rater, trial.id, first_slot(trial))
    answers = list(study.answers())
    assert [(a.rater, a.trial.number) for a in answers] == [(1, 1), (2, 1), (2, 2)]
    assert {a.answered_at for a in answers} == {"2023-11-14T22:13:20Z"}


def test_status_counts(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("two-afc", database, count=9, systems=("good",), raters=2)
    take_part(study)
    take_part(study, trials=4)
    study.enroll()
    status = study.status()
    assert (status.phase, status.phases, status.done) == (1, 1, False)
    assert (status.enrolled, status.finished, status.active, status.max_raters) == (3, 1, 1, 20)
    assert (status.units, status.wanted, status.fewest, status.most) == (6, 2, 1, 2)
    test = status.votes[Stage.TEST]
    assert status.votes[Stage.PRACTICE] == 4 and test in (7, 8)
    assert test + status.votes[Stage.VIGILANCE] == 6 + 1 + 2
    assert status.missing == 12 - test


def test_studies_share_a_database_without_mixing(small_study: MakeStudy, postgresql: str) -> None:
    studies = [small_study("turing", postgresql), small_study("turing", postgresql)]
    tokens = [study.enroll() for study in studies]
    assert [study.rater(token) for study, token in zip(studies, tokens, strict=True)] == [1, 1]
    assert studies[0].rater(tokens[1]) is None
    trial = following(studies[0], 1)
    assert studies[1].open_trial(1, trial.id) is None
    studies[0].record(1, trial.id, first_slot(trial))
    assert [len(list(study.answers())) for study in studies] == [1, 0]
    assert [
        study.status().votes[Stage.TEST] + study.status().votes[Stage.VIGILANCE] for study in studies
    ] == [
        1,
        0,
    ]


def test_every_table_belongs_to_a_study() -> None:
    for table in metadata.sorted_tables:
        assert table.name.startswith("autochrome_")
        assert "study" in table.columns or table.name == "autochrome_studies"


def test_votes_are_counted_where_they_are_kept(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("two-afc", database)
    take_part(study)
    take_part(study, trials=3)
    counted = Counter(answer.trial.unit.id for answer in study.answers())
    with study._database.reading() as connection:
        query = select(units.c.id, units.c.votes).where(units.c.study == study.id)
        kept = Counter({row.id: row.votes for row in connection.execute(query)})
    assert +kept == counted


def test_a_study_is_opened_without_torch() -> None:
    """The server of a study starts at once, and needs little memory."""
    code = (
        "import sys, autochrome.study.storage.store;"
        " print([m for m in ('torch', 'pyvips') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
