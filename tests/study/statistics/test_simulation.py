"""Simulated raters: their rates are those asked for, and their layouts are fair."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from autochrome.study.records import (
    RANDOM,
    TRUTH,
    Answer,
    Protocol,
    Stage,
    Trial,
    Unit,
    judgments,
)
from tests.study.simulation import (
    PICTURE_SD,
    Crowd,
    SimulatedRater,
    pairs_layout,
    questionnaire_layout,
    simulate,
)


@pytest.mark.parametrize(
    "crowd",
    [
        Crowd({"a": 0.2, "b": 0.45}),
        Crowd({"a": 0.2, "b": 0.45}, picture_sd=2.0, rater_sd=1.0, lapse=0.1, first_bias=1.0),
    ],
)
def test_rates_are_those_asked_for(crowd: Crowd) -> None:
    layout = pairs_layout(("a", "b"), pictures=100, raters=4, trials=20)
    drawn = crowd.draw(layout, 400, np.random.default_rng(0))
    for number, rate in enumerate(crowd.rates.values()):
        means = drawn.success[:, layout.system == number].mean(1)
        assert means.mean() == pytest.approx(rate, abs=4 * means.std() / np.sqrt(400))


def test_default_spread_of_pictures_is_pixcolors_design_effect() -> None:
    # 5 raters: 1 + 4 correlation, at PixColor's rate of a third.
    crowd = Crowd({"a": 0.333}, rater_sd=0.0)
    assert crowd.picture_sd == PICTURE_SD
    correlation = crowd.variance_over_pictures("a") / (0.333 * 0.667)
    assert 1 + 4 * correlation == pytest.approx(1.2, abs=0.02)


def test_rates_of_given_raters_average_to_the_rate() -> None:
    crowd = Crowd({"a": 0.3}, rater_sd=0.8, first_bias=0.5)
    effects = 0.8 * np.random.default_rng(0).standard_normal((1, 20_000))
    assert crowd.rates_by("a", effects).mean() == pytest.approx(0.3, abs=0.004)


def test_systems_share_effects_of_pictures() -> None:
    crowd = Crowd({"a": 0.5, "b": 0.5}, picture_sd=3.0, shared=0.8, rater_sd=0.0)
    layout = pairs_layout(("a", "b"), pictures=3000, raters=20, trials=30)
    success = crowd.draw(layout, 1, np.random.default_rng(1)).success[0]
    rates = [
        np.bincount(layout.picture, success * (layout.system == k), minlength=3000) / 20 for k in range(2)
    ]
    assert np.corrcoef(rates[0], rates[1])[0, 1] == pytest.approx(0.75, abs=0.05)


def test_a_rate_that_lapses_forbid() -> None:
    with pytest.raises(ValueError, match=r"lapse on 20% of trials cannot take a for true at a rate of 0.050"):
        _ = Crowd({"a": 0.05}, lapse=0.2).intercept("a")


def test_a_version_without_a_rate() -> None:
    with pytest.raises(ValueError, match=r"no rate for a.oracle; it has a.1, a.2"):
        Crowd({"a.1": 0.3, "a.2": 0.3}).intercept("a.oracle")


@pytest.mark.parametrize(("pictures", "trials"), [(60, 20), (50, 15)])
def test_layout_of_pairs_is_balanced(pictures: int, trials: int) -> None:
    layout = pairs_layout(("a", "b", "c"), pictures=pictures, raters=4, trials=trials)
    units = Counter(zip(layout.picture.tolist(), layout.system.tolist(), strict=True))
    assert set(units.values()) == {4}
    assert len(units) == 3 * pictures
    seen = Counter(zip(layout.rater.tolist(), layout.picture.tolist(), strict=True))
    assert set(seen.values()) == {1}, "nobody sees a photo twice"
    for rater in range(layout.raters):
        counts = np.bincount(layout.system[layout.rater == rater], minlength=3)
        assert counts.sum() <= trials
        assert counts.max() - counts.min() <= 2


def test_layout_of_a_questionnaire() -> None:
    layout = questionnaire_layout(("a", "b"), questions=6, raters=40)
    assert layout.systems == (TRUTH, "a", "b")
    assert len(layout.picture) == 6 * 40 * 3
    firsts = layout.first.reshape(40, 6, 3)
    assert (firsts.sum(2) == 1).all()
    assert firsts[:, :, 0].mean() == pytest.approx(1 / 3, abs=0.1)


def test_verdicts_of_a_study_follow_the_seed() -> None:
    crowd = Crowd({"a": 0.3}, inattentive=0.3)
    layout = pairs_layout(("a",), pictures=40, raters=5, trials=20)
    rows = simulate(crowd, layout, vigilance=6, seed=4)
    assert rows == simulate(crowd, layout, vigilance=6, seed=4)
    assert rows != simulate(crowd, layout, vigilance=6, seed=5)
    checks = [j for j in rows if j.stage is Stage.VIGILANCE]
    assert len(checks) == 10 * 6
    assert {j.system for j in checks} == {RANDOM}


def trial(
    versions: tuple[str, ...], number: int, order: tuple[int, ...], picture: str | None = None
) -> Trial:
    unit = Unit(number, 1, Stage.TEST, picture or f"p{number}", versions)
    return Trial(f"t{number}", unit, order, number, 100)


@pytest.mark.parametrize("protocol", [Protocol.TWO_AFC, Protocol.TURING])
def test_policy_answers_trials_at_the_rates_of_the_crowd(protocol: Protocol) -> None:
    crowd = Crowd({"a": 0.3}, first_bias=0.5)
    trials = [trial((TRUTH, "a" if k % 5 else RANDOM), k, (0, 1) if k % 2 else (1, 0)) for k in range(40)]
    answers = []
    for number in range(8):
        person = SimulatedRater(crowd, number, seed=2)
        answers += [Answer(number, asked, person.answer(protocol, asked), "") for asked in trials]
    rows = judgments(protocol, answers)
    rate = {name: [j.success for j in rows if j.system == name] for name in ("a", RANDOM)}
    # 256 and 64 votes with design effects of raters and photos: about three standard errors.
    assert np.mean(rate["a"]) == pytest.approx(0.3, abs=0.11)
    assert np.mean(rate[RANDOM]) == pytest.approx(0.04, abs=0.08)
    first = [j.success for j in rows if j.first and j.system == "a"]
    second = [j.success for j in rows if not j.first and j.system == "a"]
    assert np.mean(first) > np.mean(second) + 0.1


def test_policy_does_not_depend_on_order_or_process() -> None:
    person = SimulatedRater(Crowd({"a": 0.5}, inattentive=0.5), 3, seed=2, slip=0.5)
    trials = [trial((TRUTH, "a"), k, (0, 1)) for k in range(40)]
    forward = [person.answer(Protocol.TURING, t) for t in trials]
    again = SimulatedRater(Crowd({"a": 0.5}, inattentive=0.5), 3, seed=2, slip=0.5)
    assert [again.answer(Protocol.TURING, t) for t in reversed(trials)][::-1] == forward
    # The very same bits on every machine.
    assert "".join(str(v.chosen[0]) for v in forward) == PINNED
    slipped = [v for v in forward if v.slipped]
    assert 10 < len(slipped) < 30
    assert all(max(v.shown_ms) > 1400 for v in slipped)
    assert all(v.response_ms > 0 for v in forward)


PINNED = "1100101111100110101110011000011011110000"


def test_policy_marks_poor_pictures_and_prefers_better_ones() -> None:
    crowd = Crowd({TRUTH: 0.9, "good": 0.7, "bad": 0.2}, picture_sd=0.5)
    marks: Counter[str] = Counter()
    wins = 0
    for k in range(200):
        person = SimulatedRater(crowd, k, exposure_ms=0.0)
        asked = trial((TRUTH, "good", "bad"), k, (2, 0, 1))
        vote = person.answer(Protocol.QUESTIONNAIRE, asked)
        marks.update(asked.shown(slot) for slot in vote.chosen)
        assert vote.shown_ms == ()
        pair = trial(("bad", "good"), k, (1, 0))
        wins += pair.shown(person.answer(Protocol.PREFERENCE, pair).chosen[0]) == "good"
    shares = [marks[name] / 200 for name in (TRUTH, "good", "bad")]
    assert shares == pytest.approx([0.1, 0.3, 0.8], abs=0.1)
    # Logits .85 and -1.4 or so: better in nine of ten.
    assert wins / 200 == pytest.approx(0.9, abs=0.07)


def test_inattentive_raters_answer_by_chance() -> None:
    crowd = Crowd({"a": 0.02}, inattentive=1.0)
    people = [SimulatedRater(crowd, k) for k in range(200)]
    assert all(person.inattentive for person in people)
    taken = [person.takes_for_true("p", "a", first=True) for person in people]
    assert np.mean(taken) == pytest.approx(0.5, abs=0.11)
