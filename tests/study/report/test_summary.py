"""The figures and the report of studies whose votes are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

QUICK = {"replicates": 200}


def vote_all(study: Any, answer: Callable[[Any, int], Any], raters: int) -> None:
    """Let raters answer all their trials; ``answer`` makes the vote from the trial and the rater's number."""
    for _ in range(raters):
        number = study.rater(study.enroll())
        while (trial := study.next_trial(number)) is not None:
            study.record(number, trial.id, answer(trial, number))


def honest(study: Any) -> Callable[[Any, int], Any]:
    """Everyone is fooled by "good" and by nothing else."""
    from autochrome.study.records import Protocol, Vote

    def answer(trial: Any, number: int) -> Any:
        versions = [trial.shown(slot) for slot in range(len(trial.order))]
        believed = next((v for v in versions if v.startswith("good")), None)
        shown = (1000.0, 1000.0) if study.design.timed else ()
        if study.design.protocol is Protocol.QUESTIONNAIRE:
            poor = [slot for slot, v in enumerate(versions) if v not in ("truth", "good")]
            return Vote(tuple(poor), shown, 800.0)
        if study.design.protocol is Protocol.PREFERENCE:
            best = believed or next(v for v in versions if v != "random")
            return Vote((versions.index(best),), shown, 800.0)
        true = versions.index(believed or "truth")
        return Vote((true if study.design.protocol is Protocol.TURING else 1 - true,), shown, 800.0)

    return answer


@pytest.mark.parametrize("protocol", ["two-afc", "turing"])
def test_rates_are_those_of_the_votes(small_study: Callable[..., Any], protocol: str) -> None:
    from autochrome.study.report.summary import summarize

    study = small_study(protocol)
    raters = study.design.raters_needed(study.status().units, study.status().units // 2)
    vote_all(study, honest(study), raters)
    found = summarize(study, **QUICK)
    assert {name: rate.value for name, rate in found.rates["main"].items()} == {"good": 1.0, "poor": 0.0}
    assert found.counted == found.judged == raters * study.design.trials
    assert found.slipped_out == found.inattentive_out == 0
    (difference,) = found.comparisons
    assert (difference.system, difference.rival, difference.difference) == ("good", "poor", 1.0)
    assert found.attention.caught is not None and found.attention.caught.value == 1.0
    assert found.timing is not None and found.timing.response_median_s == 0.8
    assert found.timing.shown_middle == (1000.0, 1000.0, 1000.0)
    assert found.timing.shown_ms is not None
    assert sum(found.timing.shown_ms.counts) == 2 * found.judged  # two displays a trial
    assert found.pictures * 2 == found.status.units
    half = found.pictures // 2
    assert {name: len(gallery["best"]) for name, gallery in found.galleries.items()} == {
        "good": half,
        "poor": half,
    }


def test_slipped_trials_and_inattentive_raters_are_left_out_and_shown_beside(
    small_study: Callable[..., Any],
) -> None:
    """Rater 1's display slips always, rater 2 fails the attention check; both say that all is true."""
    from autochrome.study.records import RANDOM, TRUTH, Vote
    from autochrome.study.report.document import report
    from autochrome.study.report.summary import summarize

    study = small_study("two-afc")

    def answer(trial: Any, number: int) -> Any:
        versions = [trial.shown(slot) for slot in (0, 1)]
        truth = versions.index(TRUTH)
        fooled = number == 2 or (number == 1 and RANDOM not in versions)
        shown = 1400.0 if number == 1 and RANDOM not in versions else 1000.0
        return Vote((truth if fooled else 1 - truth,), (shown, shown), 500.0)

    vote_all(study, answer, 4)
    found = summarize(study, **QUICK)
    assert (found.slipped_out, found.inattentive_out) == (6, 1)
    assert (found.counted, found.judged, found.raters) == (12, 24, 2)
    values = {way: [rate.value for rate in rates.values()] for way, rates in found.rates.items()}
    assert values["main"] == [0.0, 0.0]
    assert all(value > 0 for value in values["slipped trials too"] + values["inattentive raters too"])
    assert [rate.votes for rate in found.rates["every vote"].values()] == [12, 12]
    text = report(found).markdown()
    assert "6 judgments" in text and "1 rater who failed" in text
    assert "| slipped trials too | inattentive raters too | every vote |" in text


def test_a_questionnaire_ranks_and_tests(small_study: Callable[..., Any]) -> None:
    from autochrome.study.report.document import report
    from autochrome.study.report.summary import summarize

    study = small_study("questionnaire")
    vote_all(study, honest(study), 3)
    found = summarize(study, **QUICK)
    rates = {name: rate.value for name, rate in found.rates["main"].items()}
    assert rates == {"truth": 1.0, "good": 1.0, "fair": 0.0, "poor": 0.0, "bad": 0.0}
    assert found.questionnaire is not None and found.first_slot is None
    # Two share the first rank: (1 + 2) / 2.
    assert found.questionnaire.ranks["truth"].average.value == 1.5
    titles = [section.title for section in report(found).sections]
    assert titles[:3] == ["Results", "Differences", "True against generated"]
    assert "not marked as poor" in report(found).markdown()


def test_a_preference_names_pairs(small_study: Callable[..., Any]) -> None:
    from autochrome.study.report.document import report
    from autochrome.study.report.summary import summarize

    study = small_study("preference")
    vote_all(study, honest(study), 4)
    found = summarize(study, **QUICK)
    assert found.preferences is not None
    assert {name: rate.value for name, rate in found.rates["main"].items()} == {"good over poor": 1.0}
    assert list(found.galleries) == ["good against poor"]
    assert found.galleries["good against poor"]["best"][0].rival == "poor"
    assert "good over poor | 100.0%" in report(found).markdown()


def test_an_oracle_is_reported_by_its_second_phase(small_study: Callable[..., Any]) -> None:
    from autochrome.study.report.document import report
    from autochrome.study.report.summary import summarize

    study = small_study("turing", oracle=True, raters=1)
    needed = study.design.raters_needed(study.status().units, study.status().units // 3)
    vote_all(study, honest(study), needed)
    found = summarize(study, **QUICK)
    assert found.status.done and found.pictures == 11  # 12 photos, one of them for the attention check
    assert found.oracles["good"].rate is not None and found.oracles["good"].rate.value == 1.0
    assert "Best of several samples" in [section.title for section in report(found).sections]


def test_an_unfinished_study_warns_and_an_empty_one_says_so(small_study: Callable[..., Any]) -> None:
    from autochrome.study.report.document import report
    from autochrome.study.report.summary import summarize

    study = small_study("turing")
    empty = summarize(study, **QUICK)
    assert empty.rates == {} and empty.timing is None and empty.days is None
    assert "There are no votes that count yet." in report(empty).markdown()
    json.dumps(empty.to_json(), allow_nan=False)
    vote_all(study, honest(study), 1)
    assert "The study is not complete: " in report(summarize(study, **QUICK)).markdown()


class Images(HTMLParser):
    """Counts pictures."""

    count = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count += tag == "img" and ("loading", "lazy") in attrs


@pytest.mark.parametrize("protocol", ["two-afc", "turing", "questionnaire", "preference"])
def test_reports_are_whole_and_tell_nothing_of_this_computer(
    small_study: Callable[..., Any], protocol: str
) -> None:
    from autochrome.study.report.document import report
    from autochrome.study.report.summary import summarize

    study = small_study(protocol)
    vote_all(study, honest(study), 3)
    found = summarize(study, **QUICK)
    html = report(found).html()
    images = Images()
    images.feed(html)
    assert images.count == 2 * sum(len(g["best"]) + len(g["worst"]) for g in found.galleries.values())
    plain = json.dumps(found.to_json(), allow_nan=False)
    for place in (study.folder, study.design.references, study.secret.hex()):
        assert str(place) not in html and str(place) not in plain


def test_a_gallery_has_no_photo_at_both_extremes() -> None:
    from pathlib import Path

    from autochrome.study.report.summary import Example, _extremes

    def example(name: str, successes: int, votes: int = 5) -> Example:
        return Example(name, "cic", "", successes, votes, Path("a"), Path("b"))

    found = _extremes(
        [example("a", 1), example("b", 4), example("c", 2, 10), example("d", 1), example("e", 0)], 6
    )
    assert [e.picture for e in found["best"]] == ["b", "c"]  # of equal shares, the one with more votes
    assert [e.picture for e in found["worst"]] == ["e", "a"]
    alone = _extremes([example("a", 1)], 6)
    assert len(alone["best"]) == 1 and not alone["worst"]


def test_live_figures_are_those_of_the_report(small_study: Callable[..., Any]) -> None:
    from autochrome.study.report.summary import live_rates, summarize

    study = small_study("turing")
    vote_all(study, honest(study), 2)
    found = live_rates(study)
    assert {n: r.value for n, r in found.items()} == {
        n: r.value for n, r in summarize(study, **QUICK).rates["main"].items()
    }
