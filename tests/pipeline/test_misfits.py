"""Pictures that cannot be colored, or are in color already, are told from photos."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from autochrome.io.photo import Photo
from autochrome.pipeline.misfits import TWO_TONES, is_noise, is_two_toned
from autochrome.pipeline.painter import ColorizeSettings, Painter
from autochrome.pipeline.predict import OWN_COLORS, OWN_COLORS_KEPT, UNSURE

RNG = np.random.default_rng(0)


def scene(height: int = 96, width: int = 128) -> np.ndarray:
    """A smooth picture with an object, "h w 1"."""
    y, x = np.mgrid[:height, :width] / height
    gray = 60 + 120 * y + 40 * np.sin(3 * x) + 50 * (np.hypot(y - 0.5, x - 0.6) < 0.2)
    return gray.clip(0, 255).astype(np.uint8)[..., None]


def as_jpeg(gray: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(gray[..., 0]).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))[..., None]


DITHERED = np.asarray(Image.fromarray(scene()[..., 0]).convert("1")).astype(np.uint8)[..., None] * 255
THRESHOLDED = (scene() > 127).astype(np.uint8) * 255
TWO = {
    "dithered": DITHERED,
    "thresholded": THRESHOLDED,
    "dithered, as JPEG": as_jpeg(DITHERED, 90),
    "gray ink on gray paper": 40 + DITHERED // 255 * 170,
    "16 bits": DITHERED.astype(np.uint16) * 257,
    "float": (DITHERED / 255).astype(np.float32),
}


@pytest.mark.parametrize("name", TWO)
def test_black_and_white_without_grays_stays_so_and_says_it(name: str) -> None:
    assert is_two_toned(TWO[name])
    [colored] = Painter("cic.test", device="cpu").colorize(Photo(TWO[name]))
    assert TWO_TONES in colored.notes
    spread = colored.pixels.max(2).astype(float) - colored.pixels.min(2)
    assert spread.max() <= colored.white / 255


@pytest.mark.parametrize(
    "pixels", [scene(), np.full((40, 40, 1), 7, np.uint8), RNG.integers(0, 256, (64, 64, 1), np.uint8)]
)
def test_grays_are_more_than_two_tones(pixels: np.ndarray) -> None:
    assert not is_two_toned(pixels)


def test_two_grays_take_color() -> None:
    assert not is_two_toned(90 + THRESHOLDED // 255 * 110)


@pytest.mark.parametrize("model", ["gray", "pixcolor.test"])
def test_noise_counts_as_a_guess(model: str) -> None:
    """Of models whose own doubt, if any, is never large."""
    painter = Painter(model, device="cpu")
    noise = RNG.integers(0, 256, (200, 260, 1), np.uint8)
    assert UNSURE in painter.predict(Photo(noise)).notes
    assert UNSURE not in painter.predict(Photo(noise), as_is=True).notes


def test_photos_are_no_noise() -> None:
    grainy = scene(128, 160) + RNG.normal(0, 12, (128, 160, 1))
    for gray in (scene(), grainy, np.zeros((40, 40, 1))):
        assert not is_noise(torch.from_numpy(gray / 2.55).permute(2, 0, 1)[None].float())


def test_own_colors_are_kept_on_request_and_noted() -> None:
    pixels = scene().repeat(3, 2)
    pixels[10:40, 10:50] = (200, 40, 40)
    pixels[10:40, 50:70] = (40, 60, 200)
    painter = Painter("cic.test", device="cpu")
    [plain] = painter.colorize(Photo(pixels))
    [kept] = painter.colorize(Photo(pixels), ColorizeSettings(keep_color=True))
    assert OWN_COLORS in plain.notes and OWN_COLORS_KEPT in kept.notes
    inside, outside = (slice(12, 38), slice(12, 68)), (slice(60, None), slice(80, None))
    assert np.abs(kept.pixels[inside].astype(int) - pixels[inside]).max() <= 1
    assert np.abs(plain.pixels[inside].astype(int) - pixels[inside]).max() > 40
    np.testing.assert_array_equal(kept.pixels[outside], plain.pixels[outside])
    assert kept.provenance and kept.provenance.settings["keep_color"] is True


def test_a_toned_photo_is_said_to_have_a_tone() -> None:
    sepia = (scene() * (1.0, 0.85, 0.6)).astype(np.uint8)
    notes = Painter("cic.test", device="cpu").predict(Photo(sepia)).notes
    assert any("tone of its own" in note for note in notes)
    assert OWN_COLORS not in notes
