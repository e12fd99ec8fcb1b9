"""Pictures for raters: one path for all, and files that give nothing away."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from autochrome.study.storage.pictures import CLEARLY_DIFFERENT, encode, prepare, random_version
from autochrome.types import RGB
from tests.study.conftest import draw_photo


def to_rgb(pixels: np.ndarray) -> RGB:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def chunks(png: bytes) -> list[str]:
    """Names of a PNG's chunks."""
    found, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        found.append(png[at + 4 : at + 8].decode())
        at += 12 + length
    return found


@pytest.mark.parametrize("shape", [(300, 400), (400, 300), (256, 256), (100, 180)])
def test_the_shorter_side_is_scaled_and_the_center_kept(shape: tuple[int, int]) -> None:
    photo = draw_photo(1, *shape)
    shown = prepare(to_rgb(photo), 64)
    assert shown.shape == (64, 64, 3)
    height, width = (round(side * 64 / min(shape)) for side in shape)
    scaled = Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - 64) // 2, (height - 64) // 2
    expected = np.asarray(scaled.crop((left, top, left + 64, top + 64)), dtype=int)
    # Pillow's bicubic is antialiased as ours; it rounds between the two directions.
    difference = np.abs(shown.astype(int) - expected)
    assert difference.max() <= 3 and difference.mean() < 0.5


def test_a_picture_of_the_right_size_is_kept_exactly() -> None:
    photo = draw_photo(2, 48, 48)
    assert np.array_equal(prepare(to_rgb(photo), 48), photo)
    assert np.array_equal(prepare(to_rgb(draw_photo(2, 30, 50)), 0), draw_photo(2, 30, 50))


def test_a_whole_picture_is_no_larger_than_screens() -> None:
    shown = prepare(to_rgb(draw_photo(2, 900, 2560)), 0)
    assert shown.shape == (450, 1280, 3)


def test_a_file_holds_the_pixels_and_nothing_else() -> None:
    photo = draw_photo(3, 40, 56)
    png = encode(photo)
    assert set(chunks(png)) == {"IHDR", "IDAT", "IEND"}
    picture = Image.open(io.BytesIO(png))
    assert (picture.mode, picture.info) == ("RGB", {})
    assert np.array_equal(np.asarray(picture), photo)


def test_files_of_one_size_have_one_length(rng: np.random.Generator) -> None:
    noise = rng.integers(0, 256, (40, 56, 3), dtype=np.uint8)
    lengths = {len(encode(picture)) for picture in (noise, np.zeros_like(noise), draw_photo(3, 40, 56))}
    assert len(lengths) == 1


def test_random_colors_are_plainly_other_than_the_photos_own() -> None:
    photo = torch.full((1, 3, 16, 16), 0.5)
    photo[:, 0] = 0.7
    other = torch.full((1, 3, 16, 16), 0.5)
    other[:, 2] = 0.9
    donors = {Path("same"): photo, Path("other"): other}
    made, donor = random_version(photo, list(donors), donors.__getitem__)
    assert donor == Path("other")
    assert made[0, 2].mean() > made[0, 0].mean()
    # Where no photo differs so much, the one that differs most.
    slight = photo.clone()
    slight[:, 0] -= 0.02
    donors = {Path("same"): photo, Path("slight"): slight}
    assert random_version(photo, list(donors), donors.__getitem__)[1] == Path("slight")
    with pytest.raises(ValueError, match="another photo"):
        random_version(photo, [], donors.__getitem__)
    assert CLEARLY_DIFFERENT > 5  # a difference that everybody sees; 2.3 is one that can just be seen
