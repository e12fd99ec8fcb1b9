from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import numpy as np
import pytest
import torch

from autochrome.io.photo import Photo
from autochrome.pipeline.painter import Painter


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("call", [1, 2, 3])
def test_an_interruption_never_waits_for_ever(
    two_threads: None, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator, call: int
) -> None:
    """Whichever of the painting threads it comes before."""
    photo = Photo(rng.integers(0, 256, (600, 600, 1), np.uint8))
    painter = Painter("cic.test")
    original, calls, raised = ThreadPoolExecutor.submit, [], []

    def submit(self: ThreadPoolExecutor, *arguments: object, **named: object):
        calls.append(1)
        if len(calls) == call:
            raise KeyboardInterrupt
        return original(self, *arguments, **named)  # type: ignore[arg-type]

    def work() -> None:
        try:
            painter.colorize(photo)
        except KeyboardInterrupt as interrupt:
            raised.append(interrupt)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit)
    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert raised
    assert torch.get_num_threads() == 2
