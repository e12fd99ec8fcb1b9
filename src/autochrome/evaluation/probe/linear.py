"""Softmax regression on frozen features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

DECAYS = (10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
"""Weight decays to try, the strongest first, for features of unit variance."""
ITERATIONS = 60
"""Iterations of L-BFGS for each decay; each starts from the solution of the stronger one."""
_PATIENCE = 2
"""The search stops after this many decays in a row with a higher validation loss than the best."""


@dataclass(frozen=True)
class LinearClassifier:
    """Standardizes features and maps them to logits."""

    mean: Float[Tensor, " d"]
    deviation: Float[Tensor, " d"]
    weight: Float[Tensor, "k d"]
    bias: Float[Tensor, " k"]
    decay: float

    def logits(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        """Return unnormalized log-probabilities of the classes."""
        return F.linear((features.float() - self.mean) / self.deviation, self.weight, self.bias)


def fit_linear(
    train: tuple[Float[Tensor, "n d"], Int[Tensor, " n"]],
    validation: tuple[Float[Tensor, "m d"], Int[Tensor, " m"]],
    classes: int,
    *,
    decays: Sequence[float] = DECAYS,
) -> LinearClassifier:
    """Minimize cross-entropy + decay / 2 * |W|^2 for every decay; keep the best on the validation photos.

    The best has the lowest cross-entropy, which is smoother in the decay than accuracy. The problem is convex
    and starts from zero: nothing is random.

    Args:
        train: features and labels.
        validation: the same of other photos.
        classes: number of classes.
        decays: to try, fastest from strong to weak.
    """
    features, labels = train[0].float(), train[1]
    mean, deviation = features.mean(0), features.std(0, correction=0)
    # A feature that hardly varies would be blown up to noise.
    deviation = deviation.clamp(min=1e-3 * float(deviation.mean()) + 1e-12)
    features = (features - mean) / deviation
    weight = features.new_zeros(classes, features.shape[1], requires_grad=True)
    bias = features.new_zeros(classes, requires_grad=True)
    best: tuple[float, LinearClassifier] | None = None
    worse = 0
    for decay in decays:
        _minimize(features, labels, weight, bias, decay)
        fitted = LinearClassifier(mean, deviation, weight.detach().clone(), bias.detach().clone(), decay)
        loss = float(F.cross_entropy(fitted.logits(validation[0]), validation[1]))
        if best is None or loss < best[0]:
            best, worse = (loss, fitted), 0
        elif (worse := worse + 1) == _PATIENCE:
            break
    assert best
    return best[1]


def _minimize(
    features: Float[Tensor, "n d"],
    labels: Int[Tensor, " n"],
    weight: Float[Tensor, "k d"],
    bias: Float[Tensor, " k"],
    decay: float,
) -> None:
    solver = torch.optim.LBFGS(
        [weight, bias],
        max_iter=ITERATIONS,
        tolerance_grad=1e-6,
        tolerance_change=1e-8,
        history_size=10,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        solver.zero_grad()
        loss = F.cross_entropy(F.linear(features, weight, bias), labels) + decay / 2 * weight.square().sum()
        loss.backward()
        return loss

    solver.step(closure)
