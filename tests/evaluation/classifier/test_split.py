"""Which photos the classifier was trained on: stable, disjoint, and the same whatever the file is called."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from autochrome.evaluation.classifier.split import part_of


@pytest.mark.parametrize(
    ("name", "part"),
    [("n01443537_0", "train"), ("n01443537_16", "test"), ("n01443537_19", "validation")],
)
def test_these_photos_stay_where_they_are(name: str, part: str) -> None:
    """The bundled weights were trained on this split: another rule would test them on what they know."""
    assert part_of(name) == part


def test_the_rule_is_as_it_is_written() -> None:
    for number in range(50):
        digest = hashlib.sha256(f"n02123045_{number}".encode()).hexdigest()
        value = int(digest[:16], 16) % 1000
        wanted = "test" if value < 100 else "validation" if value < 130 else "train"
        assert part_of(f"n02123045_{number}") == wanted


def test_folder_and_extension_do_not_matter() -> None:
    assert {
        part_of(f"{folder}n01443537_16{suffix}") for folder in ("", "/photos/") for suffix in ("", ".png")
    } == {"test"}


def test_a_tenth_of_every_class_is_for_testing() -> None:
    """Of 250 photos 25 are expected, with a standard deviation of 4.7: from 5 to 45 is four of them."""
    for wordnet_id in range(1443500, 1443520):
        parts = Counter(part_of(f"n{wordnet_id:08d}_{number}.webp") for number in range(250))
        assert 5 <= parts["test"] <= 45
        assert parts["train"] >= 200
