"""What a file is, judged by its first bytes and never by its name.

Only the formats in `READABLE` reach libvips or Pillow, each through its own loader, so that loaders meant for
trusted files (SVG, PDF, raw, CSV ...) never see untrusted content.
"""

from __future__ import annotations

import re
from pathlib import PurePath

HEAD_BYTES = 4096
READABLE = {
    "jpeg": "JPEG",
    "png": "PNG",
    "tiff": "TIFF",
    "webp": "WebP",
    "avif": "AVIF",
    "heic": "HEIC",
    "jp2": "JPEG 2000",
    "gif": "GIF",
    "bmp": "BMP",
    "pnm": "PNM",
}
"""Formats that are read, and what people call them."""
SUFFIXES = frozenset(
    {
        *(
            ".jpg",
            ".jpeg",
            ".jpe",
            ".jfif",
            ".png",
            ".apng",
            ".tif",
            ".tiff",
            ".webp",
            ".avif",
            ".heic",
            ".heif",
        ),
        *(
            ".jp2",
            ".j2k",
            ".j2c",
            ".jpc",
            ".jpf",
            ".jpx",
            ".gif",
            ".bmp",
            ".dib",
            ".pnm",
            ".pbm",
            ".pgm",
            ".ppm",
        ),
    }
)
"""The endings of files that folders are searched for."""

_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_JPEG_2000_MAGICS = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")  # in a file of boxes, or alone
_BMP_HEADERS = {12, 16, 40, 52, 56, 64, 108, 124}  # bytes of the header after the file's own
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
# Camera raw files are TIFF containers whose first page, a small preview, would be read as the photo.
RAW_SUFFIXES = frozenset(
    {".3fr", ".arw", ".cr2", ".dng", ".erf", ".iiq", ".nef", ".nrw", ".pef", ".rwl", ".sr2"}
)

_OTHER_MAGICS = (
    (b"%PDF", "a PDF document"),
    (b"\0\5\x16\7", "what macOS keeps beside a file (AppleDouble)"),
    (b"8BPS", "a Photoshop document"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"FUJIFILMCCD-RAW", "a camera raw file"),
    (b"IIRO", "a camera raw file"),
    (b"IIU\0", "a camera raw file"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x1a\x45\xdf\xa3", "a video (Matroska or WebM)"),
    (b"version https://git-lfs", "a Git LFS pointer, not the picture itself"),
)


def picture_format(head: bytes) -> str | None:
    """Return the format, one of `READABLE`, of a file beginning with `head`; None for another."""
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(_TIFF_MAGICS):
        return None if head[8:10] == b"CR" else "tiff"  # "CR" at 8: Canon's raw format, CR2
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith(_JPEG_2000_MAGICS):
        return "jp2"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "bmp"
    if re.match(rb"P[1-6][\s#]", head):
        return "pnm"
    brands = _brands(head)
    if brands & _AVIF_BRANDS:
        return "avif"
    return "heic" if brands & _HEIC_BRANDS else None


def is_camera_raw(head: bytes, name: str) -> bool:
    """Return whether a TIFF container is a camera's raw file (its first page is only a preview)."""
    return head.startswith(_TIFF_MAGICS) and (
        head[8:10] == b"CR" or PurePath(name).suffix.lower() in RAW_SUFFIXES
    )


def readable_formats() -> str:
    """Return the formats that are read, for a message."""
    *others, last = READABLE.values()
    return f"{', '.join(others)} or {last}"


def describe(head: bytes) -> str:
    """Return what a file that is not a readable picture seems to be ("a web page (HTML)"), for a message."""
    for magic, words in _OTHER_MAGICS:
        if head.startswith(magic):
            return words
    if _brands(head):
        return "a video (MP4 or QuickTime)"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in text:
        return "an SVG drawing"
    if text.startswith((b"<!doctype html", b"<html", b"<head")) or b"<html" in text[:512]:
        return "a web page (HTML)"
    if text.startswith(b"<?xml"):
        return "an XML document"
    return "a text file" if _is_text(head) else "in an unknown format"


def _brands(head: bytes) -> set[bytes]:
    """Return the brands of an ISO media file (HEIC, AVIF, MP4): the major one and the compatible ones."""
    if head[4:8] != b"ftyp":
        return set()
    box = head[8 : min(int.from_bytes(head[:4], "big"), len(head))]
    # Bytes 4 to 8 of the box are the minor version, not a brand.
    return {box[i : i + 4] for i in range(0, len(box), 4) if i != 4}


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    printable = sum(byte >= 32 or byte in b"\t\r\n\f\x1b" for byte in head)
    return bool(head) and printable / len(head) > 0.97
