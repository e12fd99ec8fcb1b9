"""Made raters, for tests of the store: they answer at once, and always with a fair display."""

from __future__ import annotations

from collections.abc import Callable

from autochrome.errors import StudyFull
from autochrome.study.records import Stage, Trial, Vote
from autochrome.study.storage.store import Study

Answer = Callable[[Trial], Vote]


def enrolled(study: Study) -> int:
    """A new rater's number."""
    number = study.rater(study.enroll())
    assert number is not None
    return number


def following(study: Study, rater: int) -> Trial:
    """The trial that a rater who has not finished has before them."""
    trial = study.next_trial(rater)
    assert trial is not None
    return trial


def fair_vote(trial: Trial, *chosen: int) -> Vote:
    """A vote whose pictures were shown for exactly one second each."""
    return Vote(chosen, (1000.0,) * len(trial.order), 700.0)


def first_slot(trial: Trial) -> Vote:
    """The vote of somebody who always takes the first."""
    return fair_vote(trial, 0)


def take_part(study: Study, answer: Answer = first_slot, trials: int | None = None) -> int:
    """Enroll and answer all trials, or the first so many; the rater's number."""
    rater = enrolled(study)
    for _ in range(study.design.total if trials is None else trials):
        trial = following(study, rater)
        study.record(rater, trial.id, answer(trial))
    return rater


def fill(study: Study, answer: Answer = first_slot) -> int:
    """Let raters take part until the study takes no more; how many they were."""
    raters = 0
    while True:
        try:
            take_part(study, answer)
        except StudyFull:
            return raters
        raters += 1


def judged_trials(study: Study) -> list[Trial]:
    """The test trials that are answered."""
    trials = (answer.trial for answer in study.answers())
    return [trial for trial in trials if trial.unit.stage is Stage.TEST]


def shown_to(study: Study, rater: int) -> list[Trial]:
    """What a rater was shown, in order."""
    answers = [answer for answer in study.answers() if answer.rater == rater]
    return [answer.trial for answer in answers]
