"""How long a call takes."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter


def best_time(function: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest call, after one to warm up."""
    function()
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        function()
        seconds.append(perf_counter() - start)
    return min(seconds)
