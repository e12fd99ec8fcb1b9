"""What a format does not hold of a photo, told before it is written."""

from __future__ import annotations

from math import inf

from autochrome.io.encoding import LONGEST_EXIF
from autochrome.io.metadata import fit_metadata, fitted_exif
from autochrome.io.photo import Photo
from autochrome.io.saving import FORMATS
from autochrome.io.sniff import READABLE
from autochrome.io.vips import SAMPLE_TYPES

_BITS = {"uchar": 8, "ushort": 16, "float": 32}
_WORDS = {"iptc": "IPTC fields", "photoshop": "paths and other resources of Photoshop"}
_TWELVE = ("avif", "heic")  # of 16-bit samples they keep 12 bits


def losses(photo: Photo, format: str) -> str | None:
    """Return a sentence on what is lost when a photo is written in a format; None if nothing is.

    Args:
        photo: the photo.
        format: "jpeg", "png", "tiff", "webp", "avif" or "heic".
    """
    lost = [*_of_pixels(photo, format), *_of_metadata(photo, format)]
    return f"{READABLE[format]} does not hold its {' and its '.join(lost)}" if lost else None


def _of_pixels(photo: Photo, format: str) -> list[str]:
    chosen, kind, lost = FORMATS[format], SAMPLE_TYPES[photo.pixels.dtype], []
    if kind not in chosen.sample_types:
        bits = 12 if format in _TWELVE else _BITS[chosen.sample_types[-1]]
        of = "floating point samples" if kind == "float" else "16 bits per sample"
        lost.append(f"{of} (now {bits} bits)")
    elif format in _TWELVE and kind == "ushort" and photo.format not in _TWELVE:
        lost.append("16 bits per sample (now 12 bits)")
    if photo.alpha is not None and not chosen.alpha:
        lost.append("transparency (now white)")
    return lost


def _of_metadata(photo: Photo, format: str) -> list[str]:
    kept = fit_metadata(photo.metadata, format, photo.size, dpi=photo.dpi, is_srgb=False)
    gone = {key for key, block in photo.metadata.items() if block} - set(kept)
    lost = [words for key, words in _WORDS.items() if key in gone]
    exif = fitted_exif(photo.metadata, format, photo.size, dpi=photo.dpi, is_srgb=False)
    return lost + ["longest EXIF tags"] * (len(exif) > LONGEST_EXIF.get(format, inf))
