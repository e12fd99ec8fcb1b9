"""Makers of small files, mostly by other libraries (Pillow, tifffile), so that nothing checks itself."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import skimage.data

Array = npt.NDArray[np.uint8]


@pytest.fixture(scope="session")
def gray() -> Array:
    """Part of a photograph, (48, 64), with no symmetry."""
    return np.ascontiguousarray(skimage.data.camera()[60:252:4, 120:376:4])


@pytest.fixture(scope="session")
def color() -> Array:
    """Part of a color photograph, (48, 64, 3)."""
    return np.ascontiguousarray(skimage.data.astronaut()[:192:4, 100:356:4])


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """`encode(array, "png", **Pillow's options)`: a file as bytes."""

    def by_pillow(array: Array, format: str, mode: str | None = None, **options: object) -> bytes:
        file = io.BytesIO()
        image = PIL.Image.fromarray(array)
        (image.convert(mode) if mode else image).save(file, format, **options)  # type: ignore[arg-type]
        return file.getvalue()

    return by_pillow


@pytest.fixture(scope="session")
def full_exif() -> bytes:
    """An EXIF block as a camera might write it: make, date, exposure, maker note, place, Orientation 6."""
    exif = PIL.Image.Exif()
    exif[0x010F] = "Leica"
    exif[0x0112] = 6
    exif[0x0131] = "Scan (beta), 2"
    exif[0x8298] = "(c) Archive"
    photo = exif.get_ifd(0x8769)
    photo[0x9003] = "1932:05:01 12:00:00"
    photo[0x927C] = b"MAKER\0\1\2" * 6
    photo[0xA431] = "SER123"
    place = exif.get_ifd(0x8825)
    place[1], place[2] = "N", (48.0, 51.0, 30.12)
    place[3], place[4] = "E", (2.0, 21.0, 5.0)
    photo[0x829A] = 1 / 60
    return exif.tobytes()


@pytest.fixture(scope="session")
def make_profile() -> Callable[..., bytes]:
    """`make_profile(gamma)`: a GRAY profile; `make_profile(gamma, columns)`: RGB, of XYZ (D50) columns."""
    return _profile


@pytest.fixture(scope="session")
def adobe_rgb() -> bytes:
    """Adobe RGB (1998): the colorants and gamma of Adobe's own profile."""
    columns = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
    return _profile(2.19921875, columns)


def _profile(gamma: float, columns: tuple[tuple[float, float, float], ...] = ()) -> bytes:
    """A version 2.4 ICC profile of one curve and, for RGB, a matrix (ICC.1:2001-04, 6.3)."""

    def xyz(values: tuple[float, float, float]) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">iii", *(round(v * 65536) for v in values))

    white = (0.9642, 1.0, 0.8249)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + b"\0" * 78
    tags = {
        b"desc": name + b"\0" * (-len(name) % 4),
        b"wtpt": xyz(white),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
    }
    if columns:
        tags |= {key: xyz(column) for key, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    else:
        tags[b"kTRC"] = curve
    start, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for key, value in tags.items():
        table += key + struct.pack(">II", start + len(body), len(value))
        body += value
    kind = b"RGB " if columns else b"GRAY"
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"none", 0x02400000, b"mntr", kind, b"XYZ ")
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + xyz(white)[8:] + b"\0" * 48
    return head + table + body
