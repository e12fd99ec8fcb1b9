from __future__ import annotations

import pytest
import torch
from torch import nn

from autochrome.engine.ema import WeightAverage


def module_with(value: float) -> nn.Module:
    module = nn.BatchNorm1d(1)
    with torch.no_grad():
        module.weight.fill_(value)
    return module


def test_average_by_hand() -> None:
    """Values 1, 2, 3, 4 from a start at 0; decays (1 + t) / (10 + t) are 2/11, 3/12, 4/13, then .3."""
    average = WeightAverage(module_with(0), decay=0.3)
    for value in (1.0, 2.0, 3.0, 4.0):
        average.update(module_with(value))
    first = (1 - 2 / 11) * 1
    second = 0.25 * first + 0.75 * 2
    third = 0.3 * second + 0.7 * 3  # 4/13 is above the decay's limit
    fourth = 0.3 * third + 0.7 * 4
    assert average.average["weight"].item() == pytest.approx(fourth)


def test_counts_are_copied_not_averaged() -> None:
    module = module_with(1)
    average = WeightAverage(module, decay=0.9)
    module(torch.rand(4, 1))
    module(torch.rand(4, 1))
    average.update(module)
    assert average.average["num_batches_tracked"].item() == 2


def test_running_statistics_are_averaged() -> None:
    module = module_with(1)
    average = WeightAverage(module, decay=0.9)
    module(torch.full((4, 1), 5.0))
    average.update(module)
    own = module.get_buffer("running_mean").item()
    assert average.average["running_mean"].item() == pytest.approx(own * (1 - 2 / 11))


def test_the_module_gets_its_own_state_back_even_after_an_error() -> None:
    module = module_with(7)
    average = WeightAverage(module_with(1), decay=0.9)
    with pytest.raises(RuntimeError), average.applied_to(module):
        assert module.weight.item() == 1  # type: ignore[operator]
        raise RuntimeError
    assert module.weight.item() == 7  # type: ignore[operator]


def test_state_round_trip() -> None:
    one, other = WeightAverage(module_with(0), 0.9), WeightAverage(module_with(5), 0.9)
    one.update(module_with(1))
    other.load_state_dict(one.state_dict())
    for average in (one, other):
        average.update(module_with(2))
    assert torch.equal(one.average["weight"], other.average["weight"])


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_decay_out_of_range(decay: float) -> None:
    with pytest.raises(ValueError, match=r"lies in \[0, 1\)"):
        WeightAverage(module_with(0), decay)
