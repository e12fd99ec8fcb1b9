"""E of Larsson 2016: its gradient, its minimum, and what it does to distributions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from autochrome.guidance import HistogramTransfer
from autochrome.guidance.histogram_transfer import (
    FLOOR,
    MOST_PLACES,
    WEIGHT,
    chi_squared_slope,
    transfer_bias,
)


def transfer_energy(
    bias: Tensor, log_y: Tensor, target: Tensor, weight: float = WEIGHT
) -> tuple[Tensor, Tensor]:
    """E(b) and its gradient as the module's docstring has it, for a target without zeros."""
    log_q = torch.log_softmax(log_y + bias, 1)
    q = log_q.exp()
    p = q.mean(0)
    energy = (q * (log_q - log_y)).sum(1).mean() + weight * chi_squared(p, target)
    v = bias + weight * chi_squared_slope(p, target)
    return energy, p * v - q.T @ (q @ v) / len(q)


def chi_squared(p: Tensor, t: Tensor) -> Tensor:
    """The symmetric chi-squared distance of two distributions, from 0 to 2."""
    return ((p - t).square() / (p + t)).sum()


def problem(n: int = 200, k: int = 12, spread: float = 1.5) -> tuple[Tensor, Tensor]:
    """Log-probabilities of places and a target, in double precision."""
    generator = torch.Generator().manual_seed(3)
    y = torch.randn(n, k, generator=generator, dtype=torch.float64).mul(spread).softmax(1).clamp_min(FLOOR)
    target = torch.randn(k, generator=generator, dtype=torch.float64).softmax(0)
    return (y / y.sum(1, keepdim=True)).log(), target


def test_energy_is_the_printed_one() -> None:
    """KL(q||y) by torch's own function, chi-squared written out."""
    log_y, t = problem()
    bias = torch.linspace(-1, 1, 12, dtype=torch.float64)
    q = (log_y + bias).softmax(1)
    divergence = torch.nn.functional.kl_div(log_y, q, reduction="none").sum(1).mean()
    p = q.mean(0)
    expected = divergence + 7 * sum((p[k] - t[k]) ** 2 / (p[k] + t[k]) for k in range(12))
    torch.testing.assert_close(transfer_energy(bias, log_y, t, 7.0)[0], expected)


@pytest.mark.parametrize("weight", [0.0, 1.0, 10.0, 50.0])
def test_gradient_is_that_of_the_energy(weight: float) -> None:
    log_y, t = problem()
    bias = torch.linspace(-1, 1, 12, dtype=torch.float64).requires_grad_()
    energy, gradient = transfer_energy(bias, log_y, t, weight)
    (by_autograd,) = torch.autograd.grad(energy, bias)
    torch.testing.assert_close(gradient.detach(), by_autograd, rtol=1e-9, atol=1e-12)


def test_gradient_by_differences() -> None:
    log_y, t = problem()
    bias = torch.zeros(12, dtype=torch.float64)
    gradient = transfer_energy(bias, log_y, t)[1]
    for k in range(12):
        step = torch.zeros(12, dtype=torch.float64)
        step[k] = 1e-5
        rise = transfer_energy(bias + step, log_y, t)[0] - transfer_energy(bias - step, log_y, t)[0]
        assert float(rise / 2e-5) == pytest.approx(float(gradient[k]), abs=1e-8)


def test_slope_is_that_of_chi_squared() -> None:
    p = torch.tensor([0.1, 0.4, 0.5], dtype=torch.float64, requires_grad=True)
    t = torch.tensor([0.3, 0.4, 0.3], dtype=torch.float64)
    (by_autograd,) = torch.autograd.grad(chi_squared(p, t), p)
    torch.testing.assert_close(chi_squared_slope(p.detach(), t), by_autograd)
    assert chi_squared_slope(t, t).abs().max() == 0


@pytest.mark.parametrize("weight", [1.0, 10.0, 50.0])
@pytest.mark.parametrize("spread", [0.3, 1.5, 6.0])
def test_at_the_minimum_the_bias_is_minus_lambda_g(weight: float, spread: float) -> None:
    log_y, t = problem(spread=spread)
    bias = transfer_bias(log_y, t, weight)
    p = (log_y + bias).softmax(1).mean(0)
    rest = bias + weight * chi_squared_slope(p, t)
    assert float(rest.max() - rest.min()) < 1e-3
    assert transfer_energy(bias, log_y, t, weight)[1].abs().max() < 1e-5


def test_another_minimizer_finds_nothing_better() -> None:
    """Torch's L-BFGS from 0."""
    log_y, t = problem()
    other = torch.zeros(12, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [other], max_iter=200, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        energy, gradient = transfer_energy(other, log_y, t)
        other.grad = gradient.detach()
        return energy.detach()

    optimizer.step(closure)
    ours, theirs = transfer_bias(log_y, t), other.detach()
    torch.testing.assert_close(ours, theirs - theirs.mean(), atol=1e-3, rtol=0)
    assert transfer_energy(ours, log_y, t)[0] <= transfer_energy(theirs, log_y, t)[0] + 1e-9


def test_lambda_of_10_takes_the_distance_to_a_tenth() -> None:
    log_y, t = problem()
    before = chi_squared(log_y.exp().mean(0), t)
    after = chi_squared((log_y + transfer_bias(log_y, t)).softmax(1).mean(0), t)
    assert after < before / 10


def test_the_guide_moves_every_axis_of_every_photo_on_its_own() -> None:
    logits = torch.randn(2, 7, 5, 6, generator=torch.Generator().manual_seed(1))
    axes = (slice(0, 4), slice(4, 7))
    target = torch.tensor([0.7, 0.1, 0.1, 0.1, 0.1, 0.1, 0.8])
    guide = HistogramTransfer(target, axes, weight=50.0)
    moved = guide(logits)
    for axis in axes:
        for photo in range(2):
            p = moved[photo, axis].softmax(0).mean((1, 2))
            assert (p - target[axis]).abs().max() < 0.03
    torch.testing.assert_close(guide(logits[1:]), moved[1:])


def test_what_is_sure_stays_and_what_is_unsure_moves() -> None:
    logits = torch.zeros(1, 2, 1, 4)
    logits[:, 0, :, 0] = 8.0
    moved = HistogramTransfer(torch.tensor([0.3, 0.7]), (slice(0, 2),))(logits).softmax(1)
    assert moved[0, 1, 0, 0] < 0.05
    assert (moved[0, 1, 0, 1:] > 0.85).all()


def test_nothing_is_asked_of_what_has_the_target_already() -> None:
    logits = torch.randn(1, 5, 3, 3, generator=torch.Generator().manual_seed(1))
    target = logits.softmax(1).mean((0, 2, 3))
    moved = HistogramTransfer(target, (slice(0, 5),))(logits)
    torch.testing.assert_close(moved, logits.log_softmax(1), atol=1e-4, rtol=0)


def test_bins_that_neither_has_do_no_harm() -> None:
    logits = torch.full((1, 4, 3, 3), -200.0)
    logits[:, :2] = 0
    moved = HistogramTransfer(torch.tensor([0.0, 1.0, 0.0, 0.0]), (slice(0, 4),))(logits)
    assert torch.isfinite(moved).all()
    p = moved.softmax(1)[0, :, 0, 0]
    assert p[1] > 0.9
    assert p[2:].max() < 100 * FLOOR


def test_large_photos_are_looked_at_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def note(places: Tensor, target: Tensor, weight: float) -> Tensor:
        seen.append(len(places))
        return torch.zeros_like(target)

    monkeypatch.setattr("autochrome.guidance.histogram_transfer.transfer_bias", note)
    HistogramTransfer(torch.tensor([0.5, 0.5]), (slice(0, 2),))(torch.zeros(1, 2, 300, 200))
    assert MOST_PLACES / 2 < seen[0] <= MOST_PLACES
