"""What the server refuses, with which status, and that every refusal says what to do."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from autochrome.errors import StudyError
from autochrome.study.storage.store import Study
from autochrome.study.web import guard
from autochrome.study.web.guard import BODY_BYTES, SECURITY_HEADERS
from autochrome.study.web.server import allowed_hosts, serve
from tests.study.web.served import Server


@pytest.fixture
def server(small_study: Callable[..., Study]) -> Iterator[Server]:
    server = Server(small_study("two-afc"))
    yield server
    server.stop()


@pytest.fixture
def rater(server: Server) -> Iterator[httpx.Client]:
    """Somebody who takes part."""
    # Plain HTTP: without `verify`, no certificates are read.
    with httpx.Client(base_url=server.address, timeout=60, verify=False) as client:
        assert client.post("/api/raters", json={"consent": True}).status_code == 201
        yield client


def check_refused(answer: httpx.Response, status: int, case: object = None) -> None:
    assert answer.status_code == status, case
    assert len(answer.json()["error"]) > 15
    sent = [(name.lower(), value) for name, value in answer.headers.multi_items()]
    assert [header for header in sent if header in SECURITY_HEADERS] == list(SECURITY_HEADERS)
    assert ("cache-control", "no-store") in sent


def body(rater: httpx.Client, /, **changed: Any) -> dict[str, Any]:
    trial = rater.get("/api/trial").json()["trial"]
    return {"trial": trial, "chosen": [0], "shown_ms": [1000, 1000], "response_ms": 500, **changed}


SENSELESS: list[dict[str, Any]] = [
    {"chosen": []},
    {"chosen": [2]},
    {"chosen": [-1]},
    {"chosen": [10**30]},
    {"chosen": [0, 1]},
    {"chosen": [0, 0]},
    {"chosen": 0},
    {"chosen": ["0"]},
    {"chosen": [0.0]},
    {"chosen": [True]},
    {"chosen": None},
    {"shown_ms": [1000]},
    {"shown_ms": [1000, 1000, 1000]},
    {"shown_ms": [1000, -1]},
    {"shown_ms": [1000, 1e9]},
    {"shown_ms": [1000, "1000"]},
    {"shown_ms": [1000, float("nan")]},
    {"shown_ms": [1000, float("inf")]},
    {"response_ms": -0.1},
    {"response_ms": float("nan")},
    {"response_ms": 1e300},
    {"longest_gap_ms": -1},
    {"slipped": "no"},
    {"trial": "../../study.json"},
    {"trial": ""},
    {"trial": 7},
    {"rater": 2},
]


def test_votes_that_make_no_sense_are_refused(rater: httpx.Client, server: Server) -> None:
    for changed in SENSELESS:
        content = json.dumps(body(rater, **changed))  # as json.dumps writes it, NaN too
        answer = rater.post("/api/votes", content=content, headers={"content-type": "application/json"})
        check_refused(answer, 422, changed)
    assert list(server.study.answers()) == []


NO_VOTES: list[tuple[bytes, int]] = [
    (b"", 422),
    (b"null", 422),
    (b"[]", 422),
    (b"{", 422),
    (b"\xff\xfe{}", 422),
    (b"[" * 4000, 422),
    (b'{"a":' * 700 + b"1" + b"}" * 700, 413),
    (b'{"a":' * 600 + b"1" + b"}" * 600, 422),
    (b'{"response_ms": 1' + b"0" * 4000 + b"}", 422),
    (b" " * (BODY_BYTES + 1), 413),
    (b"x" * 1_000_000, 413),
]


def test_bodies_that_are_no_votes_are_refused(rater: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    for content, status in NO_VOTES:
        for path in ("/api/votes", "/api/raters"):
            check_refused(rater.post(path, content=content, headers=headers), status, content[:20])


def test_a_body_without_announced_length_is_counted_as_it_comes(rater: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(5):
            yield b" " * 1000

    headers = {"content-type": "application/json"}
    check_refused(rater.post("/api/votes", content=chunks(), headers=headers), 413)
    vote = json.dumps(body(rater)).encode()
    answer = rater.post("/api/votes", content=iter([vote[:9], vote[9:]]), headers=headers)
    assert answer.status_code == 200


def test_a_body_that_dawdles_is_given_up(
    rater: httpx.Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", server.port), 20) as slow:
        slow.sendall(
            b"POST /api/votes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        )
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


def test_other_kinds_of_bodies_are_refused(rater: httpx.Client) -> None:
    # A form of another site can send these without asking; JSON it cannot.
    content = json.dumps(body(rater))
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""):
        check_refused(rater.post("/api/votes", content=content, headers={"content-type": kind}), 415, kind)


ORIGINS: list[tuple[dict[str, str], bool]] = [
    ({}, True),
    ({"origin": "HERE"}, True),
    ({"origin": "HERE", "sec-fetch-site": "same-origin"}, True),
    ({"origin": "https://evil.example"}, False),
    ({"origin": "http://127.0.0.1:1"}, False),
    ({"origin": "null"}, False),
    ({"sec-fetch-site": "cross-site"}, False),
    ({"origin": "HERE", "sec-fetch-site": "same-site"}, False),
    # A proxy may change the host; the browser's own word counts.
    ({"origin": "https://study.example", "sec-fetch-site": "same-origin"}, True),
]


def test_only_the_study_s_own_pages_may_vote(rater: httpx.Client, server: Server) -> None:
    votes = 0
    for headers, allowed in ORIGINS:
        sent = {name: server.address if value == "HERE" else value for name, value in headers.items()}
        answer = rater.post("/api/votes", json=body(rater), headers=sent)
        votes += allowed
        if allowed:
            assert answer.status_code == 200, headers
        else:
            check_refused(answer, 403, headers)
        assert len(list(server.study.answers())) == votes


def test_on_loopback_only_its_own_names_are_answered(rater: httpx.Client) -> None:
    for host in ("evil.example", "evil.example:80", "", "127.0.0.1.evil.example", "[", "a@b:c"):
        check_refused(rater.get("/api/trial", headers={"host": host}), 400, host)
    for host in ("localhost:8000", "127.0.0.1", "LOCALHOST", "[::1]:8000"):
        assert rater.get("/api/trial", headers={"host": host}).status_code == 200


def test_names_by_which_a_server_may_be_addressed() -> None:
    assert allowed_hosts("127.0.0.1", ["study.example"]) == {"localhost", "127.0.0.1", "::1", "study.example"}
    assert allowed_hosts("0.0.0.0") is None
    assert allowed_hosts("10.0.0.3", ["study.example"]) == {"10.0.0.3", "study.example"}


NOWHERE = [
    "/media/",
    "/media/../study.json",
    "/media/..%2f..%2fstudy.json",
    "/media/%2e%2e/%2e%2e/study.json",
    "/media/..%5cstudy.json",
    "/media/TRIAL",
    "/media/TRIAL.0.",
    "/media/TRIAL.0.AAAAAAAAAAAAAAAAAAAAAAAA",
    "/media/TRIAL.9.MAC",
    "/media/%00",
    "/static/x/../study.json",
    "/static/x/..%2f..%2fstore.py",
    "/static/x/words.py",
    "/static/x/__init__.py",
    "/static/x/start.html",
    "/static/x//etc/passwd",
    "/study.json",
    "/study.sqlite",
    "/pictures/",
    "/docs",
    "/openapi.json",
    "/api",
]


def test_there_is_nothing_but_the_study(rater: httpx.Client) -> None:
    trial = rater.get("/api/trial").json()
    mac = trial["pictures"][0][-24:]
    for path in NOWHERE:
        # The path goes out as it is written here; a URL would be tidied first.
        request = rater.build_request("GET", "/")
        target = path.replace("TRIAL", trial["trial"]).replace("MAC", mac)
        request.url = request.url.copy_with(raw_path=target.encode())
        check_refused(rater.send(request), 404, path)


def test_other_methods_are_refused(rater: httpx.Client) -> None:
    for method, path in (("PUT", "/api/votes"), ("GET", "/api/votes"), ("DELETE", "/")):
        answer = rater.request(method, path, headers={"content-type": "application/json"})
        check_refused(answer, 405, (method, path))


def test_people_get_a_page_where_programs_get_json(rater: httpx.Client) -> None:
    page = rater.get("/nothing", headers={"accept": "text/html,*/*"})
    assert page.status_code == 404
    assert "<h1>Page not found</h1>" in page.text


def test_a_failure_of_ours_is_admitted_without_details(
    rater: httpx.Client, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(server.study, "next_trial", fail)
    answer = rater.get("/api/trial")
    check_refused(answer, 500)
    assert "secret" not in answer.text


def test_every_page_forbids_what_is_not_its_own(rater: httpx.Client) -> None:
    for path in ("/", "/trial", "/full", "/nothing"):
        policy = rater.get(path, headers={"accept": "text/html"}).headers["content-security-policy"]
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
        text = rater.get(path, headers={"accept": "text/html"}).text
        assert "http://" not in text.replace(str(rater.base_url), "") and "https://" not in text
        assert "<style" not in text and " style=" not in text and "<script>" not in text


@pytest.mark.parametrize(("workers", "stop"), [(1, signal.SIGTERM), (1, signal.SIGINT), (2, signal.SIGTERM)])
def test_serve_says_where_it_is_and_stops_when_told(
    workers: int, stop: signal.Signals, small_study: Callable[..., Study]
) -> None:
    folder = small_study("two-afc").folder
    program = (
        "import sys; from pathlib import Path; from autochrome.study.storage.store import Study;"
        "from autochrome.study.web.server import serve;"
        "serve(Study.open(Path(sys.argv[1])), port=0, workers=int(sys.argv[2])); print('stopped')"
    )
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder), str(workers)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Which is real?: http://127.0.0.1:")
            address = line.split()[3]
            assert httpx.get(address, timeout=60).status_code == 200
            process.send_signal(stop)
            assert process.stdout.read() == "stopped\n"
            assert process.wait(60) == 0
        finally:
            process.kill()


def test_a_taken_address_is_a_clear_error(server: Server) -> None:
    with pytest.raises(StudyError, match=r"choose another with --host and --port"):
        serve(server.study, port=server.port)
    with pytest.raises(StudyError, match=r"no\.such\.host"):
        serve(server.study, host="no.such.host.invalid")
