"""EXIF blocks as bytes: freed of what is no longer true, fitted to a picture, moved in and out of TIFF files.

An EXIF block is a small TIFF file ("Exif" and two zero bytes, a header, directories of tags; CIPA DC-008,
4.5). libvips drops tags that it does not know, so blocks are read and written here. They are changed in
place: makers' notes and private directories hold offsets that no other program understands. In a TIFF the
same tags are in the page's own directory.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping

from autochrome.io import tiff_tags
from autochrome.io.tiff_tags import Layout, Tag

PREFIX = b"Exif\0\0"
_ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x0112, 0x011A, 0x011B, 0x0128
_USER_COMMENT, _COLOR_SPACE, _WIDTH, _HEIGHT = 0x9286, 0xA001, 0xA002, 0xA003
_DESCRIPTION, _COMPONENTS, _COMPRESSED_BITS = 0x010E, 0x9101, 0x9102
_XMP, _IPTC, _PHOTOSHOP, _PROFILE, _LAYERS = 0x02BC, 0x83BB, 0x8649, 0x8773, 0x935C
_RESOLUTION = (_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT)
_THUMBNAIL, _THUMBNAIL_BYTES = 0x0201, 0x0202
_UTF_16 = b"UNICODE\0"  # what such a comment begins with
_SRGB, _UNCALIBRATED = 1, 0xFFFF
_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _UNDEFINED = 1, 2, 3, 4, 5, 7

# How a file stores its pixels, its thumbnails and profile, and what other blocks hold (TIFF 6.0 and its
# supplements): no description of the picture, and another one in a new file.
_STRUCTURAL = {
    *(0x00FE, 0x00FF, *range(0x0100, 0x0104), 0x0106, *range(0x0107, 0x010B), 0x0111, _ORIENTATION),
    *(*range(0x0115, 0x011D), *range(0x0120, 0x0126), _RESOLUTION_UNIT, 0x012D, *range(0x013D, 0x0144)),
    *(0x0144, 0x0145, 0x014A, 0x014C, 0x014D, 0x014E, 0x0150, 0x0151, *range(0x0152, 0x0157)),
    *(0x015A, 0x015B, 0x0190, 0x01B1, 0x01B2, *range(0x0200, 0x020A), *range(0x0211, 0x0215), 0x022F),
    *(_XMP, _PROFILE, _PHOTOSHOP, _LAYERS, _IPTC, *range(0x80E3, 0x80E7), 0x828D, 0x828E, 0x87AC, 0xA481),
    *range(0xC612, 0xC7F0),  # DNG's matrices and tables, ImageJ's ranges of gray
} - {0xC614, 0xC62F, 0xC68B}  # DNG's camera, its serial number, the raw file's name
# Descriptions that programs write for themselves: the shape of the array, the stack of gray slices.
_BY_PROGRAMS = (b'{"shape":', b"ImageJ=")


class ExifError(ValueError):
    """A block is damaged."""


def make_true(exif: bytes) -> bytes:
    """Return a block for an upright photo, without thumbnail and what describes the former file.

    Raises:
        ExifError: it is damaged.
    """
    block = bytearray(exif.removeprefix(PREFIX))
    try:
        layout, start = tiff_tags.read_header(io.BytesIO(block))
        _wipe_thumbnail(block, layout, start)
        entries = _compact(block, layout, start, _STRUCTURAL - {_ORIENTATION, *_RESOLUTION}, last=True)
        if (place := entries.get(_ORIENTATION)) is not None:
            struct.pack_into(layout.order + "HIHH", block, place + 2, _SHORT, 1, 1, 0)
        if (place := entries.get(tiff_tags.EXIF)) is not None:
            within = _offset(block, layout, place)
            of_gray = _value(block, layout, _places(block, layout, within).get(_COMPONENTS)) == b"\1\0\0\0"
            _compact(block, layout, within, {_COMPRESSED_BITS, *([_COMPONENTS] if of_gray else [])})
    except tiff_tags.BROKEN as error:
        raise ExifError(str(error)) from error
    return PREFIX + bytes(block)


def fitted(
    exif: bytes,
    size: tuple[int, int],
    *,
    dpi: tuple[float, float] | None,
    needs_dpi: bool,
    is_srgb: bool,
    comment: str = "",
) -> bytes:
    """Return a block that agrees with a picture; nothing if there is nothing to say.

    Args:
        exif: the block, or nothing; a damaged one counts as nothing.
        size: height and width of the picture.
        dpi: its dots per inch across and down.
        needs_dpi: the file has no other place for them.
        is_srgb: the picture has no profile.
        comment: what to add to the user's comment.
    """
    try:
        return _fitted(exif, size, dpi, needs_dpi, is_srgb, comment)
    except tiff_tags.BROKEN:
        return _fitted(b"", size, dpi, needs_dpi, is_srgb, comment)


def _fitted(
    exif: bytes,
    size: tuple[int, int],
    dpi: tuple[float, float] | None,
    needs_dpi: bool,
    is_srgb: bool,
    comment: str,
) -> bytes:
    block = bytearray(exif.removeprefix(PREFIX)) or bytearray(tiff_tags.standalone({}, "<"))
    layout, start = tiff_tags.read_header(io.BytesIO(block))
    places = _places(block, layout, start)
    added: tiff_tags.Directory = {}
    if dpi is not None and (needs_dpi or _X_RESOLUTION in places):
        ratios = [struct.pack(layout.order + "II", round(value * 10_000), 10_000) for value in dpi]
        added |= {tag: Tag(_RATIONAL, 1, ratio) for tag, ratio in zip(_RESOLUTION, ratios, strict=False)}
        added[_RESOLUTION_UNIT] = Tag(_SHORT, 1, struct.pack(layout.order + "H", 2))
    within = _offset(block, layout, places[tiff_tags.EXIF]) if tiff_tags.EXIF in places else None
    inner = {} if within is None else _places(block, layout, within)
    for tag, value in ((_HEIGHT, size[0]), (_WIDTH, size[1])):
        if tag in inner:
            _set_number(block, layout, inner[tag], value)
    if is_srgb and int.from_bytes(_value(block, layout, inner.get(_COLOR_SPACE))[:2], "big") == _UNCALIBRATED:
        _set_number(block, layout, inner[_COLOR_SPACE], _SRGB)
    file = io.BytesIO(block)
    if comment:
        former = _decoded(_value(block, layout, inner.get(_USER_COMMENT)), layout)
        text = _encoded("\n".join(filter(None, (former, comment))), layout)
        tags = {_USER_COMMENT: Tag(_UNDEFINED, len(text), text)}
        if within is None:
            added[tiff_tags.EXIF] = Tag(_LONG, 1, b"", tags)
        else:
            pointer = places[tiff_tags.EXIF] + (12 if layout.big else 8)
            tiff_tags.replace_directory(file, layout, pointer, within, tags)
    if added:
        tiff_tags.replace_directory(file, layout, 8 if layout.big else 4, start, added)
    content = file.getvalue()
    return PREFIX + content if exif or added else b""


def resolution(exif: bytes) -> tuple[float, float] | None:
    """Return the block's dots per inch across and down, or None."""
    try:
        file = io.BytesIO(exif[len(PREFIX) :])
        layout, start = tiff_tags.read_header(file)
        tags = tiff_tags.read_directory(file, layout, start)
        tag = tags.get(_RESOLUTION_UNIT)
        unit = struct.unpack(layout.order + "H", tag.data)[0] if tag else 2  # 2: inch, 3: cm
        ratios = (struct.unpack(layout.order + "II", tags[k].data) for k in (_X_RESOLUTION, _Y_RESOLUTION))
        x, y = (top / bottom * (2.54 if unit == 3 else 1.0) for top, bottom in ratios)
    except (*tiff_tags.BROKEN, ZeroDivisionError):
        return None
    return (round(x, 2), round(y, 2)) if unit in (2, 3) and x > 0 and y > 0 else None


def shortened(exif: bytes, longest: int) -> bytes:
    """Return a block of at most so many bytes, without its longest values if it is longer."""
    file = io.BytesIO(exif.removeprefix(PREFIX))
    try:
        layout, start = tiff_tags.read_header(file)
        tags = tiff_tags.read_directory(file, layout, start)
    except tiff_tags.BROKEN:
        return b""
    while len(exif) > longest and tags:
        home = max(
            _directories(tags), key=lambda each: max((len(tag.data) for tag in each.values()), default=0)
        )
        del home[max(home, key=lambda tag: len(home[tag].data))]
        exif = PREFIX + tiff_tags.standalone(tags, layout.order)
    return exif


def _directories(tags: tiff_tags.Directory) -> list[tiff_tags.Directory]:
    inner = [tag.children for tag in tags.values() if tag.children]
    return [tags, *(each for children in inner for each in _directories(children))]


def blocks_of_tiff(file: io.BufferedIOBase, page: int = 0) -> dict[str, bytes]:
    """Return the blocks "exif", "iptc" and "photoshop" of a page, from 0, of an open classic or Big TIFF.

    "exif" has every tag that does not say how the pixels are stored.
    """
    try:
        layout, offset = tiff_tags.page_directory(file, page)
        tags = tiff_tags.read_directory(file, layout, offset, without=_STRUCTURAL - {_IPTC, _PHOTOSHOP})
    except tiff_tags.BROKEN:
        return {}
    blocks: dict[str, bytes] = {}
    if iptc := tags.pop(_IPTC, None):
        blocks["iptc"] = _bytes_of(iptc, layout)
    if resources := tags.pop(_PHOTOSHOP, None):
        blocks["photoshop"] = resources.data
    if _DESCRIPTION in tags and tags[_DESCRIPTION].data.startswith(_BY_PROGRAMS):
        del tags[_DESCRIPTION]
    if tags:
        blocks["exif"] = PREFIX + tiff_tags.standalone(tags, layout.order)
    return blocks


def has_layers(file: io.BufferedIOBase, page: int = 0) -> bool:
    """Return whether a TIFF's page has Photoshop's layers beside its pixels."""
    try:
        layout, offset = tiff_tags.page_directory(file, page)
        return _LAYERS in tiff_tags.raw_entries(file, layout, offset)[0]
    except tiff_tags.BROKEN:
        return False


def add_blocks_to_tiff(file: io.BufferedIOBase, blocks: Mapping[str, bytes]) -> None:
    """Add what "exif" says about the picture, "iptc" and "photoshop", to the first page of a TIFF.

    Tags that the page already has are kept.

    Args:
        file: a classic or Big TIFF, open for reading and writing.
        blocks: metadata as in `Photo.metadata`; a broken EXIF block is ignored.
    """
    layout, offset = tiff_tags.read_header(file)
    raw, _ = tiff_tags.raw_entries(file, layout, offset)
    added = _described(blocks.get("exif", b""), layout)
    for tag, kind, name in ((_IPTC, _UNDEFINED, "iptc"), (_PHOTOSHOP, _BYTE, "photoshop")):
        if data := blocks.get(name):
            added[tag] = Tag(kind, len(data), data)
    added = {tag: entry for tag, entry in added.items() if tag not in raw}
    if added:
        tiff_tags.replace_directory(file, layout, 8 if layout.big else 4, offset, added)


def _described(exif: bytes, layout: Layout) -> tiff_tags.Directory:
    """Return the descriptive tags of a block in the byte order of `layout`."""
    source = io.BytesIO(exif[len(PREFIX) :])
    try:
        theirs, start = tiff_tags.read_header(source)
        tags = tiff_tags.read_directory(source, theirs, start, without=_STRUCTURAL)
        if theirs.order != layout.order:
            _turn_comment(tags)
        return tiff_tags.reordered(tags, theirs.order, layout.order)
    except tiff_tags.BROKEN:
        return {}


def _turn_comment(tags: tiff_tags.Directory) -> None:
    """Swap the bytes of a comment in UTF-16, which has the order of the block though it is no number."""
    inner = tags[tiff_tags.EXIF].children if tiff_tags.EXIF in tags else None
    if inner and (comment := inner.get(_USER_COMMENT)) and comment.data.startswith(_UTF_16):
        text = bytearray(comment.data[: len(comment.data) // 2 * 2])
        text[8::2], text[9::2] = text[9::2], text[8::2]
        inner[_USER_COMMENT] = Tag(comment.kind, len(text), bytes(text))


def _bytes_of(tag: Tag, layout: Layout) -> bytes:
    """Return a tag's bytes, which programs write as words, too, and pad to whole ones."""
    if tag.kind == _LONG and layout.order == ">" and tag.data[3:4] == b"\x1c":
        words = struct.unpack(f">{tag.count}I", tag.data)
        return struct.pack(f"<{tag.count}I", *words).rstrip(b"\0")
    return tag.data.rstrip(b"\0")


# Entries of a directory within a block --------------------------------------------------------------


def _places(block: bytes | bytearray, layout: Layout, offset: int) -> dict[int, int]:
    """Return where the entries of a directory stand, by tag."""
    (count,) = struct.unpack_from(layout.count, block, offset)
    first, step = offset + struct.calcsize(layout.count), struct.calcsize(layout.entry)
    if first + count * step > len(block):
        raise ValueError("a directory is cut short")
    places = range(first, first + count * step, step)
    return {struct.unpack_from(layout.order + "H", block, place)[0]: place for place in places}


def _compact(
    block: bytearray, layout: Layout, offset: int, without: set[int], *, last: bool = False
) -> dict[int, int]:
    """Remove tags from a directory, in place, and its link to the next one if it becomes the last."""
    places = _places(block, layout, offset)
    step, start = struct.calcsize(layout.entry), offset + struct.calcsize(layout.count)
    kept = b"".join(block[place : place + step] for tag, place in places.items() if tag not in without)
    end = start + len(places) * step
    link = bytes(block[end : end + struct.calcsize(layout.offset)])
    whole = kept + (bytes(len(link)) if last else link)
    struct.pack_into(layout.count, block, offset, len(kept) // step)
    block[start : end + len(link)] = whole.ljust(end + len(link) - start, b"\0")
    return _places(block, layout, offset)


def _wipe_thumbnail(block: bytearray, layout: Layout, start: int) -> None:
    """Remove the picture that the second directory points to."""
    places = _places(block, layout, start)
    end = start + struct.calcsize(layout.count) + len(places) * struct.calcsize(layout.entry)
    try:
        (second,) = struct.unpack_from(layout.offset, block, end)
        tags = _places(block, layout, second) if second else {}
        begin, length = (
            int.from_bytes(_value(block, layout, tags[tag]), "little" if layout.order == "<" else "big")
            for tag in (_THUMBNAIL, _THUMBNAIL_BYTES)
        )
    except tiff_tags.BROKEN:
        return
    if block[begin : begin + 2] != b"\xff\xd8" or (begin < end and start < begin + length):
        return  # no thumbnail, or one that would take the first directory with it
    if begin + length >= len(block) - 3:  # and so nothing stands behind it
        del block[begin:]
    else:
        block[begin : begin + length] = bytes(length)


def _offset(block: bytes | bytearray, layout: Layout, place: int) -> int:
    """Return the value of an entry that points to a directory."""
    return int.from_bytes(_value(block, layout, place), "little" if layout.order == "<" else "big")


def _value(block: bytes | bytearray, layout: Layout, place: int | None) -> bytes:
    """Return the data of an entry; nothing if there is none."""
    if place is None:
        return b""
    entry = bytes(block[place : place + struct.calcsize(layout.entry)])
    return tiff_tags.read_value(io.BytesIO(block), layout, entry)


def _set_number(block: bytearray, layout: Layout, place: int, value: int) -> None:
    """Set an entry to a whole number: a SHORT if it was one and that is enough, else a LONG."""
    kind = _SHORT if struct.unpack_from(layout.order + "H", block, place + 2)[0] == _SHORT else _LONG
    if value > 0xFFFF:
        kind = _LONG
    packed = struct.pack(layout.order + ("H" if kind == _SHORT else "I"), value)
    count = "Q" if layout.big else "I"
    width = 8 if layout.big else 4
    struct.pack_into(
        layout.order + f"H{count}{width}s", block, place + 2, kind, 1, packed.ljust(width, b"\0")
    )


def _decoded(comment: bytes, layout: Layout) -> str:
    """Return the text of a UserComment, after the eight bytes that name its encoding."""
    code, text = comment[:8], comment[8:]
    utf_16 = "utf-16-le" if layout.order == "<" else "utf-16-be"
    return text.decode(utf_16 if code == _UTF_16 else "utf-8", "replace").strip("\0 ")


def _encoded(text: str, layout: Layout) -> bytes:
    if text.isascii():
        return b"ASCII\0\0\0" + text.encode()
    return _UTF_16 + text.encode("utf-16-le" if layout.order == "<" else "utf-16-be")
