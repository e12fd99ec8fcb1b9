"""The promises under load and kills, on both kinds of database: `tests.study.load.run` in full size."""

from __future__ import annotations

from pathlib import Path

import pytest

from autochrome.study.records import Protocol
from tests.study.load.run import Load, run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("protocol", Protocol)
def test_every_protocol(protocol: Protocol, database: str | None, tmp_path: Path) -> None:
    assert run(Load(protocol, raters=20, trials=6, kills=3, size=32), tmp_path, database).broken == []


@pytest.mark.parametrize("workers", [1, 2])
def test_two_hundred_raters(workers: int, database: str | None, tmp_path: Path) -> None:
    outcome = run(Load(kills=3, workers=workers), tmp_path, database)
    assert outcome.broken == []
    assert len(outcome.journal.finished) == 200
    assert len(outcome.journal.acknowledged) == 200 * outcome.design.total
