"""What a photo's results are worth today: are they there, ours, of this very photo, and made as now?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from autochrome.io.whole_file import file_sha256
from autochrome.pipeline.ledger import Entry, FileStamp, Ledger, MadeWith, relative

Reason = Literal["failed", "missing", "stale", "changed", "current"]


@dataclass(frozen=True)
class Standing:
    """The standing of a photo's results.

    Attributes:
        reason: "failed": they could not be made last time; "missing": one does not exist, or is not the one
            that was made last; "stale": the photo was changed or replaced since; "changed": they were made
            by another model, or with other weights or settings; "current": nothing of these.
        foreign: a file in their place that the ledger does not know: it was edited since, or made without a
            ledger.
        recorded: whether the ledger tells of them.
        touched: the last entry with the files' new times, if only these are other than the entry says.
    """

    reason: Reason
    foreign: Path | None = None
    recorded: bool = False
    touched: Entry | None = None


def standing_of(
    source: Path, files: Sequence[Path], made_with: MadeWith | None = None, ledger: Ledger | None = None
) -> Standing:
    """Return the standing of a photo's results, before it is colored.

    Files are compared by size and time of change, and read only where these differ. Results that no ledger
    knows are stale if the photo's time of change is later than theirs.

    Args:
        source: the photo.
        files: what would be written for it, the first colorization first.
        made_with: what it would be colored with; None if that is no reason to do it again.
        ledger: of the results.

    Raises:
        OSError: a file cannot be read.
    """
    there = [file for file in files if file.exists()]
    history = ledger.history(files[0]) if ledger else []
    if not there:
        failed = bool(history) and history[-1].failure is not None
        return Standing("failed" if failed else "missing", recorded=bool(history))
    if ledger is None or not history:
        older = min(file.stat().st_mtime_ns for file in there) < source.stat().st_mtime_ns
        missing = len(there) < len(files)
        return Standing("missing" if missing else "stale" if older else "current", there[0])
    named = {relative(file, ledger.folder): file for file in files}
    foreign = [name for name, file in named.items() if file.exists() and not _is_known(file, name, history)]
    ours = {name: file for name, file in named.items() if name not in foreign}
    reason = _reason(source, ours, made_with, history[-1])
    if foreign:
        return Standing(reason, named[foreign[0]], recorded=True)
    touched = _touched(source, named, history[-1]) if reason == "current" else None
    return Standing(reason, recorded=True, touched=touched)


def _is_known(file: Path, name: str, history: Sequence[Entry]) -> bool:
    """Whether a file is one that was made for this photo, at any time."""
    stamps = [stamp for entry in history for stamp in entry.files if stamp.path == name]
    if any(stamp.is_at_hand(file) for stamp in stamps):
        return True
    size = file.stat().st_size
    digests = {stamp.sha256 for stamp in stamps if stamp.size == size}
    return bool(digests) and file_sha256(file) in digests


def _reason(source: Path, files: Mapping[str, Path], made_with: MadeWith | None, last: Entry) -> Reason:
    """Return why these files, which the last entry may describe, would be made again."""
    made = {stamp.path: stamp for stamp in last.files}
    if last.failure:
        return "failed"
    if not all(file.exists() and name in made and made[name].is_of(file) for name, file in files.items()):
        return "missing"
    if not last.source.is_of(source):
        return "stale"
    return "current" if made_with in (None, last.made_with) else "changed"


def _touched(source: Path, files: Mapping[str, Path], last: Entry) -> Entry | None:
    """Return the entry with the files' own times of change, None if it has them."""

    def today(stamp: FileStamp, file: Path | None) -> FileStamp:
        return stamp if file is None else replace(stamp, mtime_ns=file.stat().st_mtime_ns)

    results = tuple(today(stamp, files.get(stamp.path)) for stamp in last.files)
    touched = replace(last, source=today(last.source, source), files=results)
    return None if touched == last else touched
