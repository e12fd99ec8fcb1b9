from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.guidance import propagation
from autochrome.guidance.propagation import (
    Reach,
    anchor,
    conductances,
    decide,
    hint_weights,
    neighbor_distances,
    spread,
)

ONE_AXIS = (slice(0, 4),)


def flat_predictions(h: int, w: int) -> Float[Tensor, "4 h w"]:
    return torch.full((4, h, w), 0.25).log()


def point(h: int, w: int, y: int, x: int) -> Float[Tensor, "1 h w"]:
    mask = torch.zeros(1, h, w)
    mask[0, y, x] = 1
    return mask


def test_shares_solve_the_equations() -> None:
    """Against a dense solution with numpy, written down from the module's equation."""
    generator = torch.Generator().manual_seed(0)
    h, w, leak = 5, 7, 0.05
    across, down = torch.rand(h, w - 1, generator=generator), torch.rand(h - 1, w, generator=generator)
    pull = torch.rand(2, h, w, generator=generator) * 0.1
    anchors = torch.cat([point(h, w, 1, 1), point(h, w, 3, 5)])
    found = spread(anchors, (across, down), pull, leak)

    index = np.arange(h * w).reshape(h, w)
    c = np.zeros((h * w, h * w))
    c[index[:, 1:].ravel(), index[:, :-1].ravel()] = across.numpy().ravel()
    c[index[1:].ravel(), index[:-1].ravel()] = down.numpy().ravel()
    c += c.T
    matrix = np.diag(c.sum(1) + pull.sum(0).numpy().ravel() + leak) - c
    right = pull.flatten(1).numpy().T.astype(float)
    for k, cell in enumerate((index[1, 1], index[3, 5])):
        matrix[cell] = np.eye(h * w)[cell]
        right[cell] = np.eye(2)[k]
    expected = np.linalg.solve(matrix, right).T.reshape(2, h, w)
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-3)


def test_many_hints_are_spread_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that memory does not grow with what the solver keeps of every hint."""
    n, h, w = 200, 24, 32
    generator = torch.Generator().manual_seed(0)
    edges = (torch.rand(h, w - 1, generator=generator), torch.rand(h - 1, w, generator=generator))
    pull = torch.rand(n, h, w, generator=generator) * 1e-3
    anchors = torch.zeros(n, h * w)
    anchors[torch.arange(n), torch.randperm(h * w, generator=generator)[:n]] = 1
    found, peaks = [], []
    for at_once in (n, 8):
        monkeypatch.setattr(propagation, "AT_ONCE", at_once * h * w)
        tracemalloc.start()
        found.append(spread(anchors.view(n, h, w), edges, pull, 0.05))
        peaks.append(tracemalloc.get_traced_memory()[1] / pull.nbytes)
        tracemalloc.stop()
    torch.testing.assert_close(found[0], found[1], atol=2e-3, rtol=0)
    assert peaks[1] < 2 < 5 < peaks[0]


def test_along_a_line_shares_fall_exponentially() -> None:
    """The solution of w_(i-1) + w_(i+1) = (2 + leak) w_i is a power: 2 cosh(ln r) = 2 + leak."""
    leak, length = 0.1, 200
    edges = (torch.ones(1, length - 1), torch.ones(0, length))
    found = spread(point(1, length, 0, 0), edges, torch.zeros(1, 1, length), leak)[0, 0]
    rate = float(np.exp(-np.arccosh(1 + leak / 2)))
    torch.testing.assert_close(found[:20], rate ** torch.arange(20.0), atol=2e-3, rtol=0)


def test_shares_stop_at_an_edge_of_the_photo() -> None:
    lightness = torch.full((16, 32), 40.0)
    lightness[:, 16:] = 60
    [weights] = hint_weights(point(16, 32, 8, 13), lightness, flat_predictions(16, 32), ONE_AXIS)
    assert weights[8, 13] == 1
    assert weights[8, 10] > 0.5
    assert weights[:, :16].mean() > 10 * weights[:, 16:].mean()


def test_shares_stop_where_the_prediction_changes() -> None:
    log_p = torch.full((4, 16, 32), 0.01).log()
    log_p[0, :, :16] = np.log(0.97)
    log_p[1, :, 16:] = np.log(0.97)
    [weights] = hint_weights(point(16, 32, 8, 13), torch.full((16, 32), 40.0), log_p, ONE_AXIS)
    assert weights[:, :16].mean() > 10 * weights[:, 16:].mean()


def test_a_part_that_no_path_joins_is_reached_if_it_looks_alike() -> None:
    lightness = torch.full((32, 32), 40.0)
    lightness[:, 8:12] = 90  # a bar before one thing
    [weights] = hint_weights(point(32, 32, 16, 4), lightness, flat_predictions(32, 32), ONE_AXIS)
    behind, bar = weights[16, 14], weights[16, 10]
    assert behind > 0.05
    assert bar < 0.01
    alone = Reach(pull=0.0)
    assert (
        hint_weights(point(32, 32, 16, 4), lightness, flat_predictions(32, 32), ONE_AXIS, alone)[0, 16, 14]
        < 0.02
    )


def test_hints_compete() -> None:
    masks = torch.cat([point(16, 33, 8, 4), point(16, 33, 8, 28)])
    weights = hint_weights(masks, torch.full((16, 33), 40.0), flat_predictions(16, 33), ONE_AXIS)
    assert weights.min() >= 0
    assert weights.sum(0).max() <= 1 + 1e-6
    torch.testing.assert_close(weights[0, :, 16], weights[1, :, 16], atol=2e-3, rtol=0)
    assert weights[1, 8, 4] == 0
    torch.testing.assert_close(weights[0], weights[1].flip(1), atol=2e-3, rtol=0)


def test_a_point_counts_in_a_region_and_equals_share() -> None:
    region = torch.ones(1, 4, 4)
    anchors = anchor(torch.cat([region, point(4, 4, 1, 1), point(4, 4, 1, 1), point(4, 4, 2, 2)]))
    assert anchors[:, 1, 1].tolist() == [0, 0.5, 0.5, 0]
    assert anchors[:, 2, 2].tolist() == [0, 0, 0, 1]
    assert anchors[0].sum() == 14
    torch.testing.assert_close(anchors.sum(0), torch.ones(4, 4))


def test_decision_keeps_the_sum_and_sharpens() -> None:
    shares = torch.tensor([0.6, 0.1]).view(2, 1, 1)
    decided = decide(shares, 2.0)
    torch.testing.assert_close(decided.flatten(), torch.tensor([0.36, 0.01]) / (0.36 + 0.01 + 0.09))
    torch.testing.assert_close(decide(shares, 1.0), shares)


def test_distances_of_predictions() -> None:
    """Squared Hellinger distances: 0 of equal, 1 of disjoint, 1 - sqrt(.5) of a half and a whole."""
    p = torch.tensor([[1.0, 1.0, 0.0, 0.5], [0.0, 0.0, 1.0, 0.5]]).view(2, 1, 4)
    across, down = neighbor_distances(p.sqrt(), 1)
    torch.testing.assert_close(across, torch.tensor([[0.0, 1.0, 1 - 0.5**0.5]]))
    assert down.shape == (0, 4)


def test_conductances() -> None:
    lightness = torch.tensor([[50.0, 53.0], [50.0, 90.0]])
    distances = (torch.tensor([[0.0], [0.0]]), torch.tensor([[0.1, 0.0]]))
    across, down = conductances(lightness, distances, Reach(contrast=3.0, difference=0.1))
    torch.testing.assert_close(across[0, 0], torch.tensor(-1.0).exp())
    torch.testing.assert_close(down[0, 0], torch.tensor(-1.0).exp())
    assert across[1, 0] == pytest.approx(1e-4)  # the least


def test_weights_do_not_depend_on_how_fine_the_grid_is() -> None:
    """A flat photo: the leak is measured on the photo, not in cells."""
    coarse, fine = torch.zeros(1, 32, 32), torch.zeros(1, 64, 64)
    coarse[:, 14:18, 14:18] = 1
    fine[:, 28:36, 28:36] = 1
    few = hint_weights(coarse, torch.full((32, 32), 40.0), flat_predictions(32, 32), ONE_AXIS)
    many = hint_weights(fine, torch.full((64, 64), 40.0), flat_predictions(32, 32), ONE_AXIS)
    reduced = torch.nn.functional.avg_pool2d(many[None], 2)[0]
    torch.testing.assert_close(few, reduced, atol=0.03, rtol=0)


def test_predictions_of_one_row_or_column_are_no_obstacle() -> None:
    weights = hint_weights(point(4, 8, 1, 1), torch.full((4, 8), 40.0), flat_predictions(1, 2), ONE_AXIS)
    assert weights.shape == (1, 4, 8)
    assert bool(weights.isfinite().all())
