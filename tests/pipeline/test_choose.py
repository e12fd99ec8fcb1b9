"""Of many draws the plausible ones that differ most."""

from __future__ import annotations

import torch

from autochrome.pipeline.choose import choose_different


def plain(*colors: tuple[float, float]) -> torch.Tensor:
    """Draws of one color each."""
    return torch.tensor(colors).float()[:, :, None, None].expand(-1, -1, 2, 3)


def test_farthest_first_from_the_first_draw() -> None:
    draws = plain((0, 0), (1, 0), (10, 0), (4, 0), (0, 9))
    # The farthest from (0, 0) is (10, 0); then (0, 9), 9 away from the first; then (4, 0), 4 away.
    assert choose_different(draws, 4) == [0, 2, 4, 3]
    assert choose_different(draws, 1) == [0]


def test_the_most_plausible_comes_first_and_the_less_plausible_not_at_all() -> None:
    draws = plain((0, 0), (50, 0), (1, 0), (5, 0), (0, 60), (6, 0))
    plausibility = torch.tensor([3.0, 0.0, 5.0, 4.0, 1.0, 2.0])
    # Kept are the numbers 2, 3 and 0: (50, 0) and (0, 60) are far away, and implausible.
    assert choose_different(draws, 2, plausibility) == [2, 3]
    assert choose_different(draws, 3, plausibility) == [2, 3, 0]


def test_as_many_as_there_are_may_be_wanted() -> None:
    draws = plain((0, 0), (1, 0), (2, 0), (3, 0))
    assert sorted(choose_different(draws, 4, torch.arange(4.0))) == [0, 1, 2, 3]


def test_draws_that_are_all_alike_are_chosen_once_each() -> None:
    assert sorted(choose_different(plain((1, 1), (1, 1), (1, 1)), 3)) == [0, 1, 2]
