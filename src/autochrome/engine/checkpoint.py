"""Checkpoints: all that a run needs to continue exactly, and the weights as they would ship."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from autochrome.engine.recipe import Recipe, changed_values, dump_recipe, load_recipe
from autochrome.errors import CheckpointError, RecipeError
from autochrome.io.whole_file import write_whole, written_whole
from autochrome.models.base import Colorizer
from autochrome.models.weights import save_weights

STATE = "state.pt"
"""Everything: weights, average, optimizer, step. Read with ``weights_only``, so it cannot run code."""
WEIGHTS = "model.safetensors"
"""The weights to ship: those of the average, where there is one."""
BEST = "best.safetensors"
"""The weights to ship at the lowest validation loss, if ``validation.keep_best`` is set."""
RECIPE = "recipe.yaml"

_SEAL_BYTES = 64
_COMMENT, _NO_COMMENT = _SEAL_BYTES.to_bytes(2, "little"), bytes(2)
"""The length of a ZIP archive's comment, with which its last record ends."""

_WITHOUT_INFLUENCE = (
    "trainer.checkpoint_minutes",
    "trainer.log_every",
    "trainer.threads",
    "trainer.accelerator",
    "data.workers",
    "data.cache:",
    "validation.",
    # Only a new run starts from these; a resumed one has its own weights and prior.
    "model.weights",
    "model.backbone",
    "data.prior",
)


def save_checkpoint(
    folder: Path, state: Mapping[str, Any], colorizer: Colorizer, recipe: Recipe, metadata: Mapping[str, str]
) -> None:
    """Write ``state.pt``, ``model.safetensors`` and ``recipe.yaml``, each whole or not at all.

    Args:
        folder: where; made if missing.
        state: what ``load_state`` shall give back.
        colorizer: holding the weights to ship (the averaged ones).
        recipe: the resolved recipe.
        metadata: written into the weights file; ``samples`` counts the photos that all updates saw, those of
            the discriminator too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(colorizer, folder / WEIGHTS, metadata=metadata)
    write_whole(dump_recipe(recipe), folder / RECIPE)
    with written_whole(folder / STATE) as temporary:
        _save_sealed(state, temporary)


def load_state(folder: Path) -> dict[str, Any]:
    """Read the state of the newest checkpoint.

    Raises:
        CheckpointError: there is none, or it cannot be read.
    """
    path = folder / STATE
    if not path.is_file():
        raise CheckpointError(f"no checkpoint in {folder}: leave --resume out to start a new run there")
    try:
        _check_seal(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
        if missing := {"step", "model", "task", "optimizer", "average"} - set(state):
            raise KeyError(f"it lacks {', '.join(sorted(missing))}")
        if not isinstance(state["step"], int):
            raise TypeError("its step is not a number")
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{path} is damaged ({reason}): restore it from a copy, or start anew in another folder"
        ) from error
    return state


def _save_sealed(state: Mapping[str, Any], path: Path) -> None:
    """Write a state whose ZIP archive ends in a comment: the SHA-256 of all that stands before it."""
    with path.open("wb+") as file:
        try:
            torch.save(dict(state), file)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):  # the disk's error, which torch hides behind its own
                raise error.__context__ from None
            raise
        file.seek(-len(_NO_COMMENT), os.SEEK_END)
        assert file.read() == _NO_COMMENT
        file.seek(-len(_NO_COMMENT), os.SEEK_END)
        file.write(_COMMENT)
        file.seek(0)
        seal = hashlib.file_digest(file, "sha256").hexdigest()
        file.write(seal.encode())


def _check_seal(path: Path) -> None:
    """Raise ValueError if a sealed file was changed; those of earlier releases have no seal."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END) - _SEAL_BYTES
        if size < 0:
            raise ValueError("it is cut short")
        file.seek(size - len(_COMMENT))
        ending, seal = file.read(len(_COMMENT)), file.read()
        if ending != _COMMENT and file.seek(-len(_NO_COMMENT), os.SEEK_END) and file.read() == _NO_COMMENT:
            return
        file.seek(0)
        digest, left = hashlib.sha256(), size
        while left and (chunk := file.read(min(left, 1 << 20))):
            digest.update(chunk)
            left -= len(chunk)
    if digest.hexdigest().encode() != seal:
        raise ValueError("its SHA-256 is another than when it was written")


def require_free(folder: Path) -> None:
    """Refuse a folder that holds a run.

    Raises:
        CheckpointError: it does; a new run would overwrite it.
    """
    if (folder / STATE).exists():
        raise CheckpointError(
            f"{folder} holds a run: go on with it by --resume, or name another folder with -o"
        )


def resume_notes(folder: Path, recipe: Recipe) -> list[str]:
    """Return notes about values that differ from those that the run began with."""
    try:
        changed = changed_values(load_recipe(folder / RECIPE), recipe)
    except RecipeError as error:
        return [f"whether the recipe changed since the checkpoint is unknown: {error}"]
    changed = [line for line in changed if not line.startswith(_WITHOUT_INFLUENCE)]
    if not changed:
        return []
    return ["the rest will differ from an unbroken run, for the recipe has changed: " + "; ".join(changed)]
