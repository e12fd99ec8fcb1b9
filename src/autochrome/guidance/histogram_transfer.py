"""Histogram transfer by energy minimization (Larsson 2016, "Histogram transfer from ground-truth").

Every place's distribution y_n is moved by one and the same bias, q_n = softmax(log y_n + b), so that the mean
distribution p comes near to a target t, while every q_n stays near its y_n:

    E(b) = (1/N) sum_n KL(q_n || y_n) + lambda sum_k (p_k - t_k)^2 / (p_k + t_k)

The bias moves what is uncertain and leaves what is certain. The paper gives neither lambda nor a solver. With
g_k = (p_k - t_k)(p_k + 3 t_k) / (p_k + t_k)^2, the slope of the second term, the gradient is

    dE/db_j = (1/N) sum_n q_nj [v_j - q_n . v],    v = b + lambda g

and vanishes where v is constant: b = -lambda g + const. A step along -v always descends (the gradient is a
covariance matrix times v) and treats rare bins like common ones, which plain gradient descent would hardly
move; steps of 2 / (2 + 1.185 lambda) contract about the minimum, 1.185 being the largest slope of
g in log p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.models.base import log_probabilities

FLOOR = 1e-6
"""Lower bound of probabilities, in predictions and target alike."""
WEIGHT = 10.0
"""lambda: at 10 the chi-squared distance falls to a tenth or less."""
MOST_PLACES = 4096
"""Maximum number of places from which the bias is computed."""
MOST_STEPS, TOLERANCE = 200, 1e-5
_STEEPEST = 1.185  # of 8 r / (1 + r)^3, the slope of g in log r, where r = p/t = 1/2


@dataclass(frozen=True)
class HistogramTransfer:
    """A guide that moves a photo's mean distribution toward a target.

    Attributes:
        target: t, such as `DistributionColorizer.histogram` of a reference.
        axes: the bins of each axis; axes are moved separately.
        weight: lambda; 0 changes nothing, larger values come closer to the target.
    """

    target: Float[Tensor, " q"]
    axes: Sequence[slice]
    weight: float = WEIGHT

    def __call__(self, logits: Float[Tensor, "b q h w"]) -> Float[Tensor, "b q h w"]:
        """Return the logits with every photo's own bias added."""
        log_y = log_probabilities(logits, self.axes).clamp_min(torch.tensor(FLOOR).log().item())
        moved = []
        for photo in log_y:
            places = _some_places(photo)
            biases = [
                transfer_bias(places[:, axis], self.target[axis].to(places), self.weight)
                for axis in self.axes
            ]
            moved.append(photo + torch.cat(biases).to(photo)[:, None, None])
        return torch.stack(moved)


def transfer_bias(
    log_y: Float[Tensor, "n k"], target: Float[Tensor, " k"], weight: float = WEIGHT
) -> Float[Tensor, " k"]:
    """Return the b, of mean 0, that minimizes E.

    Args:
        log_y: log-probabilities of n places; normalized here, with `FLOOR` below.
        target: t; normalized here, with `FLOOR` below.
        weight: lambda.
    """
    y, t = _floored(log_y.exp()), _floored(target)
    log_y, bias = y.log(), torch.zeros_like(t)
    step = 2 / (2 + _STEEPEST * weight)
    for _ in range(MOST_STEPS):
        p = torch.softmax(log_y + bias, 1).mean(0)
        v = bias + weight * chi_squared_slope(p, t)
        v -= v.mean()
        if v.abs().max() < TOLERANCE:
            break
        bias = bias - step * v
    return bias


def chi_squared_slope(p: Float[Tensor, " k"], t: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
    """Return g, the derivative of sum (p - t)^2 / (p + t) by p; from -3 to 1."""
    return (p - t) * (p + 3 * t) / (p + t).square()


def _floored(probabilities: Float[Tensor, "*places k"]) -> Float[Tensor, "*places k"]:
    floored = probabilities.clamp_min(FLOOR)
    return floored / floored.sum(-1, keepdim=True)


def _some_places(photo: Float[Tensor, "q h w"]) -> Float[Tensor, "n q"]:
    """Return at most `MOST_PLACES`, evenly spaced; in double precision, which some devices lack."""
    places = photo.flatten(1).T.cpu().double()
    return places[:: -(-len(places) // MOST_PLACES)]
