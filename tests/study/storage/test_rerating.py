"""PixColor's oracle: the best-liked samples, judged again by other raters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from autochrome.study.records import RANDOM, TRUTH, Answer, Protocol, Stage, Trial, Unit, Vote
from autochrome.study.storage.folder import Manifest
from autochrome.study.storage.store import Study, best_liked
from tests.study.raters import enrolled, fair_vote, fill, following, take_part

MakeStudy = Callable[..., Study]


def votes_for(picture: str, sample: str, liked: int, asked: int) -> list[Answer]:
    """Answers of a turing study: so many took the sample for the true photo, of so many."""
    unit = Unit(1, 1, Stage.TEST, picture, (TRUTH, sample))
    trial = Trial("t", unit, (0, 1), 1, 10)
    return [Answer(i, trial, Vote((1 if i < liked else 0,)), "") for i in range(asked)]


def test_the_best_liked_sample_has_the_largest_share(small_design: Callable) -> None:
    design = small_design("turing", oracle=True)
    answers = [
        *votes_for("000", "good.1", 2, 5),
        *votes_for("000", "good.2", 3, 5),
        *votes_for("000", "good.3", 3, 6),
        *votes_for("001", "good.1", 5, 5),
        *votes_for("001", "good.2", 0, 5),
        *votes_for("001", "good.3", 4, 5),
    ]
    assert design.protocol is Protocol.TURING
    assert best_liked(design, ["000", "001"], answers) == {
        ("good", "000"): "good.2",
        ("good", "001"): "good.1",
    }


def test_the_seed_decides_between_equals(small_design: Callable) -> None:
    names = [f"{number:03}" for number in range(100)]
    answers = [a for name in names for k in (1, 2, 3) for a in votes_for(name, f"good.{k}", k > 1, 1)]
    design = small_design("turing", oracle=True)
    best = best_liked(design, names, answers)
    assert best == best_liked(design, names, answers)
    # Two of three are equal; each is taken in half of 100 photos, with a deviation of 5.
    counts = Counter(best.values())
    assert set(counts) == {"good.2", "good.3"} and abs(counts["good.2"] - 50) < 4 * 5
    assert best_liked(design.model_copy(update={"seed": 4}), names, answers) != best


def test_the_second_phase_begins_with_the_last_vote(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database, oracle=True, count=7, raters=1, vigilance=1, trials=6)

    def likes_the_second(trial: Trial) -> Vote:
        shown = [trial.shown(slot) for slot in range(2)]
        wanted = "good.2" if "good.2" in shown else TRUTH
        return fair_vote(trial, shown.index(wanted))

    # 6 photos x 3 samples x 1 vote, 6 trials a rater: three raters make the first phase.
    early = enrolled(study)
    first = following(study, early)
    for _ in range(2):
        take_part(study, likes_the_second)
    assert study.status().phase == 1 and not study.status().done
    take_part(study, likes_the_second)
    status = study.status()
    assert (status.phase, status.done, status.units, status.fewest, status.missing) == (2, False, 6, 0, 6)

    # Whoever enrolled in the first phase stays in it; who comes now judges the second.
    late = enrolled(study)
    while (trial := study.next_trial(late)) is not None:
        assert trial.unit.phase == 2
        if trial.unit.stage is Stage.VIGILANCE:
            assert trial.unit.versions == (TRUTH, RANDOM)
        else:
            assert trial.unit.versions == (TRUTH, "good.oracle")
            _check_picture(study, trial)
        study.record(late, trial.id, fair_vote(trial, 0))
    assert study.status().done
    assert following(study, early) == first and first.unit.phase == 1
    study.record(early, first.id, fair_vote(first, 0))
    assert following(study, early).unit.phase == 1
    assert fill(study) == 0


def _check_picture(study: Study, trial: Trial) -> None:
    files = {(each.picture, each.version): each.file for each in Manifest.read(study.folder).pictures}
    path = study.picture_path(trial, trial.order.index(1))
    assert path.name == files[trial.unit.picture, "good.2"] and path.is_file()


def test_the_second_phase_is_known_to_other_processes(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database, oracle=True, count=7, raters=1)
    with Study.open(study.folder, database) as other:  # opened before there was a second phase
        for _ in range(3):
            take_part(study)
        rater = enrolled(other)
        trial = following(other, rater)
        assert trial.unit.phase == 2
        assert other.picture_path(trial, 1).is_file()
        assert study.open_trial(rater, trial.id) == trial
        assert study.picture_path(trial, 1) == other.picture_path(trial, 1)
        assert other.status() == study.status()


def test_no_rater_is_in_both_phases(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database, oracle=True, count=9, raters=2)
    fill(study)
    phases: dict[int, set[int]] = {}
    for answer in study.answers():
        phases.setdefault(answer.rater, set()).add(answer.trial.unit.phase)
    assert Counter(len(each) for each in phases.values()) == {1: len(phases)}
    assert {phase for each in phases.values() for phase in each} == {1, 2}
    assert study.max_raters >= len(phases)
