"""Shares of places that are helped and harmed, worked out by hand."""

from __future__ import annotations

import torch

from autochrome.metrics.places import gain_over_gray, helped_and_harmed


def of_places(*places: tuple[float, float]) -> torch.Tensor:
    """A picture of 4 x 4 pixels in ab whose four places, row by row, have one color each."""
    grid = torch.tensor(places, dtype=torch.float32).T.reshape(1, 2, 2, 2)
    return grid.repeat_interleave(2, 2).repeat_interleave(2, 3)


TRUTH = of_places((10, 0), (0, 20), (6, 8), (0, 0))


def test_a_place_is_helped_or_harmed_by_five_units() -> None:
    # Gray is as far from the truth as the truth has chroma: 10, 20, 10 and 0.
    result = of_places((10, 0), (0, -6), (3, 4), (3, 4))
    # Distances 0, 26, 5 and 5; exactly five units count.
    assert gain_over_gray(result, TRUTH).tolist() == [[[10, -6], [5, -5]]]
    helped, harmed = helped_and_harmed(result, TRUTH)
    assert (helped.tolist(), harmed.tolist()) == ([0.5], [0.5])


def test_less_than_five_units_is_neither() -> None:
    result = of_places((4.9, 0), (0, -4.9), (0, 0), (0, 4.9))
    assert [share.tolist() for share in helped_and_harmed(result, TRUTH)] == [[0], [0]]
    assert [share.tolist() for share in helped_and_harmed(result, TRUTH, threshold=4.0)] == [[0.25], [0.5]]


def test_gray_neither_helps_nor_harms_and_the_truth_harms_nowhere() -> None:
    assert [share.tolist() for share in helped_and_harmed(torch.zeros_like(TRUTH), TRUTH)] == [[0], [0]]
    # The fourth place has no color to be given.
    assert [share.tolist() for share in helped_and_harmed(TRUTH, TRUTH)] == [[0.75], [0]]


def test_what_averages_out_within_a_place_does_not_count() -> None:
    stripes = torch.zeros(1, 2, 4, 4)
    stripes[:, 0, :, ::2] = 20
    # Every pixel is 20 units off; every place has the mean 10 of the truth.
    helped, harmed = helped_and_harmed(stripes, stripes.flip(3))
    assert (helped.tolist(), harmed.tolist()) == ([1], [0])


def test_photos_of_a_batch_are_counted_apart() -> None:
    pair = torch.cat([TRUTH, -TRUTH])
    helped, harmed = helped_and_harmed(pair, TRUTH.expand(2, -1, -1, -1))
    assert (helped.tolist(), harmed.tolist()) == ([0.75, 0], [0, 0.75])


def test_odd_sides_keep_their_last_row_and_column() -> None:
    ab = torch.cat((torch.arange(15.0).reshape(1, 1, 3, 5), torch.zeros(1, 1, 3, 5)), 1)
    # Rows 0 1 2 3 4, 5 6 7 8 9 and 10 11 12 13 14; the true colors gain their whole chroma.
    assert gain_over_gray(ab, ab)[0].tolist() == [[3, 5, 6.5], [10.5, 12.5, 14]]
    assert gain_over_gray(ab[..., :1, 4:], ab[..., :1, 4:]).tolist() == [[[4]]]
