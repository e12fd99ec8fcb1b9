"""A study on a free port of this computer, served by a thread: what the tests of the server ask."""

from __future__ import annotations

import socket
import threading
import time

import uvicorn

from autochrome.study.storage.store import Study
from autochrome.study.web.server import allowed_hosts, create_app


class Server:
    """A study, served by a thread on a free port. Stopped, it can start again on the same port."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.port = 0
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        app = create_app(self.study, hosts=allowed_hosts("127.0.0.1"))
        config = uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        until = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < until, "the server did not start within 20 s"
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive(), "the server did not stop within 20 s"
