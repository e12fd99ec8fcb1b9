"""Enrollments by address, connections that send nothing, and who may read the files."""

from __future__ import annotations

import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from autochrome.study.report.export import export_votes
from autochrome.study.storage.store import Study
from autochrome.study.web import admission, patience, server
from autochrome.study.web.admission import Admission
from tests.study.web.attacker import Somebody, application, count_votes, say, served, status

Build = Callable[..., Study]


def test_an_address_may_enroll_so_many_in_an_hour() -> None:
    now = 0.0
    gate = Admission(most=2, clock=lambda: now)
    assert [gate.admit("192.0.2.1") for _ in range(4)] == [True, True, False, False]
    assert gate.admit("192.0.2.2")
    now = admission.SECONDS
    assert gate.admit("192.0.2.1")


@pytest.mark.parametrize(
    ("hosts", "admitted"),
    [
        (["2001:db8::1", "2001:db8::2"], [True, False]),  # one subscriber
        (["2001:db8:0:1::1", "2001:db8:0:2::1"], [True, True]),
        (["::ffff:192.0.2.1", "192.0.2.1"], [True, False]),
        (["127.0.0.1", "127.0.0.1"], [True, True]),
        (["::1", "::1", "::ffff:127.0.0.1"], [True, True, True]),
        (["testclient", "testclient"], [True, False]),
        ([None, None], [True, False]),
    ],
)
def test_what_counts_as_one_address(hosts: list[str | None], admitted: list[bool]) -> None:
    gate = Admission(most=1)
    assert [gate.admit(host) for host in hosts] == admitted


def test_no_more_addresses_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_MOST_ADDRESSES", 3)
    gate = Admission(most=1)
    assert all(gate.admit(f"192.0.2.{k}") for k in range(100))
    assert len(gate._times) == 3


def test_nobody_takes_all_places(small_study: Build) -> None:
    study = small_study("two-afc", max_raters=50)
    app = application(study)

    def enroll(host: str) -> int:
        with TestClient(app, base_url="http://127.0.0.1", client=(host, 5000)) as client:
            return client.post("/api/raters", json={"consent": True}).status_code

    assert [enroll("192.0.2.1") for _ in range(admission.PER_ADDRESS + 2)][-3:] == [201, 403, 403]
    assert enroll("192.0.2.2") == 201
    assert study.status().enrolled == admission.PER_ADDRESS + 1


def test_a_proxy_says_for_whom_it_asks(small_study: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "Admission", lambda: Admission(most=1))
    body = b'{"consent": true}'
    with served(small_study("two-afc")) as port:

        def enroll(client: str) -> int:
            head = (
                f"POST /api/raters HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{client}"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            return status(say(port, head.encode() + body))

        first = "X-Forwarded-For: 192.0.2.1\r\n"
        # What a client itself claims stands before what the proxy adds.
        claimed = "X-Forwarded-For: 198.51.100.7, 192.0.2.1\r\n"
        asked = [first, first, claimed, "X-Forwarded-For: 192.0.2.2\r\n", "", ""]
        assert [enroll(each) for each in asked] == [201, 403, 403, 201, 201, 201]


WHOLE = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.mark.parametrize(
    ("before", "head"),
    [
        (b"", b""),
        (b"", b"G"),
        (b"", WHOLE + b"X: "),
        (WHOLE + b"\r\n", b"G"),
        (WHOLE + b"\r\n", WHOLE + b"X: "),
    ],
)
def test_a_head_that_does_not_come_in_time(
    small_study: Build, monkeypatch: pytest.MonkeyPatch, head: bytes, before: bytes
) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.3)
    with served(small_study("two-afc")) as port, socket.create_connection(("127.0.0.1", port), 10) as slow:
        slow.sendall(before)
        if before:
            assert slow.recv(100).startswith(b"HTTP/1.1 200")
        begun = time.monotonic()
        slow.sendall(head)
        try:
            while time.monotonic() < begun + 5:
                slow.settimeout(0.05)
                try:
                    if not slow.recv(65536):
                        break
                except TimeoutError:
                    slow.sendall(b"y" if head.endswith(b": ") else b"")  # a byte now and then does not help
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert time.monotonic() - begun < 3


def test_requests_go_on_for_as_long_as_they_are_sent(
    small_study: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "HEAD_SECONDS", 0.2)
    with served(small_study("two-afc")) as port:
        part = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        answer = say(port, part + b"\r\n", part + b"\r\n", part + b"Connection: close\r\n\r\n", pause=0.3)
    assert answer.count(b"HTTP/1.1 200") == 3


def test_only_the_owner_reads_the_votes(small_study: Build, tmp_path: Path) -> None:
    study = small_study("two-afc")
    rater = Somebody.enrolled(application(study))
    assert rater.vote(rater.trial()).status_code == 200
    assert count_votes(study) == 1
    for suffix in (".csv", ".parquet"):
        export_votes(study.design.protocol, study.answers(), tmp_path / f"votes{suffix}")
    files = [*study.folder.glob("study.*"), *tmp_path.glob("votes.*")]
    assert {path.name for path in files} >= {"study.json", "study.sqlite", "votes.csv", "votes.parquet"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
