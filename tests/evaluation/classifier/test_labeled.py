"""Labeled photos: classes from names, and the choice by seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autochrome.data.sources import open_source
from autochrome.errors import DataError
from autochrome.evaluation.classifier.labeled import labeled_photos, wordnet_id_of
from tests.data.made_photos import encode, landscape, write_shard


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """Sixty photos of two classes, and one without a class."""
    names = [f"n0144353{kind}_{number}.png" for kind in (7, 8) for number in range(30)]
    contents = {name: encode(landscape(number, 8, 8)) for number, name in enumerate(names)}
    return write_shard(tmp_path / "photos.tar", {**contents, "holiday.png": encode(landscape(99, 8, 8))})


@pytest.mark.parametrize(
    ("name", "wordnet_id"),
    [
        ("n01443537_12.webp", "n01443537"),
        ("photos/n02123045_ILSVRC_1.JPEG", "n02123045"),
        ("012.webp", None),
        ("n0144353_1.webp", None),
        ("n01443537.webp", None),
    ],
)
def test_a_class_is_read_from_the_name(name: str, wordnet_id: str | None) -> None:
    assert wordnet_id_of(name) == wordnet_id


def test_all_photos_with_a_class_are_read(shard: Path) -> None:
    photos = list(labeled_photos(open_source(shard)))
    assert len({photo.name for photo in photos}) == len(photos) == 60
    for photo in photos:
        kind, number = photo.name.removeprefix("n0144353").split("_")
        assert photo.wordnet_id == f"n0144353{kind}"
        np.testing.assert_array_equal(photo.rgb, landscape(30 * (int(kind) - 7) + int(number), 8, 8))


def test_the_choice_is_by_seed(shard: Path) -> None:
    source = open_source(shard)
    everything = [photo.name for photo in labeled_photos(source)]
    first = [photo.name for photo in labeled_photos(source, 3)]
    assert first == everything[:3]
    assert first == [photo.name for photo in labeled_photos(source, 3)]
    others = [[photo.name for photo in labeled_photos(source, seed=seed)] for seed in range(1, 4)]
    assert any(order != everything for order in others)
    assert all(sorted(order) == sorted(everything) for order in others)


def test_photos_without_classes_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "001.png").write_bytes(encode(landscape(1, 8, 8)))
    with pytest.raises(DataError, match=r"no photo has a class in its name .* give a folder"):
        labeled_photos(open_source(tmp_path))
