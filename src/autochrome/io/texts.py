"""Texts that people wrote beside the pixels: PNG's text chunks, the comments of JPEG and GIF.

`Photo.metadata["texts"]` holds them as chunks of a PNG file (ISO/IEC 15948, 11.3.4), as they were; comments,
whose encoding nobody states, are in chunks of our own, of the type coMt.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from autochrome.io import photoshop

_SIGNATURE = 8  # bytes of a PNG file
_GIF_HEADER = 10  # bytes of a GIF file before its flags
_COMMENT = b"coMt"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_XMP_KEYWORD = "XML:com.adobe.xmp"
_PROFILE = "Raw profile type "  # ImageMagick's and ExifTool's way to put EXIF and IPTC into PNG
_LONGEST = 16_000_000  # bytes of texts, also unpacked
_MOST_CHUNKS = 10_000_000
# What ImageMagick and file managers note of the file itself.
_UNTRUE = re.compile(r"(png|jpeg|Thumb|exif:thumbnail):.*|exif:Orientation|Thumb::.*")
_COMMENT_KEYWORD = "Comment"


@dataclass(frozen=True)
class Text:
    """A text and its keyword ("Title", "Description", "Comment" ...)."""

    keyword: str
    text: str


def from_png(stream: io.BufferedIOBase) -> tuple[bytes, dict[str, bytes], bool]:
    """Return the texts of a PNG file, the metadata that are hidden in such, and whether all were read.

    Metadata are "exif" and "iptc" blocks, as `metadata.py` has them, "photoshop" and "xmp".
    """
    kept, hidden, whole = bytearray(), {}, True
    for kind, length in _chunks(stream):
        if kind not in _TEXTS:
            continue
        if len(kept) + length > _LONGEST:
            whole = False
            continue
        data = stream.read(length)
        text = _parse(kind, data)
        if text is None:
            whole = False
        elif text.keyword.startswith(_PROFILE):
            hidden |= {key: value for key, value in _raw_profile(text).items() if key not in hidden}
        elif text.keyword != _XMP_KEYWORD and not _UNTRUE.fullmatch(text.keyword):
            kept += _chunk(kind, data)
    return bytes(kept), hidden, whole


def from_gif(stream: io.BufferedIOBase) -> bytes:
    """Return the comments of a GIF file as texts; a damaged file ends them."""
    comments, size = [], 0
    stream.seek(_GIF_HEADER)
    (flags,) = stream.read(1) or b"\0"
    stream.seek(2 + _colors(flags), 1)
    for _ in range(_MOST_CHUNKS):
        kind = stream.read(2)
        if kind[:1] == b",":  # a picture: its place, its colors, the width of its codes
            flags = (stream.read(8) or b"\0")[-1]
            stream.seek(_colors(flags) + 1, 1)
        elif kind[:1] != b"!":
            break
        comment = bytearray()
        while length := int.from_bytes(stream.read(1), "big"):
            comment += stream.read(length)
        if kind == b"!\xfe" and size + len(comment) <= _LONGEST:
            comments.append(bytes(comment))
            size += len(comment)
    return from_comments(comments)


def _colors(flags: int) -> int:
    """Return the bytes of a GIF's table of colors."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def from_comments(comments: Iterable[bytes]) -> bytes:
    """Return the comments of a JPEG or GIF as texts."""
    return b"".join(_chunk(_COMMENT, comment) for comment in comments)


def as_chunks(texts: bytes) -> bytes:
    """Return the texts as a PNG file holds them."""
    chunks = bytearray()
    for kind, data in _split(texts):
        chunks += _chunk(kind, data) if kind in _TEXTS else text_chunk(_decoded_comment(data))
    return bytes(chunks)


def as_comments(texts: bytes) -> list[bytes]:
    """Return the texts as comments of a JPEG; those that were comments are as they were."""
    return [data if kind == _COMMENT else _line(text).encode() for kind, data, text in _parsed(texts)]


def as_lines(texts: bytes) -> str:
    """Return the texts as "Keyword: text", a line each; a comment stands for itself."""
    return "\n".join(_line(text) for _, _, text in _parsed(texts))


def text_chunk(text: Text) -> bytes:
    """Return a text as a chunk: tEXt if that can hold it, else iTXt."""
    keyword = text.keyword.encode("latin-1", "replace")[:79]
    clean = text.text.replace("\0", " ")
    try:
        return _chunk(b"tEXt", keyword + b"\0" + clean.encode("latin-1"))
    except UnicodeEncodeError:
        return _chunk(b"iTXt", keyword + b"\0\0\0\0\0" + clean.encode())


def iptc_chunk(resources: bytes) -> bytes:
    """Return Photoshop's image resources, IPTC among them, as a chunk."""
    digits = resources.hex()
    lines = "\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
    text = f"\niptc\n{len(resources):8}\n{lines}\n".encode()
    return _chunk(b"zTXt", f"{_PROFILE}iptc\0\0".encode() + zlib.compress(text))


def xmp_chunk(xmp: bytes) -> bytes:
    """Return an XMP packet as a chunk."""
    return _chunk(b"iTXt", f"{_XMP_KEYWORD}\0\0\0\0\0".encode() + xmp)


def exif_chunk(exif: bytes) -> bytes:
    """Return an EXIF block, without its prefix, as a chunk."""
    return _chunk(b"eXIf", exif)


def _chunks(stream: io.BufferedIOBase) -> Iterator[tuple[bytes, int]]:
    """Yield the types and lengths of all chunks, the stream at their data; a damaged file ends them."""
    place = _SIGNATURE
    for _ in range(_MOST_CHUNKS):
        stream.seek(place)
        head = stream.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        yield kind, length
        place += 12 + length


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _split(texts: bytes) -> Iterator[tuple[bytes, bytes]]:
    stream = io.BytesIO(bytes(_SIGNATURE) + texts)
    for kind, length in _chunks(stream):
        yield kind, stream.read(length)


def _parsed(texts: bytes) -> Iterator[tuple[bytes, bytes, Text]]:
    for kind, data in _split(texts):
        text = _decoded_comment(data) if kind == _COMMENT else _parse(kind, data)
        if text is not None:
            yield kind, data, text


def _parse(kind: bytes, data: bytes) -> Text | None:
    """Return the text of a chunk; None if it is damaged or unpacks to more than 16 MB."""
    keyword, _, rest = data.partition(b"\0")
    packed, encoding = kind == b"zTXt", "latin-1"
    if kind == b"zTXt":
        rest = rest[1:]  # the method of compression, of which there is one
    elif kind == b"iTXt":
        packed, encoding = rest[:1] == b"\1", "utf-8"
        parts = rest[2:].split(b"\0", 2)  # language, translated keyword
        if len(parts) < 3:
            return None
        rest = parts[2]
    if packed:
        unpacker = zlib.decompressobj()
        try:
            rest = unpacker.decompress(rest, _LONGEST)
        except zlib.error:
            return None
        if unpacker.unconsumed_tail:
            return None
    return Text(keyword.decode("latin-1"), rest.decode(encoding, "replace"))


def _decoded_comment(comment: bytes) -> Text:
    try:
        text = comment.decode()
    except UnicodeDecodeError:
        text = comment.decode("latin-1")
    return Text(_COMMENT_KEYWORD, text.rstrip("\0"))


def _line(text: Text) -> str:
    return text.text if text.keyword == _COMMENT_KEYWORD else f"{text.keyword}: {text.text}"


def _raw_profile(text: Text) -> dict[str, bytes]:
    """Return the metadata in "Raw profile type exif" or the like: a name, a length, hexadecimal digits."""
    try:
        data = bytes.fromhex("".join(text.text.split()[2:]))
    except ValueError:
        return {}
    kind = text.keyword.removeprefix(_PROFILE).lower()
    if data.startswith(b"Exif\0\0"):
        return {"exif": data}
    if kind == "xmp" or data.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
        return {"xmp": data.removeprefix(b"http://ns.adobe.com/xap/1.0/\0")}
    if kind in ("iptc", "8bim"):
        if data.startswith(b"\x1c"):
            return {"iptc": data}
        iptc, others = photoshop.parse_resources(data)
        return {key: block for key, block in (("iptc", iptc), ("photoshop", others)) if block}
    return {}
