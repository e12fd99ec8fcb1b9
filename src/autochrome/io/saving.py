"""From a lazy libvips image to a file or bytes, and what each format can hold."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyvips

from autochrome.errors import FileError, PhotoError
from autochrome.io.encoding import encode
from autochrome.io.vips import from_array, sample_type
from autochrome.io.whole_file import not_a_file, written_whole


@dataclass(frozen=True)
class Format:
    """What a file format can hold.

    Attributes:
        name: what `Photo.format` and `format=` call it.
        suffixes: the file names' endings, the usual one first.
        sample_types: libvips' names of the samples it holds, the deepest last.
        alpha: whether it holds an alpha channel.
        longest_side: in pixels.
    """

    name: str
    suffixes: tuple[str, ...]
    sample_types: tuple[str, ...]
    alpha: bool
    longest_side: int


FORMATS = {
    each.name: each
    for each in (
        Format("jpeg", (".jpg", ".jpeg", ".jpe", ".jfif"), ("uchar",), False, 65_535),
        Format("png", (".png",), ("uchar", "ushort"), True, 2**31 - 1),
        Format("tiff", (".tif", ".tiff"), ("uchar", "ushort", "float"), True, 2**31 - 1),
        Format("webp", (".webp",), ("uchar",), True, 16_383),
        Format("avif", (".avif",), ("uchar", "ushort"), True, 16_384),
        Format("heic", (".heic", ".heif"), ("uchar", "ushort"), True, 16_384),
    )
}
_INSTEAD = {"heic": "jpeg", "avif": "jpeg", "webp": "jpeg"}

CLASSIC_TIFF_BYTES = 3_900_000_000  # offsets of 32 bits, and room for what is not pixels
_ROOMIER = "Write it as png or tiff"


@cache
def can_write(name: str) -> bool:
    """Return whether this libvips has the encoder of a format."""
    image = from_array(np.zeros((16, 16, 3), np.uint8))
    try:
        encode(image, io.BytesIO(), name, _options(image, FORMATS[name], quality=80), {}, None)
    except pyvips.Error:
        return False
    return True


def written_as(format: str) -> str:
    """Return the format in which photos of a format that is read are written: JPEG or PNG if not the same.

    No libvips of Python's wheels writes HEIC: a phone's photo comes back as what every viewer opens.
    """
    return format if format in FORMATS and can_write(format) else _INSTEAD.get(format, "png")


def format_for(target: Path | None, format: str | None, fallback: str | None) -> Format:
    """Return the requested format, else that of the target's suffix, else `fallback`'s.

    Raises:
        PhotoError: none of them names a format that can be written.
    """
    known = ", ".join(FORMATS)
    if format is not None:
        name = format.lower().lstrip(".")
        for each in FORMATS.values():
            if name == each.name or f".{name}" in each.suffixes:
                return each
        place = target or "the result"
        raise PhotoError(place, f"cannot be written as {format!r}", f"The formats are {known}")
    if target is None:
        if fallback is None:
            raise PhotoError("the result", "has no format to be written in", f"Give format=, one of {known}")
        return FORMATS[written_as(fallback)]
    for each in FORMATS.values():
        if target.suffix.lower() in each.suffixes:
            return each
    advice = f"End it in .jpg, .png ..., or give one of {known}"
    raise PhotoError(target, "has an ending that stands for no format", advice)


def save(
    image: pyvips.Image,
    target: Path | None,
    format: Format,
    *,
    quality: int,
    blocks: Mapping[str, bytes],
    dpi: tuple[float, float] | None = None,
    like: Path | None = None,
) -> bytes | None:
    """Encode `image` into `target`, or return the bytes if there is no target.

    Args:
        image: what to encode, with its profile and resolution.
        target: the file, or None.
        format: the file format.
        quality: 1 to 100, where the format has one.
        blocks: the metadata, fitted to the format.
        dpi: dots per inch across and down.
        like: the file whose access rights a new one gets.

    Raises:
        PhotoError: it does not fit into the format, or could not be written; nothing is left behind.
    """
    name, options = target or "the result", _options(image, format, quality)
    _check_size(image, format, name)
    with failures_named(name, format):
        if target is None:
            buffer = io.BytesIO()
            encode(image, buffer, format.name, options, blocks, dpi)
            return buffer.getvalue()
        with written_whole(target, like=like) as temporary, temporary.open("r+b") as file:
            encode(image, file, format.name, options, blocks, dpi)
    return None


def _check_size(image: pyvips.Image, format: Format, name: object) -> None:
    if max(image.width, image.height) > format.longest_side:
        size = f"{image.width} x {image.height} pixels"
        problem = f"is {size}, and {format.name} holds at most {format.longest_side} per side"
        raise PhotoError(name, problem, _ROOMIER)


def _options(image: pyvips.Image, format: Format, quality: int) -> dict[str, object]:
    kind = sample_type(image)
    if format.name in ("jpeg", "webp"):
        return {"Q": quality}  # JPEG: libvips keeps chroma at full size from 90 on
    if format.name == "tiff":
        size = image.width * image.height * image.bands * {"uchar": 1, "ushort": 2, "float": 4}[kind]
        # The floating point predictor would pack better, but many programs cannot read it.
        predictor = "none" if kind == "float" else "horizontal"
        return {"compression": "deflate", "predictor": predictor, "bigtiff": size > CLASSIC_TIFF_BYTES}
    if format.name in ("avif", "heic"):
        codec = "av1" if format.name == "avif" else "hevc"
        return {"compression": codec, "Q": quality, "bitdepth": 12 if kind == "ushort" else 8}
    return {}


def check_target(target: Path) -> None:
    """Raise PhotoError if nothing can be written there: no folder, a read-only one, or no file to replace."""
    if not os.path.isdir(target.parent):
        advice = f"Make the folder {target.parent}"
        raise PhotoError(target, "cannot be written: its folder does not exist", advice)
    if kind := not_a_file(target):
        advice = "Give the name of a file"
        raise PhotoError(target, f"cannot be written: it is {kind}, and only files are replaced", advice)
    if not os.access(target.parent, os.W_OK):
        raise PhotoError(target, "cannot be written: its folder is read-only", "Choose another folder")


@contextmanager
def failures_named(name: object, format: Format) -> Iterator[None]:
    """Raise PhotoError, which names the target, for what goes wrong with writing it in the block."""
    if isinstance(name, Path):
        check_target(name)
    try:
        yield
    except pyvips.Error as error:
        detail = "; ".join(dict.fromkeys(line.strip() for line in str(error.detail).splitlines()))
        if "Unsupported compression" in detail:
            problem = f"cannot be written: this libvips has no {format.name} encoder"
            raise PhotoError(name, problem, "Choose jpeg, png or tiff") from error
        raise PhotoError(name, f"could not be written (libvips: {detail})", _ROOMIER) from error
    except FileError:
        raise
    except OSError as error:
        problem = f"could not be written: {error.strerror or error}"
        raise PhotoError(name, problem, "Check the folder and the free space") from error
    except ValueError as error:  # of `encode`
        raise PhotoError(name, str(error), _ROOMIER) from error
