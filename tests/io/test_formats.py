"""JPEG 2000, BMP, PNM and GIF, as Pillow, OpenJPEG and plain text wrote them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import PIL.Image
import pytest

from autochrome.errors import PhotoError
from autochrome.io import by_pillow, icc
from autochrome.io.photo import read_photo, write_photo

Encode = Callable[..., bytes]
BY_PILLOW = {"jp2": "jpeg2000", "bmp": "bmp", "pnm": "ppm"}


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


@pytest.mark.parametrize(("format", "theirs"), BY_PILLOW.items())
def test_gray_and_color_are_read_exactly(format, theirs, gray, color, encode: Encode):
    photo = read_photo(encode(gray, theirs))
    assert photo.format == format and photo.is_gray and photo.notes == ()
    np.testing.assert_array_equal(photo.pixels[..., 0], gray)
    np.testing.assert_array_equal(read_photo(encode(color, theirs)).pixels, color)


@pytest.mark.parametrize("theirs", ["jpeg2000", "ppm"])
def test_gray_of_16_bits_is_read_exactly(theirs, encode: Encode, rng):
    deep = rng.integers(0, 65536, (48, 64), dtype=np.uint16)
    photo = read_photo(encode(deep, theirs))
    assert photo.bits == 16 and photo.notes == ()
    np.testing.assert_array_equal(photo.pixels[..., 0], deep)


def test_alpha_of_a_jpeg_2000(gray, color, encode: Encode):
    for array in (np.dstack([color, gray]), np.dstack([gray, gray[::-1]])):
        photo = read_photo(encode(array, "jpeg2000"))
        np.testing.assert_array_equal(photo.pixels, array[..., :-1])
        np.testing.assert_array_equal(photo.alpha, array[..., -1])  # type: ignore[arg-type]


def test_a_bare_codestream_is_a_jpeg_2000(color, encode: Encode):
    content = encode(color, "jpeg2000", no_jp2=True)
    assert content.startswith(b"\xff\x4f")
    np.testing.assert_array_equal(read_photo(content).pixels, color)


@pytest.mark.parametrize("mode", ["1", "P"])
def test_palettes_and_bits_of_a_bmp(mode, color, encode: Encode):
    content = encode(color, "bmp", mode)
    theirs = np.asarray(PIL.Image.open(io.BytesIO(content)).convert("L" if mode == "1" else "RGB"))
    np.testing.assert_array_equal(read_photo(content).pixels.squeeze(), theirs)


def test_plain_text_and_odd_scales_of_a_pnm():
    assert read_photo(b"P2\n# a comment\n3 1\n15\n0 3 15\n").pixels.ravel().tolist() == [0, 51, 255]
    assert read_photo(b"P1 2 1\n0 1\n").pixels.ravel().tolist() == [255, 0]
    assert read_photo(b"P5 2 1 1023\n\0\0\3\xff").pixels.ravel().tolist() == [0, 65535]


def test_colors_of_16_bits_are_read_in_8_and_the_note_says_so():
    deep = read_photo(b"P6 # by a scanner\n2 1\n# deep\n65535\n" + b"\x12\x34" * 6)
    assert deep.pixels.ravel().tolist() == [0x12] * 6 and deep.notes == (by_pillow.FEWER_BITS,)
    assert read_photo(b"P6 2 1 255\n" + b"\x12" * 6).notes == ()


def test_bits_of_a_jpeg_2000_are_told_from_its_header(color, gray, encode: Encode):
    content = encode(color, "jpeg2000")
    place = content.index(b"\xff\x4f\xff\x51") + 42
    assert content[place] == 7  # bits less 1
    deep = content[:place] + b"\x0f" + content[place + 1 :]
    assert by_pillow.loses_bits(io.BytesIO(deep), "jp2")
    assert not by_pillow.loses_bits(io.BytesIO(content), "jp2")
    assert not by_pillow.loses_bits(io.BytesIO(encode(gray.astype(np.uint16) * 257, "jpeg2000")), "jp2")


def test_profile_and_metadata_of_a_jpeg_2000(color, encode: Encode, full_exif):
    content, p3, xmp = (
        encode(color, "jpeg2000"),
        icc.builtin_profile("p3"),
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
    )
    header = content.index(b"jp2h") - 4
    length = struct.unpack_from(">I", content, header)[0]
    inner = content[header + 8 : header + length]
    colr = inner.index(b"colr") - 4
    inner = (
        inner[:colr] + box(b"colr", b"\2\0\0" + p3) + inner[colr + struct.unpack_from(">I", inner, colr)[0] :]
    )
    more = box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + xmp)
    more += box(b"uuid", b"JpgTiffExif->JP2" + full_exif.removeprefix(b"Exif\0\0"))
    made = content[:header] + box(b"jp2h", inner) + more + content[header + length :]
    photo = read_photo(made)
    assert photo.icc_profile == p3 and photo.metadata["xmp"] == xmp
    assert b"Leica" in photo.metadata["exif"]
    upright = np.rot90(color, -1).astype(int)  # Orientation 6
    assert 10 < np.abs(photo.pixels - upright).max() < 60  # the profile does matter


def test_resolution_of_a_bmp(gray, encode: Encode):
    assert read_photo(encode(gray, "bmp", dpi=(300, 300))).dpi == pytest.approx((300, 300), abs=0.01)


@pytest.mark.parametrize("theirs", BY_PILLOW.values())
@pytest.mark.parametrize("part", [0.01, 0.3, 0.95])
def test_cut_short(theirs, part, color, encode: Encode):
    content = encode(color, theirs)
    with pytest.raises(PhotoError, match="damaged or cut short"):
        read_photo(content[: max(20, int(len(content) * part))])


@pytest.mark.parametrize("content", [b"P6 99999 99999 255\n", b"P5 30000 30000 65535\n"])
def test_size_is_checked_before_decoding(content):
    with pytest.raises(PhotoError, match="limit"):
        read_photo(content)


def test_a_picture_larger_than_pillow_likes_is_read(monkeypatch: pytest.MonkeyPatch, gray, encode: Encode):
    content = encode(gray, "bmp")
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 10)
    assert read_photo(content).size == gray.shape


def test_gif_gives_its_colors_and_transparency(color):
    image = PIL.Image.fromarray(color).quantize(64)
    file = io.BytesIO()
    image.save(file, "gif", transparency=3)
    photo = read_photo(file.getvalue())
    assert photo.format == "gif"
    np.testing.assert_array_equal(photo.alpha == 0, np.asarray(image) == 3)  # type: ignore[operator]
    opaque = np.asarray(image) != 3
    np.testing.assert_array_equal(photo.pixels[opaque], np.asarray(image.convert("RGB"))[opaque])


@pytest.mark.parametrize("part", [0.2, 0.6, 0.95])
def test_a_gif_cut_and_closed_again_is_damaged(part, color, encode: Encode):
    content = encode(color, "gif")
    with pytest.raises(PhotoError, match="damaged or cut short"):
        read_photo(content[: int(len(content) * part)] + b"\0;")


@pytest.mark.parametrize("theirs", [*BY_PILLOW.values(), "gif"])
def test_what_is_only_read_is_written_as_png(theirs, color, encode: Encode):
    photo = read_photo(encode(color, theirs))
    written = write_photo(photo)
    assert written is not None and written.startswith(b"\x89PNG")
    np.testing.assert_array_equal(read_photo(written).pixels, photo.pixels)
