"""The limit is one of memory: deep photos count more, and a colorization's three channels count for gray."""

from __future__ import annotations

import io
import tracemalloc
from threading import Thread

import numpy as np
import pytest
import tifffile

from autochrome.errors import PhotoError
from autochrome.io.limits import check_size, limited_to
from autochrome.io.photo import read_photo


def tiff(array: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)  # type: ignore[arg-type]
    return file.getvalue()


@pytest.mark.parametrize(
    ("dtype", "channels", "counted"),
    [
        (np.uint8, 1, 1.0),
        (np.uint8, 3, 1.0),
        (np.uint16, 1, 1.0),
        (np.uint16, 3, 1.0),
        (np.uint16, 4, 8 / 6),
        (np.float32, 1, 2.0),
        (np.float32, 3, 2.0),
        (np.float32, 4, 16 / 6),
    ],
)
def test_deep_pixels_count_more(dtype, channels, counted):
    array = np.zeros((30, 40, channels), dtype).squeeze()
    content = tiff(array, photometric="minisblack" if channels == 1 else "rgb")
    needed = int(np.ceil(1200 * counted))
    with pytest.raises(PhotoError) as caught:
        read_photo(content, max_pixels=needed - 1)
    assert ("count as" in caught.value.problem) == (counted > 1)
    assert read_photo(content, max_pixels=needed).size == (30, 40)


def test_the_advice_is_enough(gray, encode):
    size = (16_000, 28_812)  # 461 megapixels: 8 by 10 inches at 2400 dpi, or so
    with pytest.raises(PhotoError, match="461 megapixels, more than the limit of 400") as caught:
        check_size("a.tif", size, 1, 2, None)
    assert "--max-megapixels 461 " in caught.value.advice
    with limited_to(461_000_000):
        check_size("a.tif", size, 1, 2, None)
    with pytest.raises(PhotoError):
        check_size("a.tif", size, 1, 2, None)


def test_a_limit_holds_where_it_was_set(gray, encode):
    content = encode(gray, "png")
    outcomes = []

    def read() -> None:
        outcomes.append(read_photo(content).size)

    with limited_to(10):
        with pytest.raises(PhotoError, match="limit"):
            read_photo(content)
        assert read_photo(content, max_pixels=10**6).size == gray.shape  # its own comes first
        thread = Thread(target=read)  # of somebody else
        thread.start()
        thread.join()
    assert outcomes == [gray.shape] and read_photo(content).size == gray.shape


def test_floats_are_checked_without_copies():
    """Were the checks to make arrays of their own, Python would have to hold them beside the photo."""
    values = np.full((2000, 1000, 3), 0.5, np.float32)
    values[1234, 5] = (-0.1, 1.1, 0.5)
    content = tiff(values, photometric="rgb", compression="deflate")
    tracemalloc.start()
    try:
        photo = read_photo(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(photo.pixels[1234, 5], (0, 1, 0.5))
    assert peak < values.nbytes / 2
