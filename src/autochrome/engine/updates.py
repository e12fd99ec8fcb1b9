"""One update of a phase: photos of its own, gradients of its own parameters, and what is logged of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from autochrome.engine.setup import TrainingRun
from autochrome.engine.task import TrainingTask


def backward(run: TrainingRun, phase: str, update: int, batches: Iterator[Tensor]) -> dict[str, Any]:
    """Accumulate the gradients of one update over ``accumulate`` micro-batches.

    Args:
        run: what is trained.
        phase: whose losses, and whose parameters.
        update: its number in the run, counted over all phases from 0; with the micro-batch and the process it
            decides which photos are seen and which random numbers drawn.
        batches: photos as uint8, in order.

    Returns:
        The mean of every loss over the micro-batches, as scalars on the device; ``gradient_norm``, before
        clipping, where the phase's optimizer clips.
    """
    fabric, trainer = run.fabric, run.recipe.trainer
    sums: dict[str, Any] = {}
    with only_trainable(run.task, phase):
        for micro in range(trainer.accumulate):
            number = (update * trainer.accumulate + micro) * fabric.world_size + fabric.global_rank
            rgb = next(batches).to(fabric.device, non_blocking=True)
            seed = _mix(trainer.seed, number)
            # A model that draws random numbers draws the same after a break, and others in every process.
            torch.manual_seed(seed ^ 1)
            batch = run.task.prepare(rgb, torch.Generator().manual_seed(seed))
            with fabric.no_backward_sync(run.module, enabled=micro + 1 < trainer.accumulate):
                losses = run.module(batch, phase)
                fabric.backward(losses["loss"] / trainer.accumulate)
            for key, value in losses.items():
                sums[key] = sums.get(key, 0.0) + value.detach().float() / trainer.accumulate
    if clip := run.task.optimizer_in(phase, run.recipe).clip:
        sums["gradient_norm"] = fabric.clip_gradients(
            run.module, run.steppers[phase], max_norm=clip, error_if_nonfinite=False
        )
    return sums


@contextmanager
def only_trainable(task: TrainingTask, phase: str) -> Iterator[None]:
    """Let only the phase's parameters require gradients within the block."""
    own = set(task.trained_in(phase).parameters())
    others = [p for p in task.parameters() if p.requires_grad and p not in own]
    for parameter in others:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in others:
            parameter.requires_grad_(True)


def step_values(updates: Sequence[tuple[str, Mapping[str, float]]]) -> dict[str, float]:
    """Return what is logged of a step, from the phase and the values of each of its updates.

    Values are means over the updates of a phase. Where there are several phases, ``loss`` and
    ``gradient_norm`` carry the phase's name (``discriminator_loss``), and ``loss`` is the last phase's.
    """
    taken: dict[str, list[Mapping[str, float]]] = defaultdict(list)
    for phase, values in updates:
        taken[phase].append(values)
    means = {
        phase: {key: sum(values[key] for values in rows) / len(rows) for key in rows[0]}
        for phase, rows in taken.items()
    }
    last = means[updates[-1][0]]
    if len(means) == 1:
        return last
    named = {logged_as(key, phase): value for phase, row in means.items() for key, value in row.items()}
    return {**named, "loss": last["loss"]}


def logged_as(key: str, phase: str) -> str:
    """Return the name in the log of a value of one phase among several."""
    return f"{phase}_{key}" if key in ("loss", "gradient_norm") else key


def _mix(seed: int, number: int) -> int:
    """One 63-bit seed from two numbers."""
    return (seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9 + 1) % 2**63
