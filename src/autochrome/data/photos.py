"""Training photos: decoded, cropped, mirrored; every sample is a pure function of (seed, sample number)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from math import sqrt

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from autochrome.data.sources import JoinedSource, PhotoSource
from autochrome.errors import DataError, PhotoError
from autochrome.io.reduced import read_reduced


@dataclass(frozen=True)
class CropSettings:
    """Random square crops of photos of different sizes."""

    size: int = 64
    """Side of the square crop in pixels."""
    min_area: float = 0.35
    """Smallest share of the photo's area that a crop covers; 1 takes the largest possible square."""
    max_stretch: float = 1.2
    """How far one side may be stretched and the other shrunk, at least 1."""
    mirror: bool = True
    """Mirror every second crop."""
    squash: int | None = None
    """Squash the whole photo to a square of this side and cut unscaled crops from it, as Caffe's data layer
    does; ``min_area`` and ``max_stretch`` are then ignored."""
    center: bool = False
    """Cut the crop from the center instead of a random place."""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"a crop's size is at least 1 pixel, not {self.size}")
        if not 0 < self.min_area <= 1:
            raise ValueError(f"min_area lies above 0 and is at most 1, not {self.min_area}")
        if self.max_stretch < 1:
            raise ValueError(f"max_stretch is at least 1, not {self.max_stretch}")
        if self.squash is not None and self.squash < self.size:
            raise ValueError(f"a crop of {self.size} pixels does not fit into squash: {self.squash}")

    @property
    def decode_side(self) -> int:
        """Shorter side, in pixels, beyond which crops lose a photo's detail."""
        return max(256, 2 * self.size, self.squash or 0)


def decode_rgb(
    content: bytes, *, name: str = "photo", max_side: int | None = None
) -> UInt8[np.ndarray, "h w 3"]:
    """Decode an encoded picture to upright 8-bit sRGB.

    Args:
        content: of the file.
        name: of the photo, for the error.
        max_side: shrink the shorter side to at most this many pixels.

    Raises:
        DataError: it cannot be read, as `read_photo` judges.
    """
    try:
        return read_reduced(content, max_side)
    except PhotoError as error:
        raise DataError(
            f"{name} is not a readable picture (it {error.problem}): replace it or take it out"
        ) from error


def read_rgb(source: PhotoSource, number: int, *, max_side: int | None = None) -> UInt8[np.ndarray, "h w 3"]:
    """Return a photo of a source as `decode_rgb` does; errors likewise."""
    return decode_rgb(source.read(number), name=source.key(number), max_side=max_side)


def read_square(
    source: PhotoSource, number: int, side: int, *, max_side: int
) -> Float[Tensor, "1 3 side side"]:
    """Return the central square of a photo of a source, sRGB in [0, 1]; ``max_side`` as of `decode_rgb`."""
    rgb = as_rgb(read_rgb(source, number, max_side=max_side))
    shorter = min(rgb.shape[2:])
    top, left = (rgb.shape[2] - shorter) // 2, (rgb.shape[3] - shorter) // 2
    return shrunk(rgb[:, :, top : top + shorter, left : left + shorter], side, side)


def as_rgb(pixels: UInt8[np.ndarray, "h w 3"]) -> Float[Tensor, "1 3 h w"]:
    """Return decoded pixels as sRGB in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255


def shrunk(rgb: Float[Tensor, "b 3 h w"], height: int, width: int) -> Float[Tensor, "b 3 height width"]:
    """Return sRGB in [0, 1] at another size, antialiased."""
    if rgb.shape[2:] == (height, width):
        return rgb
    return F.interpolate(rgb, (height, width), mode="bilinear", antialias=True).clamp(0, 1)


def random_crop(
    photo: UInt8[Tensor, "3 H W"], settings: CropSettings, rng: np.random.Generator
) -> UInt8[Tensor, "3 s s"]:
    """Return a random part of a photo as a square, resized with antialiasing if necessary."""
    if settings.squash:
        photo = _resized(photo, settings.squash)
        h = w = settings.size
    else:
        h, w = _random_extent(photo.shape[1], photo.shape[2], settings, rng)
    room = photo.shape[1] - h, photo.shape[2] - w
    top, left = (r // 2 if settings.center else rng.integers(r + 1) for r in room)
    crop = photo[:, top : top + h, left : left + w]
    if settings.mirror and rng.random() < 0.5:
        crop = crop.flip(2)
    return _resized(crop, settings.size)


def _random_extent(
    height: int, width: int, settings: CropSettings, rng: np.random.Generator
) -> tuple[int, int]:
    """Draw the height and width of a part of a photo of that size."""
    stretch = settings.max_stretch ** rng.uniform(-1, 1)
    largest = min(height * stretch, width / stretch)  # side of the largest square after the stretch
    whole = sqrt(height * width)
    side = min(largest, whole * sqrt(rng.uniform(min(settings.min_area, (largest / whole) ** 2), 1)))
    return min(height, max(1, round(side / stretch))), min(width, max(1, round(side * stretch)))


def _resized(photo: UInt8[Tensor, "3 H W"], side: int) -> UInt8[Tensor, "3 s s"]:
    if photo.shape[1:] == (side, side):
        return photo.contiguous()
    return F.interpolate(photo[None], (side, side), mode="bilinear", antialias=True)[0]


class TrainingPhotos(Dataset[UInt8[Tensor, "3 s s"]]):
    """Crops by sample number: ``photos[n]`` is always the same crop for the same seed.

    An epoch is a permutation in which each source occurs ``repeats`` times; a fraction is a random part of
    the source that changes from epoch to epoch.

    Args:
        sources: of the photos.
        repeats: how often each source is seen per epoch.
        crops: see `CropSettings`.
        seed: of the order and the crops.
        cache: keep decoded photos in memory, once for each loading process.
        decode_side: shrink photos to this shorter side, in pixels; ``crops.decode_side`` if None.
    """

    def __init__(
        self,
        sources: Sequence[PhotoSource],
        repeats: Sequence[float],
        crops: CropSettings,
        *,
        seed: int = 0,
        cache: bool = False,
        decode_side: int | None = None,
    ) -> None:
        self.source = JoinedSource(sources)
        self.crops = crops
        self.seed = seed
        self.cache: dict[int, UInt8[Tensor, "3 H W"]] | None = {} if cache else None
        self.decode_side = decode_side or crops.decode_side
        self.wanted = [round(r * len(s)) for r, s in zip(repeats, sources, strict=True)]
        self.epoch_length = sum(self.wanted)
        if self.epoch_length == 0:
            raise ValueError("an epoch would be empty: raise a source's repeats")
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))

    def __len__(self) -> int:
        return self.epoch_length

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "cache": None if self.cache is None else {}}

    def epoch_order(self, epoch: int) -> np.ndarray:
        """Return the epoch's permutation, as indices into the concatenated sources."""
        if self._order[0] != epoch:
            rng = np.random.default_rng((self.seed, epoch))
            parts = []
            sources = zip(self.source.starts, self.source.sources, self.wanted, strict=False)
            for start, source, wanted in sources:
                rounds = -(-wanted // len(source))
                shuffled = [rng.permutation(len(source)) for _ in range(rounds)]
                parts += [start + np.concatenate(shuffled)[:wanted]] if shuffled else []
            self._order = (epoch, rng.permutation(np.concatenate(parts)))
        return self._order[1]

    def photo(self, number: int) -> UInt8[Tensor, "3 H W"]:
        """Return a decoded photo by its index into the concatenated sources."""
        if self.cache is not None and number in self.cache:
            return self.cache[number]
        rgb = read_rgb(self.source, number, max_side=self.decode_side)
        photo = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)
        if self.cache is not None:
            self.cache[number] = photo
        return photo

    def __getitem__(self, sample: int) -> UInt8[Tensor, "3 s s"]:
        epoch, position = divmod(sample, self.epoch_length)
        photo = self.photo(int(self.epoch_order(epoch)[position]))
        return random_crop(photo, self.crops, np.random.default_rng((self.seed, 1, sample)))


def batch_numbers(
    batch_size: int, *, rank: int = 0, world_size: int = 1, first_batch: int = 0
) -> Iterator[list[int]]:
    """Yield endless batches of sample numbers for one process, from any batch on.

    A step has the same samples for any number of processes; each takes its own part.

    Args:
        batch_size: samples per batch of one process.
        rank: of the process, from 0.
        world_size: number of processes.
        first_batch: number of the first batch, from 0.
    """
    for batch in count(first_batch):
        start = (batch * world_size + rank) * batch_size
        yield list(range(start, start + batch_size))
