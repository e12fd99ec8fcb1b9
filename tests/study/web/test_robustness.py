"""Attacks on a study: what is forged, repeated, too large or malformed is refused, and changes nothing."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from time import perf_counter
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from autochrome.study.storage.store import Study
from autochrome.study.web import guard
from autochrome.study.web.media import media_address
from tests.study.web.attacker import (
    JSON,
    STRANGE,
    Somebody,
    a_vote,
    application,
    count_votes,
    say,
    served,
    status,
)

Build = Callable[..., Study]
AT_ONCE = 8


@pytest.fixture
def study(small_study: Build) -> Study:
    return small_study("two-afc")


@pytest.fixture
def app(study: Study) -> FastAPI:
    return application(study)


@pytest.fixture
def rater(app: FastAPI) -> Somebody:
    return Somebody.enrolled(app)


# Trials and pictures of somebody else.


def altered(text: str) -> list[str]:
    """The text with each of its characters changed in turn, cut, and made longer."""
    changed = [text[:k] + ("A" if text[k] != "A" else "B") + text[k + 1 :] for k in range(len(text))]
    return [*changed, text[:-1], text + "A", text.swapcase(), text[::-1]]


def test_nobody_votes_on_anothers_trial(app: FastAPI, rater: Somebody, study: Study) -> None:
    other = Somebody.enrolled(app)
    theirs, own = other.trial(), rater.trial()
    assert rater.vote(theirs).status_code == 404
    for forged in altered(own["trial"]):
        assert rater.vote(own, trial=forged).status_code in (404, 422), forged
    assert Somebody(app).vote(theirs).status_code == 401
    assert count_votes(study) == 0
    assert other.vote(theirs).status_code == 200, "whose it is may vote still"


def test_nobody_sees_anothers_pictures(app: FastAPI, rater: Somebody, study: Study) -> None:
    theirs = Somebody.enrolled(app).trial()["pictures"]
    own = rater.trial()["pictures"]
    assert [rater.client.get(address).status_code for address in own] == [200, 200]
    assert [rater.client.get(address).status_code for address in theirs] == [404, 404]
    assert [Somebody(app).client.get(address).status_code for address in own] == [401, 401]


def test_addresses_of_pictures_cannot_be_made_up(rater: Somebody, study: Study) -> None:
    trial = rater.trial()
    address = trial["pictures"][0].removeprefix("/media/")
    assert rater.client.get(f"/media/{address}").status_code == 200
    made = [
        *altered(address),
        address.replace(".0.", ".1."),  # the other slot under this one's code
        media_address(study.secret, trial["trial"], 2),  # a right code for a slot that there is not
        media_address(b"another secret", trial["trial"], 0),
        media_address(study.secret, "A" * 22, 0),  # a right code for a trial that there is not
    ]
    for each in made:
        assert rater.client.get(f"/media/{each}").status_code == 404, each


def test_pictures_are_gone_after_the_vote(rater: Somebody) -> None:
    trial = rater.trial()
    assert rater.vote(trial).status_code == 200
    assert [rater.client.get(address).status_code for address in trial["pictures"]] == [404, 404]
    following = rater.trial()
    assert set(following["pictures"]).isdisjoint(trial["pictures"])


def test_a_cookie_of_another_study_is_nobody(small_study: Build, rater: Somebody) -> None:
    elsewhere = Somebody(application(small_study("two-afc")))
    elsewhere.client.cookies.set("rater", rater.token)
    trial = rater.trial()
    assert elsewhere.client.get("/api/trial").status_code == 401
    assert elsewhere.client.get(trial["pictures"][0]).status_code == 401
    assert elsewhere.vote(trial).status_code == 401
    assert elsewhere.client.get(f"/r/{rater.token}").status_code == 404
    assert elsewhere.client.get("/done").headers["location"] == "/"


# Twice, late, at once.


def test_a_vote_counts_once_however_often_it_is_sent(rater: Somebody, study: Study) -> None:
    first = rater.trial()
    assert rater.vote(first, chosen=[1]).json()["recorded"] is True
    assert rater.vote(rater.trial()).status_code == 200
    rater.trial()
    again = rater.vote(first, chosen=[0])
    assert (again.status_code, again.json()["recorded"]) == (409, True)
    kept = [answer.vote.chosen for answer in study.answers() if answer.trial.id == first["trial"]]
    assert kept == [(1,)]
    assert count_votes(study) == 2


def at_once(work: Callable[[int], httpx.Response], times: int = AT_ONCE) -> list[httpx.Response]:
    """Do something so many times at the same moment, each in a thread."""
    barrier = threading.Barrier(times)

    def one(number: int) -> httpx.Response:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def test_of_votes_at_the_same_moment_one_counts(rater: Somebody, study: Study) -> None:
    with served(study) as port:

        def ask(method: str, path: str, body: Any = None) -> httpx.Response:
            cookies = {"rater": rater.token}
            address = f"http://127.0.0.1:{port}{path}"
            return httpx.request(method, address, json=body, cookies=cookies, trust_env=False, verify=False)

        for voted in range(1, 4):
            trials = [response.json() for response in at_once(lambda _: ask("GET", "/api/trial"))]
            assert all(trial == trials[0] for trial in trials), "one trial, whoever asks first"
            body = a_vote(trials[0])
            answers = at_once(
                lambda k, body=body: ask("POST", "/api/votes", {**body, "chosen": [k % 2], "response_ms": k})
            )
            assert Counter(answer.status_code for answer in answers) == {200: 1, 409: AT_ONCE - 1}
            assert all(answer.json()["recorded"] for answer in answers)
            assert count_votes(study) == voted
            winner = next(k for k, answer in enumerate(answers) if answer.status_code == 200)
            kept = list(study.answers())[-1].vote
            assert (kept.chosen, kept.response_ms) == ((winner % 2,), winner)


def test_no_more_raters_than_there_are_places(small_study: Build) -> None:
    study = small_study("two-afc", max_raters=3)
    with served(study) as port:
        address = f"http://127.0.0.1:{port}/api/raters"
        answers = at_once(
            lambda _: httpx.post(address, json={"consent": True}, trust_env=False, verify=False)
        )
    assert Counter(answer.status_code for answer in answers) == {201: 3, 409: AT_ONCE - 3}
    assert len({answer.cookies["rater"] for answer in answers if answer.status_code == 201}) == 3
    assert study.status().enrolled == 3


# Names and paths.


def test_strange_cookies_and_links_are_nobody(app: FastAPI, study: Study) -> None:
    somebody = Somebody(app)
    for text in STRANGE:
        raw = text.encode("utf-8", "surrogatepass")
        cookie = b"rater=" + raw.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"%00")
        answer = somebody.client.get("/api/trial", headers={"cookie": cookie})  # type: ignore[dict-item]
        assert answer.status_code == 401, text
        link = somebody.client.get(f"/r/{quote(raw, safe='')}")
        assert link.status_code in (404, 405), text
        assert "set-cookie" not in link.headers
    assert study.status().enrolled == 0


def test_many_cookies(app: FastAPI, rater: Somebody) -> None:
    stranger = Somebody(app)
    crowd = "; ".join(f"c{k}=v{k}" for k in range(300))
    with_own = {"cookie": f"{crowd}; rater={rater.token}"}
    assert stranger.client.get("/api/trial", headers=with_own).status_code == 200
    for odd in (
        "rater",
        "rater=",
        "=rater",
        ";;;",
        "rater=a=b",
        'rater="\\',
        "a;b;c=",
        "rater=" + "x" * 60_000,
    ):
        assert stranger.client.get("/api/trial", headers={"cookie": odd}).status_code == 401, odd


BASES = ["/", "/static/", "/static/x/", "/media/", "/r/", "/api/", "/trial/", "//"]
UPWARDS = [
    "",
    "../",
    "../../",
    "..%2f",
    "%2e%2e/",
    "%2e%2e%2f%2e%2e%2f",
    "..%5c",
    "..%252f",
    "....//",
    "%00../",
]


def test_only_the_pages_files_are_served(study: Study, rater: Somebody) -> None:
    """Paths as they are, on a socket: a client library would tidy them."""
    picture = min(each.name for each in (study.folder / "pictures").iterdir())
    everywhere = ("study.json", f"pictures/{picture}", "/etc/passwd")
    paths = [base + up + place for base in BASES for up in UPWARDS for place in everywhere]
    places = (
        "study.sqlite",
        "design.yaml",
        "__init__.py",
        "trial.html",
        picture,
        f"{study.folder}/study.json",
    )
    paths += [base + place for base in BASES for place in places]
    secrets = [b"SQLite format 3", b"autochrome-study/1", b"import annotations", b"{% ", b"root:", b"\x89PNG"]
    secrets.append(study.secret.hex().encode())
    codes: Counter[int] = Counter()
    with served(study) as port, closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        for path in paths:
            connection.putrequest("GET", path)
            connection.putheader("Cookie", f"rater={rater.token}")
            connection.endheaders()
            answer = connection.getresponse()
            content = answer.read()
            codes[answer.status] += 1
            assert not [secret for secret in secrets if secret in content], path
    assert codes == {404: len(paths)}


def test_short_answers_do_not_wait_for_the_browsers_word(rater: Somebody, study: Study) -> None:
    """Nagle's algorithm and delayed acknowledgements (RFC 1122, 4.2.3) together cost 40 ms on Linux."""
    took = []
    with served(study) as port, closing(HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        for _ in range(20):
            begun = perf_counter()
            connection.request("GET", "/api/trial", headers={"Cookie": f"rater={rater.token}"})
            connection.getresponse().read()
            took.append(perf_counter() - begun)
    assert min(took[1:]) < 0.035


def test_there_is_no_map_of_the_server(rater: Somebody) -> None:
    for path in (
        "/docs",
        "/redoc",
        "/openapi.json",
        "/metrics",
        "/static",
        "/static/",
        "/api",
        "/api/",
    ):
        assert rater.client.get(path).status_code == 404, path


# Methods, sites, hosts.

METHODS = ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "XYZZY"]


def test_other_methods_do_nothing(rater: Somebody, study: Study) -> None:
    trial = rater.trial()
    for method in METHODS:
        for path in ("/", "/trial", "/done", "/api/trial", "/api/votes", "/api/raters", trial["pictures"][0]):
            for headers in ({}, JSON):
                answer = rater.client.request(
                    method, path, json=a_vote(trial), headers={**headers, "x-mark": "m4rk"}
                )
                assert answer.status_code in (404, 405), (method, path)
                assert "m4rk" not in answer.text, "no echo"
    for path in ("/api/votes", "/api/raters"):
        assert rater.client.get(path, params=a_vote(trial)).status_code == 405
    assert rater.client.post("/api/trial", json={}).status_code == 405
    assert count_votes(study) == 0
    assert rater.trial() == trial


def test_other_sites_can_send_nothing(app: FastAPI, rater: Somebody, study: Study) -> None:
    trial = rater.trial()
    foreign = [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1.evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://localhost"},
        {"origin": "127.0.0.1"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": "http://127.0.0.1"},
    ]
    for headers in foreign:
        assert rater.post(json.dumps(a_vote(trial)), {**JSON, **headers}).status_code == 403, headers
        answer = Somebody(app).post('{"consent": true}', {**JSON, **headers}, "/api/raters")
        assert answer.status_code == 403, headers
        # What they ask for they may get, but no page of theirs can read it.
        answer = rater.client.get("/api/trial", headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert (count_votes(study), study.status().enrolled) == (0, 1)
    for headers in ({"origin": "http://127.0.0.1"}, {"sec-fetch-site": "same-origin"}):
        assert rater.post(json.dumps(a_vote(rater.trial())), {**JSON, **headers}).status_code == 200


def test_other_names_are_not_answered(rater: Somebody, study: Study) -> None:
    hosts = [
        "evil.example",
        "127.0.0.1.evil.example",
        "",
        " ",
        "evil.example:80",
        "127.0.0.2",
        "[::2]",
        "[",
        "a@b",
    ]
    for host in hosts:
        for path in ("/", "/api/trial", f"/r/{rater.token}"):
            assert rater.client.get(path, headers={"host": host}).status_code == 400, host
    for host in ("127.0.0.1", "localhost", "LOCALHOST:8000", "[::1]:8000"):
        assert rater.client.get("/", headers={"host": host}).status_code == 200, host
    with served(study) as port:
        assert status(say(port, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")) == 400
        two = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
        assert status(say(port, two)) == 400


def test_no_header_can_be_slipped_in(rater: Somebody, study: Study) -> None:
    line = "%0d%0aSet-Cookie:%20rater=stolen%0d%0a%0d%0a<script>"
    with served(study) as port:
        for path in (
            f"/r/{line}",
            f"/media/{line}",
            f"/static/x/{line}",
            f"/{line}",
            f"/done?{line}",
            f"/{line}/../done",
        ):
            request = (
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: rater={rater.token}\r\nAccept: text/html"
            )
            answer = say(port, f"{request}\r\nConnection: close\r\n\r\n".encode())
            assert b"rater=stolen" not in answer.partition(b"\r\n\r\n")[0], path
            assert b"<script>" not in answer, path
        # A head without end, and one that is no HTTP.
        assert status(say(port, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: " + b"y" * 100_000)) == 400
        assert (
            status(say(port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200 + b"\r\n\r\n"))
            == 400
        )
        assert status(say(port, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")) == 200


def test_every_answer_carries_the_headers(app: FastAPI, rater: Somebody) -> None:
    trial = rater.trial()
    answers = [
        rater.client.get("/"),
        rater.client.get("/nothing"),
        rater.client.get("/api/trial"),
        rater.client.get(trial["pictures"][0]),
        rater.client.request("PUT", "/", content="{}", headers=JSON),
        rater.post("x"),
        rater.post("x", {}),
        rater.post("x" * 5000),
        rater.client.get("/", headers={"host": "evil.example"}),
        rater.post("{}", {**JSON, "origin": "https://evil.example"}),
        Somebody(app).client.get("/api/trial"),
    ]
    assert [answer.status_code for answer in answers] == [
        200,
        404,
        200,
        200,
        405,
        422,
        415,
        413,
        400,
        403,
        401,
    ]
    for answer in answers:
        for name, value in guard.SECURITY_HEADERS:
            assert answer.headers.get_list(name) == [value], (answer.request.url, name)
        assert "server" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
