"""A lock on an open file, which ends with the process that holds it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@contextmanager
def locked(file: Any) -> Iterator[None]:
    """Wait for the lock of an open file, and hold it during the block; all who write to it must do so.

    Raises:
        OSError: the file system has no locks.
    """
    _lock(file, True)
    try:
        yield
    finally:
        _lock(file, False)


def _lock(file: Any, on: bool) -> None:
    if fcntl is not None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX if on else fcntl.LOCK_UN)
        return
    import msvcrt  # which locks bytes, even behind the end: one that no content reaches

    place = file.tell()
    file.seek(2**62)
    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if on else msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]
    file.seek(place)
