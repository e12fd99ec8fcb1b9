"""The progress of a run: a line of its log, the outcome, and ``log.jsonl``."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from autochrome.engine.validation import ValidationMetrics
from autochrome.io.whole_file import write_whole

LOG = "log.jsonl"


@dataclass(frozen=True)
class LogEntry:
    """What is read again of a line of the log."""

    step: int
    """Steps taken."""
    means: Mapping[str, float]
    """Mean of each logged value since the line before."""
    validation: ValidationMetrics | None
    """The newest metrics of the validation photos."""


@dataclass(frozen=True)
class Progress(LogEntry):
    """One line of a run's log."""

    steps: int
    """Steps in all."""
    lr: float
    """Learning rate of the last step."""
    photos_per_second: float
    """Of all processes together."""
    seconds_left: float
    """To the last step, at the rate since the last line."""
    warnings: list[str]
    """Signs of trouble that are new since the last line."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    step: int
    """Steps taken in all."""
    signal: int | None
    """The signal that stopped it; None when it ran to its end or its time was over."""
    losses: list[float]
    """Loss of every step of this part of the run."""


class Meter:
    """Means of logged values and the rate since the last line."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self.sums: dict[str, float] = defaultdict(float)
        self.steps, self.photos, self.start = 0, 0, time.monotonic()

    def add(self, values: Mapping[str, float], photos: int) -> None:
        """Count a step."""
        self.steps += 1
        self.photos += photos
        for key, value in values.items():
            self.sums[key] += value

    def take(self) -> tuple[dict[str, float], float, float]:
        """Return means, photos per second and seconds per step since the last call, and reset."""
        seconds = max(1e-9, time.monotonic() - self.start)
        means = {key: value / self.steps for key, value in self.sums.items()}
        answer = means, self.photos / seconds, seconds / max(1, self.steps)
        self._reset()
        return answer


class RunLog:
    """Lines of JSON, one a ``Progress``.

    Args:
        path: the file; lines are added to what is there.
        first_step: a resumed run writes the lines after this step anew, so they are taken out.

    Attributes:
        past: every line of the run so far, those before a break among them, oldest first.
    """

    def __init__(self, path: Path, first_step: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.past: list[LogEntry] = []
        if path.exists():
            kept = [
                line for line in path.read_text(encoding="utf-8").splitlines() if _step(line) <= first_step
            ]
            write_whole("".join(line + "\n" for line in kept), path)
            self.past = [_entry(line) for line in kept]

    def write(self, progress: Progress) -> None:
        """Add a line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(progress)) + "\n")
        self.past.append(LogEntry(progress.step, progress.means, progress.validation))


def _step(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")  # cut short when the run was killed


def _entry(line: str) -> LogEntry:
    values = json.loads(line)
    try:
        validation = ValidationMetrics(**values["validation"]) if values.get("validation") else None
    except TypeError:  # an earlier release measured other things
        validation = None
    return LogEntry(values["step"], values["means"], validation)
