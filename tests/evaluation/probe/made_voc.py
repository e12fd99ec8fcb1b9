"""A small folder in PASCAL VOC's format: a bright disc and a dark square on gray, in false colors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image

from autochrome.evaluation.probe.voc import voc_palette
from tests.data.made_photos import encode

HEIGHT, WIDTH = 48, 64


def write_labels(path: Path, labels: np.ndarray) -> None:
    """A palette PNG with VOC's palette, by Pillow, as the challenge's files are."""
    picture = PIL.Image.fromarray(labels.astype(np.uint8), "P")
    picture.putpalette(voc_palette().flatten().tolist())
    picture.save(path)


def shapes(number: int) -> tuple[np.ndarray, np.ndarray]:
    """A photo, and its labels: 1 is the disc, 2 the square, 255 the disc's rim."""
    rng = np.random.default_rng(number)
    photo = np.full((HEIGHT, WIDTH, 3), (120, 130, 110), float)
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    top, left = rng.integers(2, HEIGHT - 22), rng.integers(2, 12)
    labels[top : top + 20, left : left + 18] = 2
    distance = np.hypot(y - rng.integers(14, HEIGHT - 14), x - rng.integers(44, WIDTH - 10))
    labels[distance < 12] = 255
    labels[distance < 11] = 1
    photo[labels == 2] = (70, 30, 20)
    photo[distance < 11.5] = (220, 230, 190)
    return (photo + rng.normal(0, 8, (*photo.shape[:2], 1))).clip(0, 255).astype(np.uint8), labels


def write_voc(root: Path, train: int = 20, val: int = 8) -> Path:
    """The folder."""
    for part in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / part).mkdir(parents=True)
    names = [f"2007_{number:06d}" for number in range(train + val)]
    for number, name in enumerate(names):
        photo, labels = shapes(number)
        (root / "JPEGImages" / f"{name}.jpg").write_bytes(encode(photo, ".jpg"))
        write_labels(root / "SegmentationClass" / f"{name}.png", labels)
    for split, part in (("train", names[:train]), ("val", names[train:])):
        (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("\n".join(part) + "\n")
    return root
