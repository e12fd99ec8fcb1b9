"""What a network is shown of a photo: the picture in it, without mats, and with tones of a normal range."""

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

_KNOWN = 0.999  # of a cell, to be taken for known: a mat's darkness must not seep in
_JUDGED_AT = 160  # pixels of the longer side at which tones are judged


class Picture:
    """The lightness of the picture in a photo.

    Args:
        photo: the photo.
        extent: where the picture is in it.
        stretch: whether tones are brought to a normal range.

    Attributes:
        photo: the part of the photo that lies in the extent's box, and nothing else of it.
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
        """The stretch that brings the picture's tones to a normal range, if that is wanted."""
        if not self.stretch:
            return Tones()
        scale = min(1.0, _JUDGED_AT / max(self.size))
        height, width = (max(1, round(side * scale)) for side in self.size)
        known = None if self.extent.fills_box else self._known(height, width)
        # Some of the pixels will do, and cost little even of a large photo.
        step = max(1, max(self.size) // (2 * _JUDGED_AT))
        return fit_tones(Lightness(self.photo.pixels[::step, ::step]).reduced(height, width), known)

    def _known(self, height: int, width: int) -> Luma:
        known = torch.from_numpy(self.extent.known(height, width))[None, None]
        share = F.interpolate(known, (height, width), mode="bilinear", antialias=True)  # as the lightness is
        return (share >= _KNOWN).float()


def whole_file(photo: Photo) -> Picture:
    """Return the photo as it is, with whatever is around it."""
    height, width = photo.size
    return Picture(photo, Extent((height, width), (0, 0, height, width)), stretch=False)
