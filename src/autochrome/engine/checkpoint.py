"""Checkpoints: all that a run needs to go on exactly, and the weights as they would ship."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from autochrome.engine.recipe import Recipe, dump_recipe
from autochrome.models.base import Colorizer
from autochrome.models.weights import save_weights

STATE = "state.pt"
"""Everything: weights, average, optimiser, step. Read with ``weights_only``, so it cannot run code."""


class CheckpointError(Exception):
    """A checkpoint is missing, damaged, or of another run."""


def save_checkpoint(
    folder: Path, state: Mapping[str, Any], colorizer: Colorizer, recipe: Recipe, metadata: Mapping[str, str]
) -> None:
    """Write ``state.pt``, ``model.safetensors``, ``spec.json`` and ``recipe.yaml``, each whole or not at all.

    Args:
        folder: where; made if missing.
        state: what ``load_state`` shall give back.
        colorizer: holding the weights to ship (the averaged ones).
        recipe: the resolved recipe.
        metadata: written into the weights file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(colorizer, folder / "model.safetensors", metadata=metadata)
    _replace(folder / "spec.json", json.dumps(asdict(colorizer.spec), indent=2, default=dict).encode())
    _replace(folder / "recipe.yaml", dump_recipe(recipe).encode())
    temporary = folder / (STATE + ".part")
    torch.save(dict(state), temporary)
    os.replace(temporary, folder / STATE)


def load_state(folder: Path) -> dict[str, Any]:
    """Read the state of the newest checkpoint.

    Raises:
        CheckpointError: there is none, or it cannot be read.
    """
    path = folder / STATE
    if not path.is_file():
        raise CheckpointError(f"no checkpoint in {folder}: leave --resume out to start a new run there")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"{path} is damaged ({error}); start anew in another folder") from error


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    os.replace(temporary, path)


class StopRequest:
    """Remembers that the run was asked to stop (SIGINT, SIGTERM), so that a step is never cut in two."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __bool__(self) -> bool:
        return self.signal is not None

    def _note(self, number: int, _frame: object) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt  # asked twice: the person means it
        self.signal = number

    @contextmanager
    def listening(self) -> Iterator[StopRequest]:
        """Within the block the two signals are noted instead of ending the process."""
        kinds = (signal.SIGINT, signal.SIGTERM)
        before = {kind: signal.signal(kind, self._note) for kind in kinds}
        try:
            yield self
        finally:
            for kind, handler in before.items():
                signal.signal(kind, handler)
