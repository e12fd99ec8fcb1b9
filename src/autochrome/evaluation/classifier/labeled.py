"""Photos whose names carry their class, from shards or a folder, named as ImageNet names them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from jaxtyping import UInt8

from autochrome.data.photos import read_rgb
from autochrome.data.sources import PhotoSource
from autochrome.errors import DataError

_CLASS_IN_NAME = re.compile(r"(n\d{8})_")


@dataclass(frozen=True)
class LabeledPhoto:
    """A photo whose name carries its class."""

    name: str
    """Without folder and extension: ``n01443537_12``."""
    wordnet_id: str
    """Of its class: ``n01443537``."""
    rgb: UInt8[np.ndarray, "h w 3"]
    """sRGB."""


def wordnet_id_of(name: str) -> str | None:
    """Return the WordNet id that a file's name starts with (``n01443537_12.webp``), or None."""
    match = _CLASS_IN_NAME.match(PurePath(name).name)
    return match[1] if match else None


def labeled_photos(source: PhotoSource, limit: int | None = None, seed: int = 0) -> Iterator[LabeledPhoto]:
    """Yield the photos whose names carry a class, at most ``limit``, in an order drawn by seed.

    Raises:
        DataError: no name carries a class, or a photo cannot be read.
    """
    paths = [PurePath(source.key(number).rpartition(": ")[2]) for number in range(len(source))]
    classes = {number: wordnet_id_of(path.name) for number, path in enumerate(paths)}
    labeled = {number: wordnet_id for number, wordnet_id in classes.items() if wordnet_id is not None}
    if not labeled:
        raise DataError(
            "no photo has a class in its name (n01443537_12.webp): give a folder or shards of labeled photos"
        )
    chosen = np.random.default_rng(seed).permutation(list(labeled))[:limit]
    return (
        LabeledPhoto(paths[number].stem, labeled[number], read_rgb(source, number))
        for number in chosen.tolist()
    )
