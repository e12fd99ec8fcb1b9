"""All units are judged alike often, by raters who each see a balanced choice of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import combinations

from autochrome.study.records import Stage
from autochrome.study.storage.store import Study
from tests.study.raters import enrolled, fill, first_slot, following, judged_trials, shown_to, take_part

MakeStudy = Callable[..., Study]


def test_units_are_judged_equally_often(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("two-afc", database, count=15, systems=("good", "fair", "poor"), raters=4)
    # 12 photos x 3 systems; after every trial no unit is more than one vote ahead, or two where the rater has
    # seen all photos of the units that are behind. Votes dealt at random would be three or four apart.
    for _ in range(6):
        rater = enrolled(study)
        while (trial := study.next_trial(rater)) is not None:
            study.record(rater, trial.id, first_slot(trial))
            status = study.status()
            assert status.most - status.fewest <= 2
    counted = Counter(trial.unit.id for trial in judged_trials(study))
    assert len(counted) >= 33  # 6 raters x 6 trials for 36 units; at random 23 of them would have a vote


def test_pending_trials_count_as_votes(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database, vigilance=0, systems=("good",))
    open_trials = [following(study, enrolled(study)) for _ in range(12)]
    assert len({trial.unit.id for trial in open_trials}) == 12


def test_systems_are_balanced_within_a_rater(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("two-afc", database, systems=("good", "fair", "poor"), practice=0, trials=9)
    for _ in range(2):
        shown = shown_to(study, take_part(study))
        systems = Counter(trial.unit.versions[1] for trial in shown if trial.unit.stage is Stage.TEST)
        assert max(systems.values()) - min(systems.values()) <= 1


def test_slots_are_balanced_within_raters_and_units(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("turing", database, count=13, trials=12, raters=4, vigilance=1, systems=("good",))
    fill(study)
    by_rater: dict[int, Counter[int]] = {}
    by_unit: dict[int, Counter[int]] = {}
    for answer in study.answers():
        if answer.trial.unit.stage is not Stage.TEST:
            continue
        place = answer.trial.order.index(0)
        by_rater.setdefault(answer.rater, Counter())[place] += 1
        by_unit.setdefault(answer.trial.unit.id, Counter())[place] += 1
    assert len(by_rater) == 4 and len(by_unit) == 12
    assert all(counts == {0: 6, 1: 6} for counts in by_rater.values())
    spreads = Counter(abs(counts[0] - counts[1]) for counts in by_unit.values())
    assert set(spreads) <= {0, 2} and spreads[0] >= 8


def test_a_questionnaire_asks_everybody_everything_in_an_order_of_their_own(
    small_study: MakeStudy, database: str | None
) -> None:
    study = small_study("questionnaire", database, count=10, pictures=10, trials=10, raters=5)
    assert fill(study) == 5
    questions = [[trial.unit.picture for trial in shown_to(study, rater)] for rater in range(1, 6)]
    assert all(sorted(each) == sorted(questions[0]) for each in questions)
    assert all(a != b for a, b in combinations(questions, 2))
    places: Counter[int] = Counter()
    orders = set()
    for answer in study.answers():
        orders.add(answer.trial.order)
        places[answer.trial.order.index(0)] += 1
    assert len(orders) > 30  # 50 draws out of 120
    assert places == {slot: 10 for slot in range(5)}


def test_pairs_are_balanced_in_preference(small_study: MakeStudy, database: str | None) -> None:
    study = small_study("preference", database, count=7, systems=("good", "fair", "poor"), raters=1)
    fill(study)
    pairs = Counter(trial.unit.versions for trial in judged_trials(study))
    assert pairs == {("good", "fair"): 6, ("good", "poor"): 6, ("fair", "poor"): 6}


def test_seed_and_secret_decide_what_is_asked(small_study: MakeStudy) -> None:
    """The seed may be known; with it alone nobody can compute which picture will be the true one."""

    def sequence(study: Study) -> list[tuple[str, tuple[str, ...], tuple[int, ...]]]:
        shown = [trial for _ in range(3) for trial in shown_to(study, take_part(study))]
        return [(trial.unit.picture, trial.unit.versions, trial.order) for trial in shown]

    first = sequence(small_study("two-afc", secret="5e"))
    assert sequence(small_study("two-afc", secret="5e")) == first
    assert sequence(small_study("two-afc", secret="5e", seed=4)) != first
    assert sequence(small_study("two-afc", secret="5f")) != first
