"""What every test has: few threads, fixed seeds.

Nothing here imports autochrome: jaxtyping's hook must be in place before the package is loaded.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest
import torch

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SEED = 2016

# Derandomized, so that a run gives the same cases everywhere; slow machines are no reason to fail.
hypothesis.settings.register_profile("autochrome", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("autochrome")

# One thread in each of several workers, in what they start as well; two where the tests run in one process.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("VIPS_CONCURRENCY", "1")
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 2)))


# What a shell starts in the background ignores Ctrl-C, and so would all that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """Start every test from the same state of the three global generators, whatever ran before it."""
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, driven by Playwright."""
    from tests.chromium import started

    yield from started()


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded numpy generator."""
    return np.random.default_rng(SEED)


@pytest.fixture
def generator() -> torch.Generator:
    """A seeded CPU generator, as `Colorizer.sample` takes it."""
    return torch.Generator().manual_seed(SEED)
