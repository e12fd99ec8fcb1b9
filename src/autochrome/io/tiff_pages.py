"""The pages of a TIFF: the directories of its chain that are no thumbnails, reduced copies or masks."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

from autochrome.io import tiff_tags

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _PHOTOMETRIC, _SAMPLES = 0x00FE, 0x00FF, 0x0106, 0x0115
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType (TIFF 6.0, section 8)
_OLD_REDUCED = 2  # a value of SubfileType
_MASK_PHOTOMETRIC = 4
_MOST = 100_000  # directories


@dataclass(frozen=True)
class TiffPage:
    """A directory of the chain.

    Attributes:
        number: in the whole chain, from 0, as libvips counts.
        photometric: its PhotometricInterpretation, -1 if it has none.
        photometric_at: where in the file that value stands.
        samples: a pixel's.
        order: the file's byte order, "<" or ">".
    """

    number: int
    photometric: int
    photometric_at: int
    samples: int
    order: str


def photo_pages(stream: io.BufferedIOBase) -> list[TiffPage]:
    """Return the pages that are photos; if none says so, all; none if the structure is damaged."""
    pages: list[TiffPage] = []
    photos: list[TiffPage] = []
    try:
        layout, offset = tiff_tags.read_header(stream)
        seen: set[int] = set()
        while offset and offset not in seen and len(pages) < _MOST:
            seen.add(offset)
            raw, following = tiff_tags.raw_entries(stream, layout, offset)
            page = _page(len(pages), layout, offset, raw)
            pages.append(page)
            if not _is_subordinate(raw, layout) and page.photometric != _MASK_PHOTOMETRIC:
                photos.append(page)
            offset = following
    except tiff_tags.BROKEN:
        return photos or pages
    return photos or pages


def _page(number: int, layout: tiff_tags.Layout, offset: int, raw: dict[int, bytes]) -> TiffPage:
    photometric, samples = _short(raw, _PHOTOMETRIC, layout), _short(raw, _SAMPLES, layout) or 1
    if photometric is None:
        return TiffPage(number, -1, 0, samples, layout.order)
    before = list(raw).index(_PHOTOMETRIC) * struct.calcsize(layout.entry)
    at = offset + struct.calcsize(layout.count) + before + _value_at(layout)
    return TiffPage(number, photometric, at, samples, layout.order)


def _is_subordinate(raw: dict[int, bytes], layout: tiff_tags.Layout) -> bool:
    kind = _short(raw, _NEW_SUBFILE_TYPE, layout) or 0
    return bool(kind & (_REDUCED | _MASK)) or _short(raw, _SUBFILE_TYPE, layout) == _OLD_REDUCED


def _short(raw: dict[int, bytes], tag: int, layout: tiff_tags.Layout) -> int | None:
    """Return a tag's value, a SHORT or a LONG."""
    if tag not in raw:
        return None
    kind = struct.unpack_from(layout.order + "H", raw[tag], 2)[0]
    return struct.unpack_from(layout.order + ("H" if kind == 3 else "I"), raw[tag], _value_at(layout))[0]


def _value_at(layout: tiff_tags.Layout) -> int:
    """Return where in an entry its value stands."""
    return 12 if layout.big else 8
