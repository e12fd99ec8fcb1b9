"""Exponential moving average of a module's weights and running statistics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class WeightAverage:
    """Averages every floating tensor of a module's state; the decay warms up as (1 + t) / (10 + t).

    Whole numbers (the count of batches that a norm has seen) are copied.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"the decay of averaged weights lies in [0, 1), not {decay}")
        self.decay = decay
        self.updates = 0
        self.average = {key: value.detach().clone() for key, value in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move the average towards the module's present state."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        averages, values = [], []
        for key, value in module.state_dict().items():
            if value.is_floating_point():
                averages.append(self.average[key])
                values.append(value)
            else:
                self.average[key].copy_(value)
        get_ema_multi_avg_fn(decay)(averages, values, None)

    @contextmanager
    def applied_to(self, module: nn.Module) -> Iterator[None]:
        """Within the block the module holds the average; afterwards its own state again."""
        own = {key: value.detach().clone() for key, value in module.state_dict().items()}
        module.load_state_dict(self.average)
        try:
            yield
        finally:
            module.load_state_dict(own)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"updates": self.updates, "average": self.average}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what ``state_dict`` gave."""
        self.updates = int(state["updates"])
        for key, value in self.average.items():
            value.copy_(state["average"][key])
