from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch
from torch.utils.data import DataLoader

from autochrome.data.photos import CropSettings, TrainingPhotos, batch_numbers, decode_rgb, random_crop
from autochrome.data.sources import open_source
from autochrome.errors import DataError
from tests.data.made_photos import encode, landscape, write_folder


def colors(height: int = 30, width: int = 50) -> np.ndarray:
    """Every place its own color, so that a turn or a mirror shows."""
    y, x = np.mgrid[:height, :width]
    return np.stack([y * 8, x * 5, 255 - x * 5], -1).astype(np.uint8)


def with_orientation(pixels: np.ndarray, orientation: int) -> bytes:
    image = pyvips.Image.new_from_array(pixels).copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    content = image.write_to_buffer(".png")
    assert isinstance(content, bytes)
    return content


# Decoding


def test_decoding_keeps_8_bit_srgb() -> None:
    np.testing.assert_array_equal(decode_rgb(encode(colors())), colors())


@pytest.mark.parametrize("max_side", [None, 10])
def test_decoding_turns_upright(max_side: int | None) -> None:
    # Orientation 6: what is stored must be turned by 90 degrees clockwise.
    found = decode_rgb(with_orientation(colors(), 6), max_side=max_side).astype(int)
    upright = np.rot90(colors(), -1)
    if max_side is None:
        np.testing.assert_array_equal(found, upright)
    else:
        assert found.shape == (17, 10, 3)
        wanted = pyvips.Image.new_from_array(np.ascontiguousarray(upright)).thumbnail_image(
            10, height=17, size="force"
        )
        assert np.abs(found - wanted.numpy().astype(int)).max() < 12


def test_decoding_shrinks_the_shorter_side_and_never_enlarges() -> None:
    assert decode_rgb(encode(colors()), max_side=15).shape == (15, 25, 3)
    assert decode_rgb(encode(colors()), max_side=100).shape == (30, 50, 3)


def test_decoding_brings_gray_16_bit_and_transparent_pictures_to_rgb() -> None:
    gray = colors()[:, :, :1]
    np.testing.assert_array_equal(decode_rgb(encode(gray)), np.repeat(gray, 3, 2))
    deep = pyvips.Image.new_from_array(colors().astype(np.uint16) * 257).copy(interpretation="rgb16")
    np.testing.assert_array_equal(decode_rgb(bytes(deep.write_to_buffer(".png"))), colors())
    clear = np.dstack([colors(), np.zeros((30, 50), np.uint8)])
    assert (decode_rgb(encode(clear)) == 255).all()


def test_decoding_follows_the_icc_profile() -> None:
    srgb = pyvips.Image.new_from_array(colors()).copy(interpretation="srgb")
    wide = srgb.icc_transform("p3", input_profile="srgb")
    assert np.abs(wide.numpy().astype(int) - colors()).mean() > 8  # other numbers for the same colors
    found = decode_rgb(bytes(wide.write_to_buffer(".png")))
    assert np.abs(found.astype(int) - colors()).mean() < 1


@pytest.mark.parametrize(
    "content", [b"", b"no picture", encode(landscape(0))[:-700], encode(landscape(0), ".jpg")[:-300]]
)
@pytest.mark.parametrize("max_side", [None, 10])
def test_broken_pictures_are_named(content: bytes, max_side: int | None) -> None:
    with pytest.raises(
        DataError, match=r"my\.png is not a readable picture \(.+\): replace it or take it out"
    ):
        decode_rgb(content, name="my.png", max_side=max_side)


# Crops


def test_crop_of_the_whole_square_is_the_photo_itself() -> None:
    photo = torch.from_numpy(colors(32, 32)).permute(2, 0, 1)
    crop = random_crop(photo, CropSettings(32, 1.0, 1.0, False), np.random.default_rng(0))
    assert torch.equal(crop, photo)


def test_crops_cover_at_least_the_least_area() -> None:
    """The place of a pixel is its color, so that the crop's extent can be read from its corners."""
    y, x = np.mgrid[:200, :200]
    photo = torch.from_numpy(np.stack([y, x, 0 * x]).astype(np.uint8))
    settings = CropSettings(64, 0.25, 1.3, False)
    shares = []
    for seed in range(100):
        crop = random_crop(photo, settings, np.random.default_rng(seed)).int()
        assert crop.shape == (3, 64, 64)
        shares.append(((crop[0].max() - crop[0].min()) * (crop[1].max() - crop[1].min())).item() / 200**2)
    assert min(shares) > 0.23
    assert min(shares) < 0.35 and max(shares) > 0.8


def test_squash_cuts_plain_crops_from_a_square() -> None:
    photo = torch.from_numpy(colors(30, 50)).permute(2, 0, 1)
    settings = CropSettings(16, squash=24, mirror=False)
    square = torch.nn.functional.interpolate(photo[None], (24, 24), mode="bilinear", antialias=True)[0]
    windows = {square[:, t : t + 16, s : s + 16].numpy().tobytes() for t in range(9) for s in range(9)}
    crops = {
        random_crop(photo, settings, np.random.default_rng(seed)).contiguous().numpy().tobytes()
        for seed in range(20)
    }
    assert crops <= windows
    assert len(crops) > 10


def test_a_center_crop_is_the_middle_square() -> None:
    settings = CropSettings(size=4, min_area=1.0, max_stretch=1.0, mirror=False, center=True)
    wide = torch.arange(3 * 4 * 10, dtype=torch.uint8).view(3, 4, 10)
    for seed in range(3):
        assert torch.equal(random_crop(wide, settings, np.random.default_rng(seed)), wide[:, :, 3:7])
        tall = random_crop(wide.mT, settings, np.random.default_rng(seed))
        assert torch.equal(tall, wide.mT[:, 3:7])


def test_half_of_the_crops_are_mirrored() -> None:
    photo = torch.from_numpy(colors(32, 32)).permute(2, 0, 1)
    settings = CropSettings(32, 1.0, 1.0, True)
    kept = [torch.equal(random_crop(photo, settings, np.random.default_rng(s)), photo) for s in range(200)]
    assert 70 < sum(kept) < 130


@pytest.mark.parametrize(
    "wrong",
    [{"size": 0}, {"min_area": 0.0}, {"min_area": 1.1}, {"max_stretch": 0.9}, {"size": 64, "squash": 63}],
)
def test_crop_settings_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"size|min_area|max_stretch|squash"):
        CropSettings(**wrong)  # type: ignore[arg-type]


# The order of samples


@pytest.fixture
def two_sources(tmp_path: Path) -> list:
    return [open_source(write_folder(tmp_path / "a", 6)), open_source(write_folder(tmp_path / "b", 4))]


def test_an_epoch_is_a_permutation_with_repeats(two_sources: list) -> None:
    photos = TrainingPhotos(two_sources, [1.5, 2.0], CropSettings(32), seed=3)
    assert len(photos) == 9 + 8
    orders = [photos.epoch_order(epoch) for epoch in range(3)]
    for order in orders:
        counts = np.bincount(order, minlength=10)
        assert set(counts[:6]) == {1, 2} and counts[:6].sum() == 9
        assert (counts[6:] == 2).all()
    assert not np.array_equal(orders[0], orders[1])
    # The half that is seen twice changes.
    assert len({tuple(np.bincount(order, minlength=10)) for order in orders}) > 1
    again = TrainingPhotos(two_sources, [1.5, 2.0], CropSettings(32), seed=3)
    np.testing.assert_array_equal(again.epoch_order(2), orders[2])


def test_a_source_may_be_left_out(two_sources: list) -> None:
    photos = TrainingPhotos(two_sources, [0.0, 1.0], CropSettings(32))
    assert sorted(photos.epoch_order(0)) == [6, 7, 8, 9]
    with pytest.raises(ValueError, match="an epoch would be empty"):
        TrainingPhotos(two_sources, [0.0, 0.0], CropSettings(32))


@pytest.mark.parametrize("cache", [False, True])
def test_a_sample_depends_on_seed_and_number_alone(two_sources: list, cache: bool) -> None:
    forward = TrainingPhotos(two_sources, [1.0, 1.0], CropSettings(32), seed=5)
    backward = TrainingPhotos(two_sources, [1.0, 1.0], CropSettings(32), seed=5, cache=cache)
    other = TrainingPhotos(two_sources, [1.0, 1.0], CropSettings(32), seed=6)
    first = {n: forward[n] for n in range(25)}
    for n in reversed(range(25)):
        assert torch.equal(backward[n], first[n])
    assert not all(torch.equal(other[n], first[n]) for n in range(25))


def test_the_cache_spares_reading(two_sources: list, tmp_path: Path) -> None:
    photos = TrainingPhotos(two_sources, [1.0, 1.0], CropSettings(32), cache=True)
    first = [photos[n] for n in range(10)]
    for file in (tmp_path / "a").iterdir():
        file.unlink()
    assert all(torch.equal(photos[n], first[n]) for n in range(10))


def test_batches_of_one_and_of_two_processes_hold_the_same_samples() -> None:
    alone = list(islice(batch_numbers(8), 3))
    first, second = (list(islice(batch_numbers(4, rank=rank, world_size=2), 3)) for rank in (0, 1))
    assert [a + b for a, b in zip(first, second, strict=True)] == alone
    assert not {n for batch in first for n in batch} & {n for batch in second for n in batch}


def test_batches_start_anywhere() -> None:
    assert (
        list(islice(batch_numbers(4, rank=1, world_size=2, first_batch=2), 3))
        == list(islice(batch_numbers(4, rank=1, world_size=2), 5))[2:]
    )


def test_loading_processes_give_the_same_samples(two_sources: list) -> None:
    photos = TrainingPhotos(two_sources, [1.0, 1.0], CropSettings(32), cache=True)
    own, theirs = (
        DataLoader(
            photos,
            batch_sampler=batch_numbers(4),
            num_workers=workers,
            multiprocessing_context="spawn" if workers else None,
        )
        for workers in (0, 1)
    )
    for one, other in islice(zip(own, theirs, strict=False), 4):
        assert torch.equal(one, other)
