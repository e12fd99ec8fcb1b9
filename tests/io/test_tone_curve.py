"""Gray curves against their formulas in ICC.1:2022 and IEC 61966-2-1."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from autochrome.io.tone_curve import gray_to_srgb

LEVELS = np.linspace(0, 1, 101)


def srgb_of(linear: np.ndarray) -> np.ndarray:
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def profile(curve: bytes, pcs: bytes = b"XYZ ") -> bytes:
    head = (b"\0" * 16 + b"GRAY" + pcs).ljust(128, b"\0")
    return head + struct.pack(">I4sII", 1, b"kTRC", 144, len(curve)) + curve


def parametric(kind: int, *values: float) -> bytes:
    fixed = [round(value * 65536) for value in values]
    return b"para\0\0\0\0" + struct.pack(f">HH{len(fixed)}i", kind, 0, *fixed)


@pytest.mark.parametrize(
    ("curve", "linear"),
    [
        (b"curv\0\0\0\0\0\0\0\0", LEVELS),
        (b"curv\0\0\0\0\0\0\0\1\2\0\0\0", LEVELS**2),
        (
            b"curv\0\0\0\0" + struct.pack(">I3H", 3, 0, 16384, 65535),
            np.interp(LEVELS, [0, 0.5, 1], [0, 0.25, 1]),
        ),
        (parametric(0, 2), LEVELS**2),
        (parametric(1, 2, 2, -0.5), np.clip(np.maximum(2 * LEVELS - 0.5, 0) ** 2, 0, 1)),
        (parametric(2, 2, 1, -0.5, 0.25), np.where(LEVELS >= 0.5, (LEVELS - 0.5) ** 2 + 0.25, 0.25)),
        (parametric(3, 2, 1, 0, 0.5, 0.5), np.where(LEVELS >= 0.5, LEVELS**2, LEVELS / 2)),
        (
            parametric(4, 2, 1, 0, 0.5, 0.5, 0.1, 0.05),
            np.where(LEVELS >= 0.5, LEVELS**2 + 0.1, LEVELS / 2 + 0.05),
        ),
    ],
)
def test_each_kind_of_curve(curve, linear):
    np.testing.assert_allclose(gray_to_srgb(profile(curve), LEVELS), srgb_of(linear.clip(0, 1)), atol=2e-4)


def test_srgbs_own_curve_changes_nothing():
    curve = parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    np.testing.assert_allclose(gray_to_srgb(profile(curve), LEVELS), LEVELS, atol=2e-4)


def test_a_lab_connection_space_means_lightness():
    # L* = 50 is Y = 0.18419 (CIE 15), which sRGB encodes as 0.46633.
    got = gray_to_srgb(profile(b"curv\0\0\0\0\0\0\0\0", b"Lab "), np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(got, [0, 0.46633, 1], atol=1e-4)


@pytest.mark.parametrize("curve", [b"", b"curv", b"para\0\0\0\0\0\x09\0\0", b"what\0\0\0\0\0\0\0\0"])
def test_broken_curves_are_value_errors(curve):
    with pytest.raises(ValueError, match="curve"):
        gray_to_srgb(profile(curve), LEVELS)
    with pytest.raises(ValueError, match="kTRC"):
        gray_to_srgb(profile(curve).replace(b"kTRC", b"aTRC"), LEVELS)
