"""The color spaces of the four papers, each as a pair of functions: `split` and `merge`.

Every space splits sRGB in [0, 1] into one luma plane and two chroma planes. `merge` never clips,
so that `merge(*split(rgb))` gives `rgb` back and a caller sees what lies outside the gamut; the one
exception is `HUE_CHROMA`, whose paper clips. To show merged Lab use `autochrome.color.gamut.fit_chroma`.

| space          | luma                                | chroma                             | neutral      |
|----------------|-------------------------------------|------------------------------------|--------------|
| `LAB`          | L* in [0, 100], D65, 2 degrees      | a*, b* in CIE units, about +-110   | 0, 0         |
| `YCBCR`        | .299R+.587G+.114B in [0, 1]         | Cb, Cr in [0, 1]: JPEG bytes / 255 | 128/255 each |
| `YUV`          | the same sum, scaled to [-1, 1]     | U, V in [-1, 1]                    | 0, 0         |
| `HUE_CHROMA`   | (R+G+B)/3 in [0, 1]                 | hue in [0, 1), max-min in [0, 1]   | 0, 0         |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.types import RGB, Chroma, Luma

# IEC 61966-2-1 primaries to CIE XYZ and the D65 white of scikit-image, kornia and the papers' code.
RGB_TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
D65_WHITE = (0.95047, 1.0, 1.08883)

_LAB_KNEE = (6 / 29) ** 3
_LAB_SLOPE = 841 / 108


@dataclass(frozen=True)
class ColorSpace:
    """A way to split sRGB into luma and chroma, and to merge them again.

    Attributes:
        name: its name in `get_space`.
        luma_range: the luma of black and of white.
        neutral: the chroma of gray.
    """

    name: str
    luma_range: tuple[float, float]
    neutral: tuple[float, float]
    _to_planes: Callable[[Tensor], Tensor]
    _from_planes: Callable[[Tensor], Tensor]

    def split(self, rgb: RGB) -> tuple[Luma, Chroma]:
        """Return luma "b 1 h w" and chroma "b 2 h w" of sRGB in [0, 1]; ranges in the module's table."""
        planes = self._to_planes(rgb)
        return planes[:, :1], planes[:, 1:]

    def merge(self, luma: Luma, chroma: Chroma) -> RGB:
        """Return the sRGB of luma and chroma, unclipped (`HUE_CHROMA` alone clips to [0, 1])."""
        return self._from_planes(torch.cat((luma, chroma), dim=1))


def srgb_to_linear(rgb: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return linear light of sRGB-encoded values; the linear segment continues below zero."""
    curve = rgb.clamp(min=0.04045).add_(0.055).div_(1.055).pow_(2.4)
    return curve.add_(rgb.clamp(max=0.04045).sub_(0.04045), alpha=1 / 12.92)


def linear_to_srgb(linear: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return sRGB-encoded values of linear light; the linear segment continues below zero."""
    curve = linear.clamp(min=0.0031308).pow_(1 / 2.4).mul_(1.055).sub_(0.055)
    return curve.add_(linear.clamp(max=0.0031308).sub_(0.0031308), alpha=12.92)


def lab_curve(ratio: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return CIE's f(t) of a ratio to white: the cube root, linear below (6/29)^3."""
    root = ratio.clamp(min=_LAB_KNEE).pow_(1 / 3)
    return root.add_(ratio.clamp(max=_LAB_KNEE).sub_(_LAB_KNEE), alpha=_LAB_SLOPE)


def lab_curve_inverse(f: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return the ratio to white of CIE's f(t): the cube, linear below f = 6/29."""
    cube = f.clamp(min=6 / 29).pow_(3)
    return cube.add_(f.clamp(max=6 / 29).sub_(6 / 29), alpha=1 / _LAB_SLOPE)


def rgb_to_lab(rgb: RGB) -> Float[Tensor, "b 3 h w"]:
    """Return CIE L*a*b* (D65, 2 degrees) of sRGB in [0, 1].

    Equals scikit-image's rgb2lab to 7e-5 in float32, and to 2e-4 in dark pixels: its printed constants make
    f(t) jump by 3e-7 where the linear segment begins; CIE's exact fractions, used here, do not. Gray has |a|
    and |b| below 0.01 rather than 0, because the matrix's rows do not quite sum to the white.
    """
    fx, fy, fz = lab_curve(_mix(rgb_to_white_relative_xyz(), srgb_to_linear(rgb))).unbind(1)
    return torch.stack(((116 * fy).sub_(16), (fx - fy).mul_(500), (fy - fz).mul_(200)), dim=1)


def lab_to_rgb(lab: Float[Tensor, "b 3 h w"]) -> RGB:
    """Return sRGB of CIE L*a*b* (D65, 2 degrees), unclipped: outside [0, 1] where Lab is out of gamut."""
    fy = (lab[:, 0] + 16).div_(116)
    f = torch.stack((fy.add(lab[:, 1], alpha=1 / 500), fy, fy.sub(lab[:, 2], alpha=1 / 200)), dim=1)
    return linear_to_srgb(_mix(white_relative_xyz_to_rgb(), lab_curve_inverse(f)))


@cache
def rgb_to_white_relative_xyz() -> list[list[float]]:
    """Return the 3x3 matrix from linear RGB to X/Xn, Y/Yn, Z/Zn."""
    white = torch.tensor(D65_WHITE, dtype=torch.float64)
    return (torch.tensor(RGB_TO_XYZ, dtype=torch.float64) / white[:, None]).tolist()


@cache
def white_relative_xyz_to_rgb() -> list[list[float]]:
    """Return the 3x3 matrix from X/Xn, Y/Yn, Z/Zn to linear RGB."""
    return torch.linalg.inv(torch.tensor(rgb_to_white_relative_xyz(), dtype=torch.float64)).tolist()


def _mix(matrix: list[list[float]], planes: Tensor) -> Tensor:
    """Multiply a 3x3 matrix with the channels of "b 3 h w", safe from reduced-precision matmul."""
    x, y, z = planes.unbind(1)
    return torch.stack([(x * m[0]).add_(y, alpha=m[1]).add_(z, alpha=m[2]) for m in matrix], dim=1)


def _rgb_to_ycbcr(rgb: Tensor) -> Tensor:
    r, g, b = rgb.unbind(1)
    cb = -0.168736 * r - 0.331264 * g + 0.5 * b + 128 / 255
    cr = 0.5 * r - 0.418688 * g - 0.081312 * b + 128 / 255
    return torch.stack((0.299 * r + 0.587 * g + 0.114 * b, cb, cr), dim=1)


def _ycbcr_to_rgb(ycbcr: Tensor) -> Tensor:
    """Return the JPEG inverse (JFIF 1.02), exact to the six printed digits."""
    y, cb, cr = ycbcr.unbind(1)
    cb, cr = cb - 128 / 255, cr - 128 / 255
    return torch.stack((y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb), dim=1)


def _rgb_to_yuv(rgb: Tensor) -> Tensor:
    """Apply Cao 2017's numbers. They are for 0..255, then /127.5 - 1; on [0, 1] that is twice each sum."""
    r, g, b = (2 * rgb).unbind(1)
    u = -0.169 * r - 0.331 * g + 0.5 * b
    v = 0.5 * r - 0.419 * g - 0.081 * b
    return torch.stack((0.299 * r + 0.587 * g + 0.114 * b - 1, u, v), dim=1)


def _yuv_to_rgb(yuv: Tensor) -> Tensor:
    """Apply Cao 2017's printed inverse; with the printed forward numbers it returns RGB to 1e-5."""
    y, u, v = ((yuv + torch.tensor([1.0, 0.0, 0.0]).to(yuv)[:, None, None]) / 2).unbind(1)
    r = y + 1.401687 * v - 0.00093 * u
    g = y - 0.3437 * u - 0.71417 * v
    b = y + 1.77216 * u + 0.00099 * v
    return torch.stack((r, g, b), dim=1)


def _rgb_to_hue_chroma(rgb: Tensor) -> Tensor:
    r, g, b = rgb.unbind(1)
    largest, chroma = rgb.amax(1), rgb.amax(1) - rgb.amin(1)
    divisor = torch.where(chroma > 0, chroma, torch.ones_like(chroma))
    sixths = torch.where(largest == g, (b - r) / divisor + 2, (r - g) / divisor + 4)
    sixths = torch.where(largest == r, (g - b) / divisor, sixths)
    hue = torch.where(chroma > 0, (sixths / 6) % 1.0, torch.zeros_like(chroma))
    hue = torch.where(hue >= 1.0, torch.zeros_like(hue), hue)  # a tiny negative hue rounds up to 1
    return torch.stack((rgb.mean(1), hue, chroma), dim=1)


def _hue_chroma_to_rgb(planes: Tensor) -> Tensor:
    """Apply Larsson 2016: V = L + C/2 and S = C/V, clipped; HSV to RGB; last, shift the mean to the luma.

    The luma is the mean of RGB where the bicone has (max+min)/2; the last step corrects the lightness.
    """
    luma, hue, chroma = planes.unbind(1)
    value = luma + chroma / 2
    saturation = (chroma / value.clamp(min=1e-8)).clamp(0, 1)
    value = value.clamp(0, 1)
    channels = []
    for offset in (5, 3, 1):  # the piecewise-linear form of HSV to RGB, for R, G and B
        k = (offset + 6 * hue) % 6
        channels.append(value * (1 - saturation * torch.minimum(k, 4 - k).clamp(0, 1)))
    rgb = torch.stack(channels, dim=1)
    return (rgb - rgb.mean(1, keepdim=True) + luma[:, None]).clamp(0, 1)


LAB = ColorSpace("lab", (0.0, 100.0), (0.0, 0.0), rgb_to_lab, lab_to_rgb)
"""CIE L*a*b* (Zhang 2016; Larsson 2016's Lab variant)."""

YCBCR = ColorSpace("ycbcr", (0.0, 1.0), (128 / 255, 128 / 255), _rgb_to_ycbcr, _ycbcr_to_rgb)
"""JPEG full-range YCbCr, bytes / 255 (Guadarrama 2017)."""

YUV = ColorSpace("yuv", (-1.0, 1.0), (0.0, 0.0), _rgb_to_yuv, _yuv_to_rgb)
"""Cao 2017's YUV in [-1, 1]."""

HUE_CHROMA = ColorSpace("hue_chroma", (0.0, 1.0), (0.0, 0.0), _rgb_to_hue_chroma, _hue_chroma_to_rgb)
"""Larsson 2016's hue/chroma bicone; chroma planes in the order hue, chroma."""

_SPACES = {space.name: space for space in (LAB, YCBCR, YUV, HUE_CHROMA)}


def get_space(name: str) -> ColorSpace:
    """Return the color space of that name.

    Raises:
        ValueError: for an unknown name; the message lists the known ones.
    """
    try:
        return _SPACES[name]
    except KeyError:
        known = ", ".join(sorted(_SPACES))
        raise ValueError(f"{name!r} is not a color space; choose one of: {known}") from None
