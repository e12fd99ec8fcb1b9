"""The tables of docs/files.md, measured: `python -m tests.io.files_table` prints them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable

import numpy as np
import PIL.Image

from autochrome.io import icc
from autochrome.io.losses import losses
from autochrome.io.photo import Photo, read_photo, write_photo

FORMATS = {"jpeg": "JPEG", "png": "PNG", "tiff": "TIFF", "webp": "WebP", "avif": "AVIF"}
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMP = (
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about=""'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"'
    ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:g="http://ns.google.com/photos/1.0/camera/"'
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" dc:title="Quay at dawn" crs:ConvertToGrayscale="True"'
    ' photoshop:ColorMode="1" g:MotionPhoto="1" xmp:Thumbnails="a gray one"/></rdf:RDF></x:xmpmeta>'
).encode()
_THUMBNAIL = b"\xff\xd8gray thumbnail\xff\xd9"
_IPTC = b"\x1c\x02\x78\x00\x0cIPTC caption"
_TEXT = b"Title\0PNG text"


def _resource(number: int, data: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + b"\0" * (len(data) % 2)


def _exif() -> bytes:
    """Description, Orientation 6, an unknown tag, a maker's note, and a thumbnail."""
    values = {0x010D: b"Box three\0", 0x010E: b"Plate 14 of 20\0", 0xFDEA: b"unknown to all\0"}
    first, inner, second = 8, 200, 260
    entries, heap, place = [], b"", first + 2 + 12 * 5 + 4
    for tag, value in values.items():
        entries.append((tag, 7 if tag == 0xFDEA else 2, len(value), place + len(heap)))
        heap += value + b"\0" * (len(value) % 2)
    entries += [(0x0112, 3, 1, 6), (0x8769, 4, 1, inner)]
    block = b"II*\0" + struct.pack("<IH", first, len(entries))
    block += b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    block = (block + struct.pack("<I", second) + heap).ljust(inner, b"\0")
    note = b"a maker's note"
    block += struct.pack("<HHHIII", 1, 0x927C, 7, len(note), inner + 18, 0) + note
    block = block.ljust(second, b"\0")
    block += struct.pack("<HHHII", 2, 0x0201, 4, 1, second + 30) + struct.pack(
        "<HHII", 0x0202, 4, 1, len(_THUMBNAIL)
    )
    return b"Exif\0\0" + block + bytes(4) + _THUMBNAIL


def _origin(format: str) -> bytes:
    """A file of grays with all that its format holds."""
    from autochrome.io import texts

    chunk = texts.text_chunk(texts.Text("Title", "PNG text"))
    text = texts.from_comments([b"JPEG comment"]) if format == "jpeg" else chunk
    ramp = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) * 20
    photo = Photo(
        np.repeat(ramp[:, :, None], 3, axis=2),
        ramp,
        icc.builtin_profile("p3"),
        {
            "exif": _exif(),
            "xmp": _XMP,
            "iptc": _IPTC,
            "photoshop": _resource(0x040C, b"thumbnail by Photoshop")
            + _resource(0x040B, b"https://example.org"),
            **({"texts": text} if format in ("jpeg", "png") else {}),
        },
        (300.0, 300.0),
    )
    return write_photo(photo, format=format) or b""


def _holds(block: str, words: bytes) -> Callable[[bytes], bool]:
    """Whether a file holds words, found in its bytes or, where it packs them, in what is read from it."""
    return lambda content: words in content or words in read_photo(content).metadata.get(block, b"")


def _is_turned(content: bytes) -> bool:
    if content.startswith(b"II"):  # 16 bits with alpha, which Pillow does not open
        return False
    return PIL.Image.open(io.BytesIO(content)).getexif().get(0x0112, 1) != 1


_FIELDS: dict[str, tuple[Callable[[bytes], bool], str]] = {
    "EXIF: description, camera, date, place": (_holds("exif", b"Plate 14 of 20"), ""),
    "EXIF and TIFF: document and page name, scanner": (_holds("exif", b"Box three"), ""),
    "EXIF: tags that no program knows": (_holds("exif", b"unknown to all"), ""),
    "EXIF: maker's note, to the byte": (_holds("exif", b"a maker's note"), ""),
    "EXIF: thumbnail": (lambda content: _THUMBNAIL in content, "dropped: it shows the gray photo"),
    "EXIF: orientation": (
        _is_turned,
        "changed: the pixels are turned",
    ),
    "XMP: title, keywords, persons, rating, history": (_holds("xmp", b"Quay at dawn"), ""),
    "XMP: camera raw settings not yet applied": (
        _holds("xmp", b"ConvertToGrayscale"),
        "dropped: they would make it gray again",
    ),
    "XMP: color mode, sizes, sample formats": (_holds("xmp", b"ColorMode"), "dropped: the former file's"),
    "XMP: motion photo, gain map, depth": (
        _holds("xmp", b"MotionPhoto"),
        "dropped: their data are not in the new file; a note says so",
    ),
    "XMP: thumbnail": (_holds("xmp", b"a gray one"), "dropped: it shows the gray photo"),
    "IPTC": (_holds("iptc", b"IPTC caption"), ""),
    "Photoshop: address, copyright, caption, paths": (_holds("photoshop", b"https://example.org"), ""),
    "Photoshop: thumbnail": (
        lambda content: b"thumbnail by Photoshop" in content,
        "dropped: it shows the gray photo",
    ),
    "texts of PNG, comments of JPEG": (
        lambda content: any(words in content for words in (b"PNG text", b"JPEG comment")),
        "",
    ),
    "resolution": (lambda content: read_photo(content).dpi == (300, 300), ""),
    "RGB color profile": (lambda content: read_photo(content).icc_profile is not None, ""),
    "16 bits per sample": (lambda content: read_photo(content).bits == 16, ""),
    "transparency": (lambda content: read_photo(content).alpha is not None, ""),
}
_OF_PIXELS = ("resolution", "RGB color profile", "16 bits per sample", "transparency")
_OF_PIXELS = ("resolution", "RGB color profile", "16 bits per sample", "transparency")


def _colored(photo: Photo, format: str) -> bytes:
    """A result as `colorize` writes it: the same metadata, three channels."""
    colors = Photo(np.repeat(photo.pixels[:, :, :1], 3, axis=2), icc_profile=photo.icc_profile)
    return write_photo(colors, format=format, like=photo) or b""


def round_trip() -> str:
    """The table of what a file has before, and its result in the same format."""
    lines = [_row("", FORMATS.values()), _row("---", ["---"] * len(FORMATS))]
    files = {}
    for format in FORMATS:
        given = _origin(format)
        files[format] = given, _colored(read_photo(given), format)
    for field, (holds, why) in _FIELDS.items():
        cells = []
        for given, result in files.values():
            if not holds(given):
                cells.append("–")
            else:
                cells.append("kept" if holds(result) else why)
        lines.append(_row(field, cells))
    return "\n".join(lines)


def conversions() -> str:
    """The table of what of a JPEG comes into a result of another format."""
    photo = read_photo(_origin("jpeg"))
    kept = [name for name, (_, why) in _FIELDS.items() if not why]
    names = [name for name in kept if name not in _OF_PIXELS]
    lines = [_row("from JPEG to", FORMATS.values()), _row("---", ["---"] * len(FORMATS))]
    results = {format: _colored(photo, format) for format in FORMATS}
    for name in names:
        cells = []
        for format, result in results.items():
            said = name.partition(":")[0] in (losses(photo, format) or "")
            cells.append(
                "kept" if _FIELDS[name][0](result) else "dropped, with a note" if said else "dropped"
            )
        lines.append(_row(name, cells))
    return "\n".join(lines)


def _row(name: str, cells: Iterable[str]) -> str:
    return "| " + " | ".join([name, *cells]) + " |"


if __name__ == "__main__":
    print(round_trip(), conversions(), sep="\n\n")
