"""Changes of a photo's lightness that keep its content: exposure, contrast, sharpness, grain.

Lightness is CIE L*, "h w" in [0, 100]; changes are clipped to black and white.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.lightness import Lightness
from autochrome.color.spaces import lab_curve_inverse, linear_to_srgb
from autochrome.io.photo import Photo

Plane = Float[Tensor, "h w"]
BLUR_SIDE = 256
"""Shorter side, in pixels, of the photo in whose pixels blur is given."""


STRENGTHS = {
    "lightness": (-20.0, -10.0, 10.0, 20.0),
    "gamma": (0.5, 0.71, 1.41, 2.0),
    "contrast": (0.25, 0.5, 0.75),
    "blur": (1.0, 2.0, 4.0),
    "noise": (2.5, 5.0, 10.0),
}
"""Of each family; see `Perturbation`."""


@dataclass(frozen=True)
class Perturbation:
    """One change, at one strength.

    Attributes:
        family: what is changed; one chart each.
        strength: lightness: added to L*. gamma: the exponent of L* / 100; below 1 lightens the middle tones.
            contrast: factor of the differences from the mean. blur: sigma of a Gaussian, in pixels of a photo
            whose shorter side has `BLUR_SIDE` of them. noise: standard deviation in L*, of each pixel.
    """

    family: str
    strength: float

    @property
    def name(self) -> str:
        """``family strength``."""
        sign = "+" if self.family == "lightness" and self.strength > 0 else ""
        return f"{self.family} {sign}{self.strength:g}"

    def __call__(self, lightness: Plane, generator: torch.Generator) -> Plane:
        """Return the changed lightness; the generator is for noise."""
        match self.family:
            case "lightness":
                changed = lightness + self.strength
            case "gamma":
                changed = 100 * (lightness / 100) ** self.strength
            case "contrast":
                changed = lightness.mean() + self.strength * (lightness - lightness.mean())
            case "blur":
                changed = _blurred(lightness, self.strength * min(lightness.shape) / BLUR_SIDE)
            case _:
                changed = lightness + self.strength * torch.randn(lightness.shape, generator=generator)
        return changed.clamp(0, 100)


def _blurred(lightness: Plane, sigma: float) -> Plane:
    reach = max(1, round(3 * sigma))
    kernel = torch.exp(-(torch.arange(-reach, reach + 1, dtype=torch.float64) ** 2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).to(lightness)
    padded = F.pad(lightness[None, None], (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel[None, None, :, None]), kernel[None, None, None, :])[0, 0]


PERTURBATIONS = tuple(
    Perturbation(family, strength) for family, strengths in STRENGTHS.items() for strength in strengths
)

NEUTRAL = {"lightness": 0.0, "gamma": 1.0, "contrast": 1.0, "blur": 0.0, "noise": 0.0}
"""The strength of each family that changes nothing."""


def lightness_of(photo: Photo) -> Plane:
    """Return L* of every pixel."""
    return Lightness(photo.pixels).rows(0, photo.size[0])


def gray_photo(lightness: Plane) -> Photo:
    """Return a gray photo of that lightness, unrounded, so that a small change is not lost."""
    gray = linear_to_srgb(lab_curve_inverse((lightness + 16) / 116)).clamp(0, 1)
    return Photo(np.ascontiguousarray(gray.numpy()[:, :, None], dtype=np.float32))
