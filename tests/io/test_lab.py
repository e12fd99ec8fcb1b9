"""TIFFs in Lab, against scikit-image's lightness and Pillow's Little CMS."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest
import skimage.color
import tifffile

from autochrome.io.photo import page_count, read_photo

# (what tifffile calls it, the sample of L* 100, samples in a unit of a* and b*, their zero)
ENCODINGS = {
    ("cielab", np.uint8): (255, 1, 0),
    ("cielab", np.uint16): (65535, 256, 0),
    ("icclab", np.uint8): (255, 1, 128),
    ("icclab", np.uint16): (65280, 256, 128 * 256),
}


def samples(lab: np.ndarray, kind: str, dtype: type) -> np.ndarray:
    full, unit, zero = ENCODINGS[kind, dtype]
    chroma = (lab[..., 1:] * unit).round().astype(int) + zero
    planes = np.dstack([(lab[..., :1] * full / 100).round().astype(int), chroma])
    return (planes % (np.iinfo(dtype).max + 1)).astype(dtype)  # two's complement where it is signed


def tiff(array: np.ndarray, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, array, photometric=kind, metadata=None, **options)  # type: ignore[arg-type]
    return file.getvalue()


def lightness(pixels: np.ndarray) -> np.ndarray:
    return skimage.color.rgb2lab(pixels / (255 if pixels.dtype == np.uint8 else 65535))[..., 0]


@pytest.mark.parametrize(("kind", "dtype"), ENCODINGS)
@pytest.mark.parametrize("options", [{}, {"compression": "deflate", "byteorder": ">"}])
def test_a_gray_photo_in_lab_keeps_its_lightness(kind, dtype, options, gray):
    level = skimage.color.rgb2lab(np.dstack([gray] * 3))
    level[..., 1:] = 0
    photo = read_photo(tiff(samples(level, kind, dtype), kind, **options))
    assert photo.pixels.shape == (*gray.shape, 3) and photo.pixels.dtype == dtype
    assert np.ptp(photo.pixels.astype(int), axis=2).max() <= 1 * (1 if dtype is np.uint8 else 10)
    assert np.abs(lightness(photo.pixels) - level[..., 0]).max() < (0.5 if dtype is np.uint8 else 0.01)
    assert photo.icc_profile is None


@pytest.mark.parametrize(("kind", "dtype"), ENCODINGS)
def test_colors_in_lab_agree_with_little_cms(kind, dtype, color):
    srgb = PIL.ImageCms.createProfile("sRGB")
    lab_profile = PIL.ImageCms.createProfile("LAB")
    theirs = PIL.ImageCms.profileToProfile(
        PIL.Image.fromarray(color),
        srgb,  # type: ignore[arg-type]
        lab_profile,  # type: ignore[arg-type]
        outputMode="LAB",
        renderingIntent=PIL.ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert theirs is not None
    planes = np.asarray(theirs)
    values = np.dstack([planes[..., 0] / 2.55, planes[..., 1:].astype(np.int8)])
    photo = read_photo(tiff(samples(values, kind, dtype), kind))
    white = 255 if dtype is np.uint8 else 65535
    difference = np.abs(photo.pixels / white * 255 - color)
    assert difference.mean() < 1.5 and np.percentile(difference, 99) < 6


def test_lab_of_lightness_alone(gray):
    level = skimage.color.rgb2lab(np.dstack([gray] * 3))[..., 0]
    content = bytearray(tiff((level * 2.55).round().astype(np.uint8), "minisblack"))
    at = content.index(bytes([0x06, 0x01, 3, 0, 1, 0, 0, 0, 1, 0])) + 8  # PhotometricInterpretation, SHORT, 1
    content[at] = 8
    photo = read_photo(bytes(content))
    assert photo.is_gray
    assert np.abs(lightness(np.dstack([photo.pixels] * 3)) - level).max() < 0.5


def test_lab_with_alpha_and_orientation(gray, color):
    lab = samples(skimage.color.rgb2lab(color), "cielab", np.uint8)
    turned = [(274, "H", 1, 6, True)]
    content = tiff(np.dstack([lab, gray]), "cielab", extrasamples=["unassalpha"], extratags=turned)
    photo = read_photo(content)
    np.testing.assert_array_equal(photo.alpha, np.rot90(gray, -1))  # type: ignore[arg-type]
    assert photo.size == gray.shape[::-1]


def test_a_page_in_lab_among_others(gray, color, tmp_path):
    path = tmp_path / "a.tif"
    lab = samples(skimage.color.rgb2lab(color), "cielab", np.uint8)
    with tifffile.TiffWriter(path) as writer:
        writer.write(gray, photometric="minisblack")
        writer.write(lab, photometric="cielab")
    assert page_count(path) == 2
    np.testing.assert_array_equal(read_photo(path).pixels[..., 0], gray)
    difference = np.abs(read_photo(path, page=1).pixels.astype(int) - color)
    assert difference.mean() < 3
