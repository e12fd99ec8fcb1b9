"""Photos whose names carry their class, and a class-balanced split of them into three parts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from jaxtyping import Int

from autochrome.data.sources import PhotoSource
from autochrome.errors import DataError

SMALLEST_CLASS = 5
"""Fewest photos of a class: three to train on, one to validate on, one to test on."""
_HOW_TO_NAME = "name the photos CLASS_NUMBER.jpg, or put the photos of each class in a folder of its own"


@dataclass(frozen=True)
class Part:
    """Some photos of a source, and the class of each."""

    numbers: Int[np.ndarray, " n"]
    """Indices into the source."""
    labels: Int[np.ndarray, " n"]
    """Indices into the names of the classes."""


@dataclass(frozen=True)
class ClassSplit:
    """Photos for training, validation and testing: disjoint, with the classes balanced in each part."""

    source: PhotoSource
    names: tuple[str, ...]
    train: Part
    validation: Part
    test: Part


def class_names(source: PhotoSource) -> list[str]:
    """Return the class of every photo, in the source's order.

    If the photos lie in several folders (ImageNet's layout), it is the name of the folder; otherwise the part
    of the name before the last underscore (``n01443537_12.webp``). In shards the members' names count.

    Raises:
        DataError: a photo has no class in its name.
    """
    paths = [PurePath(source.key(number).rpartition(": ")[2]) for number in range(len(source))]
    if len({path.parent for path in paths}) > 1:
        return [path.parent.name for path in paths]
    for path in paths:
        if not path.stem.rpartition("_")[0]:
            raise DataError(f"the name of {path.name} carries no class: {_HOW_TO_NAME}")
    return [path.stem.rpartition("_")[0] for path in paths]


def split_by_class(
    source: PhotoSource, *, classes: int = 50, per_class: int = 120, seed: int = 0
) -> ClassSplit:
    """Draw classes and photos by seed, and split them 3 : 1 : 1 into training, validation and test.

    Fewer are taken if there are fewer classes or photos, but equally many of each class.

    Args:
        source: photos whose names carry their class.
        classes: maximum number of classes.
        per_class: maximum number of photos of each.
        seed: of the choice.

    Raises:
        DataError: a photo has no class in its name, or fewer than two classes have ``SMALLEST_CLASS`` photos.
    """
    of_photo = np.array(class_names(source))
    rng = np.random.default_rng(seed)
    names = _choose_classes(Counter(of_photo.tolist()), classes, per_class, rng)
    members = {name: rng.permutation(np.flatnonzero(of_photo == name)) for name in names}
    count = min(per_class, *map(len, members.values()))
    fifth = count // 5
    bounds = {"validation": (0, fifth), "test": (fifth, 2 * fifth), "train": (2 * fifth, count)}
    parts = {
        part: Part(
            numbers=np.concatenate([members[name][start:end] for name in names]),
            labels=np.repeat(np.arange(len(names)), end - start),
        )
        for part, (start, end) in bounds.items()
    }
    return ClassSplit(source, names, **parts)


def _choose_classes(
    counts: Counter[str], classes: int, per_class: int, rng: np.random.Generator
) -> tuple[str, ...]:
    """Choose among the classes with ``per_class`` photos; if they are too few, add the largest others."""
    usable = {name: count for name, count in counts.items() if count >= SMALLEST_CLASS}
    if len(usable) < 2:
        raise DataError(
            f"{len(counts)} class{'es' if len(counts) != 1 else ''} found, {len(usable)} with "
            f"{SMALLEST_CLASS} photos or more, where two such are needed: {_HOW_TO_NAME}"
        )
    shuffled = rng.permutation(sorted(usable)).tolist()
    chosen = sorted(shuffled, key=lambda name: -min(usable[name], per_class))[:classes]
    return tuple(sorted(chosen))
