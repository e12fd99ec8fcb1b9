"""Runs that are ended at random moments; the counts of long series are in docs/reliability.md."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def ended(*words: str) -> str:
    command = [sys.executable, "-m", "tests.reliability.kills", *words]
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_a_few() -> None:
    printed = ended("--kill", "8", "--interrupt", "4", "--terminate", "4", "--hangup", "2")
    assert "0 lost, 0 half, 0 leftovers, 0 hangs, 0 tracebacks, 0 codes" in printed


@pytest.mark.slow
def test_many() -> None:
    printed = ended("--kill", "200", "--interrupt", "40", "--terminate", "40", "--processes", "12")
    assert "0 lost, 0 half, 0 leftovers, 0 hangs, 0 tracebacks, 0 codes" in printed
