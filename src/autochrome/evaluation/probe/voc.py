"""A folder in PASCAL VOC's format: JPEGImages, SegmentationClass, ImageSets/Segmentation."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pyvips
from jaxtyping import Int, UInt8

from autochrome.data.photos import decode_rgb
from autochrome.errors import DataError

VOID = 255
"""Label of pixels that are not scored."""

# fmt: off
VOC_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train",
    "tvmonitor",
)
# fmt: on
"""The 21 classes of the challenge, in the order of their labels."""


class VOCFolder:
    """Photos and label maps below a folder with JPEGImages, SegmentationClass and ImageSets.

    Raises:
        DataError: one of these is missing; the message says which.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        for part in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
            if not (root / part).is_dir():
                raise DataError(
                    f"{root} does not contain {part}: give a folder in PASCAL VOC's format, such as "
                    "VOCdevkit/VOC2012"
                )

    def names(self, split: str) -> list[str]:
        """Return the names of the photos of ``train`` or ``val``.

        Raises:
            DataError: the list is missing or empty.
        """
        path = self.root / "ImageSets" / "Segmentation" / f"{split}.txt"
        try:
            names = path.read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read: give the name of a photo on each line") from error
        if not names:
            raise DataError(f"{path} is empty: give the name of a photo on each line")
        return names

    def photo(self, name: str) -> UInt8[np.ndarray, "h w 3"]:
        """Return a decoded photo.

        Raises:
            DataError: it is missing or cannot be read.
        """
        path = self.root / "JPEGImages" / f"{name}.jpg"
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
        return decode_rgb(content, name=str(path))

    def labels(self, name: str) -> UInt8[np.ndarray, "h w"]:
        """Return a photo's label map: the class of every pixel, or ``VOID``.

        Raises:
            DataError: it is missing, cannot be read, or has colors that are not labels.
        """
        path = self.root / "SegmentationClass" / f"{name}.png"
        if not path.is_file():
            raise DataError(f"{path} is missing: every photo of ImageSets/Segmentation needs its label map")
        return read_labels(path)


def read_labels(path: Path) -> UInt8[np.ndarray, "h w"]:
    """Read a label map: a PNG with VOC's palette, or a gray one whose values are the labels.

    libvips converts palettes to colors; each of VOC's colors is converted back to its label.

    Raises:
        DataError: it cannot be read, or has other colors.
    """
    try:
        image = pyvips.Image.new_from_file(str(path), fail_on="truncated")
        pixels = image.numpy()
    except pyvips.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{path} is not a readable picture ({reason})") from error
    if image.bands < 3:
        # With fewer bits the values would be stretched to 0..255 on loading and no longer be labels.
        bits = image.get("bits-per-sample") if image.get_typeof("bits-per-sample") else 8
        if pixels.dtype != np.uint8 or bits != 8:
            raise DataError(f"{path} is gray with {bits} bits a sample; gray label maps have 8")
        return pixels.reshape(image.height, image.width, image.bands)[:, :, 0]
    colors, labels = _labels_of_colors()
    numbers = _color_number(pixels[:, :, :3])
    places = np.searchsorted(colors, numbers).clip(max=len(colors) - 1)
    if (unknown := np.argwhere(colors[places] != numbers)).size:
        y, x = unknown[0].tolist()
        raise DataError(
            f"{path} has the color {tuple(pixels[y, x, :3].tolist())} at x={x}, y={y}, which is not in "
            "PASCAL VOC's palette: save the label map with that palette, or as a gray PNG of the labels"
        )
    return labels[places]


def voc_palette() -> UInt8[np.ndarray, "256 3"]:
    """Return VOC's palette: a label's bits dealt in turn to R, G and B, from their top bits down."""
    label = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for place in range(8):
        for channel in range(3):
            bit = (label >> (3 * place + channel)) & 1
            palette[:, channel] |= (bit << (7 - place)).astype(np.uint8)
    return palette


def _color_number(rgb: UInt8[np.ndarray, "*n 3"]) -> Int[np.ndarray, "*n"]:
    r, g, b = (rgb[..., channel].astype(np.int64) for channel in range(3))
    return (r << 16) | (g << 8) | b


@cache
def _labels_of_colors() -> tuple[Int[np.ndarray, "256"], UInt8[np.ndarray, "256"]]:
    """Return the palette's colors as sorted numbers, and the label of each."""
    numbers = _color_number(voc_palette())
    order = np.argsort(numbers)
    return numbers[order], order.astype(np.uint8)
