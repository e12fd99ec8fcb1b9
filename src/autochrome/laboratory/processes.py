"""Processes that share the photos of a comparison."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, Generic, TypeVar

import torch

from autochrome.errors import LaboratoryError

Shared = TypeVar("Shared")
Result = TypeVar("Result")

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pool(Generic[Shared]):
    """Worker processes, started when needed, each with a copy of ``shared``, the work's first argument."""

    def __init__(self, shared: Shared, workers: int) -> None:
        self._threads = max(1, available_cores() // workers)  # more than the cores would wait for each other
        # Not forked: a forked child would hold torch's and libvips' locks, but not their threads.
        self._executor = ProcessPoolExecutor(workers, get_context("spawn"), _start, (shared, self._threads))

    def map(self, work: Callable[[Shared, str], Result], names: Sequence[str]) -> Iterator[Result]:
        """Yield the results of the work on each name, its second argument, in the order of the names.

        ``work`` is a module's function, or a `functools.partial` of one, whose results can be pickled.

        Raises:
            LaboratoryError: a process has died.
        """
        with _thread_variables(self._threads):  # the first task starts the processes
            futures = [self._executor.submit(_do, work, name) for name in names]
        try:
            for future in futures:
                yield pickle.loads(future.result())
        except BrokenProcessPool as error:
            raise LaboratoryError(
                "a process ended unexpectedly, probably out of memory; finished work is kept: rerun with"
                " --workers 1"
            ) from error
        finally:
            for future in futures:
                future.cancel()

    def close(self) -> None:
        """End the processes and drop the work that they have not begun."""
        self._executor.shutdown(cancel_futures=True)


_shared: object = None  # of a process of a pool


def _start(shared: object, threads: int) -> None:
    global _shared
    _shared = shared
    torch.set_num_threads(threads)


def _do(work: Callable[[Any, str], object], name: str) -> bytes:
    return pickle.dumps(work(_shared, name))  # by multiprocessing, a tensor would take shared memory


@contextmanager
def _thread_variables(threads: int) -> Iterator[None]:
    """Limit numpy's threads in processes started meanwhile; numpy reads their number when it is loaded."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
