from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from autochrome.engine.progress import LogEntry, Meter, Progress, RunLog
from autochrome.engine.validation import ValidationMetrics

METRICS = ValidationMetrics(0.5, 10.0, 16.0, 30.0, 40.0, diversity=6.0)


def line(step: int) -> Progress:
    return Progress(step, {"loss": 1.5}, METRICS, 10, 0.1, 20.0, 3.0, ["careful"])


def steps(path: Path) -> list[int]:
    return [json.loads(text)["step"] for text in path.read_text().splitlines()]


def test_meter_gives_means_and_rates_since_the_last_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    meter = Meter()
    meter.add({"loss": 1.0}, 8)
    meter.add({"loss": 3.0}, 8)
    now[0] += 4
    assert meter.take() == ({"loss": 2.0}, 4.0, 2.0)
    meter.add({"loss": 5.0}, 8)
    now[0] += 1
    assert meter.take() == ({"loss": 5.0}, 8.0, 1.0)


def test_log_lines_hold_everything(tmp_path: Path) -> None:
    RunLog(tmp_path / "run" / "log.jsonl", 0).write(line(1))
    found = json.loads((tmp_path / "run" / "log.jsonl").read_text())
    assert found["means"] == {"loss": 1.5}
    assert found["validation"] == {
        "psnr_gain": 0.5,
        "held_out": False,
        "chroma": 10.0,
        "true_chroma": 16.0,
        "colorfulness": 30.0,
        "true_colorfulness": 40.0,
        "diversity": 6.0,
        "loss": None,
    }
    assert found["warnings"] == ["careful"]


def test_a_resumed_run_takes_out_the_lines_that_it_will_write_again(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = RunLog(path, 0)
    for step in (1, 2, 3, 4):
        log.write(line(step))
    with path.open("a") as file:
        file.write('{"step": 5, "st')  # killed while writing
    RunLog(path, 3).write(line(4))
    assert steps(path) == [1, 2, 3, 4]


def test_the_past_of_a_resumed_run_is_that_of_an_unbroken_one(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = RunLog(path, 0)
    assert log.past == []
    for step in (1, 2, 3, 4):
        log.write(line(step))
    assert log.past == [LogEntry(step, {"loss": 1.5}, METRICS) for step in (1, 2, 3, 4)]
    resumed = RunLog(path, 3)
    assert resumed.past == log.past[:3]
    resumed.write(line(4))
    assert resumed.past == log.past


def test_a_log_of_an_earlier_release_can_be_gone_on_with(tmp_path: Path) -> None:
    """Its looks told less, so they count as none."""
    path = tmp_path / "log.jsonl"
    metrics = {"psnr_gain": 0.5, "chroma": 10.0, "true_chroma": 16.0}
    path.write_text(json.dumps({"step": 1, "means": {"loss": 1.5}, "validation": metrics}) + "\n")
    log = RunLog(path, 1)
    log.write(line(2))
    assert log.past == [LogEntry(1, {"loss": 1.5}, None), LogEntry(2, {"loss": 1.5}, METRICS)]
    assert steps(path) == [1, 2]
