"""Photoshop's image resources and IPTC: thumbnails and file facts go, captions and paths stay."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Literal

import PIL.Image
import PIL.JpegImagePlugin
import pytest
import tifffile

from autochrome.io import photoshop
from autochrome.io.photo import Photo, read_photo, write_photo

Encode = Callable[..., bytes]
IPTC = b"\x1c\x01\x5a\x00\x03\x1b%G\x1c\x02\x78\x00\x07Caption"  # 1:90 UTF-8, 2:120


def resource(number: int, data: bytes, name: bytes = b"") -> bytes:
    padded = bytes([len(name)]) + name
    padded += b"\0" * (len(padded) % 2)
    return (
        b"8BIM"
        + struct.pack(">H", number)
        + padded
        + struct.pack(">I", len(data))
        + data
        + b"\0" * (len(data) % 2)
    )


KEPT = {
    0x03F0: resource(0x03F0, b"\x07Caption"),
    0x040A: resource(0x040A, b"\1"),
    0x040B: resource(0x040B, b"https://example.org"),
}
PATHS = {0x07D0: resource(0x07D0, bytes(26), b"oval"), 0x0BB7: resource(0x0BB7, b"\x04oval")}
GONE = {
    0x040C: resource(0x040C, b"\xff\xd8thumbnail"),
    0x0409: resource(0x0409, b"\xff\xd8thumbnail"),
    0x03ED: resource(0x03ED, b"resolution", b"odd"),
    0x0424: resource(0x0424, b"<x:xmpmeta ColorMode='1'/>"),
    0x0425: resource(0x0425, b"digest of 16 byt"),
}
ALL = b"".join([*GONE.values(), *KEPT.values(), resource(0x0404, IPTC), *PATHS.values()])


def segments_of(jpeg: bytes, name: str) -> list[bytes]:
    """The segments of a JPEG ("COM", "APP13" ...), found by Pillow."""
    image = PIL.JpegImagePlugin.JpegImageFile(io.BytesIO(jpeg))
    return [data for kind, data in image.applist if kind == name]


def jpeg_with(jpeg: bytes, resources: bytes, step: int = 65_000) -> bytes:
    segments = b""
    for i in range(0, len(resources), step):
        segment = b"Photoshop 3.0\0" + resources[i : i + step]
        segments += b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment
    return jpeg[:2] + segments + jpeg[2:]


def found_by_pillow(content: bytes) -> dict[int, bytes]:
    return PIL.Image.open(io.BytesIO(content)).info["photoshop"]


@pytest.mark.parametrize("origin", ["jpeg", "tiff"])
@pytest.mark.parametrize("target", ["jpeg", "tiff"])
def test_captions_and_paths_stay_and_thumbnails_go(origin: str, target: str, gray, encode: Encode) -> None:
    if origin == "jpeg":
        content = jpeg_with(encode(gray, "jpeg"), ALL)
    else:
        file = io.BytesIO()
        tags = [(34377, "B", len(ALL), ALL, True)]
        tifffile.imwrite(file, gray, metadata=None, extratags=tags)
        content = file.getvalue()
    photo = read_photo(content)
    assert photo.metadata["iptc"] == IPTC
    result = write_photo(photo, format=target) or b""
    for each in (*KEPT.values(), *PATHS.values()):
        assert result.count(each) == 1
    for each in GONE.values():
        assert each not in result
    if target == "jpeg":
        assert set(found_by_pillow(result)) == {0x0404, *KEPT, *PATHS}
    assert result.count(IPTC) == 1


def test_paths_of_a_turned_photo_go_and_the_rest_stays(gray, encode: Encode) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    photo = read_photo(jpeg_with(encode(gray, "jpeg", exif=exif), ALL))
    assert photo.metadata["photoshop"] == b"".join(KEPT.values())


def test_resources_in_several_segments_are_joined_and_split(gray, encode: Encode) -> None:
    long = b"\x1c\x02\x78\x80\x04" + struct.pack(">I", 150_000) + b"x" * 150_000
    photo = read_photo(jpeg_with(encode(gray, "jpeg"), resource(0x0404, long) + KEPT[0x040B], step=40_001))
    assert photo.metadata["iptc"] == long
    result = write_photo(photo, format="jpeg") or b""
    segments = segments_of(result, "APP13")
    assert len(segments) == 3 and {each[:14] for each in segments} == {b"Photoshop 3.0\0"}
    assert b"".join(each[14:] for each in segments) == resource(0x0404, long) + KEPT[0x040B]
    assert read_photo(result).metadata == photo.metadata


def dataset(record: int, number: int, data: bytes) -> bytes:
    return bytes([0x1C, record, number]) + struct.pack(">H", len(data)) + data


def test_iptc_that_shows_or_describes_the_gray_file_goes() -> None:
    kept = [
        dataset(1, 90, b"\x1b%G"),
        dataset(2, 5, b"Quay"),
        dataset(2, 25, b"boat"),
        dataset(2, 120, b"Plate 14"),
    ]
    gone = [
        dataset(2, 130, b"1W"),
        dataset(2, 200, b"\0\x0b"),
        dataset(2, 202, b"\xff\xd8preview"),
        dataset(3, 10, b"x"),
        dataset(8, 10, b"object data"),
    ]
    mixed = b"".join(each for pair in zip(kept, gone, strict=False) for each in pair) + gone[4]
    assert photoshop.true_iptc(mixed) == b"".join(kept)
    assert photoshop.true_iptc(b"".join(kept) + b"\x1c\x02\x05\x00\xffcut short") == b"".join(kept)
    assert photoshop.true_iptc(b"rubbish") == b""


@pytest.mark.parametrize(
    "block", [b"", b"8BIM", ALL[:-3], b"8BIM\x04\x04\0\0\xff\xff\xff\xffabc", b"rubbish"]
)
def test_damaged_resources_end_the_search(block: bytes, gray) -> None:
    photo = Photo(gray[:, :, None], metadata={"photoshop": photoshop.parse_resources(block)[1]})
    assert write_photo(photo, format="jpeg")


def test_big_endian_words_of_a_tiff_are_its_bytes(gray) -> None:
    """Old programs write IPTC as 32-bit words, in the file's order: in a big-endian file the bytes stay."""
    words = IPTC.ljust(-(-len(IPTC) // 4) * 4, b"\0")
    order: Literal["<", ">"]
    for order in (">", "<"):
        file = io.BytesIO()
        values = struct.unpack(f"{order}{len(words) // 4}I", words)
        tifffile.imwrite(
            file, gray, byteorder=order, metadata=None, extratags=[(33723, "I", len(values), values, True)]
        )
        assert read_photo(file.getvalue()).metadata["iptc"] == IPTC
    file = io.BytesIO()
    values = struct.unpack(
        f"<{len(words) // 4}I", words
    )  # swapped by a program that thought they were numbers
    tifffile.imwrite(
        file, gray, byteorder=">", metadata=None, extratags=[(33723, "I", len(values), values, True)]
    )
    assert read_photo(file.getvalue()).metadata["iptc"] == IPTC
