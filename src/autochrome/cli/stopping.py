"""Signals that ask a command to end. A run of `colorize` does within two seconds, whatever it is doing.

Python runs a handler only between two steps of its main thread, and one step may decode, or encode, a large
photo. So a thread waits for the signals here: it removes what is half-made, says what is to be said, and ends
the process. What must be whole is never cut in two (`autochrome.io.workspace.uninterrupted`).
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from autochrome.io.workspace import abandon_all

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
WATCHER = "autochrome-signals"
"""The name of the thread that waits for signals."""

_SECONDS = 1.8
"""The longest time from a signal to the end."""


def exit_code(number: int) -> int:
    """Return what shells report of a command that a signal ended: 130 for Ctrl-C."""
    return 128 + number


@contextmanager
def ended_as_by_error() -> Iterator[None]:
    """Within the block SIGTERM and SIGHUP end the process like an error: what is half-made is removed."""
    with _handled_by(_leave, *(number for number in SIGNALS if number != signal.SIGINT)):
        yield


@contextmanager
def ended_at_once() -> Iterator[None]:
    """Within the block a signal ends the process without a word: for as long as nothing is half-made.

    It does even while Python waits for a library to be loaded.
    """
    with _handled_by(signal.SIG_DFL, *SIGNALS):
        yield


@contextmanager
def ended_orderly(last_words: Callable[[], None]) -> Iterator[None]:
    """Within the block a signal ends the process in order; a second one ends it at once.

    Args:
        last_words: called by another thread after everything half-made was removed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may listen to signals
        return
    here, there = socket.socketpair()
    there.setblocking(False)
    before = signal.set_wakeup_fd(there.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=_watch, args=(here, last_words), name=WATCHER, daemon=True)
    watcher.start()
    try:
        with _handled_by(_ignore, *SIGNALS):
            yield
    finally:
        signal.set_wakeup_fd(before)
        there.close()
        watcher.join()
        here.close()


@contextmanager
def _handled_by(
    handler: signal.Handlers | Callable[[int, FrameType | None], None], *numbers: int
) -> Iterator[None]:
    """Set a handler for those of the signals that are not ignored, as SIGHUP is under nohup."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        ours = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, handler) for number in ours}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(exit_code(number))


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Leave it to the thread that waits for signals."""


def _watch(signals: socket.socket, last_words: Callable[[], None]) -> None:
    asked = False
    while received := signals.recv(1):
        number = received[0]
        if number not in SIGNALS:
            continue
        if asked:
            os._exit(exit_code(number))
        asked = True
        threading.Thread(target=_end, args=(number, last_words), daemon=True).start()


def _end(number: int, last_words: Callable[[], None]) -> None:
    late = threading.Timer(_SECONDS, os._exit, (exit_code(number),))
    late.daemon = True
    late.start()
    try:
        abandon_all()
        last_words()
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
    finally:
        os._exit(exit_code(number))
