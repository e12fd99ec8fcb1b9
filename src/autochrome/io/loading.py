"""From a file or bytes to a lazy libvips image: sniffed and checked for size, no pixel decoded yet."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from pathlib import Path

import pyvips

from autochrome.errors import PhotoError, shown
from autochrome.io import by_pillow, jpeg_damage, lab
from autochrome.io.limits import check_size
from autochrome.io.png_chunks import read_chunks
from autochrome.io.sniff import HEAD_BYTES, describe, is_camera_raw, picture_format, readable_formats
from autochrome.io.tiff_pages import TiffPage, tiff_pages
from autochrome.io.vips import SAMPLE_BYTES, number, sample_type

_LOADERS = {
    "jpeg": "jpegload", "png": "pngload", "tiff": "tiffload",
    "webp": "webpload", "heic": "heifload", "avif": "heifload", "gif": "gifload",
}  # fmt: skip
# libvips maps these files into memory: one that shrinks meanwhile would end the process.
_MAPPED = ("jpeg", "webp", "gif")
_CHECK_DISK = "Check the name and the disk"
_DAMAGED = "Fetch it again from where it came from, or open it in an image editor and save a copy"


@dataclass(frozen=True)
class PhotoFile:
    """A photo on disk or in memory, known by its content, whose pages can be opened.

    Attributes:
        name: what messages call it.
        format: one of `sniff.READABLE`.
        origin: the path as bytes of the file system, or the content.
        path: where it lies, None for bytes.
    """

    name: str
    format: str
    origin: bytes
    path: Path | None

    def open(self, page: int = 0, *, max_pixels: int | None = None) -> pyvips.Image:
        """Open a page for one pass from top to bottom; only Pillow decodes pixels before they are read.

        Raises:
            PhotoError: not decodable, no such page, or larger than `limits.check_size` admits.
        """
        if not isinstance(page, Integral):
            raise TypeError(f"a page is a whole number from 0, not {shown(page)}")
        count = self.page_count()
        if not 0 <= page < count:
            pages = "1 page" if count == 1 else f"{count} pages"
            advice = "Leave the page out" if count == 1 else f"Give a page from 0 to {count - 1}"
            raise PhotoError(self.name, f"has no page {shown(page)}; it has {pages}, counted from 0", advice)
        if self.format in by_pillow.FORMATS:
            return self._open_by_pillow(max_pixels)
        image = self._load(None if self._pages == [0] else self._pages[page])
        sample_bytes = SAMPLE_BYTES.get(sample_type(image), 8)
        check_size(self.name, (image.width, image.height), image.bands, sample_bytes, max_pixels)
        return image

    def notes(self) -> list[str]:
        """Return what the user should know of the file, beside what `watched` finds."""
        with self.stream() as stream:
            if self.format == "jpeg" and jpeg_damage.lacks_scans(stream):
                return [jpeg_damage.COARSE]
            if self.format in by_pillow.FORMATS and by_pillow.loses_bits(stream, self.format):
                return [by_pillow.FEWER_BITS]
        return []

    def note_of_first(self) -> str | None:
        """Return the note that only the first page was read, if there are more."""
        count, whole = self.page_count(), "frames"
        if self.format == "png":
            with self.stream() as stream:
                control = read_chunks(stream, {b"acTL"}).get(b"acTL", b"")
            count = int.from_bytes(control[:4], "big")
        elif self.format in ("tiff", "heic", "avif"):
            whole = "pages" if self.format == "tiff" else "pictures"
        return f"only the first of its {count} {whole} was read" if count > 1 else None

    def page_count(self) -> int:
        """Return the number of pages (TIFF), pictures (HEIC, AVIF) or frames (WebP), at least 1.

        Pages of a TIFF that are thumbnails, reduced copies or masks do not count.
        """
        return len(self._pages)

    def stream(self) -> io.BufferedIOBase:
        """Open the file's bytes."""
        return io.BytesIO(self.origin) if self.path is None else self.path.open("rb")

    @contextmanager
    def watched(self) -> Iterator[list[str]]:
        """Open and decode the file in the block; at its end the list has notes about damage.

        Raises:
            pyvips.Error: a part of the picture is missing.
        """
        with jpeg_damage.watched() if self.format == "jpeg" else nullcontext([]) as notes:
            yield notes

    def place_of(self, page: int) -> int:
        """Return a page's number among all that the file holds, those that do not count included."""
        return self._pages[page]

    def decoding_failed(self, error: pyvips.Error) -> PhotoError:
        """Return the error to raise where libvips could not decode the content."""
        detail = " ".join(error.detail.split()) if isinstance(error.detail, str) else str(error)
        if self.format == "heic":
            problem = f"is a HEIC picture that could not be decoded (libvips: {detail})"
            advice = "Not every libvips has the HEVC decoder: convert the photo to JPEG, PNG or TIFF first"
            return PhotoError(self.name, problem, advice)
        return PhotoError(self.name, f"is damaged or cut short (libvips: {detail})", _DAMAGED)

    @cached_property
    def tiff_pages(self) -> list[TiffPage]:
        """The pages of a TIFF; of other formats none."""
        if self.format != "tiff":
            return []
        with self.stream() as stream:
            return tiff_pages(stream)

    @cached_property
    def _pages(self) -> list[int]:
        """The numbers that libvips gives the pages."""
        if self.format in ("jpeg", "png", *by_pillow.FORMATS):
            return [0]
        if self.tiff_pages:
            return [page.number for page in self.tiff_pages]
        image = self._load()
        first = number(image, "heif-primary", 0)
        others = range(number(image, "n-pages", 1))
        return [first, *(page for page in others if page != first)]

    def _open_by_pillow(self, max_pixels: int | None) -> pyvips.Image:
        with self.stream() as stream:
            try:
                picture = by_pillow.open_picture(stream, self.format)
                check_size(
                    self.name,
                    picture.size,
                    len(picture.getbands()),
                    by_pillow.sample_bytes(picture),
                    max_pixels,
                )
                return by_pillow.decode(picture, stream, self.format)
            except by_pillow.PillowError as error:
                raise PhotoError(self.name, f"is damaged or cut short (Pillow: {error})", _DAMAGED) from error

    def _load(self, page: int | None = None) -> pyvips.Image:
        options: dict[str, object] = {"access": "sequential", "fail_on": "error"}
        options |= {} if page is None else {"page": page}
        operation = _LOADERS[self.format]
        try:
            for each in self.tiff_pages:
                if each.number == (page or 0) and each.photometric in lab.ENCODINGS:
                    source = lab.as_plain(self.stream(), each)
                    image = pyvips.Image.new_from_source(source, "", **options)
                    return lab.to_srgb(image, each.photometric)
            if self.path and self.format not in _MAPPED:
                return pyvips.Operation.call(operation, self.origin, **options)
            content = self.path.read_bytes() if self.path else self.origin
            return pyvips.Operation.call(f"{operation}_buffer", content, **options)
        except pyvips.Error as error:
            raise self.decoding_failed(error) from error
        except OSError as error:
            raise PhotoError(self.name, f"could not be read ({error})", _CHECK_DISK) from error


def locate(source: str | os.PathLike[str] | bytes) -> PhotoFile:
    """Identify a source by its content.

    Raises:
        PhotoError: it is missing, a folder, not readable, empty, or not a picture that can be read.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        content, name, path = bytes(source), "the given bytes", None
        head = content[:HEAD_BYTES]
    else:
        if not isinstance(source, (str, os.PathLike)):
            raise TypeError(f"a photo is a path or a file's bytes, not {shown(source)}")
        path, name = Path(source), str(source)
        if re.match(r"\w{2,}:/", name) and not path.exists():
            raise PhotoError(name, "is an address, and photos are read from files", "Download it first")
        head, content = _head(path), os.fsencode(path)
    kind = picture_format(head)
    if not head:
        raise PhotoError(name, "is empty (0 bytes)", _DAMAGED)
    if is_camera_raw(head, name):
        raise PhotoError(name, "is a camera raw file", "Develop it to a TIFF or JPEG first")
    if kind is None:
        problem = f"is not a photo that can be read; it seems to be {describe(head)}"
        raise PhotoError(name, problem, f"Give a {readable_formats()} file")
    return PhotoFile(name, kind, content, path)


def _head(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise PhotoError(path, "is a folder, not a photo", "Name the photos in it")
        if not stat.S_ISREG(mode):  # a pipe or device could block or never end
            raise PhotoError(path, "is not a regular file", "Copy the photo into a file, or pass its bytes")
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PhotoError(path, "does not exist", "Check the spelling of the name and its folder") from error
    except PermissionError as error:
        advice = "Change its permissions (chmod u+r) or ask its owner"
        raise PhotoError(path, "cannot be read: permission denied", advice) from error
    except (OSError, ValueError) as error:
        raise PhotoError(path, f"could not be opened ({error})", _CHECK_DISK) from error
