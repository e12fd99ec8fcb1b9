"""PASCAL VOC's folder and its label maps, written by Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from autochrome.errors import DataError
from autochrome.evaluation.probe.voc import VOC_NAMES, VOCFolder, read_labels, voc_palette
from tests.evaluation.probe.made_voc import shapes, write_labels, write_voc

# The challenge's page "Visual Object Classes": color of some labels.
PUBLISHED = {
    "background": (0, 0, 0),
    "aeroplane": (128, 0, 0),
    "bicycle": (0, 128, 0),
    "bird": (128, 128, 0),
    "bus": (0, 128, 128),
    "cat": (64, 0, 0),
    "person": (192, 128, 128),
    "tvmonitor": (0, 64, 128),
}


def test_the_palette_is_the_published_one() -> None:
    palette = voc_palette()
    assert len(VOC_NAMES) == 21
    for name, color in PUBLISHED.items():
        assert tuple(palette[VOC_NAMES.index(name)]) == color, name
    assert tuple(palette[255]) == (224, 224, 192)
    assert len(np.unique(palette, axis=0)) == 256


def test_every_label_of_a_palette_png_comes_back(tmp_path: Path) -> None:
    labels = np.arange(256, dtype=np.uint8).reshape(8, 32)
    write_labels(tmp_path / "a.png", labels)
    assert PIL.Image.open(tmp_path / "a.png").mode == "P"
    assert np.array_equal(read_labels(tmp_path / "a.png"), labels)


def test_palettes_of_few_bits_and_rgb_and_gray_labels(tmp_path: Path) -> None:
    labels = np.array([[0, 1], [2, 15]], np.uint8)
    few = PIL.Image.fromarray(labels, "P")
    few.putpalette(voc_palette()[:16].flatten().tolist())
    few.save(tmp_path / "few.png", bits=4)
    few.convert("RGB").save(tmp_path / "rgb.png")
    PIL.Image.fromarray(labels).save(tmp_path / "gray.png")
    for name in ("few", "rgb", "gray"):
        assert np.array_equal(read_labels(tmp_path / f"{name}.png"), labels), name


def test_what_is_no_label_map_is_refused(tmp_path: Path) -> None:
    PIL.Image.fromarray(np.full((3, 4, 3), (1, 2, 3), np.uint8)).save(tmp_path / "photo.png")
    with pytest.raises(DataError, match=r"color \(1, 2, 3\) at x=0, y=0, which is not in PASCAL VOC's"):
        read_labels(tmp_path / "photo.png")
    PIL.Image.fromarray(np.eye(4, dtype=bool)).save(tmp_path / "bits.png")
    with pytest.raises(DataError, match="gray with 1 bits a sample"):
        read_labels(tmp_path / "bits.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(DataError, match="not a readable picture"):
        read_labels(tmp_path / "text.png")


def test_a_folder_in_voc_s_format(tmp_path: Path) -> None:
    folder = VOCFolder(write_voc(tmp_path / "voc", train=2, val=1))
    assert folder.names("train") == ["2007_000000", "2007_000001"]
    assert folder.names("val") == ["2007_000002"]
    photo, labels = shapes(2)
    assert np.array_equal(folder.labels("2007_000002"), labels)
    assert np.abs(folder.photo("2007_000002").astype(int) - photo).mean() < 8  # JPEG


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not contain JPEGImages: give a folder in PASCAL VOC's format"):
        VOCFolder(tmp_path)
    folder = VOCFolder(write_voc(tmp_path / "voc", train=1, val=1))
    with pytest.raises(DataError, match=r"gone\.png is missing: every photo"):
        folder.labels("gone")
    with pytest.raises(DataError, match=r"gone\.jpg cannot be read"):
        folder.photo("gone")
    lists = tmp_path / "voc/ImageSets/Segmentation"
    (lists / "val.txt").write_text("\n")
    with pytest.raises(DataError, match=r"val\.txt is empty"):
        folder.names("val")
    (lists / "train.txt").unlink()
    with pytest.raises(DataError, match=r"train\.txt cannot be read"):
        folder.names("train")
