"""From a libvips image with its metadata to the bytes of a file.

libvips writes pixels, profile and, but for JPEG and PNG, XMP. What else there is, it would drop or rewrite,
and so it is put into its stream here: before a JPEG's or PNG's pixels, into a TIFF's directory, and over a
placeholder in WebP, AVIF and HEIC.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Mapping
from typing import Any

import pyvips

from autochrome.io import jpeg_header, photoshop, texts
from autochrome.io.exif import PREFIX, add_blocks_to_tiff
from autochrome.io.vips import set_blob

LONGEST_EXIF = {"jpeg": jpeg_header.LONGEST_SEGMENT, "webp": 64_000, "avif": 64_000, "heic": 64_000}
"""Bytes of an EXIF block, prefix included, by format; in others there is no limit."""
_SAVERS = {"jpeg": "jpegsave", "png": "pngsave", "tiff": "tiffsave", "webp": "webpsave", "avif": "heifsave",
           "heic": "heifsave"}  # fmt: skip
_EXIF, _XMP, _PROFILE = 1, 2, 8  # VipsForeignKeep
_BEFORE_PIXELS = {"jpeg": 2, "png": 33}  # the first marker; the signature and the IHDR chunk
_PLACEHOLDER = "exif-ifd0-ImageDescription"
_OVERHEAD = 512  # at most so many bytes of a block stand before its placeholder


def encode(
    image: pyvips.Image,
    stream: io.BufferedIOBase,
    format: str,
    options: Mapping[str, Any],
    blocks: Mapping[str, bytes],
    dpi: tuple[float, float] | None,
) -> None:
    """Write a picture into an empty stream that is open for reading and writing.

    Args:
        image: pixels, profile and resolution; nobody else has it.
        stream: where to.
        format: "jpeg", "png", "tiff", "webp", "avif" or "heic".
        options: for libvips.
        blocks: metadata as in `Photo.metadata`, fitted to the format.
        dpi: dots per inch across and down.

    Raises:
        ValueError: a block is too long for the format; the message is a clause.
        OSError: the stream cannot be written.
        pyvips.Error: the picture cannot be encoded.
    """
    if format in _BEFORE_PIXELS:
        header = _jpeg(blocks, dpi) if format == "jpeg" else _png(blocks)
        sink = _Sink(stream, header, _BEFORE_PIXELS[format])
        sink.save(image, format, {**options, "keep": _PROFILE})
        return
    if "xmp" in blocks:
        set_blob(image, "xmp-data", blocks["xmp"])
    if format == "tiff":
        _Sink(stream).save(image, format, {**options, "keep": _XMP | _PROFILE})
        add_blocks_to_tiff(stream, blocks)
    else:
        stream.write(_with_exif(image, format, options, blocks.get("exif", b"")))


def _jpeg(blocks: Mapping[str, bytes], dpi: tuple[float, float] | None) -> bytes:
    resources = photoshop.with_iptc(blocks.get("iptc", b""), blocks.get("photoshop", b""))
    comments = texts.as_comments(blocks.get("texts", b""))
    return jpeg_header.make_header(dpi, blocks.get("exif", b""), blocks.get("xmp", b""), resources, comments)


def _png(blocks: Mapping[str, bytes]) -> bytes:
    chunks = b""
    if exif := blocks.get("exif"):
        chunks += texts.exif_chunk(exif.removeprefix(PREFIX))
    if xmp := blocks.get("xmp"):
        chunks += texts.xmp_chunk(xmp)
    if resources := photoshop.with_iptc(blocks.get("iptc", b""), blocks.get("photoshop", b"")):
        chunks += texts.iptc_chunk(resources)
    return chunks + texts.as_chunks(blocks.get("texts", b""))


class _Sink:
    """A stream into which libvips writes, with something inserted; errors of the stream are kept."""

    def __init__(self, stream: io.BufferedIOBase, inserted: bytes = b"", at: int = 0) -> None:
        self.stream, self.inserted, self.left = stream, inserted, at
        self.error: BaseException | None = None
        self.target = pyvips.TargetCustom()
        self.target.on_write(self._guarded(self._write, -1))
        self.target.on_read(self._guarded(stream.read, None))
        self.target.on_seek(self._guarded(stream.seek, -1))
        self.target.on_end(self._guarded(self._end, -1))

    def save(self, image: pyvips.Image, format: str, options: Mapping[str, Any]) -> None:
        """Encode an image; an error of the stream comes as itself, not as libvips' words."""
        try:
            pyvips.Operation.call(f"{_SAVERS[format]}_target", image, self.target, **options)
        except pyvips.Error as error:
            raise (self.error or error) from None
        if self.error is not None:
            raise self.error

    def _write(self, chunk: Any) -> int:
        if self.inserted:
            before = chunk[: self.left]
            self.stream.write(before)
            self.left -= len(before)
            if self.left:
                return len(chunk)
            self.stream.write(self.inserted)
            self.inserted = b""
            self.stream.write(chunk[len(before) :])
            return len(chunk)
        self.stream.write(chunk)
        return len(chunk)

    def _end(self) -> int:
        self.stream.flush()
        return 0

    def _guarded(self, handler: Any, failed: int | None) -> Any:
        """Return a handler from which no exception comes: libvips is told that it failed."""

        def guarded(*arguments: Any) -> Any:
            try:
                return handler(*arguments) if self.error is None else failed
            except BaseException as error:  # Ctrl-C, too, which may come while libvips waits for us
                self.error = error
                return failed

        return guarded


def _with_exif(image: pyvips.Image, format: str, options: Mapping[str, Any], exif: bytes) -> bytes:
    """Encode with a description of the block's length in its place, and write the block over it."""
    operation, keep = f"{_SAVERS[format]}_buffer", _XMP | _PROFILE
    if not exif:
        return pyvips.Operation.call(operation, image, **options, keep=keep)  # type: ignore[return-value]
    if len(exif) > LONGEST_EXIF[format]:
        raise ValueError(f"has {len(exif)} bytes of EXIF, more than can be written as {format}")
    token = secrets.token_hex(16)
    image.set_type(pyvips.GValue.gstr_type, _PLACEHOLDER, token.ljust(len(exif), "x"))
    content = bytearray(pyvips.Operation.call(operation, image, **options, keep=keep | _EXIF))  # type: ignore[arg-type]
    middle = content.index(token.encode())
    start = content.rindex(PREFIX, middle - _OVERHEAD, middle)
    block = exif if format != "webp" else exif.removeprefix(PREFIX)
    content[start : middle + len(exif)] = block.ljust(middle + len(exif) - start, b"\0")
    return bytes(content)
