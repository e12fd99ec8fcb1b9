"""Scores from sums: the same as from pixels, photo by photo or all at once."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from autochrome.color.bins import AB_BINS, count_bins, smooth_prior
from autochrome.color.spaces import LAB
from autochrome.evaluation.sums import SCORES, Sums, Truth, summarize
from autochrome.metrics.casts import has_cast
from autochrome.metrics.colorfulness import colorfulness
from autochrome.metrics.distribution import chroma_histogram, histogram_intersection
from autochrome.metrics.pixel import delta_e, psnr
from autochrome.metrics.places import helped_and_harmed
from tests.metrics.formulas import alpha_beta_rmse, auc, chroma_magnitude, pixel_weights


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    truth = torch.rand(3, 3, 12, 10)
    return (0.7 * truth + 0.3 * torch.rand_like(truth)), truth


@pytest.fixture
def prior() -> torch.Tensor:
    return torch.rand(AB_BINS) + 0.01


def total(sums: Sums) -> Sums:
    return sums.combine(torch.ones(1, len(sums.photos), dtype=torch.float64))


def score(key: str, sums: Sums) -> float:
    return SCORES[key].compute(total(sums)).item()


def test_scores_of_sums_are_scores_of_pixels(
    pair: tuple[torch.Tensor, torch.Tensor], prior: torch.Tensor
) -> None:
    rgb, truth = pair
    parts = [summarize(r[None], Truth.of(t[None], prior)) for r, t in zip(rgb, truth, strict=True)]
    sums = parts[0].zeros_like_batch(len(parts))
    for i, part in enumerate(parts):
        sums[i] = part
    ab, ab_truth = LAB.split(rgb)[1], LAB.split(truth)[1]
    own = smooth_prior(count_bins(ab_truth).double() / ab_truth[:, 0].numel())
    change = colorfulness(rgb) - colorfulness(truth)
    change_absolute = colorfulness(rgb, absolute=True) - colorfulness(truth, absolute=True)
    helped, harmed = (share.mean() for share in helped_and_harmed(ab, ab_truth))
    expected = {
        "auc": auc(ab, ab_truth),
        "auc_rebalanced_fixed": auc(ab, ab_truth, pixel_weights(ab_truth, prior)),
        "auc_rebalanced": auc(ab, ab_truth, pixel_weights(ab_truth, own.float())),
        "psnr": psnr(rgb, truth).mean(),
        "alpha_beta_rmse": alpha_beta_rmse(rgb, truth),
        "ciede2000": delta_e(rgb, truth).mean(),
        "chroma": chroma_magnitude(rgb).mean(),
        "chroma_truth": chroma_magnitude(truth).mean(),
        "chroma_kept": chroma_magnitude(rgb).mean() / chroma_magnitude(truth).mean(),
        "helped": helped,
        "harmed": harmed,
        "helped_harmed": helped / harmed,
        "casts": has_cast(ab, ab_truth).double().mean(),
        "lightness_drift": (LAB.split(rgb)[0] - LAB.split(truth)[0]).abs().mean(),
        "colorfulness": colorfulness(rgb).mean(),
        "colorfulness_truth": colorfulness(truth).mean(),
        "colorfulness_delta": change.mean().abs(),
        "colorfulness_delta_per_photo": change.abs().mean(),
        "colorfulness_absolute": colorfulness(rgb, absolute=True).mean(),
        "colorfulness_absolute_truth": colorfulness(truth, absolute=True).mean(),
        "colorfulness_absolute_delta": change_absolute.mean().abs(),
        "colorfulness_absolute_delta_per_photo": change_absolute.abs().mean(),
    }
    for bins, ending in ((100, "_100"), (200, ""), (400, "_400")):
        both = (chroma_histogram(x, bins).sum(0) for x in (ab, ab_truth))
        a, b = histogram_intersection(*both)
        expected |= {f"intersection_a{ending}": a, f"intersection_b{ending}": b}
    assert {key: score(key, sums) for key in SCORES} == pytest.approx(
        {key: value.item() for key, value in expected.items()}, rel=1e-5
    )


def test_a_resample_is_the_set_with_photos_repeated(
    pair: tuple[torch.Tensor, torch.Tensor], prior: torch.Tensor
) -> None:
    rgb, truth = pair
    sums = summarize(rgb, Truth.of(truth, prior))
    drawn = torch.tensor([0, 0, 2])
    repeated = summarize(rgb[drawn], Truth.of(truth[drawn], prior))
    resample = sums.combine(torch.tensor([[2.0, 0.0, 1.0]], dtype=torch.float64))
    for key, kind in SCORES.items():
        assert kind.compute(resample).item() == pytest.approx(score(key, repeated), rel=1e-9), key


def test_perfect_photos_are_left_out_of_the_mean_psnr(
    pair: tuple[torch.Tensor, torch.Tensor], prior: torch.Tensor
) -> None:
    rgb, truth = pair
    mixed = torch.cat([rgb[:2], truth[2:]])
    sums = summarize(mixed, Truth.of(truth, prior))
    assert sums.psnr_photos.tolist() == [1, 1, 0]
    assert score("psnr", sums) == pytest.approx(psnr(rgb, truth)[:2].mean().item())
    assert score("psnr", summarize(truth, Truth.of(truth, prior))) == math.inf


def test_every_score_of_the_truth_is_perfect(
    pair: tuple[torch.Tensor, torch.Tensor], prior: torch.Tensor
) -> None:
    truth = pair[1]
    sums = summarize(truth, Truth.of(truth, prior))
    for key, kind in SCORES.items():
        if key == "helped":  # wherever the truth has color
            halved = F.avg_pool2d(LAB.split(truth)[1], 2, ceil_mode=True)
            strong = halved.square().sum(1).sqrt() >= 5
            assert score(key, sums) == pytest.approx(strong.double().mean().item())
        elif key == "chroma_kept":
            assert score(key, sums) == 1
        elif kind.better == "lower":
            assert score(key, sums) == pytest.approx(0, abs=1e-9), key
        elif key in ("psnr", "helped_harmed"):
            assert score(key, sums) == math.inf
        elif kind.better == "higher":
            assert score(key, sums) == pytest.approx(100 if key.startswith("auc") else 1), key
        elif not key.endswith("_truth"):
            assert score(key, sums) == score(key + "_truth", sums), key


def test_every_photo_counts_alike_in_helped_and_harmed(prior: torch.Tensor) -> None:
    red, gray = torch.tensor([0.8, 0.3, 0.3])[:, None, None], torch.full((3, 1, 1), 0.5)
    # A small red photo, whose left half is met and whose right half stays gray: 2 of 4 places are helped.
    small = red.expand(1, 3, 4, 4)
    half_met = small.clone()
    half_met[..., 2:] = gray
    # A large gray one that is red in its upper left quarter: 4 of 16 places are harmed.
    large = gray.expand(1, 3, 8, 8)
    blotch = large.clone()
    blotch[..., :4, :4] = red
    parts = [summarize(half_met, Truth.of(small, prior)), summarize(blotch, Truth.of(large, prior))]
    sums = parts[0].zeros_like_batch(2)
    for i, part in enumerate(parts):
        sums[i] = part
    assert (sums.helped.tolist(), sums.harmed.tolist()) == ([0.5, 0], [0, 0.25])
    assert [score(key, sums) for key in ("helped", "harmed", "helped_harmed")] == [0.25, 0.125, 2]


def test_the_ratio_of_gray_is_undefined(pair: tuple[torch.Tensor, torch.Tensor], prior: torch.Tensor) -> None:
    truth = pair[1]
    sums = summarize(truth.mean(1, keepdim=True).expand_as(truth), Truth.of(truth, prior))
    assert [score(key, sums) for key in ("helped", "harmed")] == [0, 0]
    assert math.isnan(score("helped_harmed", sums))
