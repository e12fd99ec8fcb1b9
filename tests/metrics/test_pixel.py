"""Errors of single pixels against hand-computed cases and scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage import data
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio

from autochrome.metrics.pixel import alpha_beta_error, delta_e, psnr
from tests.metrics.formulas import alpha_beta_rmse, chroma_magnitude


def flat(*rgb: float, size: int = 2) -> torch.Tensor:
    return torch.tensor(rgb, dtype=torch.float32)[None, :, None, None].expand(1, 3, size, size).contiguous()


def photo(name: str) -> torch.Tensor:
    picture = np.ascontiguousarray(getattr(data, name)()[:128, :160])
    return torch.from_numpy(picture).permute(2, 0, 1)[None] / 255


def test_psnr_is_that_of_scikit_image_photo_by_photo() -> None:
    truth = torch.cat([photo("astronaut"), photo("coffee")])
    noisy = (truth + 0.05 * torch.randn_like(truth)).clamp(0, 1)
    expected = [
        peak_signal_noise_ratio(t.double().numpy(), n.double().numpy(), data_range=1)
        for t, n in zip(truth, noisy, strict=True)
    ]
    assert psnr(noisy, truth).tolist() == pytest.approx(expected, abs=1e-4)


def test_psnr_of_a_perfect_picture_is_infinite() -> None:
    truth = photo("coffee")
    assert psnr(truth, truth).tolist() == [math.inf]


def test_alpha_beta_of_red_against_gray_by_hand() -> None:
    # Red: L = 1/3, alpha = -.5 / (1/3 + 1e-4), beta = 1 / (1/3 + 1e-4); gray: 0, 0.
    alpha, beta = -0.5 / (1 / 3 + 1e-4), 1 / (1 / 3 + 1e-4)
    expected = math.sqrt((alpha**2 + beta**2) / 2)
    assert alpha_beta_rmse(flat(1, 0, 0), flat(0.4, 0.4, 0.4)).item() == pytest.approx(expected, rel=1e-5)


def test_alpha_beta_is_averaged_after_the_root_and_over_pixels() -> None:
    red, gray = flat(1, 0, 0), flat(0.4, 0.4, 0.4)
    half = torch.cat([red[..., :1], gray[..., :1]], dim=3)
    error = alpha_beta_error(half, gray)
    assert error[0, 0].tolist() == pytest.approx([alpha_beta_rmse(red, gray).item(), 0], abs=1e-6)
    # A root of the mean square would give sqrt(1/2) of the red pixels' error instead of 1/2.
    assert alpha_beta_rmse(half, gray).item() == pytest.approx(alpha_beta_rmse(red, gray).item() / 2)


def test_delta_e_is_that_of_scikit_image() -> None:
    truth, other = photo("astronaut"), photo("coffee")
    arrays = [rgb2lab(x[0].permute(1, 2, 0).double().numpy()) for x in (other, truth)]
    assert delta_e(other, truth)[0].numpy() == pytest.approx(deltaE_ciede2000(*arrays), abs=2e-3)


def test_chroma_of_red() -> None:
    # sRGB red is L 53.24, a 80.09, b 67.20 (scikit-image rgb2lab, D65).
    red = flat(1, 0, 0)
    assert chroma_magnitude(red).mean().item() == pytest.approx(math.hypot(80.09, 67.20), abs=0.02)
