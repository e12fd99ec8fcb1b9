from __future__ import annotations

import pytest
import torch
from skimage import data

from autochrome.color import upsampling
from autochrome.color.gamut import fit_chroma
from autochrome.color.spaces import LAB
from autochrome.color.upsampling import GuidedUpsampler, upsample_bilinear


def reduce(planes: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return torch.nn.functional.interpolate(planes, size=size, mode="bilinear", antialias=True)


def upsample_guided(
    chroma: torch.Tensor, luma_low: torch.Tensor, luma: torch.Tensor, **options: float
) -> torch.Tensor:
    upsampler = GuidedUpsampler(chroma[0], luma_low[0, 0], **options)  # type: ignore[arg-type]
    return upsampler.rows(luma[0, 0], 0, luma.shape[2])[None]


def step(column: int, left: float, right: float, size: tuple[int, int] = (256, 320)) -> torch.Tensor:
    """A plane with a vertical edge."""
    plane = torch.full((1, 1, *size), left)
    plane[..., column:] = right
    return plane


def bleed(row: torch.Tensor, column: int, left: float, right: float) -> int:
    """How far from the edge a color still is more than 15% of the step away from its own side's."""
    own = torch.full_like(row, left)
    own[column:] = right
    wrong = torch.nonzero((row - own).abs() > 0.15 * abs(right - left)).flatten()
    return 0 if len(wrong) == 0 else int((wrong + 0.5 - column).abs().max().ceil())


def test_bilinear_has_half_pixel_centers():
    # Centers of 2 cells lie at 0 and 1; those of 4 pixels at -.25, .25, .75, 1.25, the outer ones clamped.
    chroma = torch.tensor([0.0, 4.0]).expand(1, 2, 1, 2)
    row = upsample_bilinear(chroma, (1, 4))[0, 0, 0]
    assert row.tolist() == [0.0, 1.0, 3.0, 4.0]


@pytest.mark.parametrize("column", [160, 163, 169])
def test_colors_stop_at_the_edge(column):
    luma = step(column, 35.0, 75.0)
    ab = torch.cat((step(column, -20.0, 40.0), step(column, 30.0, -25.0)), 1)
    chroma, luma_low = reduce(ab, (32, 40)), reduce(luma, (128, 160))
    guided = upsample_guided(chroma, luma_low, luma)
    bilinear = upsample_bilinear(chroma, (256, 320))
    for channel, sides in enumerate([(-20.0, 40.0), (30.0, -25.0)]):
        assert bleed(guided[0, channel, 128], column, *sides) <= 1
        assert bleed(bilinear[0, channel, 128], column, *sides) >= 4


def test_equal_chroma_stays_equal():
    luma = torch.rand(1, 1, 90, 120) * 100
    chroma = torch.tensor([12.3, -4.56])[None, :, None, None].expand(1, 2, 9, 12)
    guided = upsample_guided(chroma, reduce(luma, (36, 48)), luma)
    torch.testing.assert_close(guided, chroma[..., :1, :1].expand_as(guided), atol=1e-5, rtol=0)


def test_even_luma_gives_bilinear():
    chroma = torch.randn(1, 2, 9, 12) * 30
    guided = upsample_guided(chroma, torch.full((1, 1, 36, 48), 50.0), torch.full((1, 1, 90, 120), 50.0))
    torch.testing.assert_close(guided, upsample_bilinear(chroma, (90, 120)), atol=1e-3, rtol=0)


def test_no_halos():
    chroma, luma = torch.randn(1, 2, 9, 12) * 30, torch.rand(1, 1, 90, 120) * 100
    guided = upsample_guided(chroma, reduce(luma, (36, 48)), luma, eps=1.0)
    highest = torch.nn.functional.max_pool2d(chroma, 3, 1, 1)
    lowest = -torch.nn.functional.max_pool2d(-chroma, 3, 1, 1)
    assert (guided <= upsample_bilinear(highest, (90, 120)) + 1e-3).all()
    assert (guided >= upsample_bilinear(lowest, (90, 120)) - 1e-3).all()


def test_strips_make_the_whole(monkeypatch):
    chroma, luma = torch.randn(2, 9, 12) * 30, torch.rand(91, 121) * 100
    luma_low = reduce(luma[None, None], (36, 48))[0, 0]
    whole = upsample_guided(chroma[None], luma_low[None, None], luma[None, None])[0]
    monkeypatch.setattr(upsampling, "STRIP", 300)
    upsampler = GuidedUpsampler(chroma, luma_low)
    strips = [upsampler.rows(luma[y : y + 13], y, 91) for y in range(0, 91, 13)]
    torch.testing.assert_close(torch.cat(strips, 1), whole, atol=1e-5, rtol=0)


def test_rows_outside_the_photo_are_refused():
    upsampler = GuidedUpsampler(torch.zeros(2, 4, 4), torch.zeros(16, 16))
    with pytest.raises(ValueError, match=r"rows 60 to 70 .* photo of 64 rows"):
        upsampler.rows(torch.zeros(10, 64), 60, 64)


def test_photos_gain_over_bilinear():
    gains = []
    for pixels in (data.astronaut(), data.coffee(), data.chelsea()):
        rgb = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
        luma, ab = LAB.split(rgb)
        chroma, luma_low = reduce(ab, (36, 48)), reduce(luma, (144, 192))
        errors = [
            (fit_chroma(luma, full) - rgb).square().mean()
            for full in (
                upsample_bilinear(chroma, (luma.shape[2], luma.shape[3])),
                upsample_guided(chroma, luma_low, luma),
            )
        ]
        gains.append(10 * torch.log10(errors[0] / errors[1]).item())
    assert min(gains) > 0
    assert sum(gains) / 3 > 0.5
