import math

import pytest
import torch

from autochrome.color.decoding import entropy
from autochrome.guidance import Coherence
from autochrome.models.base import log_probabilities

ONE_AXIS = (slice(0, 3),)


def logits_of(*places: tuple[float, ...]) -> torch.Tensor:
    """Probabilities along a row as logits "1 q 1 w"."""
    return torch.tensor(places).log().T[None, :, None]


def luma_of(*levels: float) -> torch.Tensor:
    return torch.tensor(levels)[None, None, None]


def test_two_places_of_one_surface_meet_in_the_middle():
    logits = logits_of((0.8, 0.1, 0.1), (0.2, 0.7, 0.1))
    shared = Coherence(luma_of(50.0, 50.0), ONE_AXIS, 1.0)(logits).exp()
    expected = torch.tensor([0.5, 0.4, 0.1])
    assert torch.allclose(shared[0, :, 0, 0], expected, atol=1e-5)
    assert torch.allclose(shared[0, :, 0, 1], expected, atol=1e-5)


def test_one_round_by_hand():
    # Three cells in a row, two of them 5 L* apart: the weight between those is exp(-1/2).
    weight = math.exp(-0.5)
    logits = logits_of((0.9, 0.05, 0.05), (0.3, 0.6, 0.1), (0.1, 0.2, 0.7))
    shared = Coherence(luma_of(20.0, 25.0, 25.0), ONE_AXIS, 1 / 40)(logits).exp()
    middle = (weight * 0.9 + 0.3 + 0.1) / (weight + 2)
    assert shared[0, 0, 0, 1].item() == pytest.approx(middle, rel=1e-5)
    assert shared[0, 0, 0, 0].item() == pytest.approx((0.9 + weight * 0.3) / (1 + weight), rel=1e-5)


def test_nothing_passes_an_edge():
    logits = logits_of((0.8, 0.1, 0.1), (0.1, 0.1, 0.8))
    shared = Coherence(luma_of(10.0, 90.0), ONE_AXIS, 1.0)(logits).exp()
    assert torch.allclose(shared, logits.exp(), atol=1e-6)


def test_zero_leaves_the_prediction_as_it_is():
    logits = torch.randn(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    assert Coherence(torch.rand(1, 1, 16, 20), ONE_AXIS, 0.0)(logits) is logits


def test_every_axis_stays_a_distribution_of_its_own():
    axes = (slice(0, 3), slice(3, 8))
    logits = torch.randn(1, 8, 6, 6, generator=torch.Generator().manual_seed(1)) * 3
    luma = torch.rand(1, 1, 24, 24, generator=torch.Generator().manual_seed(2)) * 100
    shared = Coherence(luma, axes, 0.5)(logits)
    for axis in axes:
        assert torch.allclose(shared[:, axis].exp().sum(1), torch.ones(1, 6, 6), atol=1e-5)
    alone = Coherence(luma, (slice(0, 3),), 0.5)(logits[:, :3])
    assert torch.allclose(shared[:, :3], alone, atol=1e-5)


def test_places_that_disagree_become_unsure_and_patches_calm():
    generator = torch.Generator().manual_seed(3)
    logits = log_probabilities(torch.randn(1, 3, 12, 12, generator=generator) * 4, ONE_AXIS)
    shared = Coherence(torch.full((1, 1, 48, 48), 60.0), ONE_AXIS, 0.5)(logits)
    assert entropy(shared).mean() > entropy(logits).mean()
    assert shared.exp().var((2, 3)).mean() < 0.2 * logits.exp().var((2, 3)).mean()


def test_logarithms_stay_finite():
    logits = torch.full((1, 3, 2, 2), -torch.inf)
    logits[:, 0] = 0.0
    assert Coherence(torch.full((1, 1, 2, 2), 50.0), ONE_AXIS, 0.5)(logits).isfinite().all()


@pytest.mark.parametrize("amount", [-0.1, 1.1])
def test_the_amount_has_a_range(amount: float):
    with pytest.raises(ValueError, match="coherence"):
        Coherence(luma_of(50.0), ONE_AXIS, amount)(logits_of((0.8, 0.1, 0.1)))
