"""The short training run."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from autochrome.errors import TrainingError
from autochrome.evaluation.probe.fitting import FitSettings, fit


def regression(settings: FitSettings, order: list[int] | None = None) -> tuple[nn.Linear, float]:
    """Fit y = 2 x; the module and its last error."""
    torch.manual_seed(1)
    module = nn.Linear(1, 1)
    x = torch.linspace(-1, 1, 20)[:, None]

    def loss(numbers: torch.Tensor) -> torch.Tensor:
        if order is not None:
            order.extend(numbers.tolist())
        return (module(x[numbers]) - 2 * x[numbers]).square().mean() + 0 * torch.rand(())

    fit(module, loss, 20, settings)
    return module, (module(x) - 2 * x).square().mean().item()


def test_it_learns_and_is_repeatable() -> None:
    settings = FitSettings(steps=150, batch_size=6, lr=0.1, weight_decay=0.0, seed=5)
    module, error = regression(settings)
    assert error < 1e-3
    assert not module.training
    torch.rand(3)
    assert torch.equal(module.weight, regression(settings)[0].weight)


def test_every_photo_comes_once_before_any_comes_again() -> None:
    order: list[int] = []
    regression(FitSettings(steps=8, batch_size=5), order)
    assert sorted(order[:20]) == sorted(order[20:]) == list(range(20))
    assert order[:20] != order[20:]


def test_batches_are_never_larger_than_what_there_is() -> None:
    order: list[int] = []
    regression(FitSettings(steps=1, batch_size=64), order)
    assert sorted(order) == list(range(20))


def test_rates_rise_and_fall() -> None:
    cosine = FitSettings(steps=100, lr=2.0, warmup=0.1)
    assert [cosine.rate(step) for step in (0, 50)] == pytest.approx([0.2, 1.0], rel=1e-3)
    assert cosine.rate(99) < 1e-3
    constant = FitSettings(steps=100, lr=2.0, warmup=0.1, schedule="constant")
    assert [constant.rate(step) for step in (4, 9, 99)] == pytest.approx([1.0, 2.0, 2.0])


def test_a_loss_that_is_no_number_ends_the_run() -> None:
    module = nn.Linear(1, 1)
    with pytest.raises(TrainingError, match="the loss is nan at step 0: lower the learning rate"):
        fit(module, lambda numbers: module.weight.sum() * float("nan"), 4, FitSettings())


def test_the_step_is_told_after_it_is_taken() -> None:
    module, steps = nn.Linear(1, 1), []
    fit(module, lambda numbers: module.weight.sum(), 4, FitSettings(steps=3), after=steps.append)
    assert steps == [1, 2, 3]
