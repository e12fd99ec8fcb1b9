"""A reference: the photo whose palette is transferred to another."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from autochrome.color.lightness import Lightness
from autochrome.color.spaces import rgb_to_lab
from autochrome.errors import SettingsError
from autochrome.guidance import HistogramTransfer, QuantileMatching
from autochrome.io.photo import Photo
from autochrome.models.base import DistributionColorizer
from autochrome.types import RGB

_FINER = 4  # pixels of the photo for each pixel of its reduction, in each direction


_PALE = 5.0
"""Mean chroma, in CIE units, below which a reference has hardly any colors; color photos have about 18."""


class Reference:
    """The colors of a photo, at the size at which a model works.

    Args:
        photo: in color.
        shorter: length to which the shorter side is reduced; smaller photos stay as they are.

    Raises:
        SettingsError: the photo has no colors.
    """

    def __init__(self, photo: Photo, shorter: int) -> None:
        check_reference(photo)
        self.photo = photo
        self.rgb = _reduced(photo, shorter)

    @property
    def name(self) -> str:
        """The name of the file, without its folder."""
        return photo_name(self.photo)

    @property
    def is_pale(self) -> bool:
        """Whether the photo has hardly any colors, so that those of the result will be as few."""
        return float(rgb_to_lab(self.rgb)[:, 1:].norm(dim=1).mean()) < _PALE

    def histogram_transfer(self, model: DistributionColorizer) -> HistogramTransfer:
        """Return the guide that moves a model's predictions to these colors."""
        return HistogramTransfer(model.histogram(rgb_to_lab(self.rgb).to(model.prior)), model.axes)

    def quantile_matching(self) -> QuantileMatching:
        """Return the map from any colors to these."""
        return QuantileMatching.of(self.rgb)


def check_reference(photo: object) -> None:
    """Check that a photo has colors that can be transferred.

    Raises:
        TypeError: it is not a `Photo`.
        SettingsError: it is gray.
    """
    if not isinstance(photo, Photo):
        raise TypeError(f"a reference must be a Photo, as read_photo returns it, not {type(photo).__name__}")
    if not Lightness(photo.pixels).has_color:
        raise SettingsError(f"the reference {photo_name(photo)} has no colors; give a photo in color")


def photo_name(photo: Photo) -> str:
    """Return the name of a photo's file without its folder, or "in memory" if there is none."""
    return "in memory" if photo.source is None else photo.source.name


def _reduced(photo: Photo, shorter: int) -> RGB:
    height, width = photo.size
    step = max(1, min(height, width) // (_FINER * shorter))
    some = torch.from_numpy(photo.pixels[::step, ::step].astype(np.float32) / photo.white).permute(2, 0, 1)[
        None
    ]
    scale = min(1.0, shorter / min(some.shape[2:]))
    size = [max(1, round(side * scale)) for side in some.shape[2:]]
    return F.interpolate(some, size, mode="bilinear", antialias=True).clamp(0, 1)
