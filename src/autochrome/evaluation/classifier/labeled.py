"""Labeled photos of one part of the split, from shards or a folder of ImageNet's names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from jaxtyping import UInt8

from autochrome.data.photos import decode_rgb
from autochrome.data.sources import PhotoSource
from autochrome.errors import DataError
from autochrome.evaluation.classifier.split import SplitPart, part_of

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
    """WordNet id that a file's name begins with, as ImageNet's do (``n01443537_12.webp``); else None."""
    match = _CLASS_IN_NAME.match(PurePath(name).name)
    return match[1] if match else None


def labeled_numbers(source: PhotoSource, part: SplitPart) -> list[int]:
    """Numbers of a source's photos that carry a class and lie in a part of the split, in its order."""
    names = (_file_name(source, number) for number in range(len(source)))
    return [
        number
        for number, name in enumerate(names)
        if wordnet_id_of(name) is not None and part_of(name) == part
    ]


def held_out(source: PhotoSource, limit: int | None = None, seed: int = 0) -> Iterator[LabeledPhoto]:
    """Labeled photos that the bundled classifier has never seen, in an order drawn by seed.

    It is the classifier alone that has not seen them. The shipped colorizers were trained on color photos
    that include these, so what they reach here may flatter them; no colorizer was shown a class.

    Args:
        source: the labeled photos, all parts of them (``open_source(DATA/train-64px)``).
        limit: at most so many; None for all.
        seed: of the order, and so of the choice.

    Raises:
        DataError: no photo of the test part is there, or one cannot be read.
    """
    numbers = labeled_numbers(source, "test")
    if not numbers:
        raise DataError(
            "none of the photos is a held-out one with a class in its name (n01443537_12.webp): "
            "give the folder of the labeled 64 px shards"
        )
    chosen = np.random.default_rng(seed).permutation(numbers)[:limit]
    return (read_labeled(source, number) for number in chosen.tolist())


def read_labeled(source: PhotoSource, number: int) -> LabeledPhoto:
    """Decode a photo of ``labeled_numbers``.

    Raises:
        DataError: it cannot be read, or its name carries no class.
    """
    name = _file_name(source, number)
    wordnet_id = wordnet_id_of(name)
    if wordnet_id is None:
        raise DataError(f"the name of {name} carries no class: name photos n01443537_12.webp")
    return LabeledPhoto(
        PurePath(name).stem, wordnet_id, decode_rgb(source.read(number), name=source.key(number))
    )


def _file_name(source: PhotoSource, number: int) -> str:
    return PurePath(source.key(number).rpartition(": ")[2]).name
