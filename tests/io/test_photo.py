from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import tifffile

from autochrome.io.photo import Photo, page_count, read_photo, write_photo

Encode = Callable[..., bytes]
XMP = b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'


def saved_by_tifffile(array: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, array, **options)  # type: ignore[arg-type]
    return file.getvalue()


def encoded(photo: Photo, format: str, **options: object) -> bytes:
    content = write_photo(photo, format=format, **options)  # type: ignore[arg-type]
    assert content is not None
    return content


# Reading, against what Pillow and tifffile wrote


def test_gray_jpeg_stays_one_channel_of_8_bits(gray, encode: Encode):
    content = encode(gray, "jpeg", quality=90)
    photo = read_photo(content)
    assert photo.is_gray and photo.bits == 8 and photo.format == "jpeg" and photo.source is None
    theirs = np.asarray(PIL.Image.open(io.BytesIO(content)))
    assert np.abs(photo.pixels[:, :, 0].astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("format", ["png", "tiff", "webp"])
def test_rgb_is_read_exactly_from_lossless_files(format, color, encode: Encode):
    content = encode(color, format, **({"lossless": True} if format == "webp" else {}))
    np.testing.assert_array_equal(read_photo(content).pixels, color)


def test_a_path_is_read_and_remembered(gray, encode: Encode, tmp_path: Path):
    path = tmp_path / "naïve [page=3] ñ.png"  # libvips would take the brackets for options
    path.write_bytes(encode(gray, "png"))
    photo = read_photo(path)
    assert photo.source == path
    np.testing.assert_array_equal(photo.pixels[:, :, 0], gray)
    np.testing.assert_array_equal(read_photo(str(path)).pixels, photo.pixels)


def test_a_file_changed_between_two_reads_is_read_anew(gray, encode: Encode, tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(encode(gray, "png"))
    read_photo(path)
    path.write_bytes(encode(255 - gray, "png"))
    np.testing.assert_array_equal(read_photo(path).pixels[:, :, 0], 255 - gray)


def test_palette_is_expanded(color, encode: Encode):
    content = encode(color, "png", "P")
    theirs = np.asarray(PIL.Image.open(io.BytesIO(content)).convert("RGB"))
    np.testing.assert_array_equal(read_photo(content).pixels, theirs)


def test_palette_with_transparency_gives_alpha(encode: Encode):
    indices = np.arange(12, dtype=np.uint8).reshape(3, 4) % 2
    image = PIL.Image.fromarray(indices, "P")
    image.putpalette([200, 10, 20, 30, 40, 50])
    file = io.BytesIO()
    image.save(file, "png", transparency=0)
    photo = read_photo(file.getvalue())
    assert photo.alpha is not None
    np.testing.assert_array_equal(photo.alpha, np.where(indices == 0, 0, 255))
    assert photo.pixels[0, 0].tolist() == [200, 10, 20]


def test_bilevel_becomes_black_and_white_gray(encode: Encode):
    bits = np.eye(16, dtype=bool)
    for format in ("png", "tiff"):
        photo = read_photo(encode(bits, format))
        assert photo.is_gray and photo.pixels.dtype == np.uint8
        np.testing.assert_array_equal(photo.pixels[:, :, 0], bits * 255)


def test_gray_with_alpha_keeps_both(gray, encode: Encode):
    alpha = np.ascontiguousarray(gray[::-1])
    photo = read_photo(encode(np.dstack([gray, alpha]), "png"))
    assert photo.is_gray and photo.alpha is not None
    np.testing.assert_array_equal(photo.pixels[:, :, 0], gray)
    np.testing.assert_array_equal(photo.alpha, alpha)


def test_cmyk_becomes_rgb(encode: Encode):
    cmyk = np.zeros((8, 8, 4), np.uint8)
    cmyk[:, :4, 0] = 255  # cyan at the left, bare paper at the right
    file = io.BytesIO()
    PIL.Image.fromarray(cmyk, "CMYK").save(file, "tiff")
    photo = read_photo(file.getvalue())
    assert photo.pixels.shape == (8, 8, 3) and photo.alpha is None
    red, green, blue = photo.pixels[0, 0].astype(int)
    assert red < 60 < green < blue
    assert photo.pixels[0, 7].min() > 250


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deep_tiff_is_read_exactly(dtype, channels, rng):
    values = rng.random((9, 11, channels)) * (65535 if dtype is np.uint16 else 1)
    array = values.astype(dtype)
    photo = read_photo(saved_by_tifffile(array, photometric="rgb" if channels == 3 else "minisblack"))
    assert photo.pixels.dtype == dtype
    np.testing.assert_array_equal(photo.pixels, array)


def test_16_bit_gray_png_is_read_exactly(rng):
    array = rng.integers(0, 65536, (9, 11), dtype=np.uint16)
    file = io.BytesIO()
    PIL.Image.fromarray(array).save(file, "png")
    np.testing.assert_array_equal(read_photo(file.getvalue()).pixels[:, :, 0], array)


def test_min_is_white_tiff_is_turned_positive(gray):
    content = saved_by_tifffile(gray, photometric="miniswhite")
    np.testing.assert_array_equal(read_photo(content).pixels[:, :, 0], 255 - gray)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp"])
def test_orientation_is_applied_and_reset(format, orientation, gray, encode: Encode):
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, object] = {"lossless": True} if format == "webp" else {}
    content = encode(gray, format, "RGB" if format == "webp" else None, exif=exif, **options)
    stored = PIL.Image.open(io.BytesIO(content))
    upright = np.asarray(PIL.ImageOps.exif_transpose(stored).convert("L"))
    photo = read_photo(content)
    assert np.abs(photo.pixels[:, :, 0].astype(int) - upright).max() <= 2
    written = PIL.Image.open(io.BytesIO(encoded(photo, format)))
    assert written.getexif().get(0x0112, 1) == 1
    assert written.size == photo.size[::-1]


def test_turned_photo_turns_its_resolution(gray, encode: Encode):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    photo = read_photo(encode(gray, "tiff", exif=exif, dpi=(300, 150)))
    assert photo.dpi == pytest.approx((150, 300))


# Round trips


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("format", "dtype"),
    [("png", np.uint8), ("png", np.uint16), ("tiff", np.uint8), ("tiff", np.uint16), ("tiff", np.float32)],
)
def test_lossless_round_trip_is_exact(format, dtype, channels, alpha, rng):
    top = 1 if dtype is np.float32 else np.iinfo(dtype).max
    pixels = (rng.random((13, 17, channels)) * top).astype(dtype)
    cover = (rng.random((13, 17)) * top).astype(dtype) if alpha else None
    back = read_photo(encoded(Photo(pixels, cover), format))
    assert back.pixels.dtype == dtype and back.format == format
    np.testing.assert_array_equal(back.pixels, pixels)
    if cover is None:
        assert back.alpha is None
    else:
        np.testing.assert_array_equal(back.alpha, cover)  # type: ignore[arg-type]


@pytest.mark.parametrize(("format", "channels"), [("jpeg", 3), ("webp", 3), ("avif", 3)])
def test_lossy_round_trip_is_close(format, channels, color):
    back = read_photo(encoded(Photo(color), format))
    assert back.pixels.shape == color.shape and back.pixels.dtype == np.uint8
    assert np.abs(back.pixels.astype(int) - color).mean() < 3


def test_avif_keeps_deep_samples_to_12_bits_with_a_true_white():
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)
    pixels = np.broadcast_to(ramp[None, :, None], (64, 64, 3))
    back = read_photo(encoded(Photo(np.ascontiguousarray(pixels)), "avif", quality=100))
    assert back.bits == 16
    assert back.pixels.max() == 65535
    assert np.abs(back.pixels.astype(int) - pixels).mean() < 65535 / 1000


def test_16_bits_are_rounded_into_a_jpeg(gray):
    deep = gray.astype(np.uint16)[:, :, None] * 257
    back = read_photo(encoded(Photo(deep), "jpeg", quality=100))
    assert back.bits == 8
    assert np.abs(back.pixels[:, :, 0].astype(int) - gray).max() <= 2


def test_depths_convert_full_range_to_full_range_with_rounding():
    levels = np.array([[0.0, 0.5, 1.0, 1.7 / 255]], np.float32)[:, :, None]
    like = Photo(np.zeros((1, 4, 1), np.uint8))
    back = read_photo(encoded(Photo(levels), "png", like=like))
    assert back.pixels.ravel().tolist() == [0, 128, 255, 2]
    like = Photo(np.zeros((1, 4, 1), np.uint16))
    back = read_photo(encoded(Photo(np.array([[[0], [1], [128], [255]]], np.uint8)), "png", like=like))
    assert back.pixels.ravel().tolist() == [0, 257, 128 * 257, 65535]


def test_transparent_photo_lies_on_white_in_a_jpeg():
    photo = Photo(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), np.uint8))
    assert read_photo(encoded(photo, "jpeg")).pixels.min() >= 254


@pytest.mark.parametrize(("quality", "sampling"), [(92, (1, 1)), (89, (2, 2))])
def test_jpeg_chroma_is_at_full_size_from_quality_90(quality, sampling, color):
    image = PIL.Image.open(io.BytesIO(encoded(Photo(color), "jpeg", quality=quality)))
    horizontal, vertical = image.layer[0][1:3]  # type: ignore[attr-defined]
    assert (horizontal, vertical) == sampling


def test_default_quality_is_92(color):
    assert encoded(Photo(color), "jpeg") == encoded(Photo(color), "jpeg", quality=92)
    assert encoded(Photo(color), "jpeg") != encoded(Photo(color), "jpeg", quality=91)


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp", "avif"])
def test_dpi_is_kept(format, color):
    back = read_photo(encoded(Photo(color, dpi=(300.0, 600.0)), format))
    assert back.dpi == pytest.approx((300, 600), abs=0.02)


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff"])
def test_dpi_that_another_program_wrote_is_read(format, gray, encode: Encode):
    assert read_photo(encode(gray, format, dpi=(240, 240))).dpi == pytest.approx((240, 240), abs=0.02)
    assert read_photo(encode(gray, format)).dpi is None


def test_like_gives_what_the_result_lacks(color, gray):
    alpha = gray.astype(np.uint16) * 257
    like = Photo(alpha[:, :, None], alpha, metadata={"xmp": XMP}, dpi=(600.0, 600.0), format="tiff")
    back = read_photo(encoded(Photo(color), "tiff", like=like))
    assert back.bits == 16 and back.dpi == (600, 600) and back.metadata["xmp"] == XMP
    np.testing.assert_array_equal(back.pixels, color.astype(np.uint16) * 257)
    np.testing.assert_array_equal(back.alpha, alpha)  # type: ignore[arg-type]
    assert (write_photo(Photo(color), like=like) or b"")[:2] in (b"II", b"MM")


def test_like_of_another_size_cannot_give_its_alpha(color):
    like = Photo(np.zeros((2, 2, 1), np.uint8), np.zeros((2, 2), np.uint8))
    with pytest.raises(ValueError, match="alpha"):
        write_photo(Photo(color), format="png", like=like)


def test_non_contiguous_pixels_are_written_right(color):
    back = read_photo(encoded(Photo(color[::2, ::-1]), "png"))
    np.testing.assert_array_equal(back.pixels, color[::2, ::-1])


# Pages


def test_pages_of_a_tiff_of_different_sizes(gray, tmp_path: Path):
    path = tmp_path / "album.tif"
    pages = [gray, gray[:20], gray[:, :30].astype(np.uint16) * 257]
    with tifffile.TiffWriter(path) as writer:
        for page in pages:
            writer.write(page, photometric="minisblack")
    assert page_count(path) == 3
    for number, page in enumerate(pages):
        np.testing.assert_array_equal(read_photo(path, page=number).pixels[:, :, 0], page)
    np.testing.assert_array_equal(read_photo(path.read_bytes(), page=1).pixels[:, :, 0], pages[1])


def test_a_single_picture_is_one_page(gray, encode: Encode):
    assert page_count(encode(gray, "jpeg")) == 1


# The dataclass


@pytest.mark.parametrize(
    ("pixels", "alpha", "message"),
    [
        (np.zeros((4, 4), np.uint8), None, "shape"),
        (np.zeros((4, 4, 4), np.uint8), None, "shape"),
        (np.zeros((0, 4, 3), np.uint8), None, "shape"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((3, 4), np.uint8), "alpha"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint16), "alpha"),
    ],
)
def test_photo_refuses_wrong_arrays(pixels, alpha, message):
    with pytest.raises(ValueError, match=message):
        Photo(pixels, alpha)


def test_photos_are_read_and_written_without_torch():
    code = "import sys, autochrome.io.photo, autochrome.io.folders; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
