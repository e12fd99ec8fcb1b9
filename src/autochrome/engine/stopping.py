"""Being asked to stop: a signal is remembered, so that a step is never cut in two."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Remembers that the run was asked to stop; asked a second time, it stops where it is."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def _note(self, number: int, _frame: object) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number

    @contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Within the block SIGINT and SIGTERM are noted instead of ending the process.

        Only the main thread may listen to signals; in another one the block changes nothing.
        """
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {kind: signal.signal(kind, self._note) for kind in _STOP_SIGNALS}
        try:
            yield self
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)


def ignore_stop_signals(_worker: int = 0) -> None:
    """For a loading process: the training process decides when to stop, and still needs its photos."""
    for kind in _STOP_SIGNALS:
        signal.signal(kind, signal.SIG_IGN)
