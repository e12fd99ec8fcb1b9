"""The torchmetrics classes: batches add up to what the functions give at once."""

from __future__ import annotations

import math

import pytest
import torch

from autochrome.color.bins import AB_BINS
from autochrome.metrics.colorfulness import colorfulness
from autochrome.metrics.distribution import auc, chroma_histogram, histogram_intersection, pixel_weights
from autochrome.metrics.pixel import alpha_beta_rmse, psnr
from autochrome.metrics.pooled import PSNR, AlphaBetaRMSE, AuC, ColorfulnessDelta, HistogramIntersection


@pytest.fixture
def ab() -> tuple[torch.Tensor, torch.Tensor]:
    truth = 30 * torch.randn(4, 2, 6, 5)
    return truth + 20 * torch.randn_like(truth), truth


@pytest.fixture
def rgb() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(4, 3, 6, 5), torch.rand(4, 3, 6, 5)


def in_batches(metric, pair: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    for rows in ([0], [1, 2, 3]):
        metric.update(pair[0][rows], pair[1][rows])
    return metric.compute()


def test_auc(ab: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert in_batches(AuC(), ab).item() == pytest.approx(auc(*ab).item())
    prior = torch.rand(AB_BINS)
    expected = auc(*ab, pixel_weights(ab[1], prior)).item()
    assert in_batches(AuC(prior), ab).item() == pytest.approx(expected)


def test_histogram_intersection(ab: tuple[torch.Tensor, torch.Tensor]) -> None:
    expected = histogram_intersection(*(chroma_histogram(x).sum(0) for x in ab))
    assert torch.allclose(in_batches(HistogramIntersection(), ab), expected)


def test_alpha_beta_rmse(rgb: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert in_batches(AlphaBetaRMSE(), rgb).item() == pytest.approx(alpha_beta_rmse(*rgb).item(), rel=1e-5)


def test_psnr_leaves_perfect_photos_out(rgb: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert in_batches(PSNR(), rgb).item() == pytest.approx(psnr(*rgb).mean().item(), rel=1e-6)
    mixed = (torch.cat([rgb[1][:1], rgb[0][1:]]), rgb[1])
    assert in_batches(PSNR(), mixed).item() == pytest.approx(psnr(*rgb)[1:].mean().item(), rel=1e-6)
    assert in_batches(PSNR(), (rgb[1], rgb[1])).item() == math.inf


@pytest.mark.parametrize("absolute", [False, True])
def test_colorfulness_deltas(rgb: tuple[torch.Tensor, torch.Tensor], absolute: bool) -> None:
    change = colorfulness(rgb[0], absolute=absolute) - colorfulness(rgb[1], absolute=absolute)
    result = in_batches(ColorfulnessDelta(absolute=absolute), rgb)
    assert result.tolist() == pytest.approx(
        [change.mean().abs().item(), change.abs().mean().item()], rel=1e-4
    )


def test_reset_forgets(ab: tuple[torch.Tensor, torch.Tensor]) -> None:
    metric = AuC()
    in_batches(metric, ab)
    metric.reset()
    metric.update(ab[1], ab[1])
    assert metric.compute().item() == 100
