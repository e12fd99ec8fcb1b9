"""What training reads, against `read_photo` and what libvips shrinks by itself."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest
import pyvips
import tifffile

from autochrome.errors import PhotoError
from autochrome.io.limits import limited_to
from autochrome.io.photo import read_photo
from autochrome.io.reduced import read_reduced

Encode = Callable[..., bytes]
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp", "avif", "jpeg2000", "bmp", "ppm", "gif"])
def test_every_format_of_photos_is_read(format, color, encode: Encode):
    content = encode(color, format)
    np.testing.assert_array_equal(read_reduced(content), read_photo(content).pixels)
    small = read_reduced(content, 24)
    assert small.shape == (24, 32, 3) and small.dtype == np.uint8
    middle = color.reshape(24, 2, 32, 2, 3).mean((1, 3))
    assert np.abs(small - middle).mean() < 12


def test_linear_and_lab_photos_are_read_as_photos_are(gray):
    info = PIL.PngImagePlugin.PngInfo()
    info.add(b"gAMA", struct.pack(">I", 100_000))
    png, tiff = io.BytesIO(), io.BytesIO()
    PIL.Image.fromarray(gray).save(png, "png", pnginfo=info)
    zero = np.zeros_like(gray)
    tifffile.imwrite(tiff, np.dstack([gray, zero, zero]), photometric="cielab")
    for content in (png.getvalue(), tiff.getvalue()):
        pixels = read_photo(content).pixels
        np.testing.assert_array_equal(read_reduced(content), np.broadcast_to(pixels, (*gray.shape, 3)))
        assert np.abs(read_reduced(content, 24).mean() - pixels.mean()) < 2


@pytest.mark.parametrize("max_side", [None, 24])
def test_a_jpeg_cut_and_closed_again_is_damaged(max_side, color, encode: Encode):
    content = encode(color, "jpeg")
    with pytest.raises(PhotoError, match="damaged or cut short"):
        read_reduced(content[: len(content) * 2 // 3] + b"\xff\xd9", max_side)


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_the_limit_holds(format, color, encode: Encode):
    with limited_to(100), pytest.raises(PhotoError, match="limit"):
        read_reduced(encode(color, format), 24)


@pytest.mark.parametrize("content", [SVG, b"%PDF-1.7\n", b"1,2\n3,4\n", b""])
def test_what_is_no_photo_is_refused(content):
    with pytest.raises(PhotoError):
        read_reduced(content, 24)


def test_libvips_itself_refuses_what_is_meant_for_trusted_files():
    with pytest.raises(pyvips.Error):
        pyvips.Image.new_from_buffer(SVG, "")
    with pytest.raises(pyvips.Error):
        pyvips.Operation.call("svgload_buffer", SVG)


def test_a_profile_is_followed_where_the_decoder_shrinks(encode: Encode, color, adobe_rgb):
    content = encode(color, "jpeg", icc_profile=adobe_rgb, quality=95)
    expected = read_photo(content).pixels.reshape(24, 2, 32, 2, 3).mean((1, 3))
    assert np.abs(read_reduced(content, 24) - expected).mean() < 3


def test_cmyk_is_shrunk_in_rgb():
    inks = np.zeros((48, 64, 4), np.uint8)
    inks[..., 2] = 255  # yellow
    file = io.BytesIO()
    PIL.Image.fromarray(inks, "CMYK").save(file, "jpeg")
    red, green, blue = read_reduced(file.getvalue(), 24)[10, 10].astype(int)
    assert red > 220 and green > 200 and blue < 80
