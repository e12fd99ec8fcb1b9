"""Colors described without an ICC profile: the curves' own formulas, published matrices, PNG's ranking."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest

from autochrome.errors import PhotoError
from autochrome.io import icc
from autochrome.io.photo import read_photo, write_photo

Encode = Callable[..., bytes]

# ITU-R BT.2087-0, 4.2: linear BT.709 to linear BT.2020.
BT709_IN_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
# The sRGB primaries in display-p3, from CSS Color Module Level 4.
SRGB_IN_P3 = np.array([[0.91749, 0.20029, 0.13856], [0.45843, 0.98527, 0.29832], [0.0, 0.0, 0.95959]])
SRGB_CHRM = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def srgb(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)  # IEC 61966-2-1


def gama(gamma: float) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", round(gamma * 100_000))


def cicp(primaries: int, transfer: int, full: int = 1, matrix: int = 0) -> tuple[bytes, bytes]:
    return b"cICP", bytes([primaries, transfer, matrix, full])


def png(array: np.ndarray, *chunks: tuple[bytes, bytes], **options: object) -> bytes:
    """A PNG with more chunks, by Pillow."""
    info = PIL.PngImagePlugin.PngInfo()
    for chunk in chunks:
        info.add(*chunk)
    file = io.BytesIO()
    PIL.Image.fromarray(array).save(file, "png", pnginfo=info, **options)  # type: ignore[arg-type]
    return file.getvalue()


@pytest.mark.parametrize("gamma", [1.0, 0.55, 0.3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gamma_of_a_png_gives_srgb_tones(gamma, dtype):
    white = np.iinfo(dtype).max
    levels = np.linspace(0, white, 256).astype(dtype)[None]
    photo = read_photo(png(levels, gama(gamma)))
    assert photo.is_gray and photo.pixels.dtype == dtype and photo.icc_profile is None
    np.testing.assert_allclose(photo.pixels[..., 0], srgb((levels / white) ** (1 / gamma)) * white, atol=0.51)


def test_the_gamma_that_encoders_write_beside_srgb_changes_nothing(gray):
    np.testing.assert_array_equal(read_photo(png(gray, gama(1 / 2.2))).pixels[..., 0], gray)


def test_linear_colors_keep_their_channels_apart(color):
    expected = srgb(color / 255) * 255
    np.testing.assert_allclose(read_photo(png(color, gama(1.0))).pixels, expected, atol=0.51)


def test_alpha_is_not_a_tone(color, gray):
    photo = read_photo(png(np.dstack([color, gray]), gama(1.0)))
    np.testing.assert_array_equal(photo.alpha, gray)  # type: ignore[arg-type]


def test_palette_is_converted(color):
    image = PIL.Image.fromarray(color).quantize(16)
    file = io.BytesIO()
    info = PIL.PngImagePlugin.PngInfo()
    info.add(*gama(1.0))
    image.save(file, "png", pnginfo=info)
    expected = srgb(np.asarray(image.convert("RGB")) / 255) * 255
    np.testing.assert_allclose(read_photo(file.getvalue()).pixels, expected, atol=0.51)


@pytest.mark.parametrize(
    ("transfer", "light"),
    [
        (8, lambda v: v),
        (4, lambda v: v**2.2),
        (5, lambda v: v**2.8),
        (13, lambda v: np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)),
        (1, lambda v: np.where(v < 0.081, v / 4.5, ((v + 0.099) / 1.099) ** (1 / 0.45))),  # ITU-R BT.709
    ],
)
def test_code_points_give_their_curves(transfer, light):
    levels = np.linspace(0, 65535, 999).astype(np.uint16)[None]
    photo = read_photo(png(levels, cicp(1, transfer)))
    expected = srgb(light(levels / 65535)) * 65535
    assert np.abs(photo.pixels[..., 0] - expected).max() < 30


def test_narrow_range_is_expanded():
    levels = np.array([[0, 16, 126, 235, 255]], np.uint8)
    photo = read_photo(png(levels, cicp(1, 13, full=0)))
    assert photo.pixels.ravel().tolist() == [0, 0, round((126 - 16) / 219 * 255), 255, 255]


def test_primaries_of_bt2020_are_brought_to_srgb():
    colors = np.ascontiguousarray((BT709_IN_BT2020.T * 255).round().astype(np.uint8))[None]
    photo = read_photo(png(colors, cicp(9, 8)))
    np.testing.assert_allclose(photo.pixels[0], np.eye(3) * 255, atol=14)  # 8 linear bits: coarse in the dark


def test_primaries_of_display_p3_are_brought_to_srgb():
    colors = (SRGB_IN_P3 * 255).round().astype(np.uint8)[None]
    photo = read_photo(png(np.ascontiguousarray(colors), cicp(12, 13)))
    np.testing.assert_allclose(photo.pixels[0], np.eye(3) * 255, atol=8)


def test_chromaticities_are_brought_to_srgb_and_gray_stays_gray():
    p3 = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    colors = np.ascontiguousarray((SRGB_IN_P3 * 255).round().astype(np.uint8)[None])
    chunks = (b"cHRM", struct.pack(">8I", *p3)), gama(1 / 2.2)
    np.testing.assert_allclose(read_photo(png(colors, *chunks)).pixels[0], np.eye(3) * 255, atol=8)
    warm_white = (b"cHRM", struct.pack(">8I", 34567, 35850, *p3[2:]))  # D50
    neutral = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    assert np.abs(read_photo(png(neutral, warm_white)).pixels.astype(int) - neutral).max() <= 1


def test_the_ranking_of_the_chunks(gray, make_profile):
    linear, unchanged = read_photo(png(gray, gama(1.0))).pixels, gray[:, :, None]
    srgb_chunk = (b"sRGB", b"\0")
    profile = make_profile(1.8)
    by_profile = read_photo(png(gray, icc_profile=profile)).pixels
    assert np.abs(by_profile.astype(int) - unchanged).max() > 5
    for chunks, options, expected in (
        ((srgb_chunk, gama(1.0)), {}, unchanged),
        ((gama(1.0),), {"icc_profile": profile}, by_profile),
        ((gama(0.3), cicp(1, 8)), {}, linear),
        ((srgb_chunk, cicp(1, 8)), {}, linear),
        ((cicp(1, 8),), {"icc_profile": profile}, linear),
        (
            (cicp(1, 8, matrix=1), gama(0.4)),
            {},
            read_photo(png(gray, gama(0.4))).pixels,
        ),  # not RGB: not valid
        ((gama(1.0),), {"icc_profile": b"broken" * 40}, linear),
    ):
        photo = read_photo(png(gray, *chunks, **options))
        np.testing.assert_allclose(photo.pixels, expected, atol=1, err_msg=str((chunks, options.keys())))


def test_what_cannot_be_meant_is_passed_over(gray):
    for chunks in (
        [gama(0)],
        [(b"gAMA", b"\0")],
        [(b"cHRM", struct.pack(">8I", *[0] * 8))],
        [(b"cHRM", struct.pack(">8I", *[2**32 - 1] * 8))],
        [cicp(200, 1)],
        [cicp(1, 200)],
    ):
        np.testing.assert_array_equal(read_photo(png(gray, *chunks)).pixels[..., 0], gray)


@pytest.mark.parametrize("transfer", [16, 18])
def test_tones_of_high_dynamic_range_are_refused(transfer, gray):
    with pytest.raises(PhotoError) as caught:
        read_photo(png(gray, cicp(9, transfer)))
    assert "SDR" in caught.value.advice


def test_a_result_says_nothing_of_tones_that_it_no_longer_has(gray):
    photo = read_photo(png(gray, gama(1.0)))
    written = write_photo(photo)
    assert written is not None
    np.testing.assert_array_equal(read_photo(written).pixels, photo.pixels)
    assert PIL.Image.open(io.BytesIO(written)).info.get("gamma") is None


def avif(array: np.ndarray, primaries: int, transfer: int) -> bytes:
    """An AVIF without a profile, whose nclx box says something else than libvips wrote."""
    file = io.BytesIO()
    PIL.Image.fromarray(array).save(file, "avif", quality=100, subsampling="4:4:4")
    content = file.getvalue()
    place = content.index(b"colrnclx") + 8
    return content[:place] + struct.pack(">HH", primaries, transfer) + content[place + 4 :]


def test_code_points_of_an_avif_are_followed(color):
    plain, linear = read_photo(avif(color, 1, 13)).pixels, read_photo(avif(color, 1, 8))
    np.testing.assert_allclose(linear.pixels, srgb(plain / 255) * 255, atol=2)
    with pytest.raises(PhotoError, match="PQ"):
        read_photo(avif(color, 9, 16))


def test_a_profile_comes_before_the_code_points_of_an_avif(color):
    file = io.BytesIO()
    PIL.Image.fromarray(color).save(file, "avif", quality=100, icc_profile=icc.builtin_profile("p3"))
    content = file.getvalue().replace(b"colrnclx\0\1\0\r", b"colrnclx\0\1\0\x08")
    assert read_photo(content).icc_profile == icc.builtin_profile("p3")
