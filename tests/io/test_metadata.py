"""EXIF, XMP and IPTC through every format, read back by Pillow and tifffile."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.IptcImagePlugin
import pytest
import tifffile

from autochrome.io import exif as exif_block
from autochrome.io.photo import Photo, read_photo, write_photo

Encode = Callable[..., bytes]
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" rdf:about="" tiff:Orientation="6">'
    b'<dc:title xmlns:dc="http://purl.org/dc/elements/1.1/">Pont \xc3\xa0 Paris</dc:title>'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)
IPTC = b"\x1c\x02\x05\x00\x05Title\x1c\x02\x78\x00\x07Caption"  # IIM 2:05 object name, 2:120 caption


def pillow_exif(content: bytes) -> PIL.Image.Exif:
    return PIL.Image.open(io.BytesIO(content)).getexif()


@pytest.mark.parametrize("target", ["jpeg", "png", "tiff", "webp", "avif"])
@pytest.mark.parametrize("origin", ["jpeg", "png", "tiff", "webp"])
def test_exif_and_place_survive_from_any_format_to_any(origin, target, color, full_exif, encode: Encode):
    exif = PIL.Image.Exif()
    exif.load(full_exif)
    photo = read_photo(encode(color, origin, exif=exif))
    content = write_photo(photo, format=target)
    assert content is not None
    back = pillow_exif(content)
    assert back.get(0x0112, 1) == 1
    assert (back[0x010F], back[0x0131], back[0x8298]) == ("Leica", "Scan (beta), 2", "(c) Archive")
    shot = back.get_ifd(0x8769)
    assert shot[0x9003] == "1932:05:01 12:00:00" and shot[0xA431] == "SER123"
    assert float(shot[0x829A]) == pytest.approx(1 / 60)
    assert shot[0x927C] == b"MAKER\0\1\2" * 6
    place = back.get_ifd(0x8825)
    assert place[1] == "N" and [float(v) for v in place[2]] == pytest.approx([48, 51, 30.12])
    assert place[3] == "E" and [float(v) for v in place[4]] == pytest.approx([2, 21, 5])


def test_text_that_is_not_ascii_survives(color):
    text = "Großmutter, 1932"
    for encoding in ("utf-8", "latin-1"):
        words = text.encode(encoding) + b"\0"
        block = (
            b"Exif\0\0II*\0\x08\0\0\0"
            + struct.pack("<HHHII", 1, 0x010E, 2, len(words), 26)
            + b"\0" * 4
            + words
        )
        for format in ("tiff", "jpeg", "png"):
            content = write_photo(Photo(color, metadata={"exif": block}), format=format)
            assert content is not None and (encoding == "latin-1" or words in content), (encoding, format)


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_enters_a_tiff_in_either_byte_order(order, full_exif, color):
    file = io.BytesIO()
    tifffile.imwrite(file, color, byteorder=order, photometric="rgb")
    exif_block.add_blocks_to_tiff(file, {"exif": full_exif})
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        np.testing.assert_array_equal(page.asarray(), color)
        assert page.tags["Make"].value == "Leica"
        assert page.tags["ExifTag"].value["DateTimeOriginal"] == "1932:05:01 12:00:00"
        assert page.tags["GPSTag"].value["GPSLatitudeRef"] == "N"
        assert "Orientation" not in page.tags or page.tags["Orientation"].value == 1


def test_exif_enters_a_big_tiff_and_leaves_the_other_pages(full_exif, gray):
    file = io.BytesIO()
    with tifffile.TiffWriter(file, bigtiff=True) as writer:
        for page in (gray, 255 - gray):
            writer.write(page, metadata=None)
    exif_block.add_blocks_to_tiff(file, {"exif": full_exif})
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        assert len(tiff.pages) == 2
        np.testing.assert_array_equal(tiff.pages[1].asarray(), 255 - gray)
        assert tiff.pages.first.tags["GPSTag"].value["GPSLongitudeRef"] == "E"
    exif = PIL.Image.Exif()
    exif.load(exif_block.blocks_of_tiff(file)["exif"])
    assert exif[0x010F] == "Leica" and exif.get_ifd(0x8825)[1] == "N"


def test_each_page_has_its_own_exif(gray, tmp_path: Path):
    path = tmp_path / "album.tif"
    with tifffile.TiffWriter(path) as writer:
        for artist in ("Atget", "Brassai"):
            writer.write(gray, metadata=None, extratags=[(0x013B, "s", 0, artist, False)])
    for page, artist in enumerate((b"Atget", b"Brassai")):
        assert artist in read_photo(path, page=page).metadata["exif"]


@pytest.mark.parametrize(
    "broken", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"]
)
def test_a_broken_block_is_no_error(broken, color):
    with pytest.raises(exif_block.ExifError):
        exif_block.make_true(broken)
    assert exif_block.resolution(broken) is None
    assert exif_block.blocks_of_tiff(io.BytesIO(broken[6:])) == {}
    for format in ("tiff", "jpeg"):
        assert write_photo(Photo(color, metadata={"exif": broken}), format=format)


def test_directories_that_point_to_themselves_end():
    loop = b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8, 0)
    assert len(exif_block.blocks_of_tiff(io.BytesIO(loop))) == 1


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp", "avif"])
def test_xmp_is_kept_and_says_upright(format, color, encode: Encode):
    first = write_photo(Photo(color, metadata={"xmp": XMP}), format=format)
    photo = read_photo(first or b"")
    assert photo.metadata["xmp"] == XMP.replace(b'Orientation="6"', b'Orientation="1"')


@pytest.mark.parametrize("target", ["jpeg", "tiff"])
@pytest.mark.parametrize("origin", ["jpeg", "tiff"])
def test_iptc_is_kept_between_jpeg_and_tiff(origin, target, color):
    photo = read_photo(write_photo(Photo(color, metadata={"iptc": IPTC}), format=origin) or b"")
    assert photo.metadata["iptc"].rstrip(b"\0") == IPTC
    content = write_photo(photo, format=target)
    info = PIL.IptcImagePlugin.getiptcinfo(PIL.Image.open(io.BytesIO(content or b"")))  # type: ignore[arg-type]
    assert info == {(2, 5): b"Title", (2, 120): b"Caption"}


def test_iptc_is_found_among_other_photoshop_resources(gray, encode: Encode):
    other = b"8BIM\x03\xed\x04name\0" + struct.pack(">I", 3) + b"abc\0"
    ours = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC
    segment = b"Photoshop 3.0\0" + other + ours
    jpeg = encode(gray, "jpeg")
    jpeg = jpeg[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]
    assert read_photo(jpeg).metadata["iptc"] == IPTC


def test_metadata_of_a_plain_file_is_empty(gray, encode: Encode):
    assert read_photo(encode(gray, "jpeg")).metadata == {}
