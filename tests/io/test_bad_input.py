"""What cannot be read: each a PhotoError that names the file and says what to do."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tifffile

from autochrome.errors import PhotoError
from autochrome.io.photo import Photo, read_photo, write_photo

Encode = Callable[..., bytes]


def refused(path: Path | bytes, *words: str, **options: int) -> PhotoError:
    """The error that reading gives, checked for the name and for the given words."""
    with pytest.raises(PhotoError) as caught:
        read_photo(path, **options)
    error = caught.value
    name = str(path) if isinstance(path, Path) else "the given bytes"
    for word in (name, error.advice, *words):
        assert word and word in str(error), f"{word!r} is not in {str(error)!r}"
    return error


@pytest.fixture
def place(tmp_path: Path) -> Callable[[str, bytes], Path]:
    def put(name: str, content: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return put


def test_missing(tmp_path: Path):
    refused(tmp_path / "no.jpg", "does not exist")
    refused(tmp_path / "no" / "no.jpg", "does not exist")


def test_folder(tmp_path: Path):
    refused(tmp_path, "is a folder")


def test_empty(place):
    refused(place("a.jpg", b""), "is empty")
    refused(b"", "is empty")


def test_permission_denied(place, gray, encode: Encode, monkeypatch: pytest.MonkeyPatch):
    path = place("a.png", encode(gray, "png"))
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser may read everything

        def denied(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", denied)
    refused(path, "permission denied", "chmod")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_named_pipe_does_not_block(tmp_path: Path):
    os.mkfifo(tmp_path / "a.jpg")
    refused(tmp_path / "a.jpg", "not a regular file")


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp"])
def test_wrong_extension_reads_fine(format, gray, encode: Encode, place):
    photo = read_photo(place("a.jpg" if format != "jpeg" else "a.png", encode(gray, format)))
    assert photo.format == format


@pytest.mark.parametrize(
    ("content", "seems"),
    [
        (b"<!DOCTYPE html><html><body>404</body></html>", "a web page (HTML)"),
        (b"\n  <HTML><body>Not found", "a web page (HTML)"),
        (b"Dear archive,\nhere is the photo.\n", "a text file"),
        ("Größe".encode(), "a text file"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\0\5\x16\7\0\2\0\0Mac OS X", "AppleDouble"),
        (b"\xff\x0a\xfa\x1f", "a JPEG XL picture"),
        (b"BMW 328, 1937: the prints of Box 3", "a text file"),
        (b"8BPS\0\1", "a Photoshop document"),
        (b"PK\x03\x04\x14\0", "a ZIP archive"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "a video"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"\0\1\2\3\4\5\6\7" * 9, "unknown format"),
    ],
)
def test_what_is_no_photo_is_named(content, seems, place):
    refused(place("a.jpg", content), seems)
    refused(content, seems)


def test_svg_and_pdf_never_reach_libvips(place, monkeypatch: pytest.MonkeyPatch):
    import pyvips

    monkeypatch.setattr(pyvips.Operation, "call", lambda *_, **__: pytest.fail("libvips was called"))
    for content in (
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.4",
        b"#?RADIANCE\n",
        b"1,2\n3,4\n",
    ):
        refused(place("a.png", content))


def test_camera_raw_is_refused_instead_of_its_preview(gray, encode: Encode, place):
    refused(place("a.DNG", encode(gray, "tiff")), "camera raw", "Develop")
    refused(place("a.tif", b"II*\0\x10\0\0\0CR\2\0" + b"\0" * 50), "camera raw")


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp", "avif"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_truncated(format, part, place):
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    content = write_photo(Photo(noise), format=format) or b""
    refused(place(f"a.{format}", content[: int(len(content) * part)]), "damaged or cut short")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.98])
def test_cut_and_closed_again(part, color, encode: Encode, place):
    """As JPEGs are in test_jpeg_damage.py: with every length, checksum and end marker in order."""
    png = encode(color, "png")
    start = png.index(b"IDAT") - 4
    data = png[start + 8 : start + 8 + int.from_bytes(png[start : start + 4], "big")]
    data = b"IDAT" + data[: int(len(data) * part)]
    end = png[png.index(b"IEND") - 4 :]
    short = png[:start] + struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data)) + end
    refused(place("a.png", short), "damaged")
    webp = bytearray(encode(color, "webp")[: int(len(encode(color, "webp")) * part) // 2 * 2])
    webp[4:8], webp[16:20] = struct.pack("<I", len(webp) - 8), struct.pack("<I", len(webp) - 20)
    assert webp[12:16] == b"VP8 "
    refused(place("a.webp", bytes(webp)), "damaged")


def test_damaged_in_the_middle(color, encode: Encode, place):
    content = bytearray(encode(color, "png"))
    content[len(content) // 2] ^= 0xFF
    refused(place("a.png", bytes(content)), "damaged")


def test_bomb_is_refused_before_decoding(place):
    """A PNG header of 50,000 x 50,000 pixels and no data: were it decoded, the error would be another."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    chunks = [
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, data, b"IEND")
    ]
    error = refused(
        place("bomb.png", b"\x89PNG\r\n\x1a\n" + b"".join(chunks)), "2500 megapixels", "limit of 400"
    )
    assert "--max-megapixels 2500" in error.advice and "max_pixels" in error.advice


def test_the_limit_can_be_moved(gray, encode: Encode):
    content = encode(gray, "png")
    refused(content, "limit", max_pixels=gray.size - 1)
    assert read_photo(content, max_pixels=gray.size).size == gray.shape


@pytest.mark.parametrize("page", [-1, 2])
def test_page_out_of_range(page, gray, place):
    file = io.BytesIO()
    tifffile.imwrite(file, np.stack([gray, gray]), photometric="minisblack")
    refused(place("a.tif", file.getvalue()), f"no page {page}", "2 pages", "from 0 to 1", page=page)


def test_page_of_a_single_picture(gray, encode: Encode):
    refused(encode(gray, "jpeg"), "no page 1", "1 page", page=1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_floats_that_are_no_numbers(value, place):
    array = np.full((8, 8, 3), 0.5, np.float32)
    array[2, 3, 1] = value
    file = io.BytesIO()
    tifffile.imwrite(file, array, photometric="rgb")
    refused(place("a.tif", file.getvalue()), "1 values that are not finite")


def test_floats_on_another_scale_are_refused_and_overshoot_is_clipped(place):
    for top, ok in ((255.0, False), (1.05, True)):
        file = io.BytesIO()
        tifffile.imwrite(file, np.linspace(-0.05, top, 64, dtype=np.float32).reshape(8, 8))
        path = place("a.tif", file.getvalue())
        if ok:
            photo = read_photo(path)
            assert photo.pixels.min() == 0 and photo.pixels.max() == 1
        else:
            refused(path, "to 255", "Scale")


def test_samples_and_channels_that_no_photo_has(place):
    for array, word in (
        (np.zeros((8, 8), np.uint32), "samples"),
        (np.zeros((8, 8, 7), np.uint8), "7 channels"),
    ):
        file = io.BytesIO()
        tifffile.imwrite(
            file, array, photometric="minisblack", planarconfig="contig" if array.ndim == 3 else None
        )
        refused(place("a.tif", file.getvalue()), word)


def test_heic_without_a_decoder_says_so(place):
    content = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64
    refused(place("a.heic", content), "HEIC", "convert")


def test_libvips_itself_is_not_needed_in_the_message(gray, encode: Encode):
    with pytest.raises(PhotoError) as caught:
        read_photo(PIL.Image.fromarray(gray).tobytes()[:100])
    assert caught.value.problem and caught.value.advice and caught.value.source == "the given bytes"


def test_error_can_be_pickled():
    import pickle

    error = pickle.loads(pickle.dumps(PhotoError("a.jpg", "is empty", "Copy it again")))
    assert str(error) == "a.jpg: is empty. Copy it again" and error.advice == "Copy it again"


_SHRINKS = """
import os, sys
from autochrome.io.decoding import decode
from autochrome.io.loading import locate
file = locate(sys.argv[1])
image = file.open()
os.truncate(sys.argv[1], 3000)
try:
    decode(image, file)
except Exception:
    print("an exception")
else:
    print("decoded")
"""


@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp", "avif", "gif"])
def test_a_file_that_shrinks_while_it_is_decoded(tmp_path: Path, rng: np.random.Generator, format: str):
    """Where a library maps the file into memory, the process would be gone."""
    path = tmp_path / f"a.{format}"
    pixels = rng.integers(0, 256, (400, 400, 3), np.uint8)
    if format == "gif":
        PIL.Image.fromarray(pixels[..., 0]).save(path)
    else:
        write_photo(Photo(pixels), path)
    run = subprocess.run([sys.executable, "-c", _SHRINKS, path], capture_output=True, text=True)
    assert run.returncode == 0
    assert run.stdout in ("an exception\n", "decoded\n")
