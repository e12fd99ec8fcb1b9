"""The noise of the models that draw: one series for a photo and a seed, another for every other photo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvips
import skimage.data
import torch

import autochrome
from autochrome.io.photo import Photo, read_photo, write_photo
from autochrome.models.base import Colorizer
from autochrome.pipeline.noise import noise_generator, noise_seed
from autochrome.pipeline.painter import ColorizeSettings, Painter
from tests.drawing_model import Drawing, WholeDrawing

GRAY = np.ascontiguousarray(skimage.data.camera()[::4, ::4, None])
CAMERA = Photo(GRAY)
COIN = Photo(np.ascontiguousarray(skimage.data.coins()[:128, :128, None]))


def drawn(photo: Photo, seed: int = 0, model: Colorizer | None = None) -> np.ndarray:
    """The chroma of two samples."""
    prediction = Painter(model or WholeDrawing()).predict(photo, ColorizeSettings(samples=2, seed=seed))
    return prediction.answer.numpy()


def test_the_seed_of_a_photo_is_this_one_forever() -> None:
    """Literals, so that no release draws other pictures unnoticed: ``noise_seed`` of these four pixels."""
    photo = Photo(np.array([[0, 255], [7, 99]], np.uint8)[:, :, None])
    assert [noise_seed(photo, seed) for seed in (0, 1)] == [
        3_334_312_462_076_120_480,
        9_104_305_015_749_801_142,
    ]


@pytest.mark.parametrize(
    "pixels",
    [
        np.repeat(GRAY, 3, axis=2),
        GRAY.astype(np.uint16) * 257,
        np.repeat(np.minimum(GRAY.astype(np.uint32) * 257 + 100, 65535).astype(np.uint16), 3, axis=2),
        (GRAY / 255).astype(np.float32),
        np.repeat((GRAY / 255).astype(np.float32), 3, axis=2),
    ],
    ids=["rgb", "16 bits", "16 bits, finer, rgb", "floats", "floats, rgb"],
)
def test_a_gray_photo_has_the_noise_of_its_copies(pixels: np.ndarray) -> None:
    assert noise_seed(Photo(pixels), 3) == noise_seed(CAMERA, 3)


def test_every_code_of_16_bits_and_floats_is_its_nearest_of_8() -> None:
    codes = np.arange(65536, dtype=np.uint16)[:, None, None]
    eight = np.rint(codes / 257).astype(np.uint8)
    assert noise_seed(Photo(codes), 0) == noise_seed(Photo(eight), 0)
    assert noise_seed(Photo((codes / 65535).astype(np.float32)), 0) == noise_seed(Photo(eight), 0)


def test_name_folder_format_and_metadata_do_not_count(tmp_path: Path) -> None:
    """A PNG, a TIFF elsewhere with alpha and metadata of its own, their bytes, and the array in Python."""
    written = pyvips.Image.new_from_array(GRAY)
    written.write_to_file(str(tmp_path / "a.png"))
    (tmp_path / "deep").mkdir()
    other = replace(CAMERA, alpha=np.full(GRAY.shape[:2], 200, np.uint8), dpi=(300.0, 300.0))
    write_photo(other, tmp_path / "deep" / "b.tif")
    photos = [
        read_photo(tmp_path / "a.png"),
        read_photo(tmp_path / "deep" / "b.tif"),
        read_photo((tmp_path / "a.png").read_bytes()),
    ]
    assert {noise_seed(photo, 5) for photo in photos} == {noise_seed(CAMERA, 5)}
    settings = {"model": Painter(Drawing()), "samples": 2, "seed": 5}
    from_file = autochrome.colorize(tmp_path / "a.png", **settings)
    from_array = autochrome.colorize(GRAY[:, :, 0], **settings)
    for one, same in zip(from_file, from_array, strict=True):
        np.testing.assert_array_equal(one.pixels, same)


@pytest.mark.parametrize("model", [Drawing, WholeDrawing])
def test_a_photo_is_drawn_alike_whatever_comes_before_it(model: type[Colorizer]) -> None:
    painter = Painter(model())
    settings = ColorizeSettings(samples=3, seed=2)
    alone = painter.colorize(CAMERA, settings)
    painter.colorize(COIN, settings)
    torch.manual_seed(99)
    for one, same in zip(alone, painter.colorize(CAMERA, settings), strict=True):
        np.testing.assert_array_equal(one.pixels, same.pixels)


def test_photos_draw_differently() -> None:
    """One pixel, a turn or another shape of the same pixels is another photo."""
    changed = GRAY.copy()
    changed[70, 70] ^= 1
    others = [
        COIN,
        Photo(changed),
        Photo(np.ascontiguousarray(GRAY[:, ::-1])),
        Photo(np.ascontiguousarray(GRAY.reshape(64, 256, 1))),
        Photo(np.ascontiguousarray(GRAY[:-1])),
    ]
    assert len({noise_seed(photo, 0) for photo in (CAMERA, *others)}) == 6
    first, second = drawn(CAMERA), drawn(COIN)
    assert first.shape == second.shape
    assert np.abs(first - second).max() > 1


def test_the_seed_matters() -> None:
    assert len({noise_seed(CAMERA, seed) for seed in range(100)}) == 100
    assert np.abs(drawn(CAMERA, 0) - drawn(CAMERA, 1)).max() > 1


def test_the_noise_of_another_photo_can_be_taken() -> None:
    painter = Painter(WholeDrawing())
    settings = ColorizeSettings(samples=2)
    brighter = Photo(np.minimum(GRAY, 250) + 1)
    same = painter.predict(brighter, settings, noise_of=CAMERA).answer.numpy()
    assert np.abs(same - drawn(CAMERA)).max() < 8  # the lightness differs, and sRGB with it
    assert np.abs(drawn(brighter) - drawn(CAMERA)).max() > 8


def test_numbers_come_from_the_cpu() -> None:
    generator = noise_generator(CAMERA, 4)
    assert generator.device.type == "cpu"
    assert generator.initial_seed() == noise_seed(CAMERA, 4)


@pytest.mark.parametrize("rows", [1, 255, 256, 257, 600])
def test_strips_do_not_show(rows: int) -> None:
    """Of any height: the digest of the gray bytes in one piece."""
    from hashlib import blake2b

    pixels = np.random.default_rng(rows).integers(0, 256, (rows, 3, 1), dtype=np.uint8)
    expected = blake2b(f"7 {rows} 3 ".encode() + pixels.tobytes(), digest_size=8).digest()
    assert noise_seed(Photo(pixels), 7) == int.from_bytes(expected, "little") >> 1


def test_colors_count_by_their_gray() -> None:
    """Rec. 601, as JPEG's own luma has it: pure red, green and blue."""
    colors = np.eye(3, dtype=np.uint8)[None] * 255
    assert noise_seed(Photo(colors), 0) == noise_seed(Photo(np.array([[[76], [150], [29]]], np.uint8)), 0)
