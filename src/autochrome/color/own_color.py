"""Which parts of a picture are in color already, apart from one tone all over such as sepia.

A toned picture has one color at each lightness, so its colors lie on a curve in Lab; a picture in color has
several. The distance from that curve, and from gray, tells them apart (``python -m reproduce.misfits``).
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.lightness import WHITE, reduced_rgb
from autochrome.color.spaces import rgb_to_lab

IN_COLOR = 0.02
"""Share of a picture that must be in color: of toned photos less than .01, of color photos .03 or more."""
_AWAY = 6.0
"""CIE units from the tone beyond which a place is in color."""
_LEVELS = 16
_REACH = 3.0
"""Standard deviation, in levels, within which a tone is much the same."""
_RARE = 0.005
"""Share of a photo's places below which a level counts for less."""
_CELL, _CELLS = 4.0, 65
"""Width and number of the cells, along a* and b*, in which the most frequent color is found."""
_SHORTER = 128
"""Pixels of the shorter side to which a photo is reduced."""
_JOINED = 0.03
"""Of the shorter side: gaps as wide as this between colored places, such as a card's grays, are filled."""


class OwnColor:
    """The color that a photo has before it is colorized.

    Args:
        pixels: (H, W, 1) or (H, W, 3), uint8, uint16 or float32 in [0, 1], gamma-encoded sRGB.
    """

    def __init__(self, pixels: np.ndarray) -> None:
        self._pixels = pixels

    @cached_property
    def away(self) -> Float[Tensor, "h w"]:
        """Return the distance from the picture's tone or gray, the smaller, in CIE units, on a small grid."""
        if self._pixels.shape[2] == 1:
            return torch.zeros(1, 1)
        lab = rgb_to_lab(reduced_rgb(self._pixels, _SHORTER))[0]
        ab = lab[1:].flatten(1)
        level = (lab[0].flatten() / 100 * _LEVELS).long().clamp(0, _LEVELS - 1)
        tone = _tone(ab, level)
        # Grays beside cream-colored paper are as little in color as the paper.
        return torch.minimum((ab - tone[:, level]).norm(dim=0), ab.norm(dim=0)).reshape(lab.shape[1:])

    @property
    def share(self) -> float:
        """The share of the picture that is in color."""
        return float((self.away > _AWAY).float().mean())

    @property
    def is_in_color(self) -> bool:
        """Whether the picture, or a part of it, is in color, and not only toned."""
        return self.share > IN_COLOR

    @cached_property
    def mask(self) -> Bool[Tensor, "h w"]:
        """The colored parts on the small grid, without specks and with their gaps filled."""
        colored = (self.away > _AWAY).float()[None, None]
        radius = max(1, round(_JOINED * min(colored.shape[2:])))
        closed = _eroded(_dilated(colored, radius), radius)
        return _dilated(_eroded(closed, 1), 1)[0, 0] > 0

    def over(self, chroma: Float[Tensor, "2 rows w"], start: int) -> Float[Tensor, "2 rows w"]:
        """Return chroma with the photo's own colors where it has some.

        Args:
            chroma: a* and b* of whole rows of the photo.
            start: the first of them.
        """
        height, width = self._pixels.shape[:2]
        stop = start + chroma.shape[1]
        rows = _places(start, stop, self.mask.shape[0], height)
        kept = self.mask[rows][:, _places(0, width, self.mask.shape[1], width)]
        if not bool(kept.any()):
            return chroma
        some = self._pixels[start:stop].astype(np.float32) / np.float32(WHITE[self._pixels.dtype.name])
        own = rgb_to_lab(torch.from_numpy(some).permute(2, 0, 1)[None])[0, 1:]
        return torch.where(kept, own.to(chroma), chroma)


def _tone(ab: Float[Tensor, "2 n"], level: Int[Tensor, " n"]) -> Float[Tensor, "2 levels"]:
    """Return the color of the toned parts at every level of lightness.

    It is the most frequent one there and at the levels around. Every level counts alike, so that a blue sky,
    which is frequent at a few levels, is not taken for the tone of a gray print beside it.
    """
    cells = (ab / _CELL).round().long().clamp(-(_CELLS // 2), _CELLS // 2) + _CELLS // 2
    counts = torch.zeros(_LEVELS, _CELLS**2)
    counts.index_put_((level, cells[0] * _CELLS + cells[1]), torch.ones(len(level)), accumulate=True)
    sizes = counts.sum(1, keepdim=True)
    shares = counts / sizes.clamp(min=_RARE * len(level))
    apart = torch.arange(_LEVELS)[:, None] - torch.arange(_LEVELS)[None]
    around = torch.exp(-0.5 * (apart / _REACH) ** 2) @ shares
    around = F.avg_pool2d(around.reshape(_LEVELS, 1, _CELLS, _CELLS), 3, 1, 1).flatten(1)
    tone = torch.zeros(2, _LEVELS)
    for number, best in enumerate(around.argmax(1).tolist()):
        row, column = divmod(best, _CELLS)
        near = (level == number) & ((cells[0] - row).abs() <= 1) & ((cells[1] - column).abs() <= 1)
        center = torch.tensor([row, column]) - _CELLS // 2
        tone[:, number] = ab[:, near].mean(1) if bool(near.any()) else center * _CELL
    return tone


def _places(start: int, stop: int, cells: int, pixels: int) -> Tensor:
    return ((torch.arange(start, stop) + 0.5) * cells / pixels).long().clamp(0, cells - 1)


def _dilated(mask: Float[Tensor, "1 1 h w"], radius: int) -> Float[Tensor, "1 1 h w"]:
    return F.max_pool2d(mask, 2 * radius + 1, 1, radius)


def _eroded(mask: Float[Tensor, "1 1 h w"], radius: int) -> Float[Tensor, "1 1 h w"]:
    return 1 - F.max_pool2d(1 - mask, 2 * radius + 1, 1, radius)
