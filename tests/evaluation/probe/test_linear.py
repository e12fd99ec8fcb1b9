"""The linear classifier, against scipy's minimum of the same function."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax

from autochrome.evaluation.probe.linear import fit_linear

Labeled = tuple[torch.Tensor, torch.Tensor]


def clusters(generator: torch.Generator, *, noise: float, n: int = 120, d: int = 6) -> Labeled:
    labels = torch.arange(n) % 3
    centers = torch.eye(3, d) * 2
    return centers[labels] + noise * torch.randn(n, d, generator=generator), labels


def scipy_minimum(features: np.ndarray, labels: np.ndarray, decay: float) -> np.ndarray:
    """Logits of the training photos at the minimum."""
    d = features.shape[1]

    def parts(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return flat[: 3 * d].reshape(3, d), flat[3 * d :]

    def objective(flat: np.ndarray) -> float:
        weight, bias = parts(flat)
        log_p = log_softmax(features @ weight.T + bias, axis=1)
        return -log_p[np.arange(len(labels)), labels].mean() + decay / 2 * (weight**2).sum()

    weight, bias = parts(minimize(objective, np.zeros(3 * d + 3), method="BFGS").x)
    return features @ weight.T + bias


def test_the_minimum_is_scipy_s(generator: torch.Generator) -> None:
    train = clusters(generator, noise=1.0)
    found = fit_linear(train, train, 3, decays=(1.0, 0.05))
    features = train[0].double().numpy()
    features = (features - features.mean(0)) / features.std(0)
    expected = scipy_minimum(features, train[1].numpy(), found.decay)
    log_p = found.logits(train[0]).log_softmax(1).numpy()
    np.testing.assert_allclose(log_p, log_softmax(expected, axis=1), atol=2e-3)


def test_the_validation_photos_choose_the_decay(generator: torch.Generator) -> None:
    found = []
    for noise in (0.2, 30.0):
        train, validation = (clusters(generator, noise=noise, n=60, d=30) for _ in range(2))
        found.append(fit_linear(train, validation, 3).decay)
    assert found[1] >= 100 * found[0]


def test_new_photos_are_classified_and_constant_features_harmless(generator: torch.Generator) -> None:
    train, validation, test = (clusters(generator, noise=0.3) for _ in range(3))
    train, validation, test = (
        (torch.cat([x, torch.full((len(x), 1), 7.0)], 1).half(), y) for x, y in (train, validation, test)
    )
    found = fit_linear(train, validation, 3)
    assert (found.logits(test[0]).argmax(1) == test[1]).float().mean() > 0.97
    # What never varied in training may not decide, however it varies later.
    test[0][:, -1] = 7.01
    assert (found.logits(test[0]).argmax(1) == test[1]).float().mean() > 0.97
