"""Logit adjustment by the prior: log p(q|x) - tau log p(q)."""

from __future__ import annotations

import pytest
import torch

from autochrome.guidance import Vibrance
from autochrome.guidance.vibrance import PRIOR_FLOOR


def test_full_vibrance_divides_by_the_prior(generator: torch.Generator) -> None:
    prior = torch.rand(5, generator=generator) + 0.1
    prior = prior / prior.sum()
    p = torch.softmax(torch.randn(2, 5, 3, 4, generator=generator), dim=1)
    adjusted = torch.softmax(Vibrance(prior, 1.0)(p.log()), dim=1)
    divided = p / prior[:, None, None]
    torch.testing.assert_close(adjusted, divided / divided.sum(1, keepdim=True))


def test_the_prior_itself_becomes_uniform() -> None:
    prior = torch.tensor([0.7, 0.2, 0.1])
    logits = prior.log()[None, :, None, None]
    adjusted = torch.softmax(Vibrance(prior, 1.0)(logits), dim=1)
    torch.testing.assert_close(adjusted, torch.full((1, 3, 1, 1), 1 / 3))


def test_zero_changes_nothing_and_negative_favors_the_common(generator: torch.Generator) -> None:
    prior = torch.tensor([0.8, 0.2])
    logits = torch.randn(1, 2, 2, 2, generator=generator)
    assert torch.equal(Vibrance(prior, 0.0)(logits), logits)
    muted = torch.softmax(Vibrance(prior, -0.5)(logits), dim=1)
    assert (muted[:, 0] > torch.softmax(logits, dim=1)[:, 0]).all()


def test_bins_never_seen_gain_no_more_than_rare_ones() -> None:
    prior = torch.tensor([1 - PRIOR_FLOOR, PRIOR_FLOOR, 0.0])
    adjusted = Vibrance(prior, 1.0)(torch.zeros(1, 3, 1, 1)).flatten()
    assert adjusted[2] == adjusted[1] == pytest.approx(11.5129, abs=1e-3)  # -ln 1e-5
