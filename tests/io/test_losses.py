"""What is said to be lost is lost, and what is not said is not."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from autochrome.io.losses import losses
from autochrome.io.photo import Photo, read_photo, write_photo
from autochrome.io.saving import FORMATS, can_write

IPTC = b"\x1c\x02\x78\x00\x07Caption"
URL = b"8BIM\x04\x0b\0\0" + struct.pack(">I", 4) + b"http"
DTYPES = (np.uint8, np.uint16, np.float32)


@pytest.mark.parametrize("format", [name for name in FORMATS if can_write(name)])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("alpha", [False, True])
def test_depth_and_transparency(format: str, dtype: type, alpha: bool, rng) -> None:
    white = 1 if dtype is np.float32 else np.iinfo(dtype).max
    pixels = (rng.random((16, 16, 3)) * white).astype(dtype)
    photo = Photo(
        pixels, pixels[:, :, 0].copy() if alpha else None, metadata={"iptc": IPTC, "photoshop": URL}
    )
    said = losses(photo, format) or ""
    back = read_photo(write_photo(photo, format=format, quality=100) or b"")
    assert ("transparency" in said) is (alpha and back.alpha is None)
    assert ("IPTC" in said) is ("iptc" not in back.metadata)
    assert ("Photoshop" in said) is ("photoshop" not in back.metadata)
    deeper = pixels.astype(float) / white, back.pixels.astype(float) / back.white
    if format in ("png", "tiff"):
        assert ("bits" in said) is bool(np.abs(deeper[0] - deeper[1]).max() > 1e-6)
    else:
        assert ("bits" in said) is (dtype is not np.uint8)


def test_nothing_is_said_where_nothing_is_lost(color) -> None:
    for format in FORMATS:
        assert losses(Photo(color, metadata={"xmp": b"<x/>"}), format) is None
    deep = Photo(color.astype(np.uint16) * 257, format="avif")
    assert losses(deep, "avif") is None
    assert losses(deep, "tiff") is None


def test_a_block_that_is_too_long_is_told(color) -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0xFDEA, 7, 70_000, 26, 0) + bytes(70_000)
    photo = Photo(color, metadata={"exif": exif})
    assert losses(photo, "jpeg") == "JPEG does not hold its longest EXIF tags"
    assert losses(photo, "png") is None


def test_it_is_one_sentence(color) -> None:
    photo = Photo(color.astype(np.uint16), color[:, :, 0].astype(np.uint16), metadata={"iptc": IPTC})
    said = "JPEG does not hold its 16 bits per sample (now 8 bits) and its transparency (now white)"
    assert losses(photo, "jpeg") == said
