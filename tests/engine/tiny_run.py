"""A run so small that it takes a second."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from autochrome.engine.checkpoint import load_state
from autochrome.engine.loop import train
from autochrome.engine.progress import Outcome, Progress
from autochrome.engine.recipe import load_recipe

TINY = """
model: {{name: cic.test}}
data:
  sources: [{{path: {photos}}}]
  crops: {{size: 32}}
  faults: {{}}
optimizer: {{lr: 0.005}}
schedule: {{kind: cosine, warmup: 3}}
trainer:
  steps: 8
  batch_size: 4
  precision: 32-true
  accelerator: cpu
  threads: 1
  ema: 0.9
  log_every: 1
validation: {{count: 2, size: 32, every: 4}}
"""

GAN = (
    "model.name=cgan.test",
    "data.crops.size=16",
    "validation.size=16",
    "optimizer.name=adam",
    "optimizer.weight_decay=0",
)
"""What makes it a run against a discriminator."""


def write_recipe(path: Path, photos: Path) -> Path:
    """The recipe of a tiny run on a folder of photos."""
    path.write_text(TINY.format(photos=photos))
    return path


def run(file: Path, folder: Path, overrides: Sequence[str] = (), **options: object) -> Outcome:
    """Train in this process."""
    return train(load_recipe(file, overrides), folder, **options)  # type: ignore[arg-type]


def signaled_at(step: int) -> Callable[[Progress], None]:
    """A report that asks this process to stop after a step."""

    def report(progress: Progress) -> None:
        if progress.step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    return report


def differences(one: Path, other: Path) -> list[str]:
    """Where the checkpoints of two runs differ, bit for bit."""
    a, b = (_tensors(load_state(folder), "state") for folder in (one, other))
    return [key for key in {**a, **b} if key not in a or key not in b or not _equal(a[key], b[key])]


def _equal(a: Any, b: Any) -> bool:
    return torch.equal(a, b) if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) else a == b


def _tensors(value: Any, name: str) -> dict[str, Any]:
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, (list, tuple)):
        parts = enumerate(value)
    else:
        return {name: value}
    return {key: leaf for k, v in parts for key, leaf in _tensors(v, f"{name}.{k}").items()}
