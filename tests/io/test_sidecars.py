"""XMP sidecars: which one belongs to a photo, and what of it a colorization gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autochrome.io import sidecars, xmp
from autochrome.io.sidecars import find_sidecar, true_sidecar
from autochrome.io.xmp import XmpError
from tests.io.test_xmp import packet

RATED = packet('xmp:Rating="4"', xmp="http://ns.adobe.com/xap/1.0/")
DEVELOPED = packet(
    'xmp:Rating="4" crs:ConvertToGrayscale="True"',
    xmp="http://ns.adobe.com/xap/1.0/",
    crs="http://ns.adobe.com/camera-raw-settings/1.0/",
)


@pytest.mark.parametrize("name", ["a.xmp", "a.XMP", "a.jpg.xmp", "a.jpg.XMP"])
def test_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(RATED)
    (tmp_path / "ab.xmp").write_bytes(RATED)
    assert find_sidecar(tmp_path / "a.jpg") == tmp_path / name
    assert find_sidecar(tmp_path / "b.jpg") is None


def test_the_whole_name_comes_first(tmp_path: Path) -> None:
    for name in ("a.xmp", "a.jpg.xmp"):
        (tmp_path / name).write_bytes(RATED)
    assert find_sidecar(tmp_path / "a.jpg") == tmp_path / "a.jpg.xmp"
    assert find_sidecar(tmp_path / "a.tif") == tmp_path / "a.xmp"


def test_only_files_are_sidecars(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.xmp")  # reading it would never end
    (tmp_path / "a.jpg.xmp").mkdir()
    assert find_sidecar(tmp_path / "a.jpg") is None
    assert find_sidecar(tmp_path / f"{'a' * 250}.jpg") is None


def test_nothing_untrue_nothing_changed(tmp_path: Path) -> None:
    sidecar = tmp_path / "a.xmp"
    sidecar.write_bytes(b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- by hand -->\n' + RATED)
    assert true_sidecar(sidecar) == sidecar.read_bytes()


def test_settings_that_would_make_it_gray_again_go(tmp_path: Path) -> None:
    sidecar = tmp_path / "a.xmp"
    sidecar.write_bytes(DEVELOPED)
    assert b"Grayscale" not in true_sidecar(sidecar) and b'Rating="4"' in true_sidecar(sidecar)


@pytest.mark.parametrize("content", [b"", b"no XMP", RATED[:-20], b"<!DOCTYPE a>" + RATED])
def test_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.xmp").write_bytes(content)
    with pytest.raises(XmpError):
        true_sidecar(tmp_path / "a.xmp")


def test_huge_ones_are_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.xmp").open("wb") as file:
        file.truncate(1 << 40)  # a hole: it takes no room on the disk, but would in memory
    with pytest.raises(XmpError, match="longer than"):
        true_sidecar(tmp_path / "a.xmp")
    assert sidecars.LONGEST == xmp.LONGEST


def test_unreadable(tmp_path: Path) -> None:
    with pytest.raises(XmpError, match="unreadable"):
        true_sidecar(tmp_path / "gone.xmp")
