"""Bodies that are no vote, in content, kind, length or pace: they are refused, and nothing is stored."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from autochrome.study.storage.store import Study
from autochrome.study.web import guard
from tests.study.web.attacker import STRANGE, Somebody, a_vote, application, count_votes, say, served, status

Build = Callable[..., Study]


@pytest.fixture
def study(small_study: Build) -> Study:
    return small_study("two-afc")


@pytest.fixture
def app(study: Study) -> FastAPI:
    return application(study)


@pytest.fixture
def rater(app: FastAPI) -> Somebody:
    return Somebody.enrolled(app)


NUMBERS = [
    "NaN", "Infinity", "-Infinity", "1e308", "1e999", "-1", "-0.001", "86400001", "1" + "0" * 400,
    '"500"', "true", "null", "[]", "{}",
]  # fmt: skip
SLOTS = [
    "[-1]", "[2]", "[10]", "[99999999999999999999]", "[true]", "[false]", "[0.0]", "[1e0]", '["0"]', "[null]",
    "[[0]]", "[0, 0]", "[0, 1]", "[]", "0", "null", "true", '"0"', "{}", "[0" + ", 0" * 50 + "]",
]  # fmt: skip


def raw_vote(trial: dict[str, Any], /, **parts: str) -> str:
    """A vote as JSON text, with parts as they are written here."""
    plain = {key: json.dumps(value) for key, value in a_vote(trial).items()}
    return "{" + ", ".join(f"{json.dumps(key)}: {text}" for key, text in {**plain, **parts}.items()) + "}"


def test_votes_with_wrong_content_are_refused(rater: Somebody, study: Study) -> None:
    trial = rater.trial()
    wrong = [raw_vote(trial, chosen=text) for text in SLOTS]
    wrong += [raw_vote(trial, response_ms=text) for text in NUMBERS]
    wrong += [raw_vote(trial, longest_gap_ms=text) for text in NUMBERS]
    wrong += [raw_vote(trial, shown_ms=f"[1000, {text}]") for text in NUMBERS]
    wrong += [raw_vote(trial, shown_ms=text) for text in ("[1000]", "[1000, 1000, 1000]", "1000", "null")]
    wrong += [raw_vote(trial, trial=json.dumps(text)) for text in STRANGE]
    wrong += [raw_vote(trial, slipped=text) for text in ("1", '"no"', "null", "[]")]
    wrong += [raw_vote(trial, feedback="true"), raw_vote(trial, rater="1"), raw_vote(trial, __class__="1")]
    for body in wrong:
        answer = rater.post(body)
        assert answer.status_code in (404, 422), (body, answer.text)
        assert answer.json()["error"]
    assert count_votes(study) == 0
    assert rater.vote(trial).status_code == 200, "and the right one is taken still"


def test_a_browser_can_only_make_a_display_look_worse(rater: Somebody, study: Study) -> None:
    said: list[dict[str, Any]] = [
        {"shown_ms": []},
        {"shown_ms": [1000, 1051]},
        {"shown_ms": [949, 1000]},
        {"longest_gap_ms": 51},
        {"slipped": True},
        {"slipped": False, "shown_ms": [0, 0]},
        {"slipped": False},
    ]
    for changes in said:
        assert rater.vote(rater.trial(), **changes).status_code == 200
    assert [answer.vote.slipped for answer in study.answers()] == [True] * 6 + [False]


BODIES: list[bytes] = [
    b"", b" ", b"null", b"true", b"[]", b"{}", b"0", b'"vote"', b"{", b"{]", b'{"trial": }', b"1" * 4000,
    b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b"\x00" * 100, b"\x80abc", b'{"trial": "\xc3\x28"}',
    b"[" * 4000, b'{"a":' * 800, b"[" * 2000 + b"]" * 2000, b"trial=1&chosen=0", b"{'trial': 1}",
    b'{"trial": "a", "trial": 1}',
]  # fmt: skip


@pytest.mark.parametrize("path", ["/api/votes", "/api/raters"])
def test_bodies_that_are_no_answer_are_refused(
    path: str, app: FastAPI, rater: Somebody, study: Study
) -> None:
    rater.trial()
    stranger = Somebody(app)  # may be told that nobody knows them before the body is looked at
    for body in BODIES:
        assert rater.post(body, path=path).status_code == 422, body
        assert stranger.post(body, path=path).status_code in (401, 422), body
    for body in (b'{"consent": false}', b'{"consent": "true"}', b'{"consent": true, "a": 1}'):
        assert stranger.post(body, path="/api/raters").status_code == 422, body
    assert (count_votes(study), study.status().enrolled) == (0, 1)


def test_other_kinds_of_bodies_are_refused(rater: Somebody, study: Study) -> None:
    body = json.dumps(a_vote(rater.trial()))
    kinds = [
        "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json",
        "application/jsonp", "application/json, text/plain", "application/xml", "*/*", "json",
    ]  # fmt: skip
    for kind in kinds:
        assert rater.post(body, {"content-type": kind}).status_code == 415, kind
    assert rater.post(body, {}).status_code == 415
    assert count_votes(study) == 0
    assert rater.post(body, {"content-type": "Application/JSON; charset=utf-8"}).status_code == 200


def head(rater: Somebody, *more: str) -> bytes:
    lines = [
        "POST /api/votes HTTP/1.1",
        "Host: 127.0.0.1",
        f"Cookie: rater={rater.token}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "Content-Type: application/json", *more, "", ""]).encode()


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body)


def test_long_bodies_are_refused_however_they_come(rater: Somebody, study: Study) -> None:
    body = json.dumps(a_vote(rater.trial())).encode()
    padded = body + b" " * (guard.BODY_BYTES - len(body))
    chunked = head(rater, "Transfer-Encoding: chunked")
    with served(study) as port:
        long = padded + b" "
        assert status(say(port, head(rater, f"Content-Length: {len(long)}"), long)) == 413
        assert (
            status(say(port, chunked, *[chunk(long[k : k + 512]) for k in range(0, len(long), 512)])) == 413
        )
        # The announcement is enough, and no gigabyte is waited for.
        assert status(say(port, head(rater, "Content-Length: 1000000000"))) == 413
        assert status(say(port, head(rater, f"Content-Length: {'9' * 500}"))) in (400, 413)
        # Where the length is missing, endless or negative, or the body breaks off.
        assert status(say(port, head(rater))) == 422
        assert status(say(port, head(rater, "Content-Length: -5"), body)) == 400
        assert status(say(port, head(rater, "Content-Length: 5", "Content-Length: 6"), body)) == 400
        assert status(say(port, head(rater, f"Content-Length: {len(body)}"), body[:20], end=True)) in (0, 400)
        assert status(say(port, chunked, b"zz\r\n" + body)) == 400
        assert status(say(port, chunked, chunk(body), end=True)) in (0, 400)
        assert count_votes(study) == 0
        # The longest that is allowed, in small pieces.
        pieces = [chunk(padded[k : k + 100]) for k in range(0, len(padded), 100)]
        assert status(say(port, chunked, *pieces, b"0\r\n\r\n")) == 200
    assert count_votes(study) == 1


def test_slow_bodies_are_given_up_and_hold_nobody_up(
    rater: Somebody, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.6)
    body = json.dumps(a_vote(rater.trial())).encode()
    slow = head(rater, f"Content-Length: {len(body)}")
    with served(study) as port, ThreadPoolExecutor(50) as pool:
        drips = [body[k : k + 1] for k in range(20)]
        attempts = [pool.submit(say, port, slow, *drips, pause=0.1) for _ in range(50)]
        normal = say(port, head(rater, f"Content-Length: {len(body)}"), body)
        assert status(normal) == 200
        assert not any(attempt.done() for attempt in attempts), "it was answered while they dripped"
        assert {status(attempt.result()) for attempt in attempts} == {408}
    assert count_votes(study) == 1


# Whatever JSON.

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from([math.inf, 1e308, -1, 2**63, "\0", "__proto__"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=12), inner, max_size=5),
    max_leaves=12,
)
_KEYS = ["trial", "chosen", "shown_ms", "response_ms", "longest_gap_ms", "slipped", "rater", ""]
CHANGES = st.dictionaries(
    st.sampled_from(_KEYS),
    JSON_VALUES
    | st.lists(st.integers(-1, 3), max_size=3)
    | st.lists(st.floats(-1, 2e5) | st.integers(900, 1100), min_size=2, max_size=2),
    max_size=4,
)


@pytest.mark.parametrize("protocol", ["two-afc", "questionnaire"])
def test_whatever_is_posted_votes_grow_with_200_alone(protocol: str, small_study: Build) -> None:
    study = small_study(protocol, raters=100)  # more places than examples
    rater = Somebody.enrolled(application(study))
    votes, taken = 0, 0

    @settings(max_examples=100)
    @given(
        changes=CHANGES,
        removed=st.sets(st.sampled_from(_KEYS), max_size=2),
        whole=JSON_VALUES,
        free=st.booleans(),
    )
    def attack(changes: dict[str, Any], removed: set[str], whole: Any, free: bool) -> None:
        nonlocal rater, votes, taken
        trial = rater.trial()
        if trial.get("done"):
            rater = Somebody.enrolled(application(study))
            trial = rater.trial()
        vote = {key: value for key, value in {**a_vote(trial), **changes}.items() if key not in removed}
        answer = rater.post(json.dumps(whole if free else vote))
        assert answer.status_code in (200, 404, 409, 422), answer.text
        taken += answer.status_code == 200
        votes = count_votes(study)
        assert votes == taken

    attack()
    assert votes > 0, "some were in order"


@settings(max_examples=100)
@given(body=st.binary(max_size=300))
def _any_bytes(body: bytes, rater: Somebody) -> None:
    for path in ("/api/votes", "/api/raters"):
        assert rater.post(body, path=path).status_code in (401, 422)


def test_whatever_bytes_are_posted_nothing_comes_of_it(app: FastAPI, rater: Somebody, study: Study) -> None:
    rater.trial()
    _any_bytes(rater=rater)
    assert (count_votes(study), study.status().enrolled) == (0, 1)
