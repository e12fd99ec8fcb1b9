"""MS-SSIM against another library's values and against scikit-image's SSIM, scale by scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from skimage import data
from skimage.metrics import structural_similarity
from skimage.transform import downscale_local_mean
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

from autochrome.metrics.ms_ssim import SMALLEST, WEIGHTS, pairwise_ms_ssim


def photo(name: str) -> torch.Tensor:
    picture = np.ascontiguousarray(getattr(data, name)()[:256, :336])
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def ms_ssim(x: torch.Tensor, y: torch.Tensor) -> list[float]:
    """MS-SSIM of two pictures "1 c h w", channel by channel."""
    return pairwise_ms_ssim(torch.cat((x, y)))[0, 1].tolist()


def pairs() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    astronaut, coffee = photo("astronaut"), photo("coffee")
    return {
        "other": (astronaut, coffee),
        "gray": (astronaut, astronaut.mean(1, keepdim=True).expand_as(astronaut)),
        "swapped": (astronaut, astronaut.flip(1)),
        "darker": (coffee, 0.9 * coffee),
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    # pytorch-msssim 1.0.0, in float64: ms_ssim(x[:, k:k+1], y[:, k:k+1], data_range=1) for k in range(3).
    [
        ("other", [0.178348, 0.131084, 0.0]),
        ("gray", [0.969985, 0.990709, 0.975849]),
        ("swapped", [0.913064, 1.0, 0.913064]),
        ("darker", [0.995295, 0.994954, 0.995311]),
    ],
)
def test_channels_are_those_of_another_library(name: str, expected: list[float]) -> None:
    x, y = pairs()[name]
    assert ms_ssim(x, y) == pytest.approx(expected, abs=1e-5)


def test_scales_are_scikit_images_ssim() -> None:
    x, y = (p[0, 0].double().numpy() for p in pairs()["gray"])
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    expected = 1.0
    for scale, weight in enumerate(WEIGHTS):
        # A huge K1 makes the luminance term 1 everywhere: what is left is contrast times structure.
        k1 = 0.01 if scale == len(WEIGHTS) - 1 else 1e5
        found: Any = structural_similarity(x, y, K1=k1, full=True, **options)
        expected *= found[1][5:-5, 5:-5].mean() ** weight
        x, y = (downscale_local_mean(p[:, : p.shape[1] // 2 * 2], (2, 2)) for p in (x, y))
    assert ms_ssim(*(p[:, :1] for p in pairs()["gray"])) == pytest.approx([expected], abs=1e-5)


def test_near_that_of_torchmetrics() -> None:
    # torchmetrics mirrors the coarsest scale's border, so it agrees nearly, not exactly.
    x, y = pairs()["gray"]
    theirs = multiscale_structural_similarity_index_measure(
        x[0][:, None], y[0][:, None], data_range=1.0, reduction=None
    )
    assert ms_ssim(x, y) == pytest.approx(theirs.tolist(), abs=5e-3)


def test_table_of_pairs_is_that_of_single_pairs() -> None:
    astronaut, coffee, _ = samples = torch.cat(
        [photo("astronaut"), photo("coffee"), photo("astronaut").flip(1)]
    )
    table = pairwise_ms_ssim(samples)
    assert torch.equal(table, table.transpose(0, 1))
    assert (table.diagonal() == 1).all()
    assert table[0, 1].tolist() == pytest.approx(ms_ssim(astronaut[None], coffee[None]), abs=1e-6)
    assert table[0, 2].tolist() == pytest.approx([0.913064, 1.0, 0.913064], abs=1e-5)
    assert table[1, 2].tolist() == pytest.approx(ms_ssim(samples[1:2], samples[2:]), abs=1e-6)


def test_small_pictures_are_refused_with_the_least_side() -> None:
    assert SMALLEST == 176
    fits = torch.rand(1, 3, 176, 177)
    assert ms_ssim(fits, fits) == pytest.approx([1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="sides of 176 pixels at least, not 300 x 175"):
        pairwise_ms_ssim(torch.rand(2, 3, 175, 300))
