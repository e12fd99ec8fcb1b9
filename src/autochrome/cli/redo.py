"""Which photos of a folder are colored again, and which results are left as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from autochrome.errors import PhotoError

if TYPE_CHECKING:
    from autochrome.pipeline.ledger import Entry, Ledger, MadeWith
    from autochrome.pipeline.standing import Standing

REDO = ("failed", "missing", "stale", "changed", "all")
"""The values of --redo; each stands for itself and those before it."""

_USUAL = "stale"
_RANKS = {"failed": 0, "missing": 1, "stale": 2, "changed": 3, "current": 4, "all": 4}


@dataclass(frozen=True)
class Verdict:
    """What is to become of a photo.

    Attributes:
        skip: why it is left out (a reason of `events.Skipped`), or None if it is to be colored.
        note: what the user should know about that.
        again: whether results of ours are replaced since the photo, or what they are made with, is another.
        touched: a line for the ledger, whose files have other times than it says.
    """

    skip: str | None = None
    note: str = ""
    again: bool = False
    touched: Entry | None = None


@dataclass(frozen=True)
class Redo:
    """The rules of a run.

    Attributes:
        overwrite: replace whatever exists.
        level: of `REDO`, None if it was not requested.
        ledger: what is known of earlier runs.
        made_with: what the photos are colored with, for the ledger.
    """

    overwrite: bool = False
    level: str | None = None
    ledger: Ledger | None = None
    made_with: MadeWith | None = None

    def judge(self, source: Path, places: Sequence[Path], page: int | None = None, *, named: bool) -> Verdict:
        """Decide what is to become of a photo.

        Args:
            source: the photo.
            places: the files of its results.
            page: of the photo.
            named: whether it was named, so that a result that exists is a mistake, unless it is known.

        Raises:
            PhotoError: results exist that must not be replaced.
        """
        from autochrome.pipeline.standing import standing_of

        if self.overwrite and self.level is None:
            return Verdict()
        made_with = self.made_with and replace(self.made_with, page=page)
        standing = standing_of(source, places, made_with, self.ledger)
        wanted = _RANKS[standing.reason] <= _RANKS[self.level or _USUAL]
        if wanted and (standing.foreign is None or self.overwrite):
            return Verdict(again=standing.reason in ("stale", "changed", "current"))
        if standing.foreign is not None and not standing.recorded:
            return _unknown(source, standing, standing.foreign, named=named)
        if wanted:
            note = f"its result {standing.foreign} was edited since it was made, and kept"
            return Verdict("kept", f"{note}; --overwrite makes it again")
        return Verdict(standing.reason, touched=standing.touched)


def _unknown(source: Path, standing: Standing, result: Path, *, named: bool) -> Verdict:
    """Judge a photo with results that were made without a ledger, or by somebody else."""
    if named or standing.reason == "missing":
        older = ", and is older than the photo" if standing.reason == "stale" else ""
        advice = "Use --overwrite to replace it, or give another -o"
        raise PhotoError(source, f"{result} exists already{older}", advice)
    if standing.reason == "stale":
        return Verdict("exists", f"its result {result} is older than the photo; --overwrite makes it again")
    return Verdict("exists")
