"""TIFF pages in CIE Lab, of which libvips reads but some: their raw samples, brought to sRGB.

The encodings are those of TIFF 6.0, section 23 (CIELab) and of Adobe's PageMaker 6.0 TIFF Technical Notes
(ICCLab). Lab is taken to be relative to D50, as in ICC profiles.
"""

from __future__ import annotations

import io
import struct

import pyvips

from autochrome.io.tiff_pages import TiffPage
from autochrome.io.vips import PROFILE_FIELD, interpretation, sample_type, to_depth

CIELAB, ICCLAB = 8, 9
ENCODINGS = (CIELAB, ICCLAB)
"""Values of TIFF's PhotometricInterpretation."""

_BLACK_IS_ZERO, _RGB = 1, 2
_SIGNED = {"uchar": "char", "ushort": "short"}
# The sample that is L* 100, the samples in a unit of a* and b*, and their zero in units. Floats are values.
_SCALES = {
    (CIELAB, "uchar"): (255, 1, 0),
    (CIELAB, "ushort"): (65535, 256, 0),
    (ICCLAB, "uchar"): (255, 1, 128),
    (ICCLAB, "ushort"): (0xFF00, 256, 128),
}


def as_plain(stream: io.BufferedIOBase, page: TiffPage) -> pyvips.SourceCustom:
    """Return a file whose page says that it is gray or RGB, so that its samples are read as they are.

    Args:
        stream: the file; the source keeps it.
        page: a page in Lab.
    """
    instead = struct.pack(page.order + "H", _RGB if page.samples >= 3 else _BLACK_IS_ZERO)

    def read(size: int) -> bytes:
        start = stream.tell()
        content = bytearray(stream.read(size))
        for i, byte in enumerate(instead, start=page.photometric_at - start):
            if 0 <= i < len(content):
                content[i] = byte
        return bytes(content)

    source = pyvips.SourceCustom()
    source.on_read(read)
    source.on_seek(stream.seek)
    return source


def to_srgb(image: pyvips.Image, encoding: int) -> pyvips.Image:
    """Convert samples of Lab, "L" or "L a b", each with or without more bands, to sRGB at their depth."""
    kind = sample_type(image)
    full, unit, zero = _SCALES.get((encoding, kind), (100, 1, 0))
    lab = image.extract_band(0).linear([100 / full], [0])
    if image.bands >= 3:
        chroma = image.extract_band(1, n=2)
        if encoding == CIELAB:
            chroma = chroma.copy(format=_SIGNED.get(kind, kind))
        lab = lab.bandjoin(chroma.linear([1 / unit], [-zero]))
    else:
        lab = lab.bandjoin([0, 0])
    depth = 8 if kind == "uchar" else 16
    # Little CMS takes Lab as ICC does: relative to D50.
    rgb = lab.copy(interpretation="lab").icc_export(output_profile="srgb", intent="relative", depth=depth)
    rgb.remove(PROFILE_FIELD)
    colors = 3 if image.bands >= 3 else 1
    rgb = to_depth(rgb if colors == 3 else rgb.extract_band(0), kind)
    rest = image.bands - colors
    rgb = rgb.bandjoin(image.extract_band(colors, n=rest)) if rest else rgb
    return rgb.copy(interpretation=interpretation(kind, rgb.bands))
