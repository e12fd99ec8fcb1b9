"""What surrounds photos: how often, of what shape, in which grays."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from autochrome.data.mounts import Mounts, mount

RED = torch.tensor([0.8, 0.2, 0.3])
NONE = Mounts(border=0.0, oval=0.0, card=0.0)


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mounted(
    mounts: Mounts, count: int = 300, height: int = 40, width: int = 60
) -> tuple[Float[Tensor, "b 3 h w"], Bool[Tensor, "b h w"]]:
    """Red photos after mounting, and where they are covered."""
    photos = RED[:, None, None].expand(count, 3, height, width)
    found = mount(photos, mounts, seeded())
    return found, (found != photos).any(1)


def test_without_mounts_photos_stay_as_they_are() -> None:
    photos = torch.rand(50, 3, 24, 32)
    assert torch.equal(mount(photos, NONE, seeded()), photos)


def test_a_seed_gives_one_result() -> None:
    photos = torch.rand(8, 3, 24, 32)
    always = Mounts(border=0.5, oval=0.3, card=0.2)
    one, same, other = (mount(photos, always, seeded(s)) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_photos_themselves_are_not_written_to() -> None:
    photos = torch.rand(8, 3, 24, 32)
    before = photos.clone()
    mount(photos, Mounts(border=0.0, oval=0.0, card=1.0), seeded())
    assert torch.equal(photos, before)


def test_shares_are_the_settings_over_many_photos() -> None:
    _, covered = mounted(Mounts(border=0.3, oval=0.2, card=0.1, largest=0.4), 4000, height=80, width=80)
    rows, columns = covered.all(2), covered.all(1)
    touched, cards = covered.flatten(1).any(1), covered.flatten(1).all(1)
    straight = (covered == (rows[:, :, None] | columns[:, None, :])).flatten(1).all(1)
    for found, share in ((touched & straight & ~cards, 0.3), (~straight, 0.2), (cards, 0.1)):
        # Four standard deviations; few borders are narrower than half a pixel.
        assert found.float().mean().item() == pytest.approx(share, abs=0.03)


def test_what_covers_a_photo_is_one_neutral_gray_and_the_rest_is_untouched() -> None:
    found, covered = mounted(Mounts(border=0.5, oval=0.4, card=0.1))
    for photo, mask in zip(found, covered, strict=True):
        grays = photo[:, mask]
        assert (grays == grays[:1, :1]).all() if grays.numel() else True
        assert torch.equal(photo[:, ~mask], RED[:, None].expand(3, int((~mask).sum())))
    assert covered.flatten(1).any(1).float().mean() > 0.9


def test_grays_are_dark_bright_and_anything() -> None:
    """Half of them are up to 0.2, a quarter from 0.8; a quarter are uniform: a fifth of it at each end."""
    found, _ = mounted(Mounts(border=0.0, oval=0.0, card=1.0), count=4000, height=4, width=4)
    levels = found[:, 0, 0, 0]
    assert levels.min() >= 0 and levels.max() <= 1
    assert (levels <= 0.2).float().mean() == pytest.approx(0.55, abs=0.04)
    assert (levels >= 0.8).float().mean() == pytest.approx(0.30, abs=0.04)


def test_borders_leave_a_rectangle_and_are_no_wider_than_the_largest() -> None:
    _, covered = mounted(Mounts(border=1.0, oval=0.0, card=0.0, largest=0.2))
    rows, columns = covered.all(2), covered.all(1)
    assert torch.equal(covered, rows[:, :, None] | columns[:, None, :])
    assert not rows[:, 8:-8].any() and not columns[:, 12:-12].any()
    assert rows[:, 7].any() and rows[:, -8].any() and columns[:, 11].any() and columns[:, -12].any()


def test_some_borders_are_bars_at_two_opposite_sides() -> None:
    """A quarter above and below, 15% left and right; a few are too narrow to see."""
    _, covered = mounted(Mounts(border=1.0, oval=0.0, card=0.0), count=2000, height=100, width=100)
    rows, columns = covered.all(2).any(1), covered.all(1).any(1)
    assert (rows & ~columns).float().mean() == pytest.approx(0.25, abs=0.05)
    assert (columns & ~rows).float().mean() == pytest.approx(0.15, abs=0.05)
    assert (rows & columns).float().mean() == pytest.approx(0.60, abs=0.05)


def test_half_of_the_full_borders_are_of_even_width() -> None:
    _, covered = mounted(Mounts(border=1.0, oval=0.0, card=0.0), count=2000, height=200, width=200)
    rows, columns = covered.all(2), covered.all(1)
    full = rows.any(1) & columns.any(1)
    widths = torch.stack(
        [side[full].float().cumprod(1).sum(1) for side in (rows, rows.flip(1), columns, columns.flip(1))]
    )
    even = (widths == widths[0]).all(0).float().mean()
    assert even == pytest.approx(0.5, abs=0.06)


def test_ovals_open_at_the_middle_and_cover_the_corners() -> None:
    """The radii are 0.4 to 0.52 of the sides: 50% to 83% of the photo remain visible."""
    _, covered = mounted(Mounts(border=0.0, oval=1.0, card=0.0), height=80, width=120)
    assert not covered[:, 40, 60].any()
    for row in (0, -1):
        for column in (0, -1):
            assert covered[:, row, column].all()
    assert torch.equal(covered, covered.flip(1)) and torch.equal(covered, covered.flip(2))
    visible = (~covered).float().mean((1, 2))
    assert 0.49 < visible.min() < 0.6 and 0.75 < visible.max() < 0.84


def test_cards_show_nothing_of_the_photo() -> None:
    _, covered = mounted(Mounts(border=0.0, oval=0.0, card=1.0), count=20)
    assert covered.all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"border": 1.5},
        {"oval": -0.1},
        {"card": 2.0},
        {"border": 0.6, "oval": 0.3, "card": 0.2},
        {"largest": 0.0},
        {"largest": 0.5},
    ],
)
def test_settings_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Mounts(**wrong)


def test_shares_may_add_up_to_one() -> None:
    Mounts(border=0.5, oval=0.25, card=0.25)
