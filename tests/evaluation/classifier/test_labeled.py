"""Labeled photos: classes from names, and the held-out ones alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autochrome.data.sources import open_source
from autochrome.errors import DataError
from autochrome.evaluation.classifier.labeled import held_out, labeled_numbers, read_labeled, wordnet_id_of
from autochrome.evaluation.classifier.split import part_of
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


def test_the_parts_are_disjoint_and_make_up_all_labeled_photos(shard: Path) -> None:
    source = open_source(shard)
    parts = [labeled_numbers(source, part) for part in ("train", "validation", "test")]
    assert sorted(number for part in parts for number in part) == list(range(60))
    assert all(parts)


def test_held_out_photos_are_all_of_the_test_part(shard: Path) -> None:
    source = open_source(shard)
    photos = list(held_out(source))
    assert {part_of(photo.name) for photo in photos} == {"test"}
    assert sorted(photo.name for photo in photos) == sorted(
        read_labeled(source, number).name for number in labeled_numbers(source, "test")
    )
    for photo in photos:
        kind, number = photo.name.removeprefix("n0144353").split("_")
        assert photo.wordnet_id == f"n0144353{kind}"
        np.testing.assert_array_equal(photo.rgb, landscape(30 * (int(kind) - 7) + int(number), 8, 8))


def test_the_choice_is_by_seed(shard: Path) -> None:
    source = open_source(shard)
    everything = [photo.name for photo in held_out(source)]
    first = [photo.name for photo in held_out(source, 3)]
    assert first == everything[:3]
    assert first == [photo.name for photo in held_out(source, 3)]
    others = [[photo.name for photo in held_out(source, seed=seed)] for seed in range(1, 4)]
    assert any(order != everything for order in others)
    assert all(sorted(order) == sorted(everything) for order in others)


def test_photos_without_classes_are_told(tmp_path: Path) -> None:
    (tmp_path / "001.png").write_bytes(encode(landscape(1, 8, 8)))
    source = open_source(tmp_path)
    with pytest.raises(DataError, match=r"none of the photos is a held-out one .* give the folder"):
        held_out(source)
    with pytest.raises(DataError, match=r"the name of 001\.png carries no class"):
        read_labeled(source, 0)
