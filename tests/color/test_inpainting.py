"""Unknown places are filled from the known ones around them, without an edge."""

from __future__ import annotations

import pytest
import torch

from autochrome.color.inpainting import fill_unknown


def disc(height: int, width: int) -> torch.Tensor:
    """1 within an oval, "1 1 h w"."""
    rows = (torch.arange(height)[:, None] + 0.5) / height - 0.5
    columns = (torch.arange(width) + 0.5) / width - 0.5
    return ((rows**2 + columns**2) < 0.2).float()[None, None]


@pytest.mark.parametrize("size", [(64, 96), (61, 97), (1, 7)])
def test_what_is_known_stays_and_what_is_not_does_not_matter(size: tuple[int, int]) -> None:
    known = disc(*size)
    values = torch.rand(1, 2, *size, generator=torch.Generator().manual_seed(1))
    one, other = (fill_unknown(torch.where(known > 0, values, junk), known) for junk in (0.0, 1000.0))
    torch.testing.assert_close(one, other)
    torch.testing.assert_close(one * known, values * known)
    inside = values[:, :, known[0, 0] > 0]
    assert inside.min() <= one.min() <= one.max() <= inside.max()


def test_a_constant_goes_on_and_a_slope_goes_on_without_an_edge() -> None:
    known = disc(64, 96)
    torch.testing.assert_close(fill_unknown(known * 42.0, known), torch.full((1, 1, 64, 96), 42.0))
    slope = torch.arange(96.0).expand(1, 1, 64, 96)
    filled = fill_unknown(slope * known, known)
    assert filled.diff(dim=3).abs().max() < 6  # the black that was there made a step of up to 85
    assert filled[..., :20].mean() < 30 < 60 < filled[..., -20:].mean()


def test_nothing_known_is_left_as_it_is() -> None:
    values = torch.rand(1, 1, 5, 6)
    assert fill_unknown(values, torch.zeros(1, 1, 5, 6)) is values
