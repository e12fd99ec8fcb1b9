"""Color profiles: published colors of Display P3, another library's Adobe RGB, round trips."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest
import tifffile

from autochrome.io import icc
from autochrome.io.photo import Photo, read_photo, write_photo

Encode = Callable[..., bytes]
MakeProfile = Callable[..., bytes]

# The sRGB primaries in display-p3, from CSS Color Module Level 4 (its sample conversions): red, green, blue.
SRGB_PRIMARIES_IN_P3 = np.array(
    [[0.91749, 0.20029, 0.13856], [0.45843, 0.98527, 0.29832], [0.0, 0.0, 0.95959]]
)


@pytest.fixture(scope="module")
def p3() -> bytes:
    return icc.builtin_profile("p3")


def test_color_space_is_read_from_the_header(p3, make_profile: MakeProfile):
    assert icc.color_space_of(p3) == "RGB"
    assert icc.color_space_of(make_profile(2.2)) == "GRAY"
    assert icc.color_space_of(icc.builtin_profile("cmyk")) == "CMYK"


def test_display_p3_is_converted_to_srgb(p3, encode: Encode):
    colors = np.broadcast_to((SRGB_PRIMARIES_IN_P3 * 255).round().astype(np.uint8), (8, 3, 3))
    photo = read_photo(encode(np.ascontiguousarray(colors), "png", icc_profile=p3))
    np.testing.assert_allclose(photo.pixels[0], np.eye(3) * 255, atol=3)
    assert photo.icc_profile == p3


def test_adobe_rgb_agrees_with_little_cms_in_pillow(adobe_rgb, color, encode: Encode):
    photo = read_photo(encode(color, "tiff", icc_profile=adobe_rgb))
    theirs = PIL.ImageCms.profileToProfile(
        PIL.Image.fromarray(color),
        io.BytesIO(adobe_rgb),  # type: ignore[arg-type]
        PIL.ImageCms.createProfile("sRGB"),  # type: ignore[arg-type]
        renderingIntent=PIL.ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert np.abs(photo.pixels.astype(int) - np.asarray(theirs)).max() <= 2
    assert np.abs(photo.pixels.astype(int) - color).max() > 10  # the profile does matter


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp", "avif"])
def test_wide_profile_is_embedded_again_and_pixels_return_to_it(format, p3, color, encode: Encode):
    photo = read_photo(encode(color, "png", icc_profile=p3))
    assert np.abs(photo.pixels.astype(int) - color).max() > 10
    content = write_photo(photo, format=format, quality=100)
    assert content is not None
    back = read_photo(content)
    assert back.icc_profile == p3
    assert np.abs(back.pixels.astype(int) - photo.pixels).mean() < 2.5
    if format in ("png", "tiff"):
        stored = np.asarray(PIL.Image.open(io.BytesIO(content))).astype(int)
        # Where the P3 color lay inside sRGB the stored values are the original's.
        inside = (photo.pixels.min(axis=2) > 5) & (photo.pixels.max(axis=2) < 250)
        assert inside.mean() > 0.3
        assert np.abs(stored - color)[inside].max() <= 2


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_deep_pixels_pass_through_a_profile_at_their_depth(dtype, p3, rng):
    top = 65535 if dtype is np.uint16 else 1
    inside = (rng.uniform(0.3, 0.6, (16, 16, 3)) * top).astype(dtype)
    photo = Photo(inside, icc_profile=p3)
    content = write_photo(photo, format="tiff")
    assert content is not None
    stored = tifffile.imread(io.BytesIO(content))
    assert stored.dtype == dtype and np.abs(stored / top - inside / top).max() > 0.005
    back = read_photo(content)
    assert back.pixels.dtype == dtype
    assert (
        np.abs(back.pixels / top - inside / top).max() < 20 / 65535
    )  # what Little CMS keeps of 16 bits, there and back


def test_an_srgb_profile_is_kept_and_changes_no_pixel(color, encode: Encode):
    theirs = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    assert icc.is_srgb(theirs) and theirs != icc.builtin_profile("srgb")
    photo = read_photo(encode(color, "png", icc_profile=theirs))
    np.testing.assert_array_equal(photo.pixels, color)
    back = read_photo(write_photo(photo) or b"")
    assert back.icc_profile == theirs
    np.testing.assert_array_equal(back.pixels, color)


def test_gray_profile_gives_srgb_tones(make_profile: MakeProfile, gray, encode: Encode):
    linear = make_profile(1.0)
    photo = read_photo(encode(gray, "png", icc_profile=linear))
    level = gray / 255
    srgb = np.where(level <= 0.0031308, 12.92 * level, 1.055 * level ** (1 / 2.4) - 0.055)  # IEC 61966-2-1
    assert photo.is_gray
    assert np.abs(photo.pixels[:, :, 0] - srgb * 255).max() <= 1.5


def test_gray_result_returns_to_a_gray_profile(make_profile: MakeProfile, gray, encode: Encode):
    profile = make_profile(1.8)
    deep = gray.astype(np.uint16) * 257
    content = io.BytesIO()
    tifffile.imwrite(content, deep, iccprofile=profile)
    photo = read_photo(content.getvalue())
    assert photo.bits == 16
    assert np.abs(photo.pixels[:, :, 0].astype(int) - deep).max() > 257
    written = write_photo(photo)
    assert written is not None
    assert read_photo(written).icc_profile == profile
    stored = tifffile.imread(io.BytesIO(written))
    assert np.abs(stored.astype(int) - deep)[gray > 5].max() <= 12


@pytest.mark.parametrize("make", ["gray", "cmyk"])
def test_colors_that_the_profile_cannot_hold_are_written_in_srgb(make, make_profile: MakeProfile, color):
    profile = make_profile(1.8) if make == "gray" else icc.builtin_profile("cmyk")
    content = write_photo(Photo(color, icc_profile=profile), format="png")
    assert content is not None
    np.testing.assert_array_equal(np.asarray(PIL.Image.open(io.BytesIO(content))), color)
    assert read_photo(content).icc_profile == icc.builtin_profile("srgb")


def test_gray_file_with_an_rgb_profile_is_converted_and_keeps_it_for_colors(
    adobe_rgb, gray, color, encode: Encode
):
    photo = read_photo(encode(gray, "tiff", icc_profile=adobe_rgb))
    rgb = read_photo(encode(np.dstack([gray] * 3), "tiff", icc_profile=adobe_rgb))
    assert photo.is_gray
    assert np.abs(photo.pixels.astype(int) - rgb.pixels).max() <= 1
    back = read_photo(write_photo(Photo(color), format="png", like=photo) or b"")
    assert back.icc_profile == adobe_rgb


def test_a_broken_profile_is_passed_over(color, encode: Encode):
    broken = icc.builtin_profile("srgb")[:140] + b"\xff" * 300
    photo = read_photo(encode(color, "png", icc_profile=broken))
    np.testing.assert_array_equal(photo.pixels, color)
    np.testing.assert_array_equal(read_photo(write_photo(photo) or b"").pixels, color)


def test_cmyk_file_with_its_profile_uses_it(encode: Encode):
    inks = np.zeros((8, 8, 4), np.uint8)
    inks[..., 2] = 255  # yellow
    file = io.BytesIO()
    PIL.Image.fromarray(inks, "CMYK").save(file, "jpeg", icc_profile=icc.builtin_profile("cmyk"), quality=95)
    photo = read_photo(file.getvalue())
    red, green, blue = photo.pixels[4, 4].astype(int)
    assert red > 220 and green > 200 and blue < 80
    assert read_photo(write_photo(photo) or b"").icc_profile == icc.builtin_profile("srgb")


@pytest.mark.parametrize("has_profile", [True, False])
def test_lightness_of_cmyk_agrees_with_little_cms_in_pillow(has_profile, gray, encode: Encode):
    """Programs that merely invert CMYK come out some 3 L* away: they do not ask what the inks look like."""
    cmyk, srgb = icc.builtin_profile("cmyk"), PIL.ImageCms.createProfile("sRGB")
    options = {"renderingIntent": 1, "flags": PIL.ImageCms.Flags.BLACKPOINTCOMPENSATION}
    inks = PIL.ImageCms.profileToProfile(
        PIL.Image.fromarray(np.dstack([gray] * 3)), srgb, io.BytesIO(cmyk), outputMode="CMYK", **options
    )
    assert inks is not None
    file = io.BytesIO()
    inks.save(file, "jpeg", quality=98, **({"icc_profile": cmyk} if has_profile else {}))
    back = PIL.ImageCms.profileToProfile(
        PIL.Image.open(file), io.BytesIO(cmyk), srgb, outputMode="RGB", **options
    )
    assert np.abs(read_photo(file.getvalue()).pixels.astype(int) - np.asarray(back)).max() <= 1


def test_alpha_is_not_converted(p3, color, gray, encode: Encode):
    photo = read_photo(encode(np.dstack([color, gray]), "png", icc_profile=p3))
    np.testing.assert_array_equal(photo.alpha, gray)  # type: ignore[arg-type]
    back = read_photo(write_photo(photo) or b"")
    np.testing.assert_array_equal(back.alpha, gray)  # type: ignore[arg-type]
    assert back.icc_profile == p3
