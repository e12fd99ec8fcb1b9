"""Colors that a file describes by tags instead of an ICC profile, brought to sRGB.

PNG ranks its chunks cICP, iCCP, sRGB, then gAMA and cHRM (W3C PNG, third edition, 4.3 and 11.3.2); HEIC and
AVIF have an `nclx` box. Code points are those of ITU-T H.273 (CICP), tables 2 and 3. A gAMA of about 1/2.2 is
what encoders write beside sRGB, so that it stands for sRGB's curve here, as in libpng.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyvips

from autochrome.errors import PhotoError
from autochrome.io import iso_media
from autochrome.io.loading import PhotoFile
from autochrome.io.png_chunks import read_chunks
from autochrome.io.tone_curve import Floats, linear_to_srgb, srgb_to_linear
from autochrome.io.vips import WHITE, from_array, sample_type

Primaries = tuple[float, ...]
"""x and y of red, green, blue and white."""

_D65, _C = (0.3127, 0.3290), (0.310, 0.316)
_SRGB: Primaries = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *_D65)
_SMPTE_C: Primaries = (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *_D65)
_PRIMARIES: dict[int, Primaries] = {
    1: _SRGB,
    2: _SRGB,  # unspecified
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, *_C),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *_D65),
    6: _SMPTE_C,
    7: _SMPTE_C,
    8: (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, *_C),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    22: (0.630, 0.340, 0.295, 0.605, 0.155, 0.077, *_D65),
}
_HDR = {16: "PQ", 18: "HLG"}
_SAME_GAMMA, _SAME_PLACE = 0.05, 0.005  # libpng's PNG_GAMMA_THRESHOLD; a visible difference of primaries

Curve = Callable[[Floats], Floats]


def _power(gamma: float, levels: Floats) -> Floats:
    return levels**gamma


def _bt709(levels: Floats) -> Floats:
    return np.where(levels < 0.081242858, levels / 4.5, ((levels + 0.099296826) / 1.099296826) ** (1 / 0.45))


def _smpte240(levels: Floats) -> Floats:
    return np.where(levels < 0.0912864, levels / 4, ((levels + 0.111572196) / 1.111572196) ** (1 / 0.45))


_CURVES: dict[int, Curve] = {
    **dict.fromkeys((1, 6, 11, 12, 14, 15), _bt709),
    **dict.fromkeys((2, 13), srgb_to_linear),
    4: partial(_power, 2.2),
    5: partial(_power, 2.8),
    7: _smpte240,
    8: partial(_power, 1.0),
    9: lambda levels: np.where(levels <= 0, 0, 10 ** (2 * (levels - 1))),
    10: lambda levels: np.where(levels <= 0, 0, 10 ** (2.5 * (levels - 1))),
    17: lambda levels: 52.37 / 48 * levels**2.6,
}


@dataclass(frozen=True)
class ColorTags:
    """What encoded levels mean.

    Attributes:
        curve: encoded levels in [0, 1] to linear light.
        primaries: of the channels.
        full_range: whether the levels reach from 0 to the largest; else from 16/256 to 235/256 of the range.
    """

    curve: Curve = srgb_to_linear
    primaries: Primaries = _SRGB
    full_range: bool = True

    @property
    def is_srgb(self) -> bool:
        """Whether there is nothing to convert."""
        return self.curve is srgb_to_linear and self.primaries == _SRGB and self.full_range

    def to_srgb(self, image: pyvips.Image) -> pyvips.Image:
        """Convert an image of 1 or 3 bands of integers, keeping its depth."""
        white = WHITE[sample_type(image)]
        levels = np.linspace(0, 1, int(white) + 1)
        if not self.full_range:
            unit = (white + 1) / 256  # of 16-bit samples, too: H.273, 8.3
            levels = ((levels * white - 16 * unit) / (219 * unit)).clip(0, 1)
        linear = self.curve(levels).clip(0, 1)
        if image.bands == 1 or self.primaries == _SRGB:
            table = (linear_to_srgb(linear) * white).round()
            dtype = np.uint8 if white == 255 else np.uint16
            return image.maplut(from_array(table[None, :, None].astype(dtype))).copy(
                interpretation=image.interpretation
            )
        matrix = pyvips.Image.new_from_array(_to_srgb_matrix(self.primaries).tolist())
        light = image.maplut(from_array(linear[None, :, None].astype(np.float32))).recomb(matrix)
        return light.copy(interpretation="scrgb").colourspace("srgb" if white == 255 else "rgb16")


def color_tags(file: PhotoFile, has_profile: bool) -> ColorTags | None:
    """Return the tags by which a file's colors are to be read; None for its ICC profile, or sRGB.

    Args:
        file: the photo.
        has_profile: it has an ICC profile that can be used.

    Raises:
        PhotoError: the tones are of high dynamic range.
    """
    tags = None
    if file.format == "png":
        tags = _of_png(file, has_profile)
    elif file.format in ("avif", "heic") and not has_profile:
        with file.stream() as stream:
            nclx = iso_media.nclx(stream)
        # libheif expands the range and leaves RGB behind.
        tags = _of_code_points(file.name, nclx[0], nclx[1], full_range=True) if nclx else None
    return None if tags is None or tags.is_srgb else tags


def _of_png(file: PhotoFile, has_profile: bool) -> ColorTags | None:
    with file.stream() as stream:
        chunks = read_chunks(stream, {b"cICP", b"sRGB", b"gAMA", b"cHRM"})
    code = chunks.get(b"cICP", b"")
    if len(code) == 4 and code[2] == 0:  # PNG has RGB alone: another matrix is an error
        return _of_code_points(file.name, code[0], code[1], full_range=bool(code[3]))
    if has_profile or b"sRGB" in chunks:
        return None
    curve, primaries = srgb_to_linear, _SRGB
    if len(chunks.get(b"gAMA", b"")) == 4:
        gamma = struct.unpack(">I", chunks[b"gAMA"])[0] / 100_000
        if gamma and abs(gamma * 2.2 - 1) > _SAME_GAMMA:
            curve = partial(_power, 1 / gamma)
    if len(chunks.get(b"cHRM", b"")) == 32:
        white_x, white_y, *others = (value / 100_000 for value in struct.unpack(">8I", chunks[b"cHRM"]))
        given = (*others, white_x, white_y)
        if np.abs(np.subtract(given, _SRGB)).max() > _SAME_PLACE and _is_usable(given):
            primaries = given
    return ColorTags(curve, primaries)


def _of_code_points(name: str, primaries: int, transfer: int, *, full_range: bool) -> ColorTags | None:
    if transfer in _HDR:
        problem = f"has tones of high dynamic range ({_HDR[transfer]}), which are not read"
        raise PhotoError(name, problem, "Save it in an image editor with standard (SDR) tones")
    if primaries not in _PRIMARIES or transfer not in _CURVES:
        return None
    return ColorTags(_CURVES[transfer], _PRIMARIES[primaries], full_range)


def _is_usable(primaries: Primaries) -> bool:
    if min(primaries[1::2]) <= 0:
        return False
    return bool(np.isfinite(_to_srgb_matrix(primaries)).all()) if _area(primaries) > 1e-4 else False


def _area(primaries: Primaries) -> float:
    x1, y1, x2, y2, x3, y3, *_ = primaries
    return abs((x2 - x1) * (y3 - y1) - (x3 - x1) * (y2 - y1))


def _to_xyz(primaries: Primaries) -> Floats:
    """Return the matrix from linear RGB to XYZ (SMPTE RP 177)."""
    xy = np.reshape(primaries, (4, 2))
    xyz = np.column_stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(1)) / xy[:, 1]]).T
    return xyz[:, :3] * np.linalg.solve(xyz[:, :3], xyz[:, 3])


def _to_srgb_matrix(primaries: Primaries) -> Floats:
    """Return the matrix from linear RGB of some primaries to sRGB's, white to white (Bradford)."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    theirs, ours = _to_xyz(primaries), _to_xyz(_SRGB)
    cones = (bradford @ ours.sum(1)) / (bradford @ theirs.sum(1))
    adapted = np.linalg.solve(bradford, cones[:, None] * (bradford @ theirs))
    return np.linalg.solve(ours, adapted)
