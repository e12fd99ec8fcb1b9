"""EXIF blocks: what is no longer true goes, the rest stays where it was, in every format."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import PIL.Image
import pytest
import tifffile

from autochrome.io import exif as exif_block
from autochrome.io.photo import Photo, read_photo, write_photo

Encode = Callable[..., bytes]
FORMATS = ("jpeg", "png", "tiff", "webp", "avif")
MAKER_NOTE = bytes(range(200)) + struct.pack("<I", 0x1234)
ORDERS = pytest.mark.parametrize("order", ["<", ">"])

Tags = dict[int, tuple[int, int, bytes]]
"""By number: type, count, data."""


def block(
    order: str, first: Tags, exif: Tags | None = None, private: Tags | None = None, thumbnail: bytes = b""
) -> bytes:
    """An EXIF block, with an Exif directory, a private one (tag 0xC7A0, type IFD), and a thumbnail."""

    def directory(tags: Tags, start: int, following: int) -> bytes:
        table, heap = b"", b""
        place = start + 2 + 12 * len(tags) + 4
        for tag, (kind, count, data) in sorted(tags.items()):
            if len(data) > 4:
                value = struct.pack(order + "I", place + len(heap))
                heap += data + b"\0" * (len(data) % 2)
            else:
                value = data.ljust(4, b"\0")
            table += struct.pack(order + "HHI", tag, kind, count) + value
        return struct.pack(order + "H", len(tags)) + table + struct.pack(order + "I", following) + heap

    content = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    pointers = {0x8769: exif, 0xFDE8: private}
    for tag, tags in pointers.items():
        if tags is not None:
            first |= {tag: (13 if tag == 0xFDE8 else 4, 1, b"\0" * 4)}
    size = len(directory(first, 8, 0))
    places, inner = {}, b""
    for tag, tags in pointers.items():
        if tags is not None:
            places[tag] = 8 + size + len(inner)
            inner += directory(tags, places[tag], 0)
            first |= {tag: (first[tag][0], 1, struct.pack(order + "I", places[tag]))}
    second = 8 + size + len(inner)
    content += directory(first, 8, second if thumbnail else 0) + inner
    if thumbnail:
        start = second + 2 + 24 + 4
        tags = {0x0201: start, 0x0202: len(thumbnail)}
        content += directory({tag: (4, 1, struct.pack(order + "I", n)) for tag, n in tags.items()}, second, 0)
        content += thumbnail
    return b"Exif\0\0" + content


def number(order: str, value: int, kind: str = "H") -> bytes:
    return struct.pack(order + kind, value)


def rich(order: str, thumbnail: bytes = b"") -> bytes:
    """A block with what cameras, scanners and archives write, known to libexif or not."""
    return block(
        order,
        {
            0x0100: (4, 1, number(order, 4000, "I")),
            0x0106: (3, 1, number(order, 1)),
            0x010D: (2, 6, b"Box 3\0"),
            0x010E: (2, 9, b"Plate 14\0"),
            0x010F: (2, 6, b"Leica\0"),
            0x0112: (3, 1, number(order, 1)),
            0x014A: (4, 1, number(order, 8, "I")),
            0x02BC: (1, 5, b"<x/>\0"),
            0x4746: (3, 1, number(order, 4)),
            0xC4A5: (7, 16, b"PrintIM\0" + bytes(8)),
            0xFDEA: (7, 9, b"archive\0\1"),
        },
        {
            0x9003: (2, 20, b"1932:05:01 12:00:00\0"),
            0x9101: (7, 4, b"\1\0\0\0"),
            0x9102: (5, 1, struct.pack(order + "II", 3, 1)),
            0x927C: (7, len(MAKER_NOTE), MAKER_NOTE),
            0xA001: (3, 1, number(order, 0xFFFF)),
            0xA002: (3, 1, number(order, 4000)),
            0xA003: (4, 1, number(order, 3000, "I")),
            0xA431: (2, 7, b"SER123\0"),
            0xFDEB: (4, 2, struct.pack(order + "II", 7, 8)),
        },
        {0x0001: (2, 6, b"verso\0"), 0x0002: (3, 1, number(order, 9))},
        thumbnail,
    )


@pytest.fixture(scope="module")
def thumbnail(gray) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(gray[:16, :16]).save(file, "jpeg")
    return file.getvalue()


def carried(photo: Photo, format: str) -> bytes:
    """The EXIF block that a file of the photo holds, found by Pillow; of a TIFF, the file itself."""
    content = write_photo(photo, format=format) or b""
    if format == "tiff":
        return content
    if format == "png":
        return b"Exif\0\0" + content[content.index(b"eXIf") + 4 :]
    return b"Exif\0\0" + PIL.Image.open(io.BytesIO(content)).info["exif"].removeprefix(b"Exif\0\0")


@ORDERS
@pytest.mark.parametrize("target", FORMATS)
def test_every_tag_that_holds_survives_known_or_not(target: str, order: str, color) -> None:
    jpeg = write_photo(Photo(color, metadata={"exif": rich(order)}), format="jpeg") or b""
    photo = read_photo(jpeg)
    content = carried(photo, target)
    exif = PIL.Image.Exif()
    exif.load(content) if target != "tiff" else exif.load_from_fp(io.BytesIO(content))
    tags = {0x010D: "Box 3", 0x010E: "Plate 14", 0x010F: "Leica", 0x4746: 4, 0xFDEA: b"archive\0\1"}
    assert {tag: exif.get(tag) for tag in tags} == tags
    assert 0xC4A5 in exif
    inner = exif.get_ifd(0x8769)
    assert inner[0x927C] == MAKER_NOTE
    assert (inner[0x9003], inner[0xA431], inner[0xFDEB]) == ("1932:05:01 12:00:00", "SER123", (7, 8))
    assert (inner[0xA002], inner[0xA003]) == (64, 48)
    assert inner[0xA001] == 1, "the result has no profile: its colors are sRGB"
    assert not {0x9101, 0x9102} & set(inner) and not {0x014A, 0x02BC} & set(exif)
    private = exif.get(0xFDE8)
    assert private is not None
    assert b"verso\0" in content


@ORDERS
def test_the_private_directory_can_still_be_followed(order: str, color) -> None:
    for format in ("jpeg", "tiff"):
        photo = Photo(color, metadata={"exif": exif_block.make_true(rich(order))})
        content = carried(photo, format).removeprefix(b"Exif\0\0")
        exif = PIL.Image.Exif()
        exif.load_from_fp(io.BytesIO(content))
        ours = content[:2]
        order_now = "<" if ours == b"II" else ">"
        (count,) = struct.unpack_from(order_now + "H", content, exif[0xFDE8])
        tag, kind, length = struct.unpack_from(order_now + "HHI", content, exif[0xFDE8] + 2)
        assert (count, tag, kind, length) == (2, 1, 2, 6)


@ORDERS
@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "avif"])
def test_a_makers_note_stays_where_it_was(format: str, order: str, color) -> None:
    """Its offsets often count from the block's beginning."""
    given = rich(order)
    content = carried(Photo(color, metadata={"exif": exif_block.make_true(given)}), format)
    assert content.index(MAKER_NOTE) == given.index(MAKER_NOTE)


@ORDERS
def test_the_thumbnail_goes_with_its_bytes(order: str, thumbnail: bytes) -> None:
    given = rich(order, thumbnail)
    made = exif_block.make_true(given)
    assert thumbnail in given and thumbnail[:20] not in made
    assert len(made) == len(given) - len(thumbnail)
    exif = PIL.Image.Exif()
    exif.load(made)
    assert not exif.get_ifd(1) and exif[0x010F] == "Leica"
    behind = given + b"more than padding"
    assert len(exif_block.make_true(behind)) == len(behind) and thumbnail[:20] not in exif_block.make_true(
        behind
    )


@ORDERS
def test_orientation_becomes_upright(order: str) -> None:
    for value in range(1, 9):
        exif = PIL.Image.Exif()
        exif.load(exif_block.make_true(block(order, {0x0112: (3, 1, number(order, value))})))
        assert exif[0x0112] == 1


@ORDERS
@pytest.mark.parametrize("dpi", [(300.0, 600.0), (299.72, 299.72), None])
@pytest.mark.parametrize("format", ["webp", "avif"])
def test_the_resolution_enters_a_block_that_has_none(format: str, dpi, order: str, color) -> None:
    for given in (rich(order), b""):
        photo = Photo(color, metadata={"exif": given} if given else {}, dpi=dpi)
        back = read_photo(write_photo(photo, format=format) or b"")
        assert back.dpi == (None if dpi is None else pytest.approx(dpi, abs=0.001))
        assert (b"Leica" in back.metadata.get("exif", b"")) == bool(given)


@ORDERS
def test_a_resolution_that_is_there_is_set(order: str, color) -> None:
    ratio = struct.pack(order + "II", 72, 1)
    given = block(order, {0x011A: (5, 1, ratio), 0x011B: (5, 1, ratio), 0x0128: (3, 1, number(order, 3))})
    content = carried(Photo(color, metadata={"exif": given}, dpi=(300.0, 600.0)), "jpeg")
    exif = PIL.Image.Exif()
    exif.load(content)
    assert (float(exif[0x011A]), float(exif[0x011B]), exif[0x0128]) == (300, 600, 2)


def test_a_block_that_is_too_long_loses_its_longest_value(color) -> None:
    file = io.BytesIO()
    tags = [(0xFDEA, "B", 100_000, bytes(100_000), True), (269, "s", 0, "Box 3", True)]
    tifffile.imwrite(file, color, photometric="rgb", metadata=None, extratags=tags)
    photo = read_photo(file.getvalue())
    assert len(photo.metadata["exif"]) > 100_000
    for format in ("jpeg", "webp", "avif"):
        back = read_photo(write_photo(photo, format=format) or b"")
        assert b"Box 3" in back.metadata["exif"] and len(back.metadata["exif"]) < 1000
    for format in ("png", "tiff"):
        assert len(read_photo(write_photo(photo, format=format) or b"").metadata["exif"]) > 100_000


def test_pages_of_a_tiff_keep_what_is_not_about_their_pixels(gray) -> None:
    file = io.BytesIO()
    described = {269: "Box 3", 285: "verso", 270: "Plate 14", 305: "Scan", 315: "Atget", 316: "scanner"}
    tags = [(tag, "s", 0, text, True) for tag, text in described.items()]
    tags += [(65000, "H", 1, 7, True), (291, "H", 256, tuple(range(256)), True), (280, "H", 1, 3, True)]
    tifffile.imwrite(file, gray, photometric="minisblack", metadata=None, software=False, extratags=tags)
    photo = read_photo(file.getvalue())
    content = write_photo(Photo(np.dstack([gray] * 3), metadata=photo.metadata), format="tiff") or b""
    with tifffile.TiffFile(io.BytesIO(content)) as tiff:
        page = tiff.pages.first
        assert {tag: page.tags[tag].value for tag in described} == described
        assert page.tags[65000].value == 7
        assert 291 not in page.tags and 280 not in page.tags
        np.testing.assert_array_equal(page.asarray(), np.dstack([gray] * 3))


@pytest.mark.parametrize("program", ["tifffile", "ImageJ"])
def test_descriptions_of_the_array_do_not_outlive_it(program: str, gray) -> None:
    file = io.BytesIO()
    tifffile.imwrite(file, gray, imagej=program == "ImageJ")
    photo = read_photo(file.getvalue())
    content = write_photo(Photo(np.dstack([gray] * 3), metadata=photo.metadata), format="tiff") or b""
    with tifffile.TiffFile(io.BytesIO(content)) as tiff:
        assert tiff.asarray().shape == (*gray.shape, 3)
        assert "ImageDescription" not in tiff.pages.first.tags and not tiff.is_imagej


def test_photoshops_layers_are_told(gray) -> None:
    file = io.BytesIO()
    tifffile.imwrite(
        file, gray, metadata=None, extratags=[(37724, "B", 40, b"Adobe Photoshop".ljust(40), True)]
    )
    photo = read_photo(file.getvalue())
    assert photo.notes == ("Photoshop's layers were left out; the result is the picture that they make",)
    assert b"Adobe Photoshop" not in (write_photo(photo, format="tiff") or b"")


def test_a_damaged_block_is_left_out_with_a_note(gray, encode: Encode) -> None:
    photo = read_photo(encode(gray, "jpeg", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff"))
    assert photo.metadata == {} and photo.notes == ("its EXIF metadata are damaged, and were left out",)
