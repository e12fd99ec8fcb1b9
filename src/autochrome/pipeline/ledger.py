"""A run's memory: a file of JSON lines, one for each photo that was colored or failed, appended as it goes.

    {"version": 1, "result": "x/a.jpg", "source": {"path": "../album/x/a.jpg", "sha256": ...}, ...}

Paths are relative to the ledger's folder, so that it moves with the results. The last line of a result tells
its state; the earlier ones are its history. A line is written before the files that it describes get their
names: whatever a killed run leaves behind is known by its digest. Lines are appended under a lock, so that
two runs may share a ledger; a line that was cut short by a kill is removed by whoever writes next.

Reading is linear and keeps 16 bytes of a line, so that a ledger may tell of millions of photos.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from autochrome._version import __version__
from autochrome.errors import LedgerError
from autochrome.io.locking import locked
from autochrome.io.whole_file import file_sha256

VERSION = 1
"""Version of the format."""

NAME = "autochrome-ledger.jsonl"
"""Of the ledger in a folder of results: to be seen, since it decides what the next run does."""

_START = b'{"version": '  # of every line


@dataclass(frozen=True)
class FileStamp:
    """A file as it was at a time.

    Attributes:
        path: relative to the ledger's folder, with slashes.
        size: in bytes.
        mtime_ns: the time of its last change.
        sha256: of its content, in hexadecimal; empty where it could not be read.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str

    @classmethod
    def of(cls, file: Path, path: str) -> FileStamp:
        """Return the stamp of a file, under the path that it has or will have.

        Raises:
            OSError: it cannot be read.
        """
        now = file.stat()
        return cls(path, now.st_size, now.st_mtime_ns, file_sha256(file))

    def is_at_hand(self, file: Path) -> bool:
        """Whether a file has this size and time of change: the quick check."""
        now = file.stat()
        return (now.st_size, now.st_mtime_ns) == (self.size, self.mtime_ns)

    def is_of(self, file: Path) -> bool:
        """Whether a file has this content; it is only read if its time of change is another."""
        return self.is_at_hand(file) or (
            file.stat().st_size == self.size and file_sha256(file) == self.sha256
        )


@dataclass(frozen=True)
class MadeWith:
    """What a result depends on beside its photo: another of these makes another result.

    Attributes:
        model: its name.
        weights_sha256: the digest of its weights.
        look: the settings, as a look file holds them (`pipeline.look_file`).
        reference_sha256: the digest of the reference's file, if there is one.
        quality: of JPEG, WebP, AVIF and HEIC.
        page: the page of the photo that was colored, from 0; None for the whole file.
    """

    model: str
    weights_sha256: str
    look: Mapping[str, Any]
    reference_sha256: str | None = None
    quality: int | None = None
    page: int | None = None


@dataclass(frozen=True)
class Failure:
    """Why there is no result.

    Attributes:
        kind: the error's class ("PhotoError").
        reason: what is wrong and what to do, for people.
    """

    kind: str
    reason: str


@dataclass(frozen=True)
class Entry:
    """A line: what became of one photo.

    Attributes:
        result: the path of its (first) colorization, relative to the ledger's folder: whose state this is.
        source: the photo.
        files: everything that was written for it; none if it failed.
        made_with: what made it.
        notes: sentences about it for the user.
        uncertainty: the mean over the photo as a share of the most (`Uncertainty.share`), if it is known.
        seconds: that it took.
        failure: why it failed, if it did.
        time: when, in UTC, as ISO 8601.
        software: the program that wrote it.
    """

    result: str
    source: FileStamp
    made_with: MadeWith
    files: tuple[FileStamp, ...] = ()
    notes: tuple[str, ...] = ()
    uncertainty: float | None = None
    seconds: float = 0.0
    failure: Failure | None = None
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))
    software: str = f"Autochrome {__version__}"

    def line(self) -> bytes:
        """Return the entry as JSON, with a newline at its end."""
        content = {"version": VERSION, **asdict(self)}
        try:
            return json.dumps(content, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        except UnicodeEncodeError:  # a name whose bytes are not UTF-8
            return json.dumps(content, allow_nan=False).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Entry:
        """Return the entry of a line; what a later release may have added to it is left out.

        Raises:
            LedgerError: the line is of a later version.
            ValueError: it is no entry.
        """
        values = _content(line)
        try:
            values["source"] = FileStamp(**_known(FileStamp, values["source"]))
            values["made_with"] = MadeWith(**_known(MadeWith, values["made_with"]))
            values["files"] = tuple(FileStamp(**_known(FileStamp, file)) for file in values["files"])
            values["notes"] = tuple(values["notes"])
            if values["failure"] is not None:
                values["failure"] = Failure(**_known(Failure, values["failure"]))
            return cls(**_known(cls, values))
        except (TypeError, AttributeError) as error:
            raise ValueError(f"not a ledger entry: {error}") from error


def _content(line: bytes) -> dict[str, Any]:
    """Return the content of a line that is an entry as far as a glance tells. Errors as `Entry.parse`."""
    try:
        content = json.loads(line)
    except RecursionError as error:
        raise ValueError("not a ledger entry") from error
    if not isinstance(content, dict):
        raise ValueError("not a ledger entry")
    if content.get("version") != VERSION:
        raise LedgerError(
            f"has lines of version {content.get('version')!r}, but this release reads version {VERSION}; "
            "update Autochrome, or give another --ledger"
        )
    if not (Entry.__dataclass_fields__.keys() <= content.keys() and isinstance(content["result"], str)):
        raise ValueError("not a ledger entry")
    return content


def _known(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in kind.__dataclass_fields__}


def relative(path: Path, folder: Path) -> str:
    """Return a path as a ledger in that folder holds it: relative to the folder, with slashes."""
    absolute = os.path.abspath(path)
    try:
        return Path(os.path.relpath(absolute, folder)).as_posix()
    except ValueError:  # on another drive of Windows
        return Path(absolute).as_posix()


class Ledger:
    """A ledger's file: read once, and appended to.

    Args:
        path: the file; it need not exist, and is made with the first line.

    Attributes:
        folder: where it is; paths are relative to it.
        damaged: the numbers, from 1, of lines that cannot be read and were passed over.

    Raises:
        LedgerError: the file is something else, from a later release, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.folder = Path(os.path.abspath(path)).parent
        self.damaged: list[int] = []
        hashes, offsets = array("Q"), array("Q")
        for offset, result in self._results():
            hashes.append(_hash(result))
            offsets.append(offset)
        # By result, and within a result in the order of the file.
        order = np.argsort(np.frombuffer(hashes, np.uint64), kind="stable") if hashes else []
        self._hashes = np.array(hashes, np.uint64)[order]
        self._offsets = np.array(offsets, np.uint64)[order]

    # As the file was when it was opened ------------------------------------------------------------

    def history(self, result: Path) -> list[Entry]:
        """Return the entries of a result, the last one being its state."""
        name = relative(result, self.folder)
        key = np.uint64(_hash(name))
        first, last = np.searchsorted(self._hashes, key), np.searchsorted(self._hashes, key, "right")
        found = self._at(self._offsets[first:last]) if first < last else ()
        return [entry for entry in found if entry.result == name]

    def latest(self) -> Iterator[Entry]:
        """Yield the last entry of every result, in the order of the file."""
        is_last = np.ones(len(self._hashes), bool)
        is_last[:-1] = self._hashes[1:] != self._hashes[:-1]
        return self._at(np.sort(self._offsets[is_last]))

    def _at(self, offsets: np.ndarray) -> Iterator[Entry]:
        with self._failures_named("read"), self.path.open("rb") as file:
            for offset in offsets.tolist():
                file.seek(offset)
                try:
                    yield Entry.parse(file.readline())
                except ValueError as error:
                    raise LedgerError(f"is damaged at byte {offset} ({error}); remove that line") from error

    def _results(self) -> Iterator[tuple[int, str]]:
        """Yield each entry's offset and result; count lines that cannot be read, save a torn last one."""
        with self._failures_named("read"):
            try:
                file = self.path.open("rb")
            except FileNotFoundError:
                return
            with file:
                head = file.read(len(_START))
                if head != _START[: len(head)]:
                    raise LedgerError("is not a ledger; give another --ledger")
                file.seek(0)
                offset = 0
                for number, line in enumerate(file, 1):
                    try:
                        yield offset, _content(line)["result"]
                    except ValueError:
                        if number == 1 and _is_document(line):
                            raise LedgerError("is not a ledger; give another --ledger") from None
                        if line.endswith(b"\n"):
                            self.damaged.append(number)
                    offset += len(line)

    # Appending -------------------------------------------------------------------------------------

    def append(self, entry: Entry) -> None:
        """Append an entry, on disk when this returns; its folder is made if it does not exist.

        Raises:
            LedgerError: it could not be written; the ledger is as it was.
        """
        with self._failures_named("written"):
            self.folder.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b", buffering=0) as file, locked(file):
                end = _mend(file)
                try:
                    _write(file, entry.line())
                    os.fsync(file.fileno())
                except BaseException:
                    file.truncate(end)
                    raise

    @contextmanager
    def _failures_named(self, how: str) -> Iterator[None]:
        try:
            yield
        except LedgerError as error:
            raise LedgerError(f"{self.path} {error}") from error
        except OSError as error:
            reason = error.strerror or error
            raise LedgerError(
                f"{self.path} cannot be {how} ({reason}); give another --ledger, or --no-ledger"
            ) from error


def _hash(name: str) -> int:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _write(file: io.FileIO, content: bytes) -> None:
    while content:  # a disk that fills up takes a part
        content = content[file.write(content) or 0 :]


def _is_document(line: bytes) -> bool:
    """Return whether a line is a whole JSON document, as no torn line of a ledger is."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _mend(file: io.FileIO) -> int:
    """Remove an unfinished last line, or finish it if only its end is missing; return the file's size."""
    size = start = file.seek(0, os.SEEK_END)
    unfinished = b""
    while start and b"\n" not in unfinished:
        stop, start = start, max(0, start - 4096)
        file.seek(start)
        unfinished = file.read(stop - start) + unfinished
    unfinished = unfinished[unfinished.rfind(b"\n") + 1 :]
    if not unfinished:
        return size
    try:
        Entry.parse(unfinished)
    except ValueError:
        if _is_document(unfinished):
            raise LedgerError("ends in something other than an entry; give another --ledger") from None
        return file.truncate(size - len(unfinished))
    _write(file, b"\n")
    return size + 1
