"""The energy score against its definition, and that it is least for the true distribution."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from autochrome.models.cgan.energy import energy_score


def flat(values: list[float]) -> Tensor:
    """One photo of 16x16 pixels for each value: that U everywhere, V = 0."""
    chroma = torch.zeros(len(values), 2, 16, 16)
    chroma[:, 0] = torch.tensor(values)[:, None, None]
    return chroma


def test_of_flat_photos_it_is_that_of_their_values() -> None:
    """E|x - y| - E|x - x'| / 2 with x in {0, 1} and y = 3: (3 + 2) / 2 - 1 / 2, the same in every view."""
    score = energy_score(torch.stack([flat([0.0]), flat([1.0])]), flat([3.0]))
    assert float(score) == pytest.approx(2.0, abs=1e-3)


def test_pairs_are_averaged() -> None:
    """x in {0, 1, 3}, y = 0: (0 + 1 + 3) / 3 - (1 + 3 + 2) / 3 / 2."""
    score = energy_score(torch.stack([flat([0.0]), flat([1.0]), flat([3.0])]), flat([0.0]))
    assert float(score) == pytest.approx(4 / 3 - 1, abs=1e-3)


def test_views_differ_in_what_goes_with_what() -> None:
    """Halves that change together or apart look alike pixel by pixel, but not as a whole."""
    generator = torch.Generator().manual_seed(0)

    def halves(n: int, together: bool) -> Tensor:
        left = torch.randint(0, 2, (n,), generator=generator) * 2.0 - 1
        right = left if together else torch.randint(0, 2, (n,), generator=generator) * 2.0 - 1
        chroma = torch.zeros(n, 2, 16, 16)
        chroma[:, 0, :, :8], chroma[:, 0, :, 8:] = left[:, None, None], right[:, None, None]
        return chroma

    n = 4000
    truth = halves(n, together=True)
    scores = {
        kind: energy_score(torch.stack([halves(n, kind), halves(n, kind)]), truth) for kind in (True, False)
    }
    assert scores[True] < scores[False] - 0.02


def test_neither_one_color_nor_too_many_beat_the_true_spread() -> None:
    generator = torch.Generator().manual_seed(1)

    def photos(spread: float) -> Tensor:
        return torch.randn(4000, 2, 1, 1, generator=generator).expand(-1, -1, 16, 16) * spread

    truth = photos(1.0)
    scores = [float(energy_score(torch.stack([photos(s), photos(s)]), truth)) for s in (0.0, 0.5, 1.0, 2.0)]
    assert scores[2] < min(scores[:2]) - 0.02
    assert scores[2] < scores[3] - 0.02


def test_edges_that_fill_no_block_are_left_out_of_blocks_alone() -> None:
    """18 = 4 x 4 + 2: a change in the last column changes the pixels' view and no other."""
    samples, truth = torch.zeros(2, 1, 2, 18, 18), torch.zeros(1, 2, 18, 18)
    truth[..., -1] = 1.0
    assert float(energy_score(samples, truth)) == pytest.approx(2**0.5 / 18 / 4, rel=0.02)


def test_a_grid_that_is_too_small_for_the_views_is_refused() -> None:
    with pytest.raises(ValueError, match="needs grids of 16 at least, not 12: take larger crops"):
        energy_score(torch.rand(2, 1, 2, 12, 20), torch.rand(1, 2, 12, 20))
