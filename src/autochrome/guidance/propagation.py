"""How far a hint reaches: up to the photo's edges, and to what the model takes for the same object.

From a hinted place, weights spread as the probabilities of random walkers do (Grady, "Random walks for image
segmentation", PAMI 2006). A walker moves from cell to neighboring cell, the less readily the more lightness
and predicted colors change between them, as chroma spreads in Levin, Lischinski, Weiss, "Colorization using
optimization", SIGGRAPH 2004. It ends at a hint, or it gives up, and the model's own prediction holds. From
each cell it may also jump to a hint whose place looks similar, which reaches parts of an object that no path
joins (the prior models of Grady, "Multilabel random walker image segmentation using prior models", CVPR
2005). A hint's weight at a cell is the share of walkers ending there:

    (D - C + diag(sum_k pull_k + leak)) w_k = pull_k,    w_k given at the hinted cells,

C the conductances between neighbors and D their row sums. Shares lie in [0, 1], and those of all hints and of
the model sum to 1. Raised to a power and renormalized, they are closer to a decision, which fills an object
and leaves the rest alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Edges = tuple[Float[Tensor, "h v"], Float[Tensor, "u w"]]
"""Values between neighboring cells of a grid "h w": v = w - 1 across, u = h - 1 down."""

LEAST_CONDUCTANCE = 1e-4
"""At the sharpest edge: no cell is cut off, which keeps the equations well posed."""
TOLERANCE = 1e-3
"""Of the residual, relative to the right-hand side; shares are then true to about a thousandth."""
MOST_ITERATIONS = 1000
AT_ONCE = 1 << 21
"""Cells of all hints that are worked on together: about 400 hints on a photo of usual proportions."""
_TINY = 1e-30  # where a system is already solved, 0 / 0 shall be 0


@dataclass(frozen=True)
class Reach:
    """The constants of the spreading, chosen on training photos (docs/hints.md)."""

    contrast: float = 2.5
    """A step of L* between neighboring cells that counts as an edge."""
    difference: float = 0.1
    """A distance between the predictions of neighboring cells that counts as an edge."""
    leak: float = 4.0
    """How readily a walker gives up, relative to crossing the photo's shorter side: in a flat region a hint's
    weight falls by a factor e over 1 / sqrt(leak) of that side."""
    pull: float = 1.0
    """How readily it jumps to a hint whose place looks identical, as a multiple of the leak."""
    similar_lightness: float = 16.0
    """The difference of L* that makes a place less similar by a factor e."""
    similar_prediction: float = 0.1
    """The distance of predictions that does the same."""
    similar_position: float = 0.5
    """The distance on the photo that does the same, as a share of its shorter side."""
    decision: float = 2.0
    """The power to which shares are finally raised; 1 leaves them, more decides between them."""


def hint_weights(
    masks: Float[Tensor, "n h w"],
    lightness: Float[Tensor, "h w"],
    log_p: Float[Tensor, "q h4 w4"],
    axes: Sequence[slice],
    reach: Reach = Reach(),
) -> Float[Tensor, "n h w"]:
    """Return how much each hint decides at every cell.

    Args:
        masks: 1 in the cells of a hint's place, at least one, and 0 elsewhere.
        lightness: L* of the cells.
        log_p: the model's predictions on its own grid, of which "h w" is a multiple: logarithms of
            distributions, normalized within every axis.
        axes: the bins of each axis.
        reach: how far they go.

    Returns:
        Weights in [0, 1], 1 at the place itself; those of all hints sum to at most 1.
    """
    scale = masks.shape[2] // log_p.shape[2]
    leak = reach.leak / min(masks.shape[1:]) ** 2
    root = (log_p / 2).exp()
    edges = conductances(lightness, _finer(neighbor_distances(root, len(axes)), scale), reach)
    pull = torch.empty_like(masks)
    for part in _parts(masks):
        pull[part] = reach.pull * leak * _similarity(masks[part], lightness, root, len(axes), reach)
    return decide(spread(anchor(masks), edges, pull, leak), reach.decision)


def _parts(values: Tensor | np.ndarray) -> Iterator[slice]:
    """Yield parts of many hints whose cells are few enough to be worked on together."""
    step = max(1, AT_ONCE // (values.shape[1] * values.shape[2]))
    return (slice(start, start + step) for start in range(0, len(values), step))


def anchor(masks: Float[Tensor, "n h w"]) -> Float[Tensor, "n h w"]:
    """Divide the cells: where places overlap the smallest has them, so that a point in a region counts.

    Places of equal size share equally.
    """
    sizes = torch.where(masks > 0, masks.sum((1, 2), keepdim=True), torch.inf)
    smallest = ((masks > 0) & (sizes == sizes.amin(0))).to(masks)
    return smallest / smallest.sum(0).clamp(min=1)


def neighbor_distances(root: Float[Tensor, "q h w"], axes: int) -> Edges:
    """Squared Hellinger distances in [0, 1] between the predictions of neighboring cells, mean of the axes.

    Args:
        root: square roots of the probabilities.
        axes: how many distributions a cell has.
    """
    across = (root[:, :, 1:] * root[:, :, :-1]).sum(0) / axes
    down = (root[:, 1:] * root[:, :-1]).sum(0) / axes
    return (1 - across).clamp(min=0), (1 - down).clamp(min=0)


def conductances(lightness: Float[Tensor, "h w"], distances: Edges, reach: Reach) -> Edges:
    """Return how readily a walker goes between neighbors: exp(-(dL / contrast)^2 - distance / difference)."""
    steps = (lightness.diff(dim=1), lightness.diff(dim=0))
    across, down = (
        torch.exp(-((step / reach.contrast) ** 2) - distance / reach.difference).clamp(min=LEAST_CONDUCTANCE)
        for step, distance in zip(steps, distances, strict=True)
    )
    return across, down


def spread(
    anchors: Float[Tensor, "n h w"], edges: Edges, pull: Float[Tensor, "n h w"], leak: float
) -> Float[Tensor, "n h w"]:
    """Solve for the shares of ``n`` hints on a grid (the equation above).

    Args:
        anchors: the shares at the hinted cells, which sum to 1 there; 0 at all other cells.
        edges: the conductances.
        pull: how readily a walker jumps from a cell straight to each hint; at least 0.
        leak: how readily it gives up, in every cell; above 0.

    Returns:
        Shares in [0, 1] that sum to at most 1.
    """
    # In numpy: over many small steps torch's threads would wait for each other most of the time.
    across, down = (edge.cpu().numpy() for edge in edges)
    given, jumps = anchors.cpu().numpy(), pull.cpu().numpy()
    free = (given.sum(0) == 0).astype(given.dtype)
    diagonal = jumps.sum(0) + leak
    diagonal[:, :-1] += across
    diagonal[:, 1:] += across
    diagonal[:-1] += down
    diagonal[1:] += down

    def neighbors(x: np.ndarray) -> np.ndarray:
        sums = np.zeros_like(x)
        sums[:, :, :-1] += across * x[:, :, 1:]
        sums[:, :, 1:] += across * x[:, :, :-1]
        sums[:, :-1] += down * x[:, 1:]
        sums[:, 1:] += down * x[:, :-1]
        return sums

    shares = np.empty_like(given)
    for part in _parts(given):
        right = free * (jumps[part] + neighbors(given[part]))
        solution = _conjugate_gradients(lambda x: free * (diagonal * x - neighbors(x)), right, diagonal)
        shares[part] = given[part] + solution
    known = torch.from_numpy(shares).to(anchors).clamp_(0, 1)
    return known / known.sum(0).clamp(min=1)


def decide(shares: Float[Tensor, "n h w"], power: float) -> Float[Tensor, "n h w"]:
    """Raise the shares of the hints, and what they leave to the model, to a power; the sum of all stays 1."""
    raised = shares**power
    left = (1 - shares.sum(0)).clamp(min=0) ** power
    return raised / (raised.sum(0) + left)


def _conjugate_gradients(
    apply: Callable[[np.ndarray], np.ndarray], right: np.ndarray, diagonal: np.ndarray
) -> np.ndarray:
    """Solve "n h w" systems of one symmetric positive definite matrix, preconditioned by its diagonal."""
    solution = np.zeros_like(right)
    residual = right.copy()
    bound = TOLERANCE**2 * _dot(right, right)
    direction = residual / diagonal
    energy = _dot(residual, direction)
    for _ in range(MOST_ITERATIONS):
        if (_dot(residual, residual) <= bound).all():
            break
        image = apply(direction)
        step = energy / _dot(direction, image).clip(_TINY)
        solution += step * direction
        residual -= step * image
        conditioned = residual / diagonal
        after = _dot(residual, conditioned)
        direction = conditioned + after / energy.clip(_TINY) * direction
        energy = after
    return solution


def _dot(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.einsum("nhw,nhw->n", x, y)[:, None, None]


def _similarity(
    masks: Float[Tensor, "n h w"],
    lightness: Float[Tensor, "h w"],
    root: Float[Tensor, "q h4 w4"],
    axes: int,
    reach: Reach,
) -> Float[Tensor, "n h w"]:
    """Return how similar a cell looks to each hint's place; 1 is identical."""
    size = masks.sum((1, 2), keepdim=True)
    mean = (masks * lightness).sum((1, 2), keepdim=True) / size
    # A region of many lightnesses says less about which one it is.
    variance = (masks * (lightness - mean).square()).sum((1, 2), keepdim=True) / size
    unlike = (lightness - mean).square() / (reach.similar_lightness**2 + variance)
    coarse = F.adaptive_avg_pool2d(masks[None], (root.shape[1], root.shape[2]))[0]
    place = torch.einsum("nhw,qhw->nq", coarse / coarse.sum((1, 2), keepdim=True), root)
    distance = (1 - torch.einsum("nq,qhw->nhw", place, root) / axes).clamp(min=0)
    finer = F.interpolate(distance[None], masks.shape[1:], mode="bilinear")[0]
    far = _distances_from_boxes(masks) / min(masks.shape[1:])
    return torch.exp(-unlike - finer / reach.similar_prediction - (far / reach.similar_position) ** 2)


def _distances_from_boxes(masks: Float[Tensor, "n h w"]) -> Float[Tensor, "n h w"]:
    """Return the distance, in cells, of every cell from the bounding box of each place."""
    beyond = []
    for other, count in ((2, masks.shape[1]), (1, masks.shape[2])):
        taken = (masks > 0).any(other).to(masks)  # n count
        cells = torch.arange(count, device=masks.device, dtype=masks.dtype)
        first = taken.argmax(1, keepdim=True)
        last = count - 1 - taken.flip(1).argmax(1, keepdim=True)
        beyond.append(torch.maximum(first - cells, cells - last).clamp(min=0))
    return torch.hypot(beyond[0][:, :, None], beyond[1][:, None, :])


def _finer(distances: Edges, scale: int) -> tuple[Tensor, Tensor]:
    """Return the distances on a grid ``scale`` times as fine, each of whose steps takes its share."""
    across, down = distances
    rows, columns = down.shape[0] + 1, across.shape[1] + 1
    row_of = torch.arange(rows * scale, device=across.device) // scale
    column_of = torch.arange(columns * scale, device=across.device) // scale
    finer_across = _at_steps(across, columns, scale, 1)[row_of]
    finer_down = _at_steps(down, rows, scale, 0)[:, column_of]
    return finer_across / scale, finer_down / scale


def _at_steps(distances: Tensor, cells: int, scale: int, axis: int) -> Tensor:
    """Return, for each step between fine cells, the distance across the nearest border of coarse cells."""
    steps = cells * scale - 1
    if cells == 1:
        shape = [*distances.shape]
        shape[axis] = steps
        return distances.new_zeros(shape)
    border = (torch.arange(1, steps + 1, device=distances.device) + scale // 2) // scale - 1
    return distances.index_select(axis, border.clamp(0, cells - 2))
