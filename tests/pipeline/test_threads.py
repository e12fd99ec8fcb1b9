"""The same colors whatever the number of threads: processes, since a network remembers the last photos."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAM = """
import sys, numpy as np, skimage.data, torch
from autochrome.io.photo import Photo
from autochrome.pipeline.painter import Painter
torch.set_num_threads(int(sys.argv[1]))
photo = Photo(np.ascontiguousarray(skimage.data.camera()[::4, ::4, None]))
models = ("cgan", "cic", "lrac", "pixcolor")
np.savez(sys.argv[2], **{model: Painter(model, device="cpu").colorize(photo)[0].pixels for model in models})
"""


@pytest.mark.slow
def test_one_thread_and_two_give_the_same_colors(tmp_path: Path) -> None:
    for threads in ("1", "2"):
        command = [sys.executable, "-c", PROGRAM, threads, str(tmp_path / f"{threads}.npz")]
        subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": threads})
    one, two = (np.load(tmp_path / f"{threads}.npz") for threads in (1, 2))
    for model in one:
        difference = np.abs(one[model].astype(int) - two[model])
        # Sums are split otherwise: docs/security.md has what was measured.
        assert difference.max() <= 1 and (difference > 0).mean() < 1e-3, model
