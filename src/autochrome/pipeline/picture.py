"""The input of a network: the picture in a photo, without mats, and with tones of a normal range."""

from __future__ import annotations

from functools import cached_property

import torch
from torch.nn import functional as F

from autochrome.color.inpainting import fill_unknown
from autochrome.color.lightness import Lightness
from autochrome.color.tones import Tones, fit_tones
from autochrome.io.photo import Photo
from autochrome.pipeline.extent import Extent
from autochrome.types import Luma

_KNOWN = 0.999  # share of a cell that must be picture, so that a mat's darkness does not seep in
_TONES_AT = 160  # longer side, in pixels, at which tones are measured


class Picture:
    """The lightness of the picture in a photo.

    Args:
        photo: the photo.
        extent: where the picture is in it.
        stretch: stretch tones to a normal range.

    Attributes:
        photo: the part of the photo that lies in the extent's box, pixels alone.
    """

    def __init__(self, photo: Photo, extent: Extent, *, stretch: bool = True) -> None:
        self.extent = extent
        self.stretch = stretch
        self.photo = Photo(extent.crop(photo.pixels))
        self._lightness = Lightness(self.photo.pixels)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the picture's box in pixels."""
        return self._lightness.size

    def reduced(self, height: int, width: int) -> Luma:
        """Return L* in [0, 100] of the box as "1 1 height width"; mats are filled from the picture."""
        luma = self._lightness.reduced(height, width)
        if self.extent.fills_box:
            return luma
        return fill_unknown(luma, self._known(height, width))

    @cached_property
    def tones(self) -> Tones:
        """The stretch of the picture's tones to a normal range, or none if ``stretch`` is False."""
        if not self.stretch:
            return Tones()
        scale = min(1.0, _TONES_AT / max(self.size))
        height, width = (max(1, round(side * scale)) for side in self.size)
        known = None if self.extent.fills_box else self._known(height, width)
        # A sample of the pixels is enough, and cheap even for a large photo.
        step = max(1, max(self.size) // (2 * _TONES_AT))
        return fit_tones(Lightness(self.photo.pixels[::step, ::step]).reduced(height, width), known)

    def _known(self, height: int, width: int) -> Luma:
        known = torch.from_numpy(self.extent.known(height, width))[None, None]
        share = F.interpolate(known, (height, width), mode="bilinear", antialias=True)  # as the lightness is
        return (share >= _KNOWN).float()


def whole_file(photo: Photo) -> Picture:
    """Return the photo as it is, with its borders and its own tones."""
    height, width = photo.size
    return Picture(photo, Extent((height, width), (0, 0, height, width)), stretch=False)
