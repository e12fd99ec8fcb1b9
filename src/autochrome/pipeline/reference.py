"""A reference: the photo whose palette is transferred to another."""

from __future__ import annotations

from functools import cached_property

from autochrome.color.lightness import Lightness, reduced_rgb
from autochrome.color.spaces import rgb_to_lab
from autochrome.errors import SettingsError
from autochrome.guidance import HistogramTransfer, QuantileMatching
from autochrome.io.photo import Photo
from autochrome.models.base import DistributionColorizer

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
        self.rgb = reduced_rgb(photo.pixels, shorter)

    @property
    def name(self) -> str:
        """The name of the file, without its folder."""
        return photo_name(self.photo)

    @cached_property
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
