"""Class names from file names and folders, and the split."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from autochrome.data.sources import open_source
from autochrome.errors import DataError
from autochrome.evaluation.probe.classes import class_names, split_by_class
from tests.data.made_photos import encode, landscape, write_shard


@dataclass
class Named:
    """A source that has nothing but names."""

    keys: list[str]

    def __len__(self) -> int:
        return len(self.keys)

    def key(self, index: int) -> str:
        return self.keys[index]

    def read(self, index: int) -> bytes:
        raise AssertionError("no photo is read to know its class")


def photos_of(**counts: int) -> Named:
    return Named([f"/photos/{name}_{n}.jpg" for name, count in counts.items() for n in range(count)])


def test_a_name_carries_its_class_before_the_last_underscore() -> None:
    named = Named(["shard-0.tar: n01443537_12.webp", "shard-1.tar: golden_retriever_3.webp"])
    assert class_names(named) == ["n01443537", "golden_retriever"]


def test_several_folders_are_the_classes() -> None:
    named = Named(["/data/train/cat/img_1.jpg", "/data/train/cat/img_2.jpg", "/data/train/dog/3.jpg"])
    assert class_names(named) == ["cat", "cat", "dog"]


def test_real_sources_name_their_photos_so(tmp_path: Path) -> None:
    content = encode(landscape(0, 8, 8))
    shard = write_shard(tmp_path / "a.tar", {"n01_1.png": content, "n02_7.png": content})
    assert class_names(open_source(shard)) == ["n01", "n02"]
    for name in ("x: y/cat/1.png", "x: y/dog/1.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(content)
    assert class_names(open_source(tmp_path / "x: y")) == ["cat", "dog"]


def test_a_name_without_class_is_told() -> None:
    with pytest.raises(DataError, match=r"0001\.jpg carries no class: name the photos CLASS_NUMBER"):
        class_names(Named(["/photos/cat_1.jpg", "/photos/0001.jpg"]))


def test_parts_are_disjoint_balanced_and_complete() -> None:
    source = photos_of(cat=20, dog=20, owl=20)
    split = split_by_class(source, classes=10, per_class=15, seed=3)
    assert split.names == ("cat", "dog", "owl")
    counts = []
    for part in (split.train, split.validation, split.test):
        counts.append(np.bincount(part.labels, minlength=3).tolist())
        for number, label in zip(part.numbers, part.labels, strict=True):
            assert split.names[label] in source.key(number)
    assert counts == [[9] * 3, [3] * 3, [3] * 3]
    numbers = np.concatenate([split.train.numbers, split.validation.numbers, split.test.numbers])
    assert len(set(numbers.tolist())) == 45


def test_the_seed_decides_which_classes_and_photos() -> None:
    source = photos_of(**{f"class{n}": 12 for n in range(30)})
    one, same, other = (split_by_class(source, classes=5, per_class=10, seed=s) for s in (1, 1, 2))
    assert len(one.names) == 5
    assert one.names == same.names != other.names
    assert one.test.numbers.tolist() == same.test.numbers.tolist()


def test_large_classes_go_first_and_the_smallest_chosen_sets_the_count() -> None:
    source = photos_of(a=30, b=9, c=7, d=4)
    assert split_by_class(source, classes=2, per_class=100).names == ("a", "b")
    split = split_by_class(source, per_class=100)
    assert split.names == ("a", "b", "c")  # four photos cannot be split
    assert [len(p.numbers) for p in (split.train, split.validation, split.test)] == [15, 3, 3]


@pytest.mark.parametrize(
    ("counts", "message"),
    [({"cat": 30}, "1 class found, 1 with 5 photos"), ({"cat": 30, "dog": 4}, "2 classes found, 1 with 5")],
)
def test_too_little_to_split_is_told(counts: dict[str, int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        split_by_class(photos_of(**counts))
