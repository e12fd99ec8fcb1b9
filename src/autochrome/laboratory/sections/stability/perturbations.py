"""Changes of a photo's lightness that keep its content: exposure, contrast, sharpness, grain.

Lightness is CIE L*, "h w" in [0, 100]; changes are clipped to black and white.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

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


@dataclass(frozen=True)
class Perturbation:
    """One change, at one strength.

    Attributes:
        family: what is changed; one chart each.
        strength: where it stands on that chart.
        change: from lightness to lightness. The generator is for noise.
    """

    family: str
    strength: float
    change: Callable[[Plane, torch.Generator], Plane]

    @property
    def name(self) -> str:
        """``family strength``."""
        sign = "+" if self.family == "lightness" and self.strength > 0 else ""
        return f"{self.family} {sign}{self.strength:g}"

    def __call__(self, lightness: Plane, generator: torch.Generator) -> Plane:
        """Return the changed lightness."""
        return self.change(lightness, generator).clamp(0, 100)


def shifted(lightness: Plane, generator: torch.Generator, *, by: float) -> Plane:
    """Add a constant to L*."""
    return lightness + by


def gamma(lightness: Plane, generator: torch.Generator, *, exponent: float) -> Plane:
    """Raise L* / 100 to a power: below 1 lightens the middle tones, above 1 darkens them."""
    return 100 * (lightness / 100) ** exponent


def contrast(lightness: Plane, generator: torch.Generator, *, factor: float) -> Plane:
    """Multiply the differences from the mean."""
    return lightness.mean() + factor * (lightness - lightness.mean())


def blurred(lightness: Plane, generator: torch.Generator, *, sigma: float) -> Plane:
    """Blur with a Gaussian; sigma in pixels of a photo whose shorter side has `BLUR_SIDE` of them."""
    sigma = sigma * min(lightness.shape) / BLUR_SIDE
    reach = max(1, round(3 * sigma))
    kernel = torch.exp(-(torch.arange(-reach, reach + 1, dtype=torch.float64) ** 2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).to(lightness)
    padded = F.pad(lightness[None, None], (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel[None, None, :, None]), kernel[None, None, None, :])[0, 0]


def noisy(lightness: Plane, generator: torch.Generator, *, deviation: float) -> Plane:
    """Add normal noise of a standard deviation in L*, independent for each pixel."""
    return lightness + deviation * torch.randn(lightness.shape, generator=generator)


PERTURBATIONS = (
    *(Perturbation("lightness", by, partial(shifted, by=by)) for by in (-20.0, -10.0, 10.0, 20.0)),
    *(Perturbation("gamma", e, partial(gamma, exponent=e)) for e in (0.5, 0.71, 1.41, 2.0)),
    *(Perturbation("contrast", f, partial(contrast, factor=f)) for f in (0.25, 0.5, 0.75)),
    *(Perturbation("blur", s, partial(blurred, sigma=s)) for s in (1.0, 2.0, 4.0)),
    *(Perturbation("noise", d, partial(noisy, deviation=d)) for d in (2.5, 5.0, 10.0)),
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
