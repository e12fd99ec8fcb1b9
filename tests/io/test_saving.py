"""Writing: which format, all or nothing, and errors that leave nothing behind."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import pyvips

from autochrome.errors import PhotoError
from autochrome.io import saving
from autochrome.io.photo import Photo, read_photo, write_photo


@pytest.fixture
def photo(color) -> Photo:
    return Photo(color)


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.jpg", "jpeg"),
        ("a.JPEG", "jpeg"),
        ("a.png", "png"),
        ("a.tif", "tiff"),
        ("a.webp", "webp"),
        ("a.avif", "avif"),
    ],
)
def test_the_ending_chooses_the_format(name, format, photo, tmp_path: Path):
    assert write_photo(photo, tmp_path / name) is None
    assert read_photo(tmp_path / name).format == format
    assert os.listdir(tmp_path) == [name]


def test_format_overrides_the_ending(photo, tmp_path: Path):
    write_photo(photo, tmp_path / "a.jpg", format="PNG")
    assert read_photo(tmp_path / "a.jpg").format == "png"


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp", "avif"])
def test_file_and_bytes_are_the_same(format, photo, tmp_path: Path):
    path = tmp_path / "a"
    write_photo(photo, path, format=format)
    assert path.read_bytes() == write_photo(photo, format=format)


def test_unknown_formats_name_the_known_ones(photo, tmp_path: Path):
    for target, format in (
        (tmp_path / "a.gif", None),
        (tmp_path / "a", None),
        (tmp_path / "a.png", "bmp"),
        (None, None),
    ):
        with pytest.raises(PhotoError, match=r"jpeg|png"):
            write_photo(photo, target, format=format)
    assert os.listdir(tmp_path) == []


def test_an_existing_file_is_replaced_whole(photo, tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    write_photo(photo, path)
    np.testing.assert_array_equal(read_photo(path).pixels, photo.pixels)


def test_a_failed_write_leaves_the_old_file_and_no_partial_one(photo, tmp_path: Path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    real = pyvips.Operation.call

    def stops_half_way(name: str, image: pyvips.Image, *args: object, **options: object) -> object:
        if name != "pngsave_target":
            return real(name, image, *args, **options)
        real(name, image, *args, **options)
        raise pyvips.Error("no", "said once\nsaid once\n")

    monkeypatch.setattr(pyvips.Operation, "call", stops_half_way)
    with pytest.raises(PhotoError, match=r"a\.png: could not be written \(libvips: said once\)\. "):
        write_photo(photo, path)
    assert os.listdir(tmp_path) == ["a.png"] and path.read_bytes() == b"old"


def test_an_interrupt_leaves_nothing(photo, tmp_path: Path, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(saving.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_photo(photo, tmp_path / "a.png")
    assert os.listdir(tmp_path) == []


def test_target_that_cannot_be(photo, tmp_path: Path):
    with pytest.raises(PhotoError, match="folder does not exist"):
        write_photo(photo, tmp_path / "no" / "a.png")
    (tmp_path / "b.png").mkdir()
    with pytest.raises(PhotoError, match="is a folder"):
        write_photo(photo, tmp_path / "b.png")


def test_names_that_libvips_would_take_for_options(photo, tmp_path: Path):
    write_photo(photo, tmp_path / "a[Q=1].png")
    np.testing.assert_array_equal(read_photo(tmp_path / "a[Q=1].png").pixels, photo.pixels)


def test_too_long_for_the_format(tmp_path: Path):
    wide = Photo(np.zeros((1, 70_000, 1), np.uint8))
    for name in ("a.jpg", "a.webp"):
        with pytest.raises(PhotoError, match="70000 x 1"):
            write_photo(wide, tmp_path / name)
    write_photo(wide, tmp_path / "a.png")
    assert os.listdir(tmp_path) == ["a.png"]


def test_metadata_too_big_for_a_jpeg_is_no_silent_loss(color, tmp_path: Path):
    """A property in an attribute cannot be put into a second part of the packet."""
    rdf = (
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:p="p" p:a="'
    )
    photo = Photo(color, metadata={"xmp": rdf + b"a" * 70_000 + b'"/></rdf:RDF>'})
    with pytest.raises(PhotoError, match="more than a JPEG can hold"):
        write_photo(photo, tmp_path / "a.jpg")
    assert not list(tmp_path.iterdir())
    write_photo(photo, tmp_path / "a.png")
    assert len(read_photo(tmp_path / "a.png").metadata["xmp"]) > 70_000


def test_heic_without_an_encoder_says_so(photo, tmp_path: Path):
    try:
        write_photo(photo, tmp_path / "a.heic")
    except PhotoError as error:
        assert "no heic encoder" in str(error) and "Choose jpeg" in str(error)
        assert os.listdir(tmp_path) == []
    else:
        assert read_photo(tmp_path / "a.heic").format == "heic"


def test_permissions_of_a_new_file_follow_the_umask(photo, tmp_path: Path):
    former = os.umask(0o027)
    try:
        write_photo(photo, tmp_path / "a.png")
    finally:
        os.umask(former)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o640
