"""Which photos are colored again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autochrome.cli.redo import REDO, Redo, Verdict
from autochrome.errors import PhotoError
from autochrome.pipeline.standing import Reason, Standing

SOURCE, RESULT = Path("a.jpg"), Path("out/a.jpg")


@pytest.fixture
def judge(monkeypatch: Any) -> Any:
    def verdict(
        standing: Standing, level: str | None = None, *, overwrite: bool = False, named: bool = False
    ) -> Verdict:
        monkeypatch.setattr("autochrome.pipeline.standing.standing_of", lambda *_: standing)
        return Redo(overwrite, level).judge(SOURCE, [RESULT], named=named)

    return verdict


@pytest.mark.parametrize(
    ("reason", "levels"),
    [
        ("failed", ["failed", "missing", None, "stale", "changed", "all"]),
        ("missing", ["missing", None, "stale", "changed", "all"]),
        ("stale", [None, "stale", "changed", "all"]),
        ("changed", ["changed", "all"]),
        ("current", ["all"]),
    ],
)
def test_a_level_stands_for_those_before_it(judge: Any, reason: Reason, levels: list[str | None]) -> None:
    for level in (None, *REDO):
        verdict = judge(Standing(reason, recorded=True), level)
        assert verdict.skip == (None if level in levels else reason)
        # What was edited is made again on request alone.
        edited = Standing(reason, RESULT, recorded=True)
        assert judge(edited, level).skip == ("kept" if level in levels else reason)
        assert ("out/a.jpg was edited" in judge(edited, level).note) == (level in levels)
        assert judge(edited, level, overwrite=True).skip == (None if level in levels or not level else reason)


def test_results_of_ours_that_are_replaced_are_told(judge: Any) -> None:
    assert judge(Standing("stale", recorded=True)).again
    assert judge(Standing("changed", recorded=True), "changed").again
    assert not judge(Standing("missing", recorded=True)).again


def test_results_that_no_ledger_knows(judge: Any) -> None:
    assert judge(Standing("current", RESULT)) == Verdict("exists")
    stale = judge(Standing("stale", RESULT))
    assert stale.skip == "exists"
    assert "out/a.jpg is older than the photo" in stale.note
    for standing, named in ((Standing("missing", RESULT), False), (Standing("current", RESULT), True)):
        with pytest.raises(PhotoError, match=r"out/a\.jpg exists already"):
            judge(standing, named=named)
        assert judge(standing, named=named, overwrite=True) == Verdict()
    with pytest.raises(PhotoError, match="older than the photo"):
        judge(Standing("stale", RESULT), named=True)
