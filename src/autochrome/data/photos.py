"""Training photos: decoded, cropped, mirrored; every sample is a pure function of (seed, sample number)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyvips
import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset, Sampler

from autochrome.data.sources import DataError, PhotoSource


@dataclass(frozen=True)
class CropSettings:
    """Random resized crops, as used to train on photos of unlike sizes."""

    size: int = 64
    """Side of the square crop in pixels."""
    min_area: float = 0.35
    """Smallest share of the photo's area that a crop covers; 1 takes the largest square there is."""
    max_stretch: float = 1.2
    """Largest change of aspect ratio, at least 1."""
    mirror: bool = True
    """Mirror every second crop."""


def decode_rgb(content: bytes, *, name: str = "photo", max_side: int | None = None) -> UInt8[np.ndarray, "h w 3"]:
    """Decode an encoded picture to upright 8-bit sRGB, its shorter side shrunk to ``max_side`` if larger."""
    try:
        image = pyvips.Image.new_from_buffer(content, "", access="sequential", fail_on="truncated")
        if max_side and min(image.width, image.height) > max_side:
            scale = max_side / min(image.width, image.height)
            image = pyvips.Image.thumbnail_buffer(
                content, round(image.width * scale), height=round(image.height * scale), size="force"
            )
        else:
            image = image.autorot()
        image = image.colourspace("srgb")
        if image.hasalpha():
            image = image.flatten(background=255)
        if image.bands == 1:
            image = image.bandjoin([image, image])
        return image.cast("uchar").numpy()[:, :, :3]
    except pyvips.Error as error:
        raise DataError(f"{name} is not a readable picture: {str(error).strip()}") from error


def random_crop(
    photo: UInt8[Tensor, "3 H W"], settings: CropSettings, rng: np.random.Generator
) -> UInt8[Tensor, "3 s s"]:
    """A random part of a photo, resized (with antialiasing) to a square."""
    _, height, width = photo.shape
    stretch = settings.max_stretch ** rng.uniform(-1, 1)
    largest = min(height * stretch, width / stretch)  # side of the largest square after the stretch
    whole = np.sqrt(height * width)
    side = min(largest, whole * np.sqrt(rng.uniform(min(settings.min_area, (largest / whole) ** 2), 1)))
    h = min(height, max(1, round(side / stretch)))
    w = min(width, max(1, round(side * stretch)))
    top, left = rng.integers(height - h + 1), rng.integers(width - w + 1)
    crop = photo[:, top : top + h, left : left + w]
    if settings.mirror and rng.random() < 0.5:
        crop = crop.flip(2)
    if crop.shape[1:] == (settings.size, settings.size):
        return crop.contiguous()
    resized = F.interpolate(crop[None], (settings.size, settings.size), mode="bilinear", antialias=True)
    return resized[0]


class TrainingPhotos(Dataset[UInt8[Tensor, "3 s s"]]):
    """Crops by sample number: ``photos[n]`` is always the same crop for the same seed.

    An epoch is a permutation in which every source stands ``repeats`` times; a fraction is filled by a random
    part of the source that changes from epoch to epoch.

    Args:
        sources: where the photos come from.
        repeats: how often each source's photos are seen in an epoch, one number a source.
        crops: how to crop.
        seed: of the order and of the crops.
        cache: keep decoded photos in memory (shorter side at most ``cache_side``); for sets that fit.
        cache_side: decode to at most this shorter side, in pixels.
    """

    def __init__(
        self,
        sources: Sequence[PhotoSource],
        repeats: Sequence[float],
        crops: CropSettings,
        *,
        seed: int = 0,
        cache: bool = False,
        cache_side: int | None = None,
    ) -> None:
        if len(sources) != len(repeats):
            raise ValueError(f"{len(sources)} sources but {len(repeats)} repeats: give one number a source")
        self.sources = list(sources)
        self.repeats = list(repeats)
        self.crops = crops
        self.seed = seed
        self.cache: dict[tuple[int, int], UInt8[Tensor, "3 H W"]] | None = {} if cache else None
        self.cache_side = cache_side
        self.starts = np.cumsum([0, *(len(s) for s in sources)])
        self.epoch_length = sum(
            int(round(r * len(s))) for r, s in zip(self.repeats, self.sources, strict=True)
        )
        if self.epoch_length == 0:
            raise ValueError("an epoch would be empty: raise a source's repeats above 0")
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))

    def __len__(self) -> int:
        return self.epoch_length

    def epoch_order(self, epoch: int) -> np.ndarray:
        """The epoch's permutation, as numbers into the sources laid end to end."""
        if self._order[0] != epoch:
            rng = np.random.default_rng((self.seed, epoch))
            parts = []
            for start, source, repeat in zip(self.starts, self.sources, self.repeats, strict=False):
                wanted = int(round(repeat * len(source)))
                rounds = -(-wanted // len(source)) if wanted else 0
                shuffled = [rng.permutation(len(source)) for _ in range(rounds)]
                parts.append(start + np.concatenate(shuffled)[:wanted] if shuffled else np.empty(0, np.int64))
            self._order = (epoch, rng.permutation(np.concatenate(parts)))
        return self._order[1]

    def photo(self, number: int) -> UInt8[Tensor, "3 H W"]:
        """A decoded photo by its number in the sources laid end to end."""
        which = int(np.searchsorted(self.starts, number, side="right")) - 1
        place = (which, int(number - self.starts[which]))
        if self.cache is not None and place in self.cache:
            return self.cache[place]
        source = self.sources[which]
        rgb = decode_rgb(source.read(place[1]), name=source.key(place[1]), max_side=self.cache_side)
        photo = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)
        if self.cache is not None:
            self.cache[place] = photo
        return photo

    def __getitem__(self, sample: int) -> UInt8[Tensor, "3 s s"]:
        epoch, position = divmod(sample, self.epoch_length)
        photo = self.photo(int(self.epoch_order(epoch)[position]))
        return random_crop(photo, self.crops, np.random.default_rng((self.seed, 1, sample)))


class BatchNumbers(Sampler[list[int]]):
    """Endless batches of sample numbers for one process, from any step on.

    The global batch of a step is the same whatever the number of processes; each takes its own part.
    """

    def __init__(self, batch_size: int, *, rank: int = 0, world_size: int = 1, first_batch: int = 0) -> None:
        self.batch_size = batch_size
        self.rank = rank
        self.world_size = world_size
        self.first_batch = first_batch

    def __iter__(self) -> Iterator[list[int]]:
        batch = self.first_batch
        while True:
            start = (batch * self.world_size + self.rank) * self.batch_size
            yield list(range(start, start + self.batch_size))
            batch += 1
