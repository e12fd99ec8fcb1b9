"""A folder of malformed files; the counts of larger ones are in docs/reliability.md."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def colored(*words: str) -> str:
    command = [sys.executable, "-m", "tests.reliability.corpus", *words]
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def check(printed: str, files: int) -> None:
    assert f"{files} files: " in printed
    assert "0 crashes, 0 silent, 0 unexpected, 0 broken, 0 changed, 0 leftovers" in printed


def test_a_few_hundred() -> None:
    check(colored("--mutated", "200", "--crafted", "100"), 300)


@pytest.mark.slow
@pytest.mark.parametrize(("mutated", "crafted", "seed"), [(2000, 300, 2016), (9700, 300, 1)])
def test_thousands(mutated: int, crafted: int, seed: int) -> None:
    check(
        colored("--mutated", str(mutated), "--crafted", str(crafted), "--seed", str(seed)), mutated + crafted
    )
