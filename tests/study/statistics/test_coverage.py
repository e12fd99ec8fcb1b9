"""Coverage of the intervals in simulated studies, at a size that a test can afford."""

from __future__ import annotations

import pytest

from tests.study.statistics.coverage import (
    NEW,
    SAME,
    Setting,
    false_alarms,
    main,
    measured,
    pairs_setting,
    settings,
    table,
    thinned,
)


def test_intervals_hold_the_truth_as_often_as_they_say_and_naive_ones_do_not() -> None:
    setting = pairs_setting("small", {"a": 0.3, "b": 0.3}, 100, 10, 50, rater_sd=0.6)
    rows = {(r.figure, r.truth, r.method): r for r in measured(setting, 200, 0)}
    # Of 200 intervals of 95%: within 90.4-99.6% by three standard errors.
    right = [
        ("rate 30.0%", NEW, "pictures and raters, t"),
        ("rate 30.0%", SAME, "bootstrap over pictures"),
        ("difference +0.0%", NEW, "pictures and raters, t"),
    ]
    for key in right:
        assert 0.904 <= rows[key].coverage <= 0.996, key
    assert rows["rate 30.0%", NEW, "binomial (CIC)"].coverage < 0.85
    assert rows["rate 30.0%", NEW, "bootstrap over pictures"].coverage < 0.9
    assert rows["rate 30.0%", SAME, "two-stage bootstrap"].coverage > 0.965


def test_unequal_votes_are_covered_as_well() -> None:
    whole = pairs_setting("small", {"a": 0.3, "b": 0.2}, 100, 5, 20, rater_sd=0.3)
    layout = thinned(whole.layout, 0.4)
    assert len(layout.picture) < 0.7 * len(whole.layout.picture)
    rows = measured(Setting("thin", whole.crowd, layout), 200, 1)
    best = [r.coverage for r in rows if r.method == "pictures and raters, t"]
    assert len(best) == 2
    assert all(0.904 <= coverage <= 0.996 for coverage in best)


def test_questionnaires_are_covered_with_twenty_photos() -> None:
    rows = measured(settings()[-1], 80, 0)
    kept = [r for r in rows if r.method in ("pictures and raters, t", "crossed bootstrap")]
    assert len(kept) == 4
    assert all(r.coverage >= 0.9 for r in kept)
    naive = [r.coverage for r in rows if r.method == "binomial (CIC)"]
    assert max(naive) < 0.6


def test_false_alarms_are_one_in_twenty() -> None:
    assert 0.01 <= false_alarms(150, 0) <= 0.10


def test_table_and_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    rows = measured(pairs_setting("tiny", {"a": 0.3}, 20, 2, 10, rater_sd=0.0), 5, 0)
    text = table(rows)
    assert text.startswith("### tiny: 20 photos x 2 raters, 10 trials each (4 raters, sd 0)")
    assert "| rate 30.0% | new photos, new raters | binomial (CIC) |" in text
    with pytest.raises(SystemExit):
        main(["--studies", "0"])
    assert "--studies is at least 1" in capsys.readouterr().err
