"""A photo with its hints drawn in."""

from __future__ import annotations

import numpy as np

from autochrome.guidance import parse_hint
from autochrome.report.hint_preview import _MARGIN, SIDE, hint_preview

PHOTO = np.full((600, 900, 1), 100, np.uint8)


def picture(*hints: str, photo: np.ndarray = PHOTO) -> np.ndarray:
    """The photo's part of the page."""
    return hint_preview(photo, [parse_hint(hint) for hint in hints])[_MARGIN:, _MARGIN:]


def test_a_cross_in_the_hint_s_color_stands_at_its_place() -> None:
    page = picture("45%,25%,#c83232", "600,450,seagreen")
    assert page.shape == (600, 900, 3)
    assert tuple(page[150, 405]) == (200, 50, 50)
    assert tuple(page[450, 600]) == (46, 139, 87)
    changed = np.argwhere((page != picture()).any(2))
    assert (np.abs(changed - (150, 405)).max(1) < 40).sum() + (
        np.abs(changed - (450, 600)).max(1) < 40
    ).sum() == len(changed)


def test_a_rectangle_is_outlined() -> None:
    page = picture("10%,20%,50%,60%,tomato")
    for y, x in ((120, 300), (360, 300), (240, 90), (240, 450)):
        assert tuple(page[y, x]) == (255, 99, 71)
    assert tuple(page[250, 250]) == (100, 100, 100)


def test_lines_stand_at_the_tenths() -> None:
    page = picture()
    assert {int(x) for x in np.flatnonzero((page[31] != 100).any(1))} == {90 * k for k in range(1, 10)}
    assert {int(y) for y in np.flatnonzero((page[:, 31] != 100).any(1))} == {60 * k for k in range(1, 10)}


def test_a_large_photo_is_shrunk_and_pixels_are_still_its_own() -> None:
    large = np.full((1800, 3600, 1), 100, np.uint8)
    page = picture("1800,900,tomato", photo=large)
    assert page.shape[1] == SIDE
    assert tuple(page[300, 600]) == (255, 99, 71)


def test_a_hint_at_the_rim_is_cut_off() -> None:
    assert tuple(picture("0%,0%,tomato")[0, 0]) == (255, 99, 71)
