"""`autochrome colorize`: content decides what a photo is, and what is lost on the way is said."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from autochrome.io.photo import read_photo
from tests.cli.photos import GRAY, names, put

DEEP = np.ascontiguousarray(GRAY.astype(np.uint16) * 257)


def misnamed(name: str, content_of: str, pixels: np.ndarray = DEEP) -> None:
    alpha = np.ascontiguousarray(pixels[:, :, 0]) if content_of.endswith(("png", "tif")) else None
    put(content_of, pixels, alpha=alpha).rename(name)


@pytest.mark.parametrize(
    ("name", "true"), [("s.jpg", ".png"), ("s.png", ".tif"), ("s.tif", ".png"), ("s", ".png")]
)
def test_beside_the_photo_the_true_ending_is_given(colorize, name: str, true: str) -> None:
    misnamed(name, f"x{true}")
    result = colorize(name)
    assert result.exit_code == 0, result.output
    assert names() == {name, f"s.colorized{true}"}
    photo = read_photo(f"s.colorized{true}")
    assert photo.pixels.dtype == np.uint16 and photo.alpha is not None
    assert "note" not in result.stderr


def test_in_a_folder_the_name_stays_and_nothing_is_lost(colorize) -> None:
    misnamed("s.jpg", "x.png")
    result = colorize("s.jpg", "-o", "out/")
    photo = read_photo("out/s.jpg")
    assert photo.format == "png" and photo.pixels.dtype == np.uint16 and photo.alpha is not None
    assert "note: s.jpg: it is a PNG picture with another ending, and so is its result" in result.stderr


@pytest.mark.parametrize("arguments", [["-o", "a.jpg"], ["--format", "jpeg"], ["--format", "webp"]])
def test_what_the_chosen_format_does_not_hold_is_said(colorize, arguments: list[str]) -> None:
    put("deep.png", DEEP, alpha=np.ascontiguousarray(DEEP[:, :, 0]))
    result = colorize("deep.png", *arguments)
    assert "does not hold its 16 bits per sample (now 8 bits)" in result.stderr
    assert ("transparency" in result.stderr) is ("webp" not in arguments)
    piped = colorize("-", "-o", "-", "--format", "jpeg", given=Path("deep.png").read_bytes())
    assert "note: JPEG does not hold its 16 bits" in piped.stderr


def test_nothing_is_said_where_nothing_is_lost(colorize) -> None:
    put("a.JPEG")
    assert "note" not in colorize("a.JPEG").stderr
    assert names() == {"a.JPEG", "a.colorized.JPEG"}


@pytest.mark.parametrize("options", [[], ["--samples", 2, "--uncertainty"]])
def test_the_results_of_a_private_photo_are_private(colorize, options: list[object]) -> None:
    put("a.png").chmod(0o600)
    assert colorize("a.png", *options).exit_code == 0
    modes = {path: stat.S_IMODE(Path(path).stat().st_mode) for path in names()}
    assert len(modes) == (5 if options else 2) and set(modes.values()) == {0o600}, modes


def test_formats_that_cannot_be_written_are_not_offered(colorize, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autochrome.io.saving.can_write", lambda name: name in ("jpeg", "png"))
    put("a.png")
    result = colorize("a.png", "--format", "webp")
    assert result.exit_code == 2 and "'webp' is not one of 'jpeg', 'png'" in result.stderr
    assert names() == {"a.png"}


def test_a_device_is_not_replaced(colorize) -> None:
    put("a.png")
    Path("device.png").symlink_to("/dev/null")
    result = colorize("a.png", "-o", "device.png", "--overwrite")
    assert result.exit_code == 1
    assert "it is a device, and only files are replaced" in result.stderr
    assert Path("/dev/null").is_char_device()
