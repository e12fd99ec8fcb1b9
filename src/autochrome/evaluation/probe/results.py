"""Results of a probe: a row for each trunk and group of layers, and the differences between the trunks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autochrome.evaluation.intervals import Estimate
from autochrome.evaluation.probe.scores import Scores
from autochrome.evaluation.probe.trunks import RANDOM, TRAINED
from autochrome.io.plain import to_plain
from autochrome.io.whole_file import write_json

SCHEMA = "autochrome-probe/1"


@dataclass(frozen=True)
class Row:
    """The scores of one trunk at one group of layers."""

    trunk: str
    """``colorization`` or ``random``."""
    layers: str
    """As ``--layers`` takes them."""
    scores: Scores
    details: dict[str, Any] = field(default_factory=dict)
    """What was chosen by validation: weight decay, steps."""


@dataclass(frozen=True)
class ProbeResults:
    """All rows, and what they are based on."""

    method: str
    rows: list[Row]
    manifest: dict[str, Any]
    """Model, photos, settings."""

    def differences(self) -> dict[str, Scores]:
        """Return trained minus random for each group of layers, on the same resamples of the same photos."""
        rows = {(row.trunk, row.layers): row.scores for row in self.rows}
        return {
            layers: {
                key: score - rows[RANDOM, layers][key]
                for key, score in scores.items()
                if key in rows[RANDOM, layers]
            }
            for (trunk, layers), scores in rows.items()
            if trunk == TRAINED and (RANDOM, layers) in rows
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON."""
        return {
            "schema": SCHEMA,
            "method": self.method,
            "rows": [
                {"trunk": row.trunk, "layers": row.layers, **row.details, "scores": _plain(row.scores)}
                for row in self.rows
            ],
            "trained_less_random": {layers: _plain(scores) for layers, scores in self.differences().items()},
            "manifest": self.manifest,
        }

    def save(self, path: Path) -> None:
        """Write JSON; the file appears only when it is complete."""
        write_json(self.to_dict(), path)


def _plain(scores: Scores) -> dict[str, dict[str, float | None]]:
    return {key: to_plain(Estimate.of(rows)) for key, rows in scores.items()}
