"""The server of a study as a process that can be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

import httpx

from autochrome.study.storage.store import DATABASE_VARIABLE

PATIENCE = 60.0
"""Seconds that a start or an end may take."""
MB = 10**6


@dataclass
class Server:
    """`autochrome study serve` as a process that can be killed and started again on the same port.

    Attributes:
        folder: of the study.
        log: file for what the server prints.
        database: URL; None for the study's own.
        workers: processes that answer.
        memory: peak of all its processes together, in MB; 0 where /proc does not tell.
        seconds: of processor time, over all starts; 0 where /proc does not tell.
    """

    folder: Path
    log: Path
    database: str | None = None
    workers: int = 1
    memory: float = field(default=0.0, init=False)
    seconds: float = field(default=0.0, init=False)
    _port: int = field(default=0, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]

    @property
    def address(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            RuntimeError: it ended, or did not within `PATIENCE`.
        """
        command = [sys.executable, "-m", "autochrome", "study", "serve", str(self.folder)]
        command += ["--port", str(self._port), "--workers", str(self.workers)]
        environment = {name: value for name, value in os.environ.items() if name != DATABASE_VARIABLE}
        if self.database:
            environment[DATABASE_VARIABLE] = self.database
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self._process = process
        if not _within(PATIENCE, lambda: process.poll() is not None or self._answers()) or process.poll():
            raise RuntimeError(f"the server did not start:\n{self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        """SIGKILL, to its workers too."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end; requests under way are finished."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._weigh(self._process.pid)
        os.killpg(self._process.pid, how)
        self._process.wait(PATIENCE)
        self._process = None
        _within(PATIENCE, lambda: not self._listens())  # killed workers die in their own time

    def _answers(self) -> bool:
        try:
            return httpx.get(self.address, timeout=1, trust_env=False).is_success
        except httpx.TransportError:
            return False

    def _listens(self) -> bool:
        with socket.socket() as attempt:
            return attempt.connect_ex(("127.0.0.1", self._port)) == 0

    def _weigh(self, parent: int) -> None:
        """Note what its processes have used."""
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
            used = [_used(process) for process in (str(parent), *children)]
        except OSError:
            return
        self.memory = max(self.memory, sum(memory for memory, _ in used))
        self.seconds += sum(seconds for _, seconds in used)


def _within(seconds: float, true: Callable[[], bool]) -> bool:
    """Wait until something is true; False if it does not become so."""
    deadline = monotonic() + seconds
    while not true():
        if monotonic() > deadline:
            return False
        sleep(0.02)
    return True


def _used(process: str) -> tuple[float, float]:
    """Peak memory in MB and processor seconds of a process (proc(5))."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    peak = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
    # What follows the name, which may hold anything but the last parenthesis, begins with the third field.
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[14 - 3]) + int(fields[15 - 3])
    return peak * 1024 / MB, ticks / os.sysconf("SC_CLK_TCK")
