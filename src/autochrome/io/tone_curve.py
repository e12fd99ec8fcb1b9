"""The tone curve of a GRAY profile, read from the profile itself.

Little CMS samples gray curves at 33 points, which is off by up to 9 levels of 255 in the shadows. Here the
profile is followed exactly (ICC.1:2022, 8.3.4 monochrome profiles, 10.6 curves, 10.18 parametric curves).
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def gray_to_srgb(profile: bytes, levels: Floats) -> Floats:
    """Convert device levels in [0, 1] to gamma-encoded sRGB levels in [0, 1].

    Raises:
        ValueError: the profile has no gray curve that can be read.
    """
    try:
        value = np.clip(_curve(_tag(profile, b"kTRC"), levels), 0.0, 1.0)
    except (struct.error, IndexError, TypeError) as error:
        raise ValueError(f"the profile's gray curve is broken ({error})") from error
    if profile[20:24] == b"Lab ":  # then the curve gives L*/100
        value = np.where(value > 0.08, ((value * 100 + 16) / 116) ** 3, value / 9.032963)
    return linear_to_srgb(value)


def linear_to_srgb(light: Floats) -> Floats:
    """Return sRGB levels in [0, 1] of linear light in [0, 1] (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def srgb_to_linear(levels: Floats) -> Floats:
    """Return linear light in [0, 1] of sRGB levels in [0, 1] (IEC 61966-2-1)."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def _tag(profile: bytes, name: bytes) -> bytes:
    (count,) = struct.unpack_from(">I", profile, 128)
    for entry in range(min(count, 200)):
        signature, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * entry)
        if signature == name:
            return profile[offset : offset + size]
    raise ValueError(f"the profile has no {name.decode()} tag")


def _curve(tag: bytes, x: Floats) -> Floats:
    kind = tag[:4]
    if kind == b"para":
        return _parametric(tag, x)
    if kind != b"curv":
        raise ValueError(f"a curve of unknown type {kind!r}")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return x
    if count == 1:
        return x ** (struct.unpack_from(">H", tag, 12)[0] / 256)
    table = np.frombuffer(tag, ">u2", count, 12) / 65535
    return np.interp(x, np.linspace(0, 1, count), table)


def _parametric(tag: bytes, x: Floats) -> Floats:
    """Return Y = (aX + b)^g + e from d on, cX + f below (ICC.1:2022, table 68); simpler types omit some."""
    (kind,) = struct.unpack_from(">H", tag, 8)
    count = (1, 3, 4, 5, 7)[kind]
    values = [value / 65536 for value in struct.unpack_from(f">{count}i", tag, 12)]
    g, a, b, c, d, e, f = values + [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0][count:]
    if kind in (1, 2):  # type 2's fourth value is the constant on both sides of -b/a
        constant = c if kind == 2 else 0.0
        c, d, e, f = 0.0, -b / a, constant, constant
    return np.where(x >= d, np.maximum(a * x + b, 0.0) ** g + e, c * x + f)
