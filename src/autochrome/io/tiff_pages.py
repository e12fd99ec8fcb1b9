"""The pages of a TIFF: the directories of its chain that are no thumbnails, reduced copies or masks."""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from dataclasses import dataclass

from autochrome.io import tiff_tags
from autochrome.io.tiff_tags import Directory, Layout

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _WIDTH, _HEIGHT = 0x00FE, 0x00FF, 0x0100, 0x0101
_BITS, _PHOTOMETRIC, _SAMPLES = 0x0102, 0x0106, 0x0115
_NEEDED = {_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES}
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType (TIFF 6.0, section 8)
_OLD_REDUCED = 2  # a value of SubfileType
_MASK_PHOTOMETRIC = 4
_MOST = 100_000  # directories


@dataclass(frozen=True)
class TiffPage:
    """A directory of the chain.

    Attributes:
        number: in the whole chain, from 0, as libvips counts.
        size: width and height in pixels.
        bits: of a sample.
        samples: of a pixel.
        photometric: its PhotometricInterpretation, -1 if it has none.
        photometric_at: where in the file that value stands.
        order: the file's byte order, "<" or ">".
    """

    number: int
    size: tuple[int, int]
    bits: int
    samples: int
    photometric: int
    photometric_at: int
    order: str


def tiff_pages(stream: io.BufferedIOBase) -> list[TiffPage]:
    """Return the pages that are photos, as far as they can be read; if no directory is one, all."""
    pages: list[TiffPage] = []
    photos: list[TiffPage] = []
    with suppress(*tiff_tags.BROKEN):
        layout, offset = tiff_tags.read_header(stream)
        seen: set[int] = set()
        while offset and offset not in seen and len(pages) < _MOST:
            seen.add(offset)
            raw, following = tiff_tags.raw_entries(stream, layout, offset)
            tags = tiff_tags.read_directory(stream, layout, offset, only=_NEEDED)
            page = _page(len(pages), tags, layout, _place_of_photometric(raw, layout, offset))
            pages.append(page)
            if not _is_subordinate(tags, layout):
                photos.append(page)
            offset = following
    return photos or pages


def _page(number: int, tags: Directory, layout: Layout, photometric_at: int) -> TiffPage:
    def of(tag: int, default: int) -> int:
        return _first(tags, tag, layout, default)

    size = of(_WIDTH, 0), of(_HEIGHT, 0)
    bits, samples, photometric = of(_BITS, 1), of(_SAMPLES, 1), of(_PHOTOMETRIC, -1)
    return TiffPage(number, size, bits, samples, photometric, photometric_at, layout.order)


def _place_of_photometric(raw: dict[int, bytes], layout: Layout, offset: int) -> int:
    if _PHOTOMETRIC not in raw:
        return 0
    before = list(raw).index(_PHOTOMETRIC) * struct.calcsize(layout.entry)
    return offset + struct.calcsize(layout.count) + before + (12 if layout.big else 8)


def _is_subordinate(tags: Directory, layout: Layout) -> bool:
    kind = _first(tags, _NEW_SUBFILE_TYPE, layout, 0)
    is_reduced = bool(kind & _REDUCED) or _first(tags, _SUBFILE_TYPE, layout, 0) == _OLD_REDUCED
    return is_reduced or bool(kind & _MASK) or _first(tags, _PHOTOMETRIC, layout, -1) == _MASK_PHOTOMETRIC


def _first(tags: Directory, tag: int, layout: Layout, default: int) -> int:
    """Return the first number of a tag of whole numbers."""
    format = {1: "B", 3: "H", 4: "I", 16: "Q"}.get(tags[tag].kind) if tag in tags else None
    return default if format is None else struct.unpack_from(layout.order + format, tags[tag].data)[0]
