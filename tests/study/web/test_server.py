"""A rater's way through the requests: what is answered, stored, flagged, and kept to itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from autochrome.errors import NotCurrent, StudyBusy
from autochrome.study.records import RANDOM, Protocol, Stage
from autochrome.study.storage.store import Study
from autochrome.study.web.media import media_address, trial_and_slot
from tests.study.web.served import Server

Serve = Callable[..., tuple[Study, Server]]


@pytest.fixture
def serve(small_study: Callable[..., Study]) -> Iterator[Serve]:
    servers: list[Server] = []

    def make(protocol: str = "two-afc", **keys: Any) -> tuple[Study, Server]:
        study = small_study(protocol, **keys)
        servers.append(Server(study))
        return study, servers[-1]

    yield make
    for server in servers:
        server.stop()


def client(server: Server) -> httpx.Client:
    # Plain HTTP: without `verify`, no certificates are read.
    return httpx.Client(base_url=server.address, timeout=60, verify=False)


@contextmanager
def enrolled(server: Server) -> Iterator[httpx.Client]:
    with client(server) as rater:
        assert rater.post("/api/raters", json={"consent": True}).status_code == 201
        yield rater


def vote(trial: dict[str, Any], chosen: list[int], **more: Any) -> dict[str, Any]:
    timing = trial["timing"]
    shown = [timing["exposure_ms"]] * len(trial["pictures"]) if timing else []
    return {"trial": trial["trial"], "chosen": chosen, "shown_ms": shown, "response_ms": 700.5, **more}


@pytest.mark.parametrize("protocol", list(Protocol))
def test_a_rater_judges_all_there_is(protocol: Protocol, serve: Serve) -> None:
    practice = {} if protocol is Protocol.QUESTIONNAIRE else {"practice": 1}
    study, server = serve(protocol.value, **practice)
    stored: dict[str, tuple[int, ...]] = {}
    with enrolled(server) as rater:
        while not (trial := rater.get("/api/trial").json()).get("done"):
            assert trial == rater.get("/api/trial").json()  # the same until it is answered
            assert (trial["number"], trial["total"]) == (len(stored) + 1, study.design.total)
            found = study.open_trial(1, trial["trial"])
            assert found is not None
            for slot, address in enumerate(trial["pictures"]):
                picture = rater.get(address)
                assert picture.content == study.picture_path(found, slot).read_bytes()
                assert picture.content.startswith(b"\x89PNG")
            chosen = [0, 2] if protocol is Protocol.QUESTIONNAIRE else [trial["number"] % 2]
            answer = rater.post("/api/votes", json=vote(trial, chosen))
            assert answer.status_code == 200
            feedback = answer.json()["feedback"]
            assert (feedback is not None) == (trial["stage"] == "practice")
            if feedback:
                wrong = 1 if protocol is Protocol.TWO_AFC else 0  # two-afc asks for the generated one
                assert feedback["slot"] == found.order.index(wrong)
            stored[trial["trial"]] = tuple(chosen)
        assert rater.get("/done").text.count(study.completion_code(1)) == 1
    answers = list(study.answers())
    assert {answer.trial.id: answer.vote.chosen for answer in answers} == stored
    assert {answer.vote.response_ms for answer in answers} == {700.5}
    assert not any(answer.vote.slipped for answer in answers)


def test_consent_gives_a_cookie_that_scripts_and_other_sites_cannot_use(serve: Serve) -> None:
    study, server = serve()
    with client(server) as rater:
        assert rater.post("/api/raters", json={"consent": False}).status_code == 422
        answer = rater.post("/api/raters", json={"consent": True})
        name, *attributes = answer.headers["set-cookie"].split("; ")
        assert study.rater(name.removeprefix("rater=")) == 1
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(attributes)
        assert "Secure" not in attributes
        again = rater.post("/api/raters", json={"consent": True})
        assert (again.status_code, study.status().enrolled) == (200, 1)
        # Behind a proxy that speaks HTTPS the cookie never travels in the clear.
        proxied = httpx.post(
            f"{server.address}/api/raters", json={"consent": True}, headers={"X-Forwarded-Proto": "https"}
        )
        assert "Secure" in proxied.headers["set-cookie"]


DISPLAYS: list[tuple[dict[str, Any], bool]] = [
    ({}, False),
    ({"shown_ms": [1050, 950]}, False),
    ({"shown_ms": [1000, 1051]}, True),
    ({"shown_ms": [949, 1000]}, True),
    ({"shown_ms": [1000, 1051], "slipped": False}, True),  # it is not the page that decides
    ({"shown_ms": []}, True),
    ({"longest_gap_ms": 50}, False),
    ({"longest_gap_ms": 51}, True),
    ({"slipped": True}, True),
]


def test_a_display_that_was_not_as_designed_is_flagged(serve: Serve) -> None:
    study, server = serve("turing", tolerance_ms=50, trials=len(DISPLAYS), vigilance=0)
    with enrolled(server) as rater:
        for changed, _ in DISPLAYS:
            trial = rater.get("/api/trial").json()
            assert rater.post("/api/votes", json=vote(trial, [0], **changed)).status_code == 200
    assert [answer.vote.slipped for answer in study.answers()] == [slipped for _, slipped in DISPLAYS]


def test_a_vote_counts_once_however_often_it_comes(serve: Serve) -> None:
    study, server = serve()
    with enrolled(server) as rater:
        trial = rater.get("/api/trial").json()
        assert rater.post("/api/votes", json=vote(trial, [0])).status_code == 200
        for _ in range(3):
            again = rater.post("/api/votes", json=vote(trial, [1]))
            assert (again.status_code, again.json()["recorded"]) == (409, True)
    assert [answer.vote.chosen for answer in study.answers()] == [(0,)]


def test_a_vote_whose_turn_it_is_not_is_refused(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    study, server = serve()
    with enrolled(server) as rater:
        trial = rater.get("/api/trial").json()

        def not_current(*_: object) -> None:
            raise NotCurrent("a later trial is open")

        monkeypatch.setattr(study, "record", not_current)
        answer = rater.post("/api/votes", json=vote(trial, [0]))
        assert (answer.status_code, answer.json()["recorded"]) == (409, False)


def test_trials_and_pictures_are_their_raters_own(serve: Serve) -> None:
    study, server = serve()
    with enrolled(server) as rater, enrolled(server) as other, client(server) as stranger:
        trial = rater.get("/api/trial").json()
        address = trial["pictures"][0]
        assert other.post("/api/votes", json=vote(trial, [0])).status_code == 404
        assert other.get(address).status_code == 404
        stranger.cookies.set("rater", "somebody")
        for answer in (
            stranger.get(address),
            stranger.get("/api/trial"),
            stranger.post("/api/votes", json=vote(trial, [0])),
        ):
            assert answer.status_code == 401
            assert "first page" in answer.json()["error"]
        assert rater.get(address).status_code == 200
        rater.post("/api/votes", json=vote(trial, [0]))
        assert rater.get(address).status_code == 404
    assert len(list(study.answers())) == 1


def test_nothing_tells_true_from_generated_or_vigilance_from_test(serve: Serve) -> None:
    study, server = serve("turing", trials=3, vigilance=3)
    told: list[str] = []
    shapes: set[tuple[str, ...]] = set()
    headers: set[tuple[tuple[str, str], ...]] = set()
    stages = set()
    with enrolled(server) as rater:
        while not (trial := rater.get("/api/trial").json()).get("done"):
            told.append(str(trial))
            shapes.add(tuple(trial))
            found = study.open_trial(1, trial["trial"])
            assert found is not None
            stages.add(found.unit.stage)
            assert trial["stage"] == "test"
            assert trial["alt"] == ["first picture", "second picture"]
            for address in trial["pictures"]:
                sent = rater.get(address).headers.multi_items()
                own = ("content-length", "date")  # the size is the file's; the time is the clock's
                headers.add(tuple((name, "" if name in own else value) for name, value in sent))
            rater.post("/api/votes", json=vote(trial, [0]))
    assert stages == {Stage.TEST, Stage.VIGILANCE}
    assert len(shapes) == 1
    assert len(headers) == 1
    names = dict(headers.pop())
    assert names["cache-control"] == "no-store"
    assert not {"etag", "last-modified", "content-disposition"} & set(names)
    hidden = {"truth", RANDOM, "vigilance", *study.design.systems}
    hidden |= {answer.trial.unit.picture for answer in study.answers()}
    hidden |= {path.stem for path in (study.folder / "pictures").iterdir()}
    assert not hidden & {word for text in told for word in re.split(r"\W+", text)}


def test_a_picture_s_address_stands_for_one_trial_and_slot() -> None:
    address = media_address(b"secret", "xYz_-09", 1)
    assert trial_and_slot(b"secret", address) == ("xYz_-09", 1)
    assert trial_and_slot(b"another", address) is None
    for place, sign in enumerate(address):
        forged = address[:place] + ("A" if sign != "A" else "B") + address[place + 1 :]
        assert trial_and_slot(b"secret", forged) is None
    assert trial_and_slot(b"secret", address.replace(".1.", ".0.")) is None
    assert len({media_address(b"secret", "xYz_-09", slot)[-24:] for slot in range(10)}) == 10


def test_pages_lead_raters_where_they_belong(serve: Serve) -> None:
    study, server = serve("preference", title="Sky & <sea>")
    with client(server) as rater:
        start = rater.get("/").text
        assert "Sky &amp; &lt;sea&gt;" in start and "I agree, begin" in start
        assert rater.get("/trial").headers["location"] == "/"
        assert rater.get("/done").headers["location"] == "/"
        rater.post("/api/raters", json={"consent": True})
        assert "Continue" in rater.get("/").text
        assert rater.get("/trial").status_code == 200
        assert rater.get("/done").headers["location"] == "/trial"
        token = rater.cookies["rater"]
    with client(server) as elsewhere:
        assert elsewhere.get("/r/nobody").status_code == 404
        for _ in range(2):  # a messenger's preview takes no place, however often it looks
            opened = elsewhere.get(f"/r/{token}")
            assert "Welcome back" in opened.text and token not in opened.text
            assert "set-cookie" not in opened.headers and not elsewhere.cookies
        assert elsewhere.post("/api/seat", json={"token": "nobody"}).status_code == 404
        assert elsewhere.post("/api/seat", json={"token": "no body"}).status_code == 422
        assert elsewhere.post("/api/seat", json={"token": token}).json() == {"seated": True}
        assert elsewhere.cookies["rater"] == token
        assert token not in elsewhere.get("/").text
    assert study.status().enrolled == 1


def test_a_full_study_takes_nobody_in(serve: Serve) -> None:
    _, server = serve(max_raters=1)
    with enrolled(server) as rater, client(server) as late:
        answer = late.post("/api/raters", json={"consent": True})
        assert (answer.status_code, answer.json()["full"]) == (409, True)
        assert "set-cookie" not in answer.headers
        assert "all the answers" in late.get("/full").text
        assert rater.get("/api/trial").status_code == 200


def test_a_busy_database_asks_to_come_back(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    study, server = serve()
    with enrolled(server) as rater:

        def busy(_: int) -> None:
            raise StudyBusy("the database was busy; try again")

        monkeypatch.setattr(study, "next_trial", busy)
        answer = rater.get("/api/trial")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
