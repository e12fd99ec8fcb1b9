"""Multi-page TIFFs: which directories are pages, and pages written, against tifffile and Pillow."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import pyvips
import tifffile

from autochrome.errors import PhotoError
from autochrome.io import icc
from autochrome.io import pages as pages_module
from autochrome.io.pages import pages_to_keep, write_pages
from autochrome.io.photo import Photo, Provenance, page_count, read_photo, read_provenance
from autochrome.io.tiff_join import JoinedTiff

Encode = Callable[..., bytes]


@pytest.fixture
def album(gray, color, tmp_path: Path) -> tuple[Path, list[Photo]]:
    """A file of three pages of different size, depth, resolution and profile, and these pages."""
    path = tmp_path / "album.tif"
    deep = gray[:20].astype(np.uint16) * 257
    plate = {"iccprofile": icc.builtin_profile("srgb"), "description": "Plate 3", "metadata": None}
    with tifffile.TiffWriter(path) as writer:
        writer.write(gray, photometric="minisblack", resolution=(300, 300), resolutionunit=2)
        writer.write(deep, photometric="minisblack", resolution=(600, 1200), resolutionunit=2)
        writer.write(color[:, :30], photometric="rgb", **plate)
    return path, [read_photo(path, page=page) for page in range(3)]


def with_provenance(photos: list[Photo]) -> Iterator[tuple[Photo, Provenance]]:
    for number, photo in enumerate(photos):
        yield photo, Provenance(f"model {number}", "")


def test_pages_are_read_back_as_they_were(album, tmp_path: Path):
    path, photos = album
    target = tmp_path / "out.tif"
    write_pages(with_provenance(photos), target, like=path)
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []
    assert page_count(target) == 3
    for number, photo in enumerate(photos):
        back = read_photo(target, page=number)
        np.testing.assert_array_equal(back.pixels, photo.pixels)
        assert back.dpi == photo.dpi and back.icc_profile == photo.icc_profile
        assert read_provenance(back).model == f"model {number}"  # type: ignore[union-attr]
    assert b"Plate 3" in read_photo(target, page=2).metadata["exif"]


def test_others_read_the_pages_too(album, tmp_path: Path):
    path, photos = album
    target = tmp_path / "out.tif"
    write_pages(with_provenance(photos), target, like=path)
    with tifffile.TiffFile(target) as opened:
        assert not opened.is_bigtiff and len(opened.pages) == 3
        for number, page in enumerate(opened.pages):
            np.testing.assert_array_equal(page.asarray(), photos[number].pixels.squeeze())
            assert page.tags["PageNumber"].value == (number, 3)  # type: ignore[union-attr]
            assert page.tags["NewSubfileType"].value == 2  # type: ignore[union-attr]
    image = PIL.Image.open(target)
    assert image.n_frames == 3  # type: ignore[attr-defined]
    image.seek(2)
    np.testing.assert_array_equal(np.asarray(image), photos[2].pixels)
    assert pyvips.Image.tiffload(str(target)).get("n-pages") == 3


def test_a_big_tiff_where_4_gb_would_not_do(album, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path, photos = album
    monkeypatch.setattr(pages_module, "CLASSIC_TIFF_BYTES", 1000)
    target = tmp_path / "out.tif"
    write_pages(with_provenance(photos), target, like=path)
    with tifffile.TiffFile(target) as opened:
        assert opened.is_bigtiff
        for number, page in enumerate(opened.pages):
            np.testing.assert_array_equal(page.asarray(), photos[number].pixels.squeeze())
    assert b"Plate 3" in read_photo(target, page=2).metadata["exif"]


def test_long_metadata_come_through(gray, tmp_path: Path):
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b" " * 9_000_000 + b"</x:xmpmeta>"
    path = tmp_path / "one.tif"
    tifffile.imwrite(path, gray)
    write_pages([(Photo(gray[..., None], metadata={"xmp": xmp}), None)], tmp_path / "out.tif", like=path)
    assert len(read_photo(tmp_path / "out.tif").metadata["xmp"]) == len(xmp)


def test_a_page_that_fails_leaves_nothing(album, tmp_path: Path):
    path, photos = album

    def failing() -> Iterator[tuple[Photo, None]]:
        yield photos[0], None
        raise PhotoError("page 1", "is damaged", "Fetch it again")

    before = set(tmp_path.iterdir())
    with pytest.raises(PhotoError):
        write_pages(failing(), tmp_path / "out.tif", like=path)
    with pytest.raises(PhotoError, match=r"out\.tif"):
        write_pages([(photos[0], None)], tmp_path / "no" / "out.tif", like=path)
    assert set(tmp_path.iterdir()) == before


def test_only_one_page_is_in_memory(album, tmp_path: Path):
    path, photos = album
    alive: list[int] = []

    class Counted(Photo):
        def __del__(self) -> None:
            alive.remove(id(self))

    def lazily() -> Iterator[tuple[Photo, None]]:
        for photo in photos * 2:
            page = Counted(photo.pixels)
            alive.append(id(page))
            assert len(alive) <= 2  # this one, and the last that the loop still names
            yield page, None

    write_pages(lazily(), tmp_path / "out.tif", like=path)
    assert page_count(tmp_path / "out.tif") == 6


def test_a_page_that_is_cut_short_is_not_joined(gray, tmp_path: Path):
    file = io.BytesIO()
    tifffile.imwrite(file, gray, byteorder="<" if sys.byteorder == "little" else ">")
    content = bytearray(file.getvalue())
    at = content.index(struct.pack("=HHI", 0x0117, 4, 1)) + 8  # StripByteCounts
    content[at : at + 4] = struct.pack("=I", 10**6)
    with pytest.raises(ValueError, match="cut short"):
        JoinedTiff(io.BytesIO(), pages=1, big=False).append(io.BytesIO(bytes(content)))


# Which directories are pages


def test_thumbnails_reductions_and_masks_are_no_pages(gray, color, tmp_path: Path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(gray[::4, ::4], photometric="minisblack", subfiletype=1)  # a thumbnail comes first
        writer.write(gray, photometric="minisblack")
        writer.write(color[::2, ::2], photometric="rgb", subfiletype=1)
        writer.write(gray > 100, photometric="mask", subfiletype=4)
        writer.write(color, photometric="rgb", subfiletype=2, subifds=1)
        writer.write(color[::4, ::4], photometric="rgb", subfiletype=1)  # within the last one
    assert page_count(path) == 2
    np.testing.assert_array_equal(read_photo(path).pixels[..., 0], gray)
    np.testing.assert_array_equal(read_photo(path, page=1).pixels, color)
    with pytest.raises(PhotoError, match="no page 2"):
        read_photo(path, page=2)


def test_a_pyramid_is_one_page(color, tmp_path: Path):
    path = tmp_path / "pyramid.tif"
    image = pyvips.Image.new_from_array(np.tile(color, (8, 8, 1)))
    image.tiffsave(str(path), pyramid=True, tile=True, tile_width=64, tile_height=64)
    assert PIL.Image.open(path).n_frames > 1  # type: ignore[attr-defined]
    assert page_count(path) == pages_to_keep(path) == 1 and read_photo(path).notes == ()


def test_a_file_of_thumbnails_alone_has_them_as_pages(gray, tmp_path: Path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(gray, photometric="minisblack", subfiletype=1)
    np.testing.assert_array_equal(read_photo(path).pixels[..., 0], gray)


def test_the_old_tag_of_reductions(gray, tmp_path: Path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(gray, photometric="minisblack")
        writer.write(gray[::2, ::2], photometric="minisblack", extratags=[(255, 3, 1, 2, True)])
    assert page_count(path) == 1


def test_metadata_belong_to_their_page_behind_a_thumbnail(gray, tmp_path: Path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(
            gray[::2, ::2], photometric="minisblack", subfiletype=1, description="small", metadata=None
        )
        writer.write(gray, photometric="minisblack", description="Plate 14", metadata=None)
    assert b"Plate 14" in read_photo(path).metadata["exif"]


@pytest.mark.parametrize("big", [False, True])
def test_a_chain_that_breaks_off_or_goes_in_circles(big, gray, tmp_path: Path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, bigtiff=big) as writer:
        for _ in range(3):
            writer.write(gray, photometric="minisblack")
    with tifffile.TiffFile(path) as opened:
        second, third = opened.pages[1].offset, opened.pages[2].offset
    form, content = ("<Q" if big else "<I"), path.read_bytes()
    assert content.count(struct.pack(form, third)) == 1
    broken = content.replace(struct.pack(form, third), struct.pack(form, len(content) - 3))
    with pytest.raises(PhotoError, match="damaged or cut short"):  # rather than its first two pages alone
        read_photo(broken)
    assert page_count(content.replace(struct.pack(form, third), struct.pack(form, second))) == 2


# What is said of further pages


@pytest.mark.parametrize(
    ("format", "whole"), [("tiff", "pages"), ("gif", "frames"), ("webp", "frames"), ("png", "frames")]
)
def test_a_note_of_what_was_not_read(format, whole, gray, color):
    file = io.BytesIO()
    frames = [PIL.Image.fromarray(array) for array in (color, 255 - color, color[::-1])]
    frames[0].save(file, format, save_all=True, append_images=frames[1:])
    content = file.getvalue()
    photo = read_photo(content)
    assert photo.notes == (f"only the first of its 3 {whole} was read",)
    assert np.abs(photo.pixels.astype(int) - color).mean() < 12
    assert read_photo(content, page=0).notes == ()
    assert pages_to_keep(content) == (3 if format == "tiff" else 1)


@pytest.mark.parametrize("format", ["gif", "webp"])
def test_a_frame_can_be_chosen(format, color):
    file = io.BytesIO()
    frames = [PIL.Image.fromarray(array) for array in (color, 255 - color)]
    frames[0].save(file, format, save_all=True, append_images=frames[1:])
    assert np.abs(read_photo(file.getvalue(), page=1).pixels.astype(int) - (255 - color)).mean() < 12


def test_a_single_picture_has_no_note(gray, encode: Encode):
    for format in ("jpeg", "png", "tiff", "gif", "webp", "avif"):
        assert read_photo(encode(gray, format)).notes == ()
