"""Whole studies in headless Chromium: what raters press is what is stored, and times are honest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Route

from autochrome.study.records import Protocol, Trial
from autochrome.study.report.document import report
from autochrome.study.report.summary import summarize
from autochrome.study.storage.store import Study
from tests.study.web.browser import Device, Rater
from tests.study.web.served import Server

# Times that a loaded machine keeps: short displays, and a tolerance that only the test of stalls exceeds.
QUICK = {"exposure_ms": 150, "pause_ms": 40, "feedback_ms": 300, "tolerance_ms": 900}
FEW: dict[str, dict[str, int]] = {
    "two-afc": {"trials": 2, "practice": 2, "vigilance": 1},
    "turing": {"trials": 2, "practice": 1, "vigilance": 1},
    "questionnaire": {"trials": 3, "pictures": 3},
    "preference": {"trials": 2, "practice": 1, "vigilance": 1},
}
Serve = Callable[..., tuple[Study, Server]]
Sit = Callable[..., Rater]


@pytest.fixture
def serve(small_study: Callable[..., Study]) -> Iterator[Serve]:
    """Builds a small, quick study and serves it."""
    servers: list[Server] = []

    def make(protocol: str = "two-afc", **keys: Any) -> tuple[Study, Server]:
        study = small_study(protocol, **{**QUICK, **FEW[protocol], **keys})
        servers.append(Server(study))
        return study, servers[-1]

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def sit(browser: Browser) -> Iterator[Sit]:
    """Sits a rater down in front of a browser of their own."""
    raters: list[Rater] = []

    def make(server: Server, device: Device = "desk", state: Any = None) -> Rater:
        raters.append(Rater(browser, server, device, state))
        return raters[-1]

    yield make
    for rater in raters:
        rater.close()


def choose(trial: Trial) -> tuple[int, ...]:
    """Answers that differ from trial to trial, and that `Study.answers` must hold as they are."""
    if len(trial.order) > 2:
        return tuple(slot for slot in range(len(trial.order)) if trial.order[slot] < trial.number % 4)
    return (trial.number % 2,)


# Each protocol and each device; the other combinations only with the slow tests.
@pytest.mark.parametrize(
    ("protocol", "device"),
    [
        (Protocol.TWO_AFC, "phone"),
        (Protocol.TURING, "desk"),
        (Protocol.QUESTIONNAIRE, "phone"),
        (Protocol.QUESTIONNAIRE, "desk"),
        (Protocol.PREFERENCE, "phone"),
        pytest.param(Protocol.TWO_AFC, "desk", marks=pytest.mark.slow),
        pytest.param(Protocol.TURING, "phone", marks=pytest.mark.slow),
        pytest.param(Protocol.PREFERENCE, "desk", marks=pytest.mark.slow),
    ],
)
def test_a_study_from_consent_to_report(
    protocol: Protocol, device: Device, serve: Serve, sit: Sit, tmp_path: Path
) -> None:
    study, server = serve(protocol.value)
    rater = sit(server, device)
    rater.begin()
    rater.finish(choose)

    answers = list(study.answers())
    assert {answer.trial.id: answer.vote.chosen for answer in answers} == rater.pressed
    assert len(answers) == study.design.total
    assert rater.page.text_content("#code") == study.completion_code(1)
    assert rater.page.title() == "Thank you · Which is real?"
    assert rater.problems == []
    assert rater.widest <= (390 if device == "phone" else 1280)
    assert rater.fetched == [slot for answer in answers for slot in range(len(answer.trial.order))]
    for answer in answers:
        assert not answer.vote.slipped
        assert answer.vote.response_ms > 0
        assert len(answer.vote.shown_ms) == (2 if study.design.timed else 0)
        assert all(150 - 34 <= shown <= 150 + 900 for shown in answer.vote.shown_ms)

    found = summarize(study, replicates=50)
    report(found).write(tmp_path / "report.html")
    rater.page.goto((tmp_path / "report.html").as_uri())
    assert found.status.finished == 1
    assert "Results" in rater.page.inner_text("main h2")
    assert rater.page.evaluate("document.documentElement.scrollWidth") <= rater.page.evaluate("innerWidth")


@pytest.mark.parametrize("protocol", ["two-afc", "turing"])
def test_practice_tells_the_answer_and_the_test_does_not(protocol: str, serve: Serve, sit: Sit) -> None:
    study, server = serve(protocol, feedback_ms=1500)
    rater = sit(server)
    rater.begin()
    for number in range(study.design.practice):
        rater.start()
        rater.wait("asking")
        right = rater.open_trial().order.index(1 if protocol == "two-afc" else 0)
        rater.answer([right if number == 0 else 1 - right])
        rater.wait("feedback")
        assert rater.page.text_content("#question") == ("That is right." if number == 0 else "Not this time.")
        words = "Colored by a computer" if protocol == "two-afc" else "The photo’s own colors"
        assert rater.page.text_content(".slot.answer .label") == words
        assert rater.page.get_attribute(".slot.answer", "data-slot") == str(right)
        assert rater.page.locator(".slot img.shown").count() == 2
    assert rater.wait("ready") and "Practice is over" in (rater.page.text_content("#ready-words") or "")
    rater.start()
    rater.answer([0])
    assert rater.wait("feedback", "showing", "asking") != "feedback"
    assert rater.problems == []


def test_a_questionnaire_without_digits(serve: Serve, sit: Sit) -> None:
    study, server = serve("questionnaire")
    rater = sit(server)
    rater.begin()
    rater.wait("asking")
    assert rater.page.text_content("#submit") == "None is poor: nextEnter"
    # Shift and Tab lead from the answers back to the fifth picture, then to the fourth.
    for key in ("Shift+Tab", "Space", "Shift+Tab", "Space", "Space"):
        rater.page.keyboard.press(key)
    assert rater.page.text_content("#submit") == "1 marked as poor: nextEnter"
    assert rater.page.text_content("#status") == "Fourth picture"
    assert rater.page.get_attribute("button.slot >> nth=4", "aria-pressed") == "true"
    assert rater.page.get_attribute("button.slot >> nth=4", "aria-label") == "Fifth picture, marked as poor"
    rater.page.keyboard.press("Enter")  # done, though a picture has the focus
    rater.page.wait_for_selector("#place >> text=2 of 3")
    assert [answer.vote.chosen for answer in study.answers()] == [(4,)]


def test_somebody_who_closes_the_browser_goes_on_where_they_left(serve: Serve, sit: Sit) -> None:
    study, server = serve("two-afc", practice=0)
    first = sit(server)
    first.begin()
    first.start()
    first.answer([1])
    first.start()
    first.wait("asking")
    left = first.open_trial()
    cookies = first.context.storage_state()
    first.close()

    again = sit(server, "phone", cookies)
    again.open()
    assert again.page.text_content("#begin") == "Continue"
    again.page.tap("#begin")
    again.start()
    again.wait("asking")
    assert again.open_trial() == left
    assert again.page.text_content("#place") == "2 of 3"
    again.finish(choose)
    answers = list(study.answers())
    assert {answer.rater for answer in answers} == {1}
    # The pair had been on the screen before, so it was not seen as designed.
    assert [answer.vote.slipped for answer in answers] == [False, True, False]


@pytest.mark.parametrize(("size", "enlarged"), [(0, 2), (32, 1)])
def test_whole_pictures_of_a_preference_are_shown_larger(
    size: int, enlarged: int, serve: Serve, sit: Sit
) -> None:
    _, server = serve("preference", practice=0, size=size)
    desk = sit(server)
    desk.begin()
    desk.wait("asking")
    shown = desk.page.evaluate(
        '[...document.querySelectorAll("#stage img")].map(i => i.clientWidth / i.naturalWidth)'
    )
    assert shown == pytest.approx([enlarged, enlarged], rel=0.02)


def test_a_personal_link_goes_on_another_device(serve: Serve, sit: Sit) -> None:
    study, server = serve("preference", practice=0)
    desk = sit(server)
    desk.begin()
    desk.answer([0])
    desk.wait("asking")
    desk.page.click("#help")
    link = (desk.page.text_content("dialog .link") or "").strip()
    desk.page.keyboard.press("1")  # not meant for the pictures behind the help
    desk.page.keyboard.press("Escape")
    assert len(list(study.answers())) == 1

    phone = sit(server, "phone")
    phone.page.goto(link)
    phone.page.tap("#seat")
    phone.finish(choose)
    assert {answer.rater for answer in study.answers()} == {1}
    assert len(list(study.answers())) == 3
    phone.open("/r/somebody-else")
    assert phone.page.text_content("h1") == "This link is not valid"


def test_a_restart_in_the_middle_loses_nothing(serve: Serve, sit: Sit) -> None:
    study, server = serve("two-afc", practice=0)
    rater = sit(server)
    rater.begin()
    rater.start()
    rater.wait("asking")
    server.stop()
    rater.page.keyboard.press("2")
    rater.page.wait_for_selector("#notice:not([hidden])")
    assert "Trying again" in (rater.page.text_content("#notice") or "")
    assert list(study.answers()) == []
    server.start()
    rater.page.wait_for_selector("#notice", state="hidden")
    rater.finish(choose)
    answers = list(study.answers())
    assert answers[0].vote.chosen == (1,)
    assert len(answers) == 3


def test_a_lost_acknowledgement_does_not_hold_anybody_up(serve: Serve, sit: Sit) -> None:
    study, server = serve("questionnaire")
    rater = sit(server)
    lost: list[int] = []

    def lose_the_first(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort()

    rater.page.route("**/api/votes", lose_the_first)
    rater.begin()
    rater.finish(choose)
    assert lost == [200]
    assert {answer.trial.id: answer.vote.chosen for answer in study.answers()} == rater.pressed


def test_a_page_that_stood_still_is_flagged(serve: Serve, sit: Sit) -> None:
    study, server = serve("turing", practice=0, vigilance=0, tolerance_ms=400)
    rater = sit(server)
    rater.begin()
    rater.wait("ready")
    rater.page.evaluate(
        """() => new MutationObserver((changes, observer) => {
          if (!document.querySelector("img.shown")) return;
          observer.disconnect();
          const until = performance.now() + 900;
          while (performance.now() < until);
        }).observe(document.querySelector("#stage"), { attributes: true, subtree: true })"""
    )
    rater.start()
    rater.answer([0])
    rater.finish(choose)
    stalled, *others = list(study.answers())
    assert stalled.vote.slipped
    assert max(stalled.vote.shown_ms) > 800
    assert not any(answer.vote.slipped for answer in others)


def test_a_page_that_was_hidden_is_flagged(serve: Serve, sit: Sit) -> None:
    study, server = serve("two-afc", practice=0)
    rater = sit(server)
    rater.begin()
    rater.wait("ready")
    rater.page.evaluate(
        """() => new MutationObserver((changes, observer) => {
          if (!document.querySelector("img.shown")) return;
          observer.disconnect();
          Object.defineProperty(document, "hidden", { value: true, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
          delete document.hidden;
        }).observe(document.querySelector("#stage"), { attributes: true, subtree: true })"""
    )
    rater.start()
    rater.answer([0])
    rater.wait("asking", "ready")
    assert [answer.vote.slipped for answer in study.answers()] == [True]


def test_a_study_that_is_full_says_so(serve: Serve, sit: Sit) -> None:
    study, server = serve("preference", max_raters=1)
    study.enroll()
    late = sit(server)
    late.open()
    late.page.keyboard.press("Enter")
    late.page.wait_for_url("**/full")
    late.look("full")
    assert "all the answers" in (late.page.text_content("h1") or "")
