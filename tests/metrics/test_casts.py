"""Casts: photos whose mean color lies far from the truth's."""

from __future__ import annotations

import torch

from autochrome.metrics.casts import has_cast


def test_the_distance_of_the_means_decides() -> None:
    truth = torch.zeros(4, 2, 2, 2)
    truth[:, 0] = 10.0
    ab = truth.clone()
    ab[0, 0] += 15.0  # exactly the threshold is none
    ab[1, 0] += 15.1
    ab[2, 0] -= 9.0
    ab[2, 1] += 12.1  # together 15.08
    ab[3, 1, 0] += 40.0  # half of the photo up, half of it down
    ab[3, 1, 1] -= 40.0
    assert has_cast(ab, truth).tolist() == [False, True, True, False]


def test_another_threshold() -> None:
    ab = torch.full((1, 2, 3, 3), 3.0)
    assert has_cast(ab, torch.zeros_like(ab), 4.0).tolist() == [True]
    assert has_cast(ab, torch.zeros_like(ab), 4.3).tolist() == [False]
