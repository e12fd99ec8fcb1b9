"""The size at which photos are compared: as they are, cropped, or scaled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.errors import SettingsError, SizeError, shown
from autochrome.types import RGB

Size = tuple[int, int]
"""Height and width in pixels."""


Compared = Float[Tensor, "b 3 height width"]
"""sRGB in [0, 1] at the size of comparison."""


@dataclass(frozen=True)
class Sizing:
    """``native``, ``crop:N`` or ``resize:N``.

    ``native``: photos as they are; a result must have the size of its reference. ``crop``: the central square
    of N pixels; a result may also be that square alone. ``resize``: shorter side N, aspect kept, antialiased
    bicubic on gamma-encoded sRGB; a result may have another size of the same shape.
    """

    kind: Literal["native", "crop", "resize"] = "native"
    size: int = 0

    @classmethod
    def parse(cls, text: str) -> Sizing:
        """Parse ``native``, ``crop:N`` or ``resize:N``; SettingsError for anything else."""
        kind, _, size = text.partition(":")
        if text == "native":
            return cls()
        if kind in ("crop", "resize") and re.fullmatch("0*[1-9][0-9]{,5}", size):
            return cls("crop" if kind == "crop" else "resize", int(size))
        raise SettingsError(
            f"unknown protocol {shown(text)}; use native, crop:N or resize:N, for example crop:224"
        )

    def __str__(self) -> str:
        return self.kind if self.kind == "native" else f"{self.kind}:{self.size}"

    def apply(self, rgb: RGB, reference: Size) -> Compared:
        """Bring a photo, the reference itself or a result, to the size at which it is compared.

        Raises:
            SizeError: its size does not match the ``reference``'s; the message says what to do.
        """
        size = (rgb.shape[-2], rgb.shape[-1])
        if self.kind == "resize":
            return self._resize(rgb, size, reference)
        if self.kind == "crop" and size == (self.size, self.size):
            return rgb
        if size != reference:
            raise SizeError(
                f"is {_by(size)} but its reference is {_by(reference)}; write results at the size of the"
                " references, or compare at one size with resize:N"
            )
        return rgb if self.kind == "native" else self._crop(rgb, size)

    def _crop(self, rgb: RGB, size: Size) -> Compared:
        if min(size) < self.size:
            raise SizeError(f"is {_by(size)}, too small for {self}; choose a smaller crop")
        top, left = ((side - self.size) // 2 for side in size)
        return rgb[..., top : top + self.size, left : left + self.size]

    def _resize(self, rgb: RGB, size: Size, reference: Size) -> Compared:
        # The same shape, but for the rounding of one pixel.
        if abs(size[1] * reference[0] - size[0] * reference[1]) > max(reference):
            raise SizeError(
                f"is {_by(size)}, another shape than its reference of {_by(reference)}; results must be"
                " neither cropped nor stretched"
            )
        height, width = (max(1, round(side * self.size / min(reference))) for side in reference)
        if size == (height, width):
            return rgb
        return F.interpolate(rgb, (height, width), mode="bicubic", antialias=True).clamp(0, 1)


def _by(size: Size) -> str:
    return f"{size[1]} x {size[0]}"
