"""Find flat borders, bars and mats around a photo, and locate straight edges to the pixel.

Levels are those of 8 bits, 0 to 255, whatever the photo's depth. A reduced photo is searched. A border has
one level within noise. So may a clipped shadow or an overexposed sky; unlike these, a border surrounds the
photo or has a straight edge along a side.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyvips
from jaxtyping import Bool, Float32

Box = tuple[int, int, int, int]
"""top, left, bottom, right; the last two are exclusive."""
Gray = Float32[np.ndarray, "h w"]
Mask = Bool[np.ndarray, "h w"]

_MOST_NOISE = 3.0
"""Largest standard deviation, in levels, that counts as flat."""
_CLIPPED = 3.0
"""Levels from black or white within which scenes may be flat, too, so that more evidence is required."""
_NESTED = 4
"""Maximum number of nested frames: paper, the film's edge, a mat."""


@dataclass(frozen=True)
class Flat:
    """The level of a border.

    Attributes:
        level: 0 to 255.
        noise: its standard deviation.
    """

    level: float
    noise: float

    @property
    def tolerance(self) -> float:
        """Distance from the level within which a pixel belongs to it."""
        return 2.0 + 2.5 * self.noise

    @property
    def is_clipped(self) -> bool:
        """Whether clipped shadows or a sky may have this level."""
        return not _CLIPPED <= self.level <= 255 - _CLIPPED

    def holds(self, values: np.ndarray, slack: float = 0.0) -> np.ndarray:
        """Return which values have the level."""
        return np.abs(values - self.level) <= self.tolerance + slack


@dataclass(frozen=True, eq=False)
class Mat:
    """What is not picture within a photo's box, of any shape.

    Attributes:
        pixels: of the file.
        cells: which cells of the file are mat; a cell is "step step" pixels.
        step: pixels per cell.
        flat: the level.
    """

    pixels: np.ndarray = field(repr=False)
    cells: Mask = field(repr=False)
    step: int
    flat: Flat

    def at(self, start: int, stop: int, left: int, right: int) -> Mask:
        """Return what is not picture in rows and columns of the file, pixel by pixel at the mat's edge."""
        rows, columns = np.arange(start, stop) // self.step, np.arange(left, right) // self.step
        if self.step == 1:
            return self.cells[np.ix_(rows, columns)]
        first = rows[0]
        sure, doubtful = (kind[first : rows[-1] + 1][:, columns][rows - first] for kind in self._kinds)
        at = np.nonzero(doubtful)
        values = levels(self.pixels[start:stop, left:right][at][None])[0]
        sure[at] = self.flat.holds(values, self.flat.tolerance)
        return sure

    @cached_property
    def _kinds(self) -> tuple[Mask, Mask]:
        """Cells that are entirely mat, and those at its edge."""
        sure = eroded(self.cells, 1)
        return sure, dilated(self.cells, 1) & ~sure

    def sampled(self, rows: np.ndarray, columns: np.ndarray, margin: int = 0) -> Mask:
        """Return which pixels lie on the mat, or within ``margin`` cells of it."""
        cells = dilated(self.cells, margin) if margin else self.cells
        return cells[np.ix_(rows // self.step, columns // self.step)]


def levels(pixels: np.ndarray) -> Gray:
    """Return pixels "h w 1" or "h w 3" as levels, 0 to 255; the green channel of colors."""
    plane = pixels[:, :, pixels.shape[2] // 2]
    scale = {"uint8": 1.0, "uint16": 1 / 257, "float32": 255.0}[pixels.dtype.name]
    return plane.astype(np.float32) * np.float32(scale)


def find_mats(pixels: np.ndarray, gray: Gray, hidden: Mask, step: int) -> tuple[Box, Mat | None, bool]:
    """Return the box of the picture in pixels, the mat within it, and whether anything flat was found.

    Args:
        pixels: of the file.
        gray: every ``step``-th of them in both directions, as levels.
        hidden: which of these are fully transparent; not all.
        step: pixels per cell.
    """
    finder = _Finder(pixels, gray, hidden, step)
    frames = 0
    while frames < _NESTED and (finder.take_mat_all_around() or finder.take_bars()):
        frames += 1
    return finder.full_box(), finder.mat, frames > 0


@dataclass(frozen=True)
class _Bar:
    """A flat strip along a side.

    Attributes:
        thickness: in cells.
        flat: its level.
        straightness: share of the edge that lies exactly at its end; JPEG may blur it over 8 pixels.
    """

    thickness: int
    flat: Flat
    straightness: float

    @property
    def stands_alone(self) -> bool:
        """Whether it needs no counterpart on the opposite side; a sky over the sea may be white."""
        return self.straightness >= 0.6 and self.flat.level <= 255 - _CLIPPED


class _Finder:
    """The box of the picture, which shrinks as borders are removed.

    Sides are numbered 0 to 3: top, left, bottom, right.
    """

    def __init__(self, pixels: np.ndarray, gray: Gray, hidden: Mask, step: int) -> None:
        self.pixels, self.gray, self.hidden, self.step = pixels, gray, hidden, step
        self.box = bounding_box(~hidden)
        self.mat: Mat | None = None
        # None where an edge is that of its cell.
        self.refined: list[int | None] = [None] * 4

    # All around ---------------------------------------------------------------------------------

    def take_mat_all_around(self) -> bool:
        """Shrink the box to what a mat on all four sides leaves; return whether there is one."""
        if self.mat is not None or min(self.shape) < 8:
            return False
        view, hidden = self.view(self.gray), self.view(self.hidden)
        lines = [(side(view, k, 0), ~side(hidden, k, 0)) for k in range(4)]
        flat = level_of([values[shown] for values, shown in lines])
        share = 0.0 if flat is None else _share_of_rim(flat, lines)
        if flat is None or not share:
            return False
        is_flat = smoothed(flat.holds(view), flat.noise) | hidden
        mat = flooded_broadly(is_flat)
        mat = grown_into_fuzz(mat, view, flat)
        radius = max(3, round(0.015 * min(view.shape)))
        picture = ~mat & dilated(opened(~mat, radius), radius)
        if not _is_picture(picture, view, flat, share):
            return False
        inner = bounding_box(picture)
        if inner == (0, 0, *view.shape) and not (~picture).any():
            return False
        self._take(inner, flat, ~picture)
        return True

    def _take(self, inner: Box, flat: Flat, mat: Mask) -> None:
        """Shrink the box to the inner one, in cells of the mask; mat within it may be shadows instead."""
        outer = self.box
        moved = [inner[0] > 0, inner[1] > 0, inner[2] < mat.shape[0], inner[3] < mat.shape[1]]
        self.box = _boxed(edge + outer[k % 2] for k, edge in enumerate(inner))
        for k in range(4):
            if moved[k]:
                self.refined[k] = self._placed(k, flat)
        # Where JPEG has blurred an edge, less is inside it than it seemed.
        self.box = _boxed(
            edge if place is None or not moved[k] else round(place / self.step)
            for k, (edge, place) in enumerate(zip(self.box, self.refined, strict=True))
        )
        cells = np.ones(self.gray.shape, bool)
        cells[outer[0] : outer[2], outer[1] : outer[3]] = mat
        rest = self.view(cells)
        if _goes_on(rest, [float(side(rest, k, 0).mean()) for k in range(4)], flat):
            self.mat = Mat(self.pixels, cells, self.step, flat)

    # Bars -----------------------------------------------------------------------------------------

    def take_bars(self) -> bool:
        """Cut off strips with a straight edge along one side or two opposite ones; return whether any."""
        if self.mat is not None or min(self.shape) < 8:
            return False
        bars = [self._bar(self.view(self.gray), k) for k in range(4)]
        before = self.box
        for k in (0, 2, 1, 3):
            bar, opposite = bars[k], bars[(k + 2) % 4]
            is_pair = bar and opposite and abs(bar.flat.level - opposite.flat.level) <= 4
            if bar and (bar.stands_alone or is_pair):
                self._cut(k, bar)
        return self.box != before

    def _bar(self, view: Gray, which: int) -> _Bar | None:
        flat = level_of([side(view, which, 0)])
        if flat is None or flat.holds(side(view, which, 0)).mean() < 0.98:
            return None
        depth = view.shape[which % 2]
        thickness = 1
        while thickness < depth // 2 and flat.holds(side(view, which, thickness)).mean() >= 0.9:
            thickness += 1
        near, far = (thickness + max(d, depth // 100) for d in (2, -(-10 // self.step)))
        if thickness >= 0.42 * depth or far + 2 >= depth:
            return None
        jumps = [
            float(np.mean([(~flat.holds(side(view, which, first + i), 6.0)).mean() for i in range(3)]))
            for first in (near, far)
        ]
        return _Bar(thickness, flat, jumps[0]) if max(jumps) >= 0.4 else None

    def _cut(self, which: int, bar: _Bar) -> None:
        box = list(self.box)
        box[which] += bar.thickness if which < 2 else -bar.thickness
        self.box = _boxed(box)
        self.refined[which] = self._placed(which, bar.flat)

    # Where edges are ------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int]:
        return self.box[2] - self.box[0], self.box[3] - self.box[1]

    def view(self, array: np.ndarray) -> np.ndarray:
        top, left, bottom, right = self.box
        return array[top:bottom, left:right]

    def _placed(self, which: int, flat: Flat) -> int | None:
        """Return the line at which the picture begins, or after which it ends; None if it is not straight."""
        step, axis = self.step, which % 2
        length = self.pixels.shape[axis]
        edge = min(self.box[which] * step, length)
        # JPEG blurs an edge outwards over its blocks of 8, so the search goes further into the box.
        back, ahead = 2 * step + 2, 2 * step + 10 + length // 50
        start, stop = (edge - back, edge + ahead) if which < 2 else (edge - ahead, edge + back)
        start, stop = max(0, start), min(length, stop)
        across = slice(self.box[1 - axis] * step, self.box[3 - axis] * step, step)
        band = self.pixels[start:stop, across] if axis == 0 else self.pixels[across, start:stop]
        away = np.abs(levels(band) - flat.level).mean(1 - axis)
        away = away if which < 2 else away[::-1]
        inside = float(np.median(away[-max(3, len(away) // 3) :]))
        first = int(np.argmax(away >= 0.35 * inside))
        before, after = away[max(0, first - 4) : max(0, first - 1)], away[first + 1 : first + 4]
        is_straight = (
            len(after) and after.mean() >= 0.7 * inside and before.sum() <= 0.2 * inside * len(before)
        )
        if inside < flat.tolerance or not is_straight:
            return None
        return start + first if which < 2 else stop - first

    def full_box(self) -> Box:
        """Return the box in pixels; edges that were not refined leave a cell to spare."""
        return _boxed(
            min(max(0, (edge + spare) * self.step), self.pixels.shape[k % 2]) if place is None else place
            for k, (edge, spare, place) in enumerate(zip(self.box, (-1, -1, 1, 1), self.refined, strict=True))
        )


def _boxed(edges: Iterable[int]) -> Box:
    top, left, bottom, right = edges
    return top, left, bottom, right


# Evidence -----------------------------------------------------------------------------------------


def level_of(lines: list[np.ndarray]) -> Flat | None:
    """Return the most frequent level of lines of pixels, and its noise; None if that is too large."""
    values = np.concatenate(lines)
    if not len(values):
        return None
    counts = np.bincount(values.round().astype(np.int64).clip(0, 255), minlength=256)
    mode = int(np.convolve(counts, np.ones(5), "same").argmax())
    level = float(values[np.abs(values - mode) <= 8].mean())
    # From differences between neighbors, not from values: a gradient is not noise.
    steps = np.concatenate(
        [np.diff(line)[np.abs(line[:-1] - level) <= 10] for line in lines if len(line) > 1]
    )
    steps = steps[np.abs(steps) <= 14]
    noise = float(np.sqrt(np.mean(steps**2) / 2)) if len(steps) else 0.0
    return Flat(level, noise) if noise <= _MOST_NOISE else None


def _share_of_rim(flat: Flat, lines: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return a level's share of the rim; 0 unless it is most of the rim and enough of every side."""
    shares, lengths = [], []
    for values, shown in lines:
        if shown.mean() > 0.1:
            shares.append(float(flat.holds(values[shown]).mean()))
            lengths.append(int(shown.sum()))
    each, least = (0.3, 0.6) if flat.noise <= 0.3 and not flat.is_clipped else (0.7, 0.85)
    share = float(np.average(shares, weights=lengths)) if shares else 0.0
    return share if share >= least and min(shares) >= each else 0.0


def _is_picture(picture: Mask, view: Gray, flat: Flat, share: float) -> bool:
    """Return whether what a mat leaves is large and compact as photos are, with an edge, not a gradient."""
    if picture.mean() < 0.03:
        return False
    top, left, bottom, right = bounding_box(picture)
    # Objects on a white or smooth ground have any shape; only a mat has one level to the last digit.
    is_made = flat.noise <= 0.3 and share >= 0.97 and flat.level <= 255 - _CLIPPED
    if float(picture[top:bottom, left:right].mean()) < (0.25 if is_made else 0.65):
        return False
    rim = picture & dilated(~picture, max(2, min(view.shape) // 100))
    return bool(rim.any()) and float((~flat.holds(view[rim], 4.0)).mean()) >= 0.35


def _goes_on(rest: Mask, shares: list[float], flat: Flat) -> bool:
    """Return whether the mat continues within the picture's box: around an oval photo, or between two.

    Shadows that touch a black border have its level, too, but do not line the box.
    """
    if bool(rest.all(0).any()) or bool(rest.all(1).any()):
        return True
    lengths = [rest.shape[1], rest.shape[0]] * 2
    total = float(np.dot(shares, lengths)) / sum(lengths)
    is_made = not flat.is_clipped and flat.noise <= 0.3
    return max(shares) >= 0.8 or total >= 0.5 or (is_made and float(rest.mean()) >= 0.08)


# Masks --------------------------------------------------------------------------------------------


def side(view: np.ndarray, which: int, depth: int) -> np.ndarray:
    """Return a line of an array along its top, left, bottom or right, 0 the outermost."""
    lines = np.swapaxes(view, 0, which % 2)
    return lines[depth if which < 2 else -1 - depth]


def bounding_box(mask: Mask) -> Box:
    """Return the smallest box around the true cells; at least one must be true."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def flooded(open_: Mask) -> Mask:
    """Return what can be reached from the rim over open cells, from neighbor to neighbor."""
    regions = pyvips.Image.new_from_array(open_.astype(np.uint8)).labelregions().numpy()
    at_rim = np.unique(np.concatenate([side(regions, k, 0) for k in range(4)]))
    return open_ & np.isin(regions, at_rim)


def flooded_broadly(open_: Mask) -> Mask:
    """Return what can be reached from the rim without passing through narrow gaps in texture."""
    reached = flooded(opened(open_, 1))
    for _ in range(10):  # into the mat's own corners
        reached |= dilated(reached, 1) & open_
    return reached


def _along(mask: Mask, radius: int, axis: int, every: bool) -> Mask:
    """Return whether all, or any, of the 2 radius + 1 cells around each are true; the rim is repeated."""
    if axis == 0:
        return _along(mask.T, radius, 1, every).T
    padded = np.pad(mask, ((0, 0), (radius, radius)), mode="edge")
    combine = np.logical_and if every else np.logical_or
    reach, done, out = 1, 2 * radius + 1, padded
    while 2 * reach <= done:  # windows of 1, 2, 4, ... cells
        out = combine(out[:, : out.shape[1] - reach], out[:, reach:])
        reach *= 2
    return combine(out[:, : mask.shape[1]], out[:, done - reach : done - reach + mask.shape[1]])


def eroded(mask: Mask, radius: int) -> Mask:
    """Return the cells whose square window is all true; what is outside repeats the rim."""
    return _along(_along(mask, radius, 0, True), radius, 1, True)


def dilated(mask: Mask, radius: int) -> Mask:
    """Return the cells whose window holds one that is true."""
    return _along(_along(mask, radius, 0, False), radius, 1, False)


def opened(mask: Mask, radius: int) -> Mask:
    """Return the mask without what is thinner than the window: dust, scratches, writing."""
    return dilated(eroded(mask, radius), radius)


def smoothed(mask: Mask, noise: float) -> Mask:
    """Return the mask with holes from noise closed."""
    return mask if noise < 0.3 else eroded(dilated(mask, 1), 1)


def grown_into_fuzz(mat: Mask, view: Gray, flat: Flat) -> Mask:
    """Return the mat with the pixels at its edge that JPEG has blurred, which have nearly its level."""
    beside = dilated(mat, 4) & ~mat
    fuzz = beside & flat.holds(view, 8.0)
    return mat | fuzz if fuzz.sum() > 0.25 * beside.sum() else mat
