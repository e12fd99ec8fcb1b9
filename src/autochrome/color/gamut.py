"""Bring Lab colors into sRGB while holding lightness and hue.

Clipping out-of-gamut RGB changes the lightness, which is the photograph itself. Here chroma alone gives
way: a pixel's (a, b) is scaled by the largest s in [0, 1] at which Lab(L, s a, s b) is an sRGB color.
Y depends on L alone, so whatever s is, the lightness is the photograph's. (Along one narrow wedge of
light yellows, L* 95 to 98, a ray leaves sRGB by up to .006 of its range and comes back; there s may be the
inner of the two ends. The color is inside sRGB all the same.)

The work is per pixel. On a CPU it goes in chunks that stay in the cache and in scratch planes that are used
over and over: with 12 million pixels, fresh memory costs more than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.color.spaces import linear_to_srgb, white_relative_xyz_to_rgb
from autochrome.types import RGB, Chroma, Luma

CHUNK = 1 << 18
"""Pixels per step on a CPU; one float32 plane of them is 1 MiB."""

BISECTIONS = 8
"""Halvings in the search for s, which therefore comes out at most 2**-8 too small, never too large."""

# Linear light may be this far outside [0, 1] before a pixel counts as out of gamut, so that rounding does
# not send a photograph's own saturated colors, or white (1.00003 by the matrix), to the slow path.
_BELOW, _ABOVE = 1e-6, 5e-5

_CODES = 1 << 16
_KNEE, _SLOPE = 6 / 29, 108 / 841
_SRGB_KNEE = 0.0031308


@torch.no_grad()
def fit_chroma(luma: Luma, ab: Chroma) -> RGB:
    """Return the sRGB image in [0, 1] of Lab, with chroma reduced toward gray where sRGB ends.

    Not differentiable. For a whole photograph `fit_chroma_into` is faster.

    Args:
        luma: L* "b 1 h w"; values outside [0, 100] are clamped.
        ab: a* and b* "b 2 h w" in CIE units, of any size.

    Returns:
        sRGB "b 3 h w" with the requested L* and hue angle, and at most the requested chroma.
    """
    rgb = luma.new_empty((luma.shape[0], 3, *luma.shape[2:]))
    for one_luma, one_ab, one_rgb in zip(luma, ab, rgb, strict=True):
        planes = one_rgb.view(3, -1)
        for part, linear, spare in _linear_chunks(one_luma.reshape(-1), one_ab.reshape(2, -1)):
            for channel in range(3):
                planes[channel, part] = _encode_(linear[channel], spare)
    return rgb


@torch.no_grad()
def fit_chroma_into(out: np.ndarray, luma: Float[Tensor, "h w"], ab: Float[Tensor, "2 h w"]) -> None:
    """Write the sRGB pixels of Lab, fitted as by `fit_chroma`, into (rows of) a photograph.

    Args:
        out: (h, w, 3) C-contiguous, uint8 (0..255), uint16 (0..65535) or float32 (0..1); rounded to nearest.
        luma: L* in [0, 100], float32 on the CPU.
        ab: a* and b* in CIE units, float32 on the CPU.

    Raises:
        TypeError: for another depth.
    """
    depth = {"uint8": torch.uint8, "uint16": torch.uint16, "float32": torch.float32}.get(out.dtype.name)
    if depth is None:
        raise TypeError(f"pixels are uint8, uint16 or float32, not {out.dtype.name}; convert the photo first")
    pixels = torch.from_numpy(out).view(-1, 3)
    for part, linear, spare in _linear_chunks(luma.reshape(-1), ab.reshape(2, -1)):
        for channel in range(3):
            if depth is torch.uint8:
                codes = linear[channel].mul_(_CODES - 1).to(torch.int32)
                pixels[part, channel] = torch.index_select(_bytes_of_linear(), 0, codes)
            elif depth is torch.uint16:
                pixels[part, channel] = _encode_(linear[channel], spare).mul_(65535).add_(0.5).to(depth)
            else:
                pixels[part, channel] = _encode_(linear[channel], spare)


@cache
def _bytes_of_linear() -> Tensor:
    """Return the sRGB byte at the middle of each step of linear light; a step is at most 0.05 of a byte."""
    linear = ((torch.arange(_CODES, dtype=torch.float64) + 0.5) / (_CODES - 1)).clamp(max=1)
    return (linear_to_srgb(linear) * 255).round().to(torch.uint8)


def _linear_chunks(luma: Tensor, ab: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Yield (slice of pixels, their linear RGB "3 n" in [0, 1], a spare plane "n"), all reused."""
    count = luma.shape[0]
    size = min(CHUNK, count) if luma.device.type == "cpu" else count
    scratch = luma.new_empty((7, size))
    for start in range(0, count, max(size, 1)):
        part = slice(start, min(start + size, count))
        planes = scratch[:, : part.stop - start]
        _fill_linear(luma[part], ab[:, part], planes)
        yield part, planes[:3], planes[3]


def _fill_linear(luma: Tensor, ab: Tensor, planes: Tensor) -> None:
    """Put linear RGB in [0, 1], with chroma reduced where necessary, into planes 0, 1, 2 of seven."""
    rgb, x, y, z, fy = planes[:3], planes[3], planes[4], planes[5], planes[6]
    torch.clamp(luma, 0, 100, out=fy).add_(16).mul_(1 / 116)
    _cube_(y.copy_(fy), spare=rgb[0])
    torch.add(fy, ab[0], alpha=1 / 500, out=x)
    torch.add(fy, ab[1], alpha=-1 / 200, out=z)
    margin = _linear_rgb(x, y, z, out=rgb)
    if margin.amin() < 0:
        outside = torch.nonzero(margin < 0).squeeze(1)
        rgb[:, outside] = _reduce_chroma(fy[outside], y[outside], ab[:, outside])
    rgb.clamp_(0, 1)


def _reduce_chroma(fy: Tensor, y: Tensor, ab: Tensor) -> Tensor:
    """Find each pixel's s by bisection (s = 0, gray, is inside, s = 1 outside); return linear RGB."""
    toward_x, toward_z = ab[0] / 500, ab[1] / -200
    scale = torch.zeros_like(fy)
    planes = fy.new_empty((6, len(fy)))
    rgb, x, z, trial = planes[:3], planes[3], planes[4], planes[5]
    step = 1.0
    for _ in range(BISECTIONS):
        step /= 2
        torch.add(scale, step, out=trial)
        torch.addcmul(fy, trial, toward_x, out=x)
        torch.addcmul(fy, trial, toward_z, out=z)
        scale.add_(_linear_rgb(x, y, z, out=rgb).ge_(0), alpha=step)
    _linear_rgb(torch.addcmul(fy, scale, toward_x), y, torch.addcmul(fy, scale, toward_z), out=rgb)
    return rgb


def _linear_rgb(fx: Tensor, y: Tensor, fz: Tensor, *, out: Tensor) -> Tensor:
    """Put linear RGB into `out` "3 n"; return how far inside sRGB it is. Overwrites fx and fz."""
    x, z = _cube_(fx, spare=out[0]), _cube_(fz, spare=out[0])
    for channel, (mx, my, mz) in zip(out, white_relative_xyz_to_rgb(), strict=True):
        torch.mul(x, mx, out=channel).add_(y, alpha=my).add_(z, alpha=mz)
    r, g, b = out
    low = torch.minimum(torch.minimum(r, g, out=x), b, out=x).add_(_BELOW)
    high = torch.maximum(torch.maximum(r, g, out=z), b, out=z)
    return torch.minimum(low, high.neg_().add_(1 + _ABOVE), out=x)


def _cube_(f: Tensor, spare: Tensor) -> Tensor:
    """Apply `lab_curve_inverse` in place."""
    torch.clamp(f, max=_KNEE, out=spare).sub_(_KNEE)
    return f.clamp_(min=_KNEE).pow_(3).add_(spare, alpha=_SLOPE)


def _encode_(linear: Tensor, spare: Tensor) -> Tensor:
    """Apply `linear_to_srgb` in place, and clip rounding errors beyond 0 and 1."""
    torch.clamp(linear, max=_SRGB_KNEE, out=spare).sub_(_SRGB_KNEE)
    linear.clamp_(min=_SRGB_KNEE).pow_(1 / 2.4).mul_(1.055).sub_(0.055)
    return linear.add_(spare, alpha=12.92).clamp_(0, 1)
