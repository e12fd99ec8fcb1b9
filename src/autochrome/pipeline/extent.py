"""Which part of a file is the picture: borders, bars, mats and hidden pixels are not.

Networks take a black border for a part of the scene, which changes colors all over the photo. Flat areas at
the rim are detected (`mats`): rectangular borders and letterbox bars are cropped off exactly; for oval, torn
or skewed mats a mask marks what is not picture within the crop. Fully transparent pixels are not picture
either.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float32, Shaped

from autochrome.pipeline.mats import Box, Flat, Mat, find_mats, levels

_CELLS = 500  # approximate longer side of the reduced photo in which mats are searched
_SMALLEST = 16  # shorter side, in pixels, below which nothing is searched
_UNIFORM = 3.0  # levels of 255 that a photo without a picture spans, beside its noise
_NOISE = 3.0  # the largest standard deviation, in levels, that counts as noise


@dataclass(frozen=True, eq=False)
class Extent:
    """Where in a file the picture is.

    Attributes:
        size: the file's (height, width) in pixels.
        box: the smallest rectangle that contains the picture.
        is_uniform: there is no picture: a single level, or only hidden pixels.
        has_mat: a flat border, bars or a mat were found.
        mat: what within the box is not picture.
        alpha: of the file, if it hides any pixel.
    """

    size: tuple[int, int]
    box: Box
    is_uniform: bool = False
    has_mat: bool = False
    mat: Mat | None = field(default=None, repr=False)
    alpha: Shaped[np.ndarray, "h w"] | None = field(default=None, repr=False)

    @property
    def is_whole(self) -> bool:
        """Whether every pixel of the file is picture."""
        return self.fills_box and self.box == (0, 0, *self.size)

    @property
    def fills_box(self) -> bool:
        """Whether every pixel of the box is picture."""
        return self.mat is None and self.alpha is None

    def crop(self, pixels: np.ndarray) -> np.ndarray:
        """Return the part of an array "H W ..." that lies in the box, without a copy."""
        top, left, bottom, right = self.box
        return pixels[top:bottom, left:right]

    def outside(self, start: int, stop: int) -> Bool[np.ndarray, "rows w"] | None:
        """Return which pixels in rows ``start`` to ``stop`` of the file, within the box, are not picture.

        None if all are.
        """
        left, right = self.box[1], self.box[3]
        out = None
        if self.mat is not None:
            out = self.mat.at(start, stop, left, right)
        if self.alpha is not None:
            hidden = self.alpha[start:stop, left:right] == 0
            out = hidden if out is None else out | hidden
        return out

    def known(self, height: int, width: int) -> Float32[np.ndarray, "h2 w2"]:
        """Return 1 where the box certainly has picture, else 0, on a grid at least as fine as requested."""
        top, left, bottom, right = self.box
        step = max(1, min((bottom - top) // height, (right - left) // width) // 3)
        rows, columns = np.arange(top, bottom, step), np.arange(left, right, step)
        return (~self._sampled(rows, columns, margin=1)).astype(np.float32)

    def picture(self, height: int, width: int) -> Bool[np.ndarray, "height width"]:
        """Return which cells of a grid over the whole file have picture at their centers."""
        rows, columns = (
            ((np.arange(count) + 0.5) * (side / count)).astype(np.int64)
            for count, side in zip((height, width), self.size, strict=True)
        )
        top, left, bottom, right = self.box
        inside = np.ix_((rows >= top) & (rows < bottom), (columns >= left) & (columns < right))
        shown = np.zeros((height, width), bool)
        shown[inside] = True
        return shown & ~self._sampled(rows, columns)

    def over_file(self, values: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h2 w2"]:
        """Return a grid over the box as a grid over the whole file, with cells of about the same size.

        Cells without picture are 0.
        """
        top, left, bottom, right = self.box
        if self.is_whole:
            return values
        sides = (bottom - top, right - left)
        height, width = (
            max(1, round(whole * count / side))
            for whole, count, side in zip(self.size, values.shape, sides, strict=True)
        )
        rows, columns = (
            (((np.arange(count) + 0.5) * whole / count - first) * cells / side)
            .astype(np.int64)
            .clip(0, cells - 1)
            for count, whole, first, cells, side in zip(
                (height, width), self.size, (top, left), values.shape, sides, strict=True
            )
        )
        return values[np.ix_(rows, columns)] * self.picture(height, width)

    def scaled(self, height: int, width: int) -> Extent:
        """Return the extent of the same photo at another size."""
        scales = (height / self.size[0], width / self.size[1])
        top, left, bottom, right = (round(edge * scales[k % 2]) for k, edge in enumerate(self.box))
        top, left = min(top, height - 1), min(left, width - 1)
        box = (top, left, max(bottom, top + 1), max(right, left + 1))
        mat = None
        if not self.fills_box:
            outside = ~self.picture(height, width)
            mat = Mat(outside[..., None], outside, 1, Flat(0.0, 0.0))
        return Extent((height, width), box, self.is_uniform, self.has_mat, mat)

    def _sampled(
        self, rows: np.ndarray, columns: np.ndarray, margin: int = 0
    ) -> Bool[np.ndarray, "rows columns"]:
        """Return which pixels are hidden, or on the mat, or within ``margin`` cells of it."""
        out = np.zeros((len(rows), len(columns)), bool)
        if self.mat is not None:
            out |= self.mat.sampled(rows, columns, margin)
        if self.alpha is not None:
            out |= self.alpha[np.ix_(rows, columns)] == 0
        return out


def find_extent(
    pixels: Shaped[np.ndarray, "h w c"],
    alpha: Shaped[np.ndarray, "h w"] | None = None,
    *,
    borders: bool = True,
) -> Extent:
    """Return where the picture is among the pixels of a file.

    Args:
        pixels: gray or colors, uint8, uint16 or float32 in [0, 1].
        alpha: of the same type; 0 hides a pixel.
        borders: search for flat borders, bars and mats.
    """
    size = (pixels.shape[0], pixels.shape[1])
    whole = Extent(size, (0, 0, *size))
    alpha = None if alpha is None or alpha.all() else alpha
    if alpha is not None and not alpha.any():
        return replace(whole, is_uniform=True)
    if min(size) < _SMALLEST:
        return replace(whole, alpha=alpha)
    step = max(1, round(max(size) / _CELLS))
    gray = levels(pixels[::step, ::step])
    hidden = np.zeros(gray.shape, bool) if alpha is None else alpha[::step, ::step] == 0
    if hidden.all() or _is_uniform(gray, ~hidden):
        return replace(whole, is_uniform=True)
    if not borders:
        return replace(whole, alpha=alpha)
    box, mat, has_mat = find_mats(pixels, gray, hidden, step)
    return Extent(size, box, has_mat=has_mat, mat=mat, alpha=alpha)


def _is_uniform(gray: Float32[np.ndarray, "h w"], shown: Bool[np.ndarray, "h w"]) -> bool:
    """Return whether all pixels shown have one level, within noise."""
    low, high = np.quantile(gray[shown], (0.005, 0.995))
    if high - low > _UNIFORM + 5 * _NOISE:
        return False
    steps = np.diff(gray, axis=1)[shown[:, 1:] & shown[:, :-1]]
    # The median, so that the edges of a faint picture do not count.
    noise = min(_NOISE, 1.05 * float(np.median(np.abs(steps)))) if len(steps) else 0.0
    return bool(high - low <= _UNIFORM + 5 * noise)
