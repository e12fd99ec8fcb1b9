"""A short training run on photos in memory: the same steps in the same order for every trunk."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor, nn

from autochrome.errors import TrainingError


@dataclass(frozen=True)
class FitSettings:
    """AdamW for a few hundred steps."""

    steps: int = 150
    batch_size: int = 64
    lr: float = 1e-3
    """Peak learning rate of both trunk and head."""
    weight_decay: float = 0.01
    """On filters and matrices."""
    warmup: float = 0.1
    """Share of the steps during which the learning rate rises."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """Of the learning rate after the warm-up."""
    clip: float = 1.0
    """Maximum norm of the gradient."""
    seed: int = 0
    """Of the order of the photos."""

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        warm = min(1.0, (step + 1) / max(1.0, self.warmup * self.steps))
        if self.schedule == "constant":
            return self.lr * warm
        return self.lr * warm * (1 + math.cos(math.pi * step / self.steps)) / 2


def fit(
    module: nn.Module,
    loss: Callable[[Int[Tensor, " b"]], Tensor],
    photos: int,
    settings: FitSettings,
    *,
    after: Callable[[int], None] = lambda step: None,
) -> None:
    """Train a module and leave it in evaluation mode.

    Args:
        module: the module to train.
        loss: returns the loss on the photos with these numbers; it may draw from torch's global generator,
            which is seeded.
        photos: number of photos.
        settings: steps, learning rate, seed.
        after: called after each step with its number, from 1; it may set the module to evaluation mode.

    Raises:
        TrainingError: the loss is not finite.
    """
    optimizer = torch.optim.AdamW(_groups(module, settings.weight_decay), settings.lr)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        order = _endless_order(photos, min(settings.batch_size, photos), settings.seed)
        for step in range(settings.steps):
            module.train()
            for group in optimizer.param_groups:
                group["lr"] = settings.rate(step)
            value = loss(next(order))
            if not math.isfinite(number := value.item()):
                raise TrainingError(f"the loss is {number} at step {step}: lower the learning rate")
            optimizer.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(module.parameters(), settings.clip)
            optimizer.step()
            after(step + 1)
    module.eval()


def _groups(module: nn.Module, decay: float) -> list[dict[str, object]]:
    parameters = list(module.parameters())
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


def _endless_order(photos: int, batch_size: int, seed: int) -> Iterator[Int[Tensor, " b"]]:
    """Yield full batches from one permutation after another."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        for batch in torch.randperm(photos, generator=generator).split(batch_size):
            if len(batch) == batch_size:
                yield batch
