"""What the benchmarks share: the time of a call, the memory of a process, the machine, the command line."""

from __future__ import annotations

import argparse
import os
import platform
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from time import perf_counter
from typing import Any, TypeVar

Result = TypeVar("Result")


def repeats(doc: str | None, default: int) -> int:
    """Return the ``--repeats`` of a benchmark's command line; ``doc`` is the benchmark's own."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=default)
    return parser.parse_args().repeats


def best_time(function: Callable[[], object], repeats: int) -> float:
    """Return the seconds of the fastest call, after one to warm up."""
    function()
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        function()
        seconds.append(perf_counter() - start)
    return min(seconds)


def in_own_process(measure: Callable[..., Result], *arguments: Any, **keywords: Any) -> Result:
    """Return the result of a module's function in a fresh process, so that its peak memory is its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(measure, *arguments, **keywords).result()


def peak_memory() -> float:
    """Return the peak memory of this process, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def machine() -> str:
    """Return the processor, its cores and torch's version."""
    import torch

    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}"
