"""The judge of draws: its loss, what it is shown, and what it learns from."""

from __future__ import annotations

import math

import pytest
import torch

from autochrome.models.base import Batch
from autochrome.models.pixcolor.compact import CompactPixColor
from autochrome.models.pixcolor.ranker import Ranker, ranking_loss
from autochrome.models.registry import create_model


def make_model(*, ranker_replay: int = 0) -> CompactPixColor:
    torch.manual_seed(0)
    model = create_model(
        "pixcolor.test", pretrained=False, part="ranker", ranker_replay=ranker_replay
    ).train()
    assert isinstance(model, CompactPixColor)
    return model


def batch(count: int = 3) -> Batch:
    generator = torch.Generator().manual_seed(2)
    return Batch(
        torch.rand(count, 1, 32, 32, generator=generator), torch.rand(count, 2, 32, 32, generator=generator)
    )


def shown(model: CompactPixColor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    model.ranker.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    return seen


def test_the_loss_is_that_of_a_pair() -> None:
    """-log sigmoid(d) of d = 0, 2 and -1."""
    true, drawn = torch.tensor([0.5, 2.0, -1.0]), torch.tensor([0.5, 0.0, 0.0])
    expected = (math.log(2) + math.log1p(math.exp(-2)) + math.log1p(math.exp(1))) / 3
    assert ranking_loss(true, drawn).item() == pytest.approx(expected)


def test_a_score_is_of_one_photo_at_any_size() -> None:
    ranker = Ranker(5, (8, 8, 8)).eval()
    condition, chroma = torch.rand(3, 5, 7, 9), torch.rand(3, 2, 7, 9)
    with torch.no_grad():
        together, alone = ranker(condition, chroma), ranker(condition[1:2], chroma[1:2])
    assert together.shape == (3,)
    torch.testing.assert_close(together[1:2], alone)


def test_true_and_drawn_chroma_come_quantized_with_the_same_features() -> None:
    model = make_model()
    seen = shown(model)
    losses = model.training_losses(batch())
    assert 0 <= losses["right"] <= 1
    [(condition, chroma)] = seen
    assert torch.equal(condition[:3], condition[3:])
    assert torch.equal(model.decode(model.bins.encode(chroma)), chroma)
    assert not torch.equal(chroma[:3], chroma[3:])


def test_only_the_ranker_learns() -> None:
    model = make_model()
    model.training_losses(batch())["loss"].backward()
    learning = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert learning == {"ranker"}


def test_earlier_pairs_are_shown_again() -> None:
    model = make_model(ranker_replay=5)
    seen = shown(model)
    model.training_losses(batch())
    model.training_losses(batch(2))
    assert [len(condition) for condition, _ in seen] == [2 * 3, 2 * (2 + 5)]
    first_true, again_true = seen[0][1][:3], seen[1][1][2:7]
    assert all(any(torch.equal(old, new) for old in first_true) for new in again_true)


def test_jitter_of_varying_strength() -> None:
    torch.manual_seed(0)
    model = create_model(
        "pixcolor.test", pretrained=False, part="refinement", jitter=0.04, jitter_varies=True
    ).train()
    assert isinstance(model, CompactPixColor)
    seen: list[torch.Tensor] = []
    told: list[torch.Tensor] = []

    def look(_: object, inputs: tuple[torch.Tensor, ...]) -> None:
        seen.append(inputs[1])
        told.append(inputs[2])

    model.refinement.register_forward_pre_hook(look)
    plain = Batch(torch.rand(64, 1, 16, 16), torch.full((64, 2, 16, 16), 0.5))
    model.training_losses(plain)
    strength = (seen[0] - 0.5).abs().amax((1, 2, 3))
    assert strength.max() <= 0.04 and strength.max() > 0.03
    assert strength.min() < 0.005
    # The network is told how strong it was: 8 uniform numbers come near to their bound.
    assert (strength <= 0.04 * told[0] + 1e-6).all()
    assert (strength > 0.02 * told[0]).all()
