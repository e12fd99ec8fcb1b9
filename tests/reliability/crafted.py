"""Files that somebody, or something, made to be wrong: names, headers, numbers, loops, bombs.

`craft` writes as many of them as are asked for, always the same ones.
"""

from __future__ import annotations

import io
import os
import random
import struct
import zlib
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

GRAY = (np.add.outer(np.arange(24), np.arange(32)) * 4).astype(np.uint8)
_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:d="http://example.org/d/">{}</rdf:Description></rdf:RDF></x:xmpmeta>'
)
Crafted = tuple[bytes, bytes]
"""A file's name, as the system has it, and its content."""


def craft(folder: Path, count: int) -> None:
    """Write so many crafted files into a folder: of all there are, evenly, what is no file first."""
    contents = [*_starts(), *_pngs(), *_jpegs(), *_tiffs(), *_shapes(), *_disguises()]
    crafted = [*_names(), *((_unlike(name), content) for name, content in contents)]
    special = min(count, 10)
    _special(folder, special)
    assert count - special <= len(crafted), f"there are only {special + len(crafted)} crafted files"
    for name, content in (crafted[i * len(crafted) // (count - special)] for i in range(count - special)):
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            file.write(content)


def _unlike(name: bytes) -> bytes:
    """Return a name that differs from all others before its ending, too."""
    stem, _, ending = name.rpartition(b".")
    return b"%s-%s.%s" % (stem, ending, ending)


def encoded(format: str, pixels: np.ndarray = GRAY, **options: object) -> bytes:
    """Return pixels in a format of Pillow's."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format, **options)
    return file.getvalue()


def _special(folder: Path, count: int) -> None:
    """Make things that are no files, or that lead nowhere."""
    (folder / "target.png").write_bytes(encoded("PNG"))
    makers = (
        lambda: os.symlink("circle-a.png", folder / "circle-b.png"),
        lambda: os.symlink("circle-b.png", folder / "circle-a.png"),
        lambda: os.symlink("nowhere.png", folder / "dangling.png"),
        lambda: os.symlink("/dev/zero", folder / "zero.jpg"),
        lambda: os.mkfifo(folder / "pipe.tif"),
        lambda: os.symlink("a" * 300 + ".png", folder / "long-link.png"),
        lambda: os.symlink("target.png/below.png", folder / "below-a-file.png"),
        lambda: os.symlink("/proc/self/mem", folder / "memory.png"),
        lambda: os.symlink("/dev/null", folder / "null.webp"),
    )
    for make in makers[: count - 1]:
        make()


def _names() -> Iterator[Crafted]:
    content = encoded("PNG")
    for character, width in ((b"n", 1), ("é".encode(), 2), ("写".encode(), 3), ("🦊".encode(), 4)):
        for size in (236, 240, 251):  # with .colorized, and with what a temporary name might add
            yield character * (size // width) + b".png", content
    for name in (
        b"new\nline", b"tab\tbed", b"\x1b[2Jescape", b"quote'", b'double"quote', b"-rf", b"--overwrite",
        b"$(id)", b"back\\slash", b"m\xfcller", b"\xff\xfe", b"\xed\xa0\x80", "\u202egnp".encode(),
        "\u2028".encode(),
        b" leading", b"trailing ", b"dots...", b"CON", b"%s%n", b"{}", b"*", b"?", b"[a]",
        b"a.page-000", b"~", b"#hash", b"semi;colon", b"pipe|pipe", b"\x7f", "e\u0301".encode(),
        "\ufeffbom".encode(),
    ):  # fmt: skip
        yield name + b".png", content


def _starts() -> Iterator[Crafted]:
    """The first bytes of every format, and then nothing, or zeros."""
    starts = {
        "jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\0",
        "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        "tif": b"II*\0\x08\0\0\0",
        "webp": b"RIFF\x24\0\0\0WEBPVP8 ",
        "avif": b"\0\0\0\x20ftypavif\0\0\0\0avifmif1",
        "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        "jp2": b"\0\0\0\x0cjP  \r\n\x87\n",
        "gif": b"GIF89a\x20\0\x20\0\xf7\0\0",
        "bmp": b"BM\xff\xff\xff\xff\0\0\0\0\x36\0\0\0",
        "pgm": b"P5 32 24 255\n",
    }
    for ending, start in starts.items():
        for number, content in enumerate((b"", start[:2], start[:-1], start, start + bytes(5000))):
            yield f"start-{number}.{ending}".encode(), content


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(
    width: int = 32, height: int = 24, depth: int = 8, color: int = 0, *chunks: tuple[bytes, bytes],
    pixels: bytes | None = None, interlace: int = 0,
) -> bytes:  # fmt: skip
    """Return a PNG with the numbers and the chunks given, whatever they are."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    raw = bytes(33 * 24) if pixels is None else pixels
    body = b"".join(_chunk(*each) for each in (*chunks, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + body


def _xmp_png(xmp: bytes) -> bytes:
    return png(32, 24, 8, 0, (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))


def _pngs() -> Iterator[Crafted]:
    for number, (width, height) in enumerate(
        ((0, 1), (1, 0), (2**31 - 1, 1), (2**32 - 1, 2**32 - 1), (20_000, 19_000), (1, 1), (65_536, 65_536))
    ):
        yield f"size-{number}.png".encode(), png(width, height)
    for depth, color in product((0, 1, 3, 8, 16, 32), (0, 1, 2, 3, 6, 7)):
        yield f"depth-{depth}-{color}.png".encode(), png(32, 24, depth, color, pixels=bytes(20_000))
    bomb = zlib.compress(bytes(30_000_000), 9)
    for name, chunks in {
        "icc-garbage": ((b"iCCP", b"x\0\0" + zlib.compress(b"garbage" * 30)),),
        "icc-bomb": ((b"iCCP", b"x\0\0" + bomb),),
        "text-bomb": ((b"zTXt", b"Comment\0\0" + bomb),),
        "many-texts": ((b"tEXt", b"Comment\0x"),) * 3000,
        "gama-0": ((b"gAMA", bytes(4)),),
        "gama-max": ((b"gAMA", b"\xff" * 4),),
        "cicp": ((b"cICP", b"\xff" * 4),),
        "chrm": ((b"cHRM", bytes(32)),),
        "palette": ((b"PLTE", bytes(900)),),
        "trns": ((b"tRNS", b"\xff" * 6),),
        "exif-loop": ((b"eXIf", b"II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0"),),
        "exif-garbage": ((b"eXIf", b"\xff" * 500),),
        "unknown": ((b"zzZZ", b"x" * 100),),
        "critical": ((b"ZZZZ", b"x" * 100),),
        "phys": ((b"pHYs", b"\xff" * 9),),
        "animated": ((b"acTL", b"\xff" * 8), (b"fcTL", bytes(26))),
        "two-headers": ((b"IHDR", bytes(13)),),
    }.items():
        yield f"{name}.png".encode(), png(32, 24, 8, 0, *chunks)
    yield b"interlaced.png", png(interlace=1)
    yield b"interlace-9.png", png(interlace=9)
    yield b"pixel-bomb.png", png(32, 24, pixels=bytes(30_000_000))
    yield b"few-pixels.png", png(3000, 2000, pixels=bytes(100))
    whole = png()
    yield b"crc.png", whole[:40] + bytes([whole[40] ^ 1]) + whole[41:]
    yield b"no-end.png", whole[:-12]
    yield b"after-the-end.png", whole + b"x" * 10_000
    for depth in (100, 1000, 5000, 50_000):
        nested = "<d:a>" * depth + "</d:a>" * depth
        yield f"xmp-nested-{depth}.png".encode(), _xmp_png(_XMP.format(nested).encode())
    entities = "".join(
        f'<!ENTITY e{i} "{"&e" + str(i - 1) + ";" if i else "ha"}{"ha" * 50}">' for i in range(9)
    )
    for name, xmp in {
        "laughs": f"<!DOCTYPE x [{entities}]>".encode() + _XMP.format("&e8;").encode(),
        "external": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + _XMP.format("&e;").encode(),
        "not-xml": b"<<<<>>>>&&&&",
        "not-utf8": _XMP.format("x").encode().replace(b">x<", b">\xff\xfe<"),
        "utf16": _XMP.format("x").encode("utf-16"),
        "empty": b"",
        "large": _XMP.format("x" * 3_000_000).encode(),
        "attributes": _XMP.format("<d:a " + " ".join(f'd:a{i}="1"' for i in range(3000)) + "/>").encode(),
    }.items():
        yield f"xmp-{name}.png".encode(), _xmp_png(xmp)


def _segment(marker: int, content: bytes, length: int | None = None) -> bytes:
    size = len(content) + 2 if length is None else length
    return struct.pack(">BBH", 0xFF, marker, size) + content


def _jpegs() -> Iterator[Crafted]:
    whole = encoded("JPEG")
    frame = whole.index(b"\xff\xc0") + 5  # height, then width
    for number, (height, width) in enumerate(
        ((0, 32), (24, 0), (65_535, 65_535), (1, 65_535), (20_000, 19_000))
    ):
        yield (
            f"size-{number}.jpg".encode(),
            whole[:frame] + struct.pack(">HH", height, width) + whole[frame + 4 :],
        )
    for precision in (0, 1, 7, 9, 12, 16, 255):
        changed = whole[: frame - 1] + bytes([precision]) + whole[frame:]
        yield f"precision-{precision}.jpg".encode(), changed
    for kind in (0xC1, 0xC2, 0xC3, 0xC5, 0xC9, 0xCA, 0xCB, 0xCF):
        yield f"frame-{kind:x}.jpg".encode(), whole.replace(b"\xff\xc0", bytes([0xFF, kind]), 1)
    scan = whole.index(b"\xff\xda")
    yield b"no-scan.jpg", whole[:scan] + b"\xff\xd9"
    yield b"two-scans.jpg", whole[:-2] + whole[scan:]
    progressive = encoded("JPEG", progressive=True)
    start = progressive.rindex(b"\xff\xda")
    yield b"scan-bomb.jpg", progressive[:-2] + progressive[start:-2] * 2000 + b"\xff\xd9"
    for name, segments in {
        "short-app1": _segment(0xE1, b"Exif\0\0", 3),
        "length-0": _segment(0xE1, b"Exif\0\0", 0),
        "length-max": _segment(0xE1, b"Exif\0\0", 65_535),
        "exif-garbage": _segment(0xE1, b"Exif\0\0" + b"\xff" * 300),
        "exif-loop": _segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + bytes(2) + b"\x08\0\0\0"),
        "exif-count": _segment(
            0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x0f\x01\x02\0\xff\xff\xff\x7f" * 99
        ),
        "many-app": _segment(0xE5, b"x" * 60_000) * 60,
        "iptc-garbage": _segment(
            0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\xff\xff\xff\xff" + b"\x1c" * 99
        ),
        "icc-parts": b"".join(_segment(0xE2, b"ICC_PROFILE\0\x07\xff" + b"x" * 99) for _ in range(4)),
        "adobe": _segment(0xEE, b"Adobe\0d\0\0\0\0\x02"),
        "comments": _segment(0xFE, b"x" * 60_000) * 20,
        "mpf": _segment(0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 90),
    }.items():
        yield f"{name}.jpg".encode(), whole[:2] + segments + whole[2:]
    for orientation in (0, 2, 5, 8, 9, 65_535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield f"orientation-{orientation}.jpg".encode(), encoded("JPEG", exif=exif)
    yield b"stuffed.jpg", whole[:-2] + b"\xff\x00" * 20_000
    yield b"restarts.jpg", whole[:scan] + _segment(0xDD, b"\0\x01") + whole[scan:-2] + b"\xff\xd0" * 5000


def tiff(tags: dict[int, tuple[int, int, int]], *, following: int = 0, entries: int | None = None) -> bytes:
    """Return a TIFF with these tags (type, count, value), the pixels at 1000."""
    count = len(tags) if entries is None else entries
    listed = b"".join(struct.pack("<HHII", tag, *value) for tag, value in sorted(tags.items()))
    directory = struct.pack("<H", count) + listed + struct.pack("<I", following)
    return (b"II*\0\x08\0\0\0" + directory).ljust(1000, b"\0") + GRAY.tobytes()


_TAGS = {
    256: (4, 1, 32), 257: (4, 1, 24), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 1000),
    277: (3, 1, 1), 278: (4, 1, 24), 279: (4, 1, 32 * 24),
}  # fmt: skip


def _tiffs() -> Iterator[Crafted]:
    changes = {
        "width": (256, (0, 1, 65_536, 2**32 - 1)), "height": (257, (0, 1, 65_536, 2**32 - 1)),
        "bits": (258, (0, 1, 2, 7, 12, 16, 32, 64, 65_535)),
        "compression": (259, (0, 2, 3, 4, 5, 6, 7, 8, 32_773, 34_712, 34_925, 50_000, 65_535)),
        "photometric": (262, (0, 2, 3, 4, 5, 6, 8, 9, 32_803, 32_844, 65_535)),
        "offset": (273, (0, 8, 1700, 2**31, 2**32 - 1)), "samples": (277, (0, 2, 3, 5, 100, 65_535)),
        "rows": (278, (0, 1, 2**32 - 1)), "bytes": (279, (0, 1, 2**32 - 1)),
    }  # fmt: skip
    for name, (tag, values) in changes.items():
        kind = _TAGS[tag][0]
        for value in values:
            yield f"{name}-{value}.tif".encode(), tiff({**_TAGS, tag: (kind, 1, value)})
    for name, more in {
        "planar": {284: (3, 1, 2)}, "predictor": {317: (3, 1, 3)}, "format": {339: (3, 1, 3)},
        "extra": {338: (3, 100, 900)}, "subifd-loop": {330: (4, 1, 8)}, "exif-loop": {34_665: (4, 1, 8)},
        "icc-far": {34_675: (7, 2**31, 2**31)}, "xmp-far": {700: (1, 2**31, 4)},
        "orientation": {274: (3, 1, 99)}, "resolution-0": {282: (5, 1, 996)}, "tile-15": {322: (3, 1, 15)},
        "tile-huge": {322: (4, 1, 2**30), 323: (4, 1, 2**30)}, "type-99": {258: (99, 1, 8)},
        "count-huge": {258: (3, 2**31 - 1, 8)}, "palette": {262: (3, 1, 3), 320: (3, 768, 100)},
    }.items():  # fmt: skip
        yield f"{name}.tif".encode(), tiff({**_TAGS, **more})
    yield b"ring.tif", tiff(_TAGS, following=8)
    yield b"far-page.tif", tiff(_TAGS, following=2**31)
    yield b"no-tags.tif", tiff({})
    yield b"many-tags.tif", tiff(_TAGS, entries=65_535)
    yield b"no-directory.tif", b"II*\0\xff\xff\xff\x7f" + bytes(1000)
    yield b"big-no-directory.tif", b"II+\0\x08\0\0\0" + b"\xff" * 8 + bytes(1000)
    pages = b"".join(
        struct.pack("<H", len(_TAGS))
        + b"".join(struct.pack("<HHII", tag, *value) for tag, value in sorted(_TAGS.items()))
        + struct.pack("<I", 2000 + 114 * (number + 1) if number < 299 else 0)
        for number in range(300)
    )
    yield b"pages-300.tif", tiff(_TAGS, following=2000).ljust(2000, b"\0") + pages


def _shapes() -> Iterator[Crafted]:
    """Whole pictures of shapes that few expect."""
    for format, ending in (("PNG", "png"), ("JPEG", "jpg"), ("TIFF", "tif"), ("BMP", "bmp"), ("GIF", "gif")):
        for height, width in ((1, 1), (1, 3000), (3000, 1), (2, 2)):
            pixels = np.full((height, width), 90, np.uint8)
            yield f"shape-{height}x{width}.{ending}".encode(), encoded(format, pixels)
    for value in (0, 255):
        yield f"plain-{value}.png".encode(), encoded("PNG", np.full((40, 40), value, np.uint8))


def _disguises() -> Iterator[Crafted]:
    """One thing under the name of another."""
    chance = random.Random(2016)
    contents = {
        "html": b"<!DOCTYPE html><html><body>404</body></html>",
        "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
        "zip": b"PK\x03\x04" + bytes(60),
        "pickle": b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x05posix\x94.",
        "elf": b"\x7fELF\x02\x01\x01" + bytes(200),
        "text": b"a photo, honestly\n",
        "noise": chance.randbytes(5000),
        "zeros": bytes(5000),
        "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "ps": b"%!PS-Adobe-3.0\n(%pipe%id) (w) file\n",
        "xmp": _XMP.format("").encode(),
    }
    for name, content in contents.items():
        yield f"disguised-{name}.jpg".encode(), content
    for ending in ("jpg", "tif", "webp", "gif"):
        yield f"disguised-png.{ending}".encode(), encoded("PNG")
        yield f"disguised-jpeg.{ending}".encode(), encoded("JPEG")
