"""The judge of draws: its loss, what it is shown, and what it learns from."""

from __future__ import annotations

import math

import pytest
import torch

from autochrome.models.base import Batch
from autochrome.models.pixcolor.compact import CompactPixColor
from autochrome.models.pixcolor.ranker import Ranker, distance, ranking_loss
from autochrome.models.pixcolor.refinement import NEUTRAL
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


def test_the_loss_is_that_of_pairs_weighted_by_how_much_nearer_one_is() -> None:
    scores, distances = torch.tensor([[0.5, 2.0, -1.0]]), torch.tensor([[3.0, 1.0, 2.0]])
    # Pairs (0, 1), (0, 2), (1, 2): the nearer ones are 1, 2, 1; they lead by 1.5, -1.5 and 3; by 2, 1, 1.
    terms = [weight * math.log1p(math.exp(-lead)) for weight, lead in ((2, 1.5), (1, -1.5), (1, 3.0))]
    assert ranking_loss(scores, distances).item() == pytest.approx(sum(terms) / 4)


def test_samples_that_are_equally_near_teach_nothing() -> None:
    assert ranking_loss(torch.tensor([[1.0, -1.0]]), torch.tensor([[0.3, 0.3]])).item() == 0


def test_distance_counts_places_and_the_mean_chroma() -> None:
    truth = torch.full((1, 2, 2, 2), NEUTRAL)
    truth[:, 0] += 0.1
    turned = torch.full((1, 2, 2, 2), NEUTRAL)
    turned[:, 1] += 0.1  # as colorful, another hue
    samples = torch.stack([truth, torch.full_like(truth, NEUTRAL), turned], 1)
    expected = torch.tensor([[0.0, 0.1 + 0.1, 0.1 * math.sqrt(2)]])
    torch.testing.assert_close(distance(samples, truth), expected)
    torch.testing.assert_close(distance(samples, truth, 0.0), torch.tensor([[0.0, 0.1, 0.1 * math.sqrt(2)]]))


def test_a_score_is_of_one_photo_at_any_size() -> None:
    ranker = Ranker(5, (8, 8, 8)).eval()
    condition, chroma = torch.rand(3, 5, 7, 9), torch.rand(3, 2, 7, 9)
    with torch.no_grad():
        together, alone = ranker(condition, chroma), ranker(condition[1:2], chroma[1:2])
    assert together.shape == (3,)
    torch.testing.assert_close(together[1:2], alone)


def test_draws_of_a_photo_come_with_the_same_features() -> None:
    model = make_model()
    seen = shown(model)
    losses = model.training_losses(batch())
    assert 0 <= losses["right"] <= 1
    [(condition, chroma)] = seen
    assert len(condition) == len(chroma) == 3 * 4
    assert torch.equal(condition[0], condition[3]) and not torch.equal(condition[0], condition[4])
    assert torch.equal(model.decode(model.bins.encode(chroma)), chroma)
    assert not torch.equal(chroma[0], chroma[1])


def test_only_the_ranker_learns() -> None:
    model = make_model()
    model.training_losses(batch())["loss"].backward()
    learning = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert learning == {"ranker"}


def test_earlier_draws_are_shown_again() -> None:
    model = make_model(ranker_replay=5)
    seen = shown(model)
    model.training_losses(batch())
    model.training_losses(batch(2))
    assert [len(condition) for condition, _ in seen] == [4 * 3, 4 * (2 + 5)]
    first, again = seen[0][1], seen[1][1][4 * 2 :]
    assert all(any(torch.equal(old, new) for old in first) for new in again)


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
