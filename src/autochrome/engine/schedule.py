"""Learning rate as a pure function of the step."""

from __future__ import annotations

import math

from autochrome.engine.recipe import ScheduleRecipe


def learning_rate_factor(step: int, total: int, schedule: ScheduleRecipe) -> float:
    """Share of the peak learning rate at a step.

    Args:
        step: the step about to be taken, from 0.
        total: number of steps of the run.
        schedule: its kind and constants.
    """
    warm = min(1.0, (step + 1) / schedule.warmup) if schedule.warmup else 1.0
    if schedule.kind == "cosine":
        progress = min(1.0, step / max(1, total - 1))
        return warm * (schedule.end + (1 - schedule.end) * (1 + math.cos(math.pi * progress)) / 2)
    if schedule.kind == "step":
        drops = sum(step >= drop for drop in schedule.at) if schedule.at else step // schedule.every
        return warm * schedule.factor**drops
    return warm
