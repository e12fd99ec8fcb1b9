"""CIE lightness of a photo's pixels: a few rows at a time at full size, or reduced for a network.

A large photo is never held as floats: 8- and 16-bit gray goes through a table, and the reduction sums
the file's own integers.
"""

from __future__ import annotations

from functools import cache, cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.spaces import RGB_TO_XYZ, lab_curve, rgb_to_lab, srgb_to_linear
from autochrome.types import RGB, Luma

LIGHTNESS_STEP = 2.0**-7
"""The grid of L* on which compact networks see a photo: a fiftieth of a byte's step."""
WHITE = {"uint8": 255, "uint16": 65535, "float32": 1}
"""The value of full scale, by the name of a photo's dtype."""
_NEAR_GRAY = 0.03
"""Largest difference between two channels, of 1, that JPEG and scanner noise leave in a gray picture."""
_NEAR_GRAY_SHARE = 0.99
_BLOCKS = 4  # to a sample, in each direction: enough for a triangle to be told from a box
_SAMPLES = 4  # pixels of a photo for each of its reduction, in each direction, at least
_SAMPLED = 1 << 18  # pixels from which gray is told apart from color


def rounded(lightness: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return L* on the grid on which compact networks see it, where it survives a luma's roundings."""
    return (lightness / LIGHTNESS_STEP).round() * LIGHTNESS_STEP


def reduced_rgb(pixels: np.ndarray, shorter: int) -> RGB:
    """Return sRGB "1 c h w" in [0, 1], its shorter side reduced to ``shorter``; smaller pictures keep theirs.

    Args:
        pixels: as of `Lightness`.
        shorter: pixels of the shorter side.
    """
    step = max(1, min(pixels.shape[:2]) // (_SAMPLES * shorter))
    some = pixels[::step, ::step].astype(np.float32) / np.float32(WHITE[pixels.dtype.name])
    rgb = torch.from_numpy(some).permute(2, 0, 1)[None]
    scale = min(1.0, shorter / min(rgb.shape[2:]))
    size = [max(1, round(side * scale)) for side in rgb.shape[2:]]
    return F.interpolate(rgb, size, mode="bilinear", antialias=True).clamp(0, 1)


class Lightness:
    """L* in [0, 100] of sRGB pixels, computed on demand.

    Args:
        pixels: (H, W, 1) or (H, W, 3), uint8, uint16 or float32 in [0, 1], gamma-encoded sRGB.

    Raises:
        TypeError: for pixels of another type.
        ValueError: for another shape.
    """

    def __init__(self, pixels: np.ndarray) -> None:
        if pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
            raise ValueError(f"pixels are (height, width, 1 or 3), not {pixels.shape}")
        if pixels.dtype.name not in WHITE:
            raise TypeError(
                f"pixels are uint8, uint16 or float32, not {pixels.dtype}; convert the photo first"
            )
        self._pixels = pixels
        self._white = WHITE[pixels.dtype.name]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self._pixels.shape[0], self._pixels.shape[1]

    @cached_property
    def has_color(self) -> bool:
        """Whether the pixels have a color or a tone (sepia) that is more than noise around gray."""
        if self._pixels.shape[2] == 1:
            return False
        step = max(1, int((self.size[0] * self.size[1] / _SAMPLED) ** 0.5))
        some = self._pixels[::step, ::step].reshape(-1, 3)
        spread = some.max(1) - some.min(1)
        return bool(np.mean(spread <= _NEAR_GRAY * self._white) < _NEAR_GRAY_SHARE)

    def rows(self, start: int, stop: int) -> Float[Tensor, "rows w"]:
        """Return L* of the rows from ``start`` up to ``stop``."""
        strip = self._pixels[start:stop]
        if strip.shape[2] == 1 and self._white > 1:
            return torch.from_numpy(np.take(_gray_table(self._white), strip[:, :, 0]))
        if strip.shape[2] == 1:
            return _of_luminance(srgb_to_linear(torch.tensor(strip[:, :, 0])))
        return _of_luminance(self._luminance(strip))

    def reduced(self, height: int, width: int) -> Luma:
        """Return L* of the whole photo resized to "1 1 height width", with antialiasing.

        The gamma-encoded values are averaged, as image editors and the preparation of training photos do.
        """
        rows = _Blocks(self.size[0], max(1, self.size[0] // (_BLOCKS * height)))
        columns = _Blocks(self.size[1], max(1, self.size[1] // (_BLOCKS * width)))
        small = torch.from_numpy(self._block_means(rows, columns)).permute(2, 0, 1)
        small = rows.resampling(height) @ small @ columns.resampling(width).T
        if small.shape[0] == 1:
            return _of_luminance(srgb_to_linear(small))[None]
        return rgb_to_lab(small[None])[:, :1].clamp(0, 100)

    def _luminance(self, strip: np.ndarray) -> Float[Tensor, "rows w"]:
        """Return CIE Y of color pixels."""
        if self._white > 1:
            tables = _luminance_tables(self._white)
            parts = [np.take(table, strip[:, :, channel]) for channel, table in enumerate(tables)]
            return (
                torch.from_numpy(parts[0]).add_(torch.from_numpy(parts[1])).add_(torch.from_numpy(parts[2]))
            )
        linear = srgb_to_linear(torch.tensor(strip))
        return linear @ torch.tensor(RGB_TO_XYZ[1])

    def _block_means(self, rows: _Blocks, columns: _Blocks) -> np.ndarray:
        """Return means over blocks, "rows columns channels", in [0, 1]."""
        sums = np.empty((len(rows.starts), len(columns.starts), self._pixels.shape[2]), np.float32)
        exact = np.float64 if self._white == 1 else np.uint32
        for i, start in enumerate(rows.starts):
            along = np.add.reduce(self._pixels[start : start + rows.length], axis=0, dtype=exact)
            sums[i] = np.add.reduceat(along.astype(np.float64), columns.starts, axis=0)
        counts = rows.counts[:, None, None] * columns.counts[None, :, None]
        return (sums / (counts * self._white)).astype(np.float32)


class _Blocks:
    """One side of a photo cut into blocks of equal length; the last may be shorter."""

    def __init__(self, size: int, length: int) -> None:
        self.size, self.length = size, length
        self.starts = np.arange(0, size, length)
        self.counts = np.minimum(self.starts + length, size) - self.starts

    def resampling(self, target: int) -> Float[Tensor, "target blocks"]:
        """Return the blocks' weights in each of ``target`` samples: a triangle, as in PIL's bilinear."""
        scale = self.size / target
        centers = (np.arange(target) + 0.5) * scale
        middles = self.starts + self.counts / 2
        # Enlarging interpolates between neighbors, and beyond the outermost there is only the outermost.
        centers = centers.clip(middles[0], middles[-1])
        reach = max(scale, float(self.length))
        weights = (1 - np.abs(middles[None] - centers[:, None]) / reach).clip(0) * self.counts
        return torch.from_numpy((weights / weights.sum(1, keepdims=True)).astype(np.float32))


def _of_luminance(y: Tensor) -> Tensor:
    """Return L* of CIE Y in [0, 1]."""
    return lab_curve(y).mul_(116).sub_(16).clamp_(0, 100)


@cache
def _gray_table(white: int) -> np.ndarray:
    """Return L* of every code of a gray photo."""
    codes = torch.arange(white + 1, dtype=torch.float64) / white
    return _of_luminance(srgb_to_linear(codes)).float().numpy()


@cache
def _luminance_tables(white: int) -> list[np.ndarray]:
    """Return what every code of R, G and B adds to CIE Y."""
    linear = srgb_to_linear(torch.arange(white + 1, dtype=torch.float64) / white)
    return [(linear * share).float().numpy() for share in RGB_TO_XYZ[1]]
