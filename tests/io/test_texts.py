"""PNG's texts and the comments of JPEG and GIF, from any format to any."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import PIL.Image
import PIL.JpegImagePlugin
import pytest

from autochrome.io.photo import Photo, read_photo, write_photo

Encode = Callable[..., bytes]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(content: bytes, *chunks: bytes, at_the_end: bool = False) -> bytes:
    place = content.rindex(b"IEND") - 4 if at_the_end else 33
    return content[:place] + b"".join(chunks) + content[place:]


def segments_of(jpeg: bytes, name: str) -> list[bytes]:
    """The segments of a JPEG ("COM", "APP13" ...), found by Pillow."""
    image = PIL.JpegImagePlugin.JpegImageFile(io.BytesIO(jpeg))
    return [data for kind, data in image.applist if kind == name]


def written(photo: Photo, format: str) -> bytes:
    return write_photo(photo, format=format) or b""


CHUNKS = (
    chunk(b"tEXt", b"Title\0Quay in W\xfcrzburg"),
    chunk(b"zTXt", b"Description\0\0" + zlib.compress(b"Plate 14, " * 50)),
    chunk(b"iTXt", "Author\0\0\0de\0Autorin\0Grete Müller 東京".encode()),
    chunk(b"iTXt", b"Box\0\1\0\0\0" + zlib.compress("Schachtel №3".encode())),
)


@pytest.mark.parametrize("at_the_end", [False, True])
def test_chunks_of_a_png_are_kept_to_the_byte(at_the_end: bool, gray, encode: Encode) -> None:
    photo = read_photo(png_with(encode(gray, "png"), *CHUNKS, at_the_end=at_the_end))
    content = written(photo, "png")
    assert photo.notes == ()
    for each in CHUNKS:
        assert content.count(each) == 1
    texts = PIL.Image.open(io.BytesIO(content)).info
    assert texts["Title"] == "Quay in Würzburg" and texts["Box"] == "Schachtel №3"
    assert (texts["Author"], texts["Author"].lang) == ("Grete Müller 東京", "de")


def test_texts_of_a_png_become_comments_of_a_jpeg(gray, encode: Encode) -> None:
    content = written(read_photo(png_with(encode(gray, "png"), *CHUNKS)), "jpeg")
    comments = segments_of(content, "COM")
    assert [comment.decode()[:24] for comment in comments] == [
        "Title: Quay in Würzburg",
        "Description: Plate 14, P",
        "Author: Grete Müller 東京",
        "Box: Schachtel №3",
    ]


@pytest.mark.parametrize("format", ["tiff", "webp", "avif"])
def test_texts_become_the_users_comment_where_there_is_no_other_place(format, gray, encode: Encode) -> None:
    exif = PIL.Image.Exif()
    exif[0x010F] = "Leica"
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0taken in the rain"
    content = written(read_photo(png_with(encode(gray, "png", exif=exif), *CHUNKS)), format)
    found = PIL.Image.open(io.BytesIO(content)).getexif()
    comment = found.get_ifd(0x8769)[0x9286]
    assert comment[:8] == b"UNICODE\0"
    lines = comment[8:].decode("utf-16-le" if format == "tiff" else "utf-16-be").splitlines()
    assert lines[:2] == ["taken in the rain", "Title: Quay in Würzburg"] and len(lines) == 5


@pytest.mark.parametrize(
    "comment", [b"Plate 14", b"Gro\xdfmutter\0", "Großmutter".encode(), b"a" * 65_533, b""]
)
def test_a_comment_of_a_jpeg_is_kept_to_the_byte(comment: bytes, gray, encode: Encode) -> None:
    photo = read_photo(encode(gray, "jpeg", comment=comment) if comment else encode(gray, "jpeg"))
    found = PIL.Image.open(io.BytesIO(written(photo, "jpeg"))).info.get("comment", b"")
    assert found == comment


def test_several_comments_stay_several(gray, encode: Encode) -> None:
    jpeg = encode(gray, "jpeg")
    for comment in (b"verso", b"recto"):
        jpeg = jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + jpeg[2:]
    content = written(read_photo(jpeg), "jpeg")
    comments = segments_of(content, "COM")
    assert comments == [b"recto", b"verso"]


@pytest.mark.parametrize(
    ("comment", "text"), [(b"Gro\xdfmutter\0", "Großmutter"), ("東京".encode(), "東京"), (b"a\0b", "a b")]
)
def test_a_comment_becomes_a_text_of_a_png(comment: bytes, text: str, gray, encode: Encode) -> None:
    content = written(read_photo(encode(gray, "jpeg", comment=comment)), "png")
    assert PIL.Image.open(io.BytesIO(content)).info["Comment"] == text


def test_the_comment_of_a_gif_becomes_a_text_of_a_png(gray, encode: Encode) -> None:
    content = written(read_photo(encode(gray, "gif", comment=b"Plate 14")), "png")
    assert PIL.Image.open(io.BytesIO(content)).info["Comment"] == "Plate 14"


def test_what_programs_note_of_the_file_goes(gray, encode: Encode) -> None:
    untrue = (b"png:IHDR.color-type-orig\x000", b"Thumb::URI\0file:///a.png", b"exif:Orientation\x006")
    true = (b"date:create\x001932", b"exif:DateTime\x001932", b"Thumbnail maker\0Grete")
    chunks = [chunk(b"tEXt", each) for each in untrue + true]
    content = written(read_photo(png_with(encode(gray, "png"), *chunks)), "png")
    assert [each in content for each in untrue + true] == [False] * 3 + [True] * 3


def raw_profile(kind: str, data: bytes) -> bytes:
    lines = "\n".join(data.hex()[i : i + 72] for i in range(0, 2 * len(data), 72))
    text = f"\n{kind}\n{len(data):8}\n{lines}\n".encode()
    return chunk(b"zTXt", f"Raw profile type {kind}\0\0".encode() + zlib.compress(text))


def test_metadata_that_imagemagick_hides_in_texts_are_found(gray, encode: Encode, full_exif) -> None:
    iptc = b"\x1c\x02\x78\x00\x07Caption"
    resources = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc
    for kind, data in (("iptc", resources), ("iptc", iptc), ("8bim", resources)):
        content = png_with(encode(gray, "png"), raw_profile(kind, data), raw_profile("exif", full_exif))
        photo = read_photo(content)
        assert photo.metadata["iptc"] == iptc and b"Leica" in photo.metadata["exif"]
        assert "texts" not in photo.metadata
        exif = PIL.Image.open(io.BytesIO(written(photo, "png"))).getexif()
        assert exif[0x0112] == 1 and exif[0x010F] == "Leica"


def test_iptc_of_a_png_is_read_again(gray) -> None:
    iptc = b"\x1c\x02\x78\x00\x07Caption"
    content = written(Photo(gray[:, :, None], metadata={"iptc": iptc}), "png")
    assert read_photo(content).metadata == {"iptc": iptc}


@pytest.mark.parametrize(
    "damaged",
    [
        chunk(b"zTXt", b"Title\0\0not zlib"),
        chunk(b"iTXt", b"Title\0\0"),
        chunk(b"zTXt", b"Title\0\0" + zlib.compress(bytes(40_000_000))),
        chunk(b"zTXt", b"Raw profile type exif\0\0not zlib"),
    ],
    ids=["not packed", "cut", "a bomb", "a profile"],
)
def test_damaged_texts_are_told_and_the_others_kept(damaged: bytes, gray, encode: Encode) -> None:
    photo = read_photo(png_with(encode(gray, "png"), CHUNKS[0], damaged))
    assert photo.notes == ("a part of its metadata is damaged or too long, and was left out",)
    for format in ("png", "jpeg"):
        assert b"Quay in W" in written(photo, format)
    assert "Quay in Würzburg".encode("utf-16-le") in written(photo, "tiff")


def test_colored_pixels_do_not_matter(color) -> None:
    texts = read_photo(png_with(written(Photo(color), "png"), *CHUNKS)).metadata
    back = read_photo(written(Photo(np.ascontiguousarray(color[:8])), "png")).metadata
    assert set(texts) == {"texts"} and back == {}
