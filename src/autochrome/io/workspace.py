"""Hidden folders in which files are made before they get their names, and what a crash leaves of them.

A workspace is `.autochrome-NAME/` in the folder of its results, which are renamed out of it. Its file `lock`
is locked (`flock`) as long as its process works there; the kernel gives the lock back when the process ends,
however it ends. So a workspace that is not locked was left over: `remove_leftovers` removes it, after the
files whose naming had begun got their names. Two processes never have the workspace of one name both.

Where a file system has no locks (some that are mounted over a network), workspaces never stand in each
other's way, and what a crash leaves over stays there.
"""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

PREFIX = ".autochrome-"
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF}
_OURS = re.compile(re.escape(PREFIX) + r"[0-9a-f]{16}(-gone)?")
_LOCK, _COMMIT = "lock", "commit.json"

_guard = threading.RLock()
_live: list[Workspace] = []
_looked_into: set[Path] = set()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let the block end before `abandon_all` may begin: what it does is done whole, or not at all."""
    with _guard:
        yield


class Workspace:
    """A hidden folder of this process, in the folder of its results.

    Attributes:
        path: the hidden folder.
    """

    def __init__(self, path: Path, lock: int | None) -> None:
        self.path, self._lock = path, lock

    def announce(self, names: Mapping[str, str]) -> None:
        """Say on disk which files are about to get which names beside the workspace: all of them will.

        After a crash `remove_leftovers` gives the names that are missing, but for those that somebody else's
        files have got since.
        """
        moves = [
            {
                "file": file,
                "name": name,
                "new": not os.path.lexists(self.path.parent / name),
                "changed": (self.path / file).lstat().st_ctime_ns,
            }
            for file, name in names.items()
        ]
        temporary = self.path / f"{_COMMIT}.part"
        with temporary.open("w", encoding="ascii") as file:
            json.dump(moves, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.path / _COMMIT)

    def withdraw(self) -> None:
        """Take back what `announce` said."""
        (self.path / _COMMIT).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        with _guard:
            if self in _live:
                _live.remove(self)
            _remove(self.path, self._lock)
            self._lock = None


@contextmanager
def workspace(folder: Path) -> Iterator[Workspace]:
    """Yield a new workspace in a folder; it is removed at the end.

    The first one of a process in a folder removes what was left over there.
    """
    if folder not in _looked_into and not _OURS.fullmatch(folder.name):
        _looked_into.add(folder)
        remove_leftovers(folder)
    made = None
    while made is None:  # a name that is taken already is hardly ever drawn
        made = open_workspace(folder, secrets.token_hex(8))
    try:
        yield made
    finally:
        made.remove()


def open_workspace(folder: Path, name: str, *, wait: bool = False) -> Workspace | None:
    """Return the workspace of that name, to be removed in the end, or None while another process has it.

    Args:
        folder: where to make it.
        name: what distinguishes it from others: 16 hexadecimal digits.
        wait: wait for the other process.

    Raises:
        OSError: there is no such folder, or it cannot be written to.
    """
    path = folder / f"{PREFIX}{name}"
    while True:
        with _guard:
            folder.stat()  # it must exist; if the workspace does not, another process removed it
            try:
                path.mkdir(exist_ok=True)
                lock = _locked(path)
            except FileNotFoundError:
                continue
            except BlockingIOError:
                pass
            except _CannotLock:
                return _add(_unlocked(path))
            else:
                _recover(path)
                return _add(Workspace(path, lock))
        if not wait:
            return None
        _wait_for(path)


def _unlocked(path: Path) -> Workspace:
    """Return a workspace of another name, for where there are no locks."""
    with suppress(OSError):
        path.rmdir()
    path = path.with_name(f"{PREFIX}{secrets.token_hex(8)}")
    path.mkdir()
    return Workspace(path, None)


def _add(made: Workspace) -> Workspace:
    _live.append(made)
    return made


def remove_leftovers(folder: Path) -> None:
    """Remove the workspaces that processes left over in a folder when they were killed.

    Files whose naming had begun get their names: of the results of a photo all are there, or none.
    """
    if fcntl is None:
        return
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if _OURS.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError, _CannotLock):
                    _remove_leftover(Path(entry.path))


def abandon_all(timeout: float = 1.0) -> bool:
    """Remove all workspaces of this process, which must end then: no thread will make another one.

    Returns:
        False if what must not be interrupted takes too long; the next run removes the workspaces.
    """
    if not _guard.acquire(timeout=timeout):
        return False
    for each in list(_live):  # and the guard is never released
        each.remove()
    return True


class _CannotLock(Exception):
    """The file system has no locks, or the workspace is not ours."""


def _locked(path: Path) -> int:
    """Return the descriptor of a workspace's lock, locked.

    Raises:
        BlockingIOError: another process has it.
        FileNotFoundError: it was removed meanwhile.
        _CannotLock: there are no locks here, or somebody else made it.
    """
    status = path.lstat()
    if fcntl is None or not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise _CannotLock  # nothing is ever removed from a folder that another person may have put there
    file = path / _LOCK
    lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.stat(file), os.fstat(lock)):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))
    except OSError as error:
        os.close(lock)
        if error.errno in _NO_LOCKS:
            file.unlink(missing_ok=True)
            raise _CannotLock from error
        raise
    return lock


def _wait_for(path: Path) -> None:
    """Wait until the process that has a workspace gives it back, or is gone."""
    assert fcntl is not None
    with suppress(OSError):
        lock = os.open(path / _LOCK, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH)
        finally:
            os.close(lock)


def _remove_leftover(path: Path) -> None:
    with _guard:
        lock = _locked(path)
        _recover(path)
        _remove(path, lock)


def _recover(path: Path) -> None:
    """Give the names that a process announced and did not get to give; remove everything else."""
    with suppress(FileNotFoundError, ValueError, TypeError, KeyError):
        for move in json.loads((path / _COMMIT).read_bytes()):
            _finish(path, **move)
    for entry in list(os.scandir(path)):
        if entry.name == _LOCK:
            continue
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            with suppress(OSError):
                os.unlink(entry.path)


def _finish(path: Path, *, file: str, name: str, new: bool, changed: int) -> None:
    """Give a file its name, if it is the very one that was announced: no archive can set when it changed."""
    place = path.parent / name
    if os.path.basename(file) != file or os.path.basename(name) != name or (new and os.path.lexists(place)):
        return
    with suppress(FileNotFoundError):  # it has its name already
        if (path / file).lstat().st_ctime_ns == changed:
            os.replace(path / file, place)


def _remove(path: Path, lock: int | None) -> None:
    """Remove a workspace; its first step takes the name away, so that nobody can add to it any more."""
    gone = path.with_name(f"{PREFIX}{secrets.token_hex(8)}-gone")
    try:
        os.rename(path, gone)
    except OSError:
        gone = path
    shutil.rmtree(gone, ignore_errors=True)
    if lock is not None:
        os.close(lock)
    if gone.exists():  # network file systems keep a file that is open under another name
        shutil.rmtree(gone, ignore_errors=True)
