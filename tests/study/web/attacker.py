"""Somebody who talks to a study's server by hand: the application asked directly, and bytes on a socket."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from autochrome.study.storage.store import Study
from autochrome.study.web.server import _config, _listen, allowed_hosts, create_app

JSON = {"content-type": "application/json"}
STRANGE = [
    "", " ", "\0", "a\0b", "\n", "é", "\uff21", "\u202e", "😀", "\ud800", "\x7f", "a" * 65, "%2e%2e",
    "../../study.json", "' OR 1=1 --", "'; DROP TABLE autochrome_votes; --", '" OR ""="', "1 UNION SELECT 1",
    "{{7*7}}", "<script>", "$(id)", "trial\r\nSet-Cookie: rater=x",
]  # fmt: skip
"""Where an id is expected."""


class Somebody:
    """A browser with cookies of its own, in front of the application.

    Failures of the server are raised here, so that no test passes by a 500.
    """

    def __init__(self, app: FastAPI) -> None:
        self.client = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)

    @classmethod
    def enrolled(cls, app: FastAPI) -> Somebody:
        """One who takes part."""
        somebody = cls(app)
        assert somebody.client.post("/api/raters", json={"consent": True}).status_code == 201
        return somebody

    @property
    def token(self) -> str:
        return self.client.cookies["rater"]

    def trial(self) -> dict[str, Any]:
        """What is said of the open trial."""
        response = self.client.get("/api/trial")
        assert response.status_code == 200
        return response.json()

    def post(self, body: bytes | str, headers: dict[str, str] | None = None, path: str = "/api/votes"):
        """Send a body as it is."""
        return self.client.post(path, content=body, headers=JSON if headers is None else headers)

    def vote(self, trial: dict[str, Any], /, **changes: Any):
        """Send a vote that is in order but for the changes."""
        return self.client.post("/api/votes", json={**a_vote(trial), **changes})


def a_vote(trial: dict[str, Any]) -> dict[str, Any]:
    """A vote on a trial that is in order."""
    shown = [trial["timing"]["exposure_ms"]] * len(trial["pictures"]) if trial["timing"] else []
    return {"trial": trial["trial"], "chosen": [0], "shown_ms": shown, "response_ms": 500}


def application(study: Study) -> FastAPI:
    """The application as `serve` makes it on loopback."""
    return create_app(study, hosts=allowed_hosts("127.0.0.1"))


def count_votes(study: Study) -> int:
    """Rows in the table of votes, whatever the study itself would say."""
    with closing(sqlite3.connect(study.folder / "study.sqlite")) as database:
        return database.execute("SELECT count(*) FROM autochrome_votes").fetchone()[0]


@contextmanager
def served(study: Study) -> Iterator[int]:
    """The server with its own settings on a free port of loopback; gives the port."""
    listener = _listen("127.0.0.1", 0)
    server = uvicorn.Server(_config(application(study)))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < until, "the server did not start within 20 s"
        time.sleep(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


def say(port: int, *parts: bytes, pause: float = 0.0, end: bool = False) -> bytes:
    """Send bytes, with pauses between the parts, and return all that comes back until the server closes.

    Args:
        port: of the server.
        parts: what is sent; with "Connection: close" the server closes after its answer.
        pause: seconds.
        end: say that nothing more comes, as one does who goes away in the middle.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                break  # it has had enough
            time.sleep(pause)
        if end:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        try:
            while piece := connection.recv(65536):
                received += piece
        except ConnectionResetError:  # it closed with some of ours unread
            pass
        return received


def status(answer: bytes) -> int:
    """Status of an answer; 0 where there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0
