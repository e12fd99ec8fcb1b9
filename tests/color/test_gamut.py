from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data

from autochrome.color import gamut
from autochrome.color.gamut import fit_chroma, fit_chroma_into
from autochrome.color.spaces import LAB, lab_to_rgb, rgb_to_lab


def photo(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels[:256, :256].copy()).permute(2, 0, 1)[None].float() / 255


@pytest.fixture(scope="module")
def astronaut() -> torch.Tensor:
    return photo(data.astronaut()[::2, ::2])


@pytest.fixture(scope="module")
def hard(astronaut) -> tuple[torch.Tensor, torch.Tensor]:
    """The lightness of one photo with the colors of another, half as strong again."""
    return LAB.split(astronaut)[0], LAB.split(photo(data.coffee()))[1] * 1.5


def test_own_colors_come_back(astronaut):
    rgb = fit_chroma(*LAB.split(astronaut))
    assert torch.equal((rgb * 255).round(), (astronaut * 255).round())


def test_lightness_is_held_where_clipping_changes_it(hard):
    luma, ab = hard
    fitted = fit_chroma(luma, ab)
    clipped = lab_to_rgb(torch.cat((luma, ab), 1)).clamp(0, 1)
    assert fitted.min() >= 0 and fitted.max() <= 1
    assert (rgb_to_lab(fitted.double())[:, :1] - luma).abs().max() < 0.02
    assert (rgb_to_lab(clipped.double())[:, :1] - luma).abs().mean() > 0.05  # the case is a hard one


def test_hue_is_held_and_chroma_only_falls(hard):
    luma, ab = hard
    result = rgb_to_lab(fit_chroma(luma, ab).double())[:, 1:]
    cross = result[:, 0] * ab[:, 1] - result[:, 1] * ab[:, 0]
    assert (cross.abs() / ab.norm(dim=1).clamp(min=1)).max() < 0.05
    assert (result.norm(dim=1) - ab.norm(dim=1)).max() < 0.05


def test_scale_is_the_largest_that_fits(hard):
    luma, ab = hard
    wanted = lab_to_rgb(torch.cat((luma, ab), 1))
    outside = ((wanted.amin(1) < -1e-3) | (wanted.amax(1) > 1 + 1e-3))[:, None] & (luma > 1) & (luma < 99)
    result = rgb_to_lab(fit_chroma(luma, ab).double())[:, 1:]
    scale = (result * ab).sum(1, keepdim=True) / (ab * ab).sum(1, keepdim=True)
    more = lab_to_rgb(torch.cat((luma, ab * (scale + 2 / 2**gamut.BISECTIONS)), 1))
    fits = (more.amin(1, keepdim=True) >= 0) & (more.amax(1, keepdim=True) <= 1)
    assert outside.float().mean() > 0.05
    assert (fits & outside).sum() == 0


def test_paler_versions_of_a_color_are_inside_too():
    # What bisection rests on: along a ray from gray, sRGB ends once. In light yellows it all but does.
    generator = torch.Generator().manual_seed(0)
    luma = torch.rand(1, 1, 1, 5000, generator=generator) * 98 + 1
    angle = torch.rand(1, 1, 1, 5000, generator=generator) * 2 * torch.pi
    lab = [torch.cat((luma, s * torch.cos(angle), s * torch.sin(angle)), 1) for s in range(0, 140, 2)]
    rgb = lab_to_rgb(torch.cat(lab).double())
    excess = torch.maximum(-rgb, rgb - 1).amax(1)
    so_far = torch.cummax(excess, 0).values
    assert so_far[(excess <= 0)].max() < 0.01


def test_extremes_of_lightness_turn_gray():
    luma = torch.tensor([-3.0, 0.0, 100.0, 104.0])[None, None, None]
    rgb = fit_chroma(luma, torch.full((1, 2, 1, 4), 60.0))
    torch.testing.assert_close(rgb[0, :, 0], torch.tensor([0.0, 0, 1, 1]).expand(3, -1), atol=2e-3, rtol=0)


def test_chunks_and_batches_change_nothing(hard, monkeypatch):
    luma, ab = (torch.cat((x, x.flip(3))) for x in hard)
    whole = fit_chroma(luma, ab)
    monkeypatch.setattr(gamut, "CHUNK", 1000)
    torch.testing.assert_close(fit_chroma(luma, ab), whole, atol=1e-6, rtol=0)
    torch.testing.assert_close(whole[1], whole[0].flip(2), atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("depth", "largest", "bound"), [(np.uint8, 255, 0.55), (np.uint16, 65535, 0.6), (np.float32, 1, 1e-6)]
)
def test_pixels_are_the_rounded_image(hard, depth, largest, bound):
    luma, ab = hard
    out = np.zeros((256, 256, 3), depth)
    fit_chroma_into(out, luma[0, 0], ab[0])
    expected = fit_chroma(luma, ab)[0].permute(1, 2, 0).double().numpy() * largest
    assert np.abs(out - expected).max() <= bound


def test_rows_of_a_photo_are_written_in_place(hard):
    luma, ab = hard
    out = np.full((256, 256, 3), 7, np.uint8)
    fit_chroma_into(out[100:110], luma[0, 0, 100:110], ab[0, :, 100:110])
    assert (out[:100] == 7).all() and (out[110:] == 7).all()
    assert (out[100:110] != 7).any()


def test_other_depths_are_refused():
    with pytest.raises(TypeError, match="float64"):
        fit_chroma_into(np.zeros((2, 2, 3)), torch.zeros(2, 2), torch.zeros(2, 2, 2))
