from __future__ import annotations

import os
import signal
import threading

import pytest

from autochrome.engine.stopping import StopRequest


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noted_the_second_one_interrupts(kind: signal.Signals) -> None:
    before = signal.getsignal(kind)
    with StopRequest().listening() as stop:
        assert stop.signal is None
        os.kill(os.getpid(), kind)
        assert stop.signal == kind
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), kind)
    assert signal.getsignal(kind) is before


def test_listening_in_another_thread_does_no_harm() -> None:
    before = signal.getsignal(signal.SIGTERM)
    found = []

    def listen() -> None:
        with StopRequest().listening() as stop:
            found.append(stop.signal)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert found == [None]
    assert signal.getsignal(signal.SIGTERM) is before
