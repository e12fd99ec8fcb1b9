"""Hints for models that draw: CIC's distribution tells how far they reach, draws conform, the rest varies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from autochrome.guidance import parse_hint
from autochrome.io.photo import Photo
from autochrome.models.base import KnownColors
from autochrome.pipeline.extent import find_extent
from autochrome.pipeline.hinting import hints_on_picture
from autochrome.pipeline.painter import ColorizeSettings, Painter

HALVES = Photo(
    np.concatenate([np.full((64, 48, 1), 60, np.uint8), np.full((64, 48, 1), 200, np.uint8)], axis=1)
)
"""A dark and a bright half."""
HINT = parse_hint("25%,50%,#4682b4,10%")


@pytest.fixture(scope="module")
def pixcolor() -> Painter:
    torch.manual_seed(0)
    return Painter("pixcolor.test")


def chroma_at(photo: Photo, x: float) -> np.ndarray:
    """Red less blue and green less their mean, both 0 of gray, around the middle of a column."""
    column = round(x * photo.pixels.shape[1])
    red, green, blue = photo.pixels[24:40, column - 4 : column + 4].reshape(-1, 3).astype(float).mean(0)
    return np.array([red - blue, green - (red + blue) / 2])


def test_a_draw_has_the_known_color_where_it_is_known(pixcolor: Painter) -> None:
    settings = ColorizeSettings(samples=4, hints=(HINT,))
    told = pixcolor.colorize(HALVES, settings)
    plain = pixcolor.colorize(HALVES, ColorizeSettings(samples=4))
    blue = [chroma_at(one, 0.25)[0] for one in told]
    assert max(blue) < -30, "all are blue there"
    assert np.ptp(blue) < 15 < np.ptp([chroma_at(one, 0.25)[0] for one in plain])
    [entry] = told[0].provenance.settings["hints"]  # type: ignore[union-attr]
    assert entry["color"] == "#4682b4"


def test_elsewhere_samples_go_on_to_vary(pixcolor: Painter) -> None:
    told = pixcolor.colorize(HALVES, ColorizeSettings(samples=6, hints=(HINT,)))
    plain = pixcolor.colorize(HALVES, ColorizeSettings(samples=6))
    of_told, of_plain = (np.std([chroma_at(one, 0.8) for one in series], 0) for series in (told, plain))
    assert of_told.sum() > 0.5 * of_plain.sum()


def test_the_model_is_told_the_colors_as_far_as_they_reach(
    pixcolor: Painter, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[KnownColors | None] = []
    draw: Any = pixcolor.model.draw

    def spy(luma: torch.Tensor, **how: object) -> object:
        if how.get("n") == 1:  # not what is drawn to see how unsure the model is
            seen.append(how.get("known"))  # type: ignore[arg-type]
        return draw(luma, **how)

    monkeypatch.setattr(pixcolor.model, "draw", spy)
    pixcolor.colorize(HALVES, ColorizeSettings())
    pixcolor.colorize(HALVES, ColorizeSettings(hints=(HINT,)))
    nothing, known = seen
    assert nothing is None and known is not None
    assert known.lab.shape == (1, 3) and known.lab[0, 2] < -20
    height, width = known.weights.shape[1:]
    assert known.weights[0, height // 2, width // 4] > 0.9
    assert known.weights[0, height // 2, -2] < 0.1, "the bright half is another thing"


def test_hints_hold_for_a_model_that_only_corrects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a model without the capability the drawn colors are brought to the known ones afterwards."""
    painter = Painter("pixcolor.test")
    spec = painter.model.spec
    monkeypatch.setattr(painter.model, "spec", replace(spec, can=spec.can - {"known_colors"}))
    monkeypatch.setattr(type(painter.model), "_bias", None)
    told = painter.colorize(HALVES, ColorizeSettings(samples=3, hints=(HINT,)))
    assert max(chroma_at(one, 0.25)[0] for one in told) < -30


def test_preferences_move_every_sample_by_as_much(pixcolor: Painter) -> None:
    """By what they do to CIC's mean color at the place, so that samples keep their differences."""
    asked = {"upsampling": "bilinear", "saturation": 0.3, "samples": 3}  # far from the edges of sRGB
    plain = pixcolor.colorize(HALVES, ColorizeSettings(**asked))  # type: ignore[arg-type]
    for settings, sign in (({"warmth": 1.0}, 1), ({"warmth": -1.0}, -1), ({"tint": "royalblue"}, -1)):
        moved = pixcolor.colorize(HALVES, ColorizeSettings(**asked, **settings))  # type: ignore[arg-type]
        steps = [chroma_at(a, 0.75)[0] - chroma_at(b, 0.75)[0] for a, b in zip(moved, plain, strict=True)]
        assert min(sign * step for step in steps) > 1
        assert np.ptp(steps) < 0.5 * np.mean(np.abs(steps))
        used = moved[0].provenance.settings  # type: ignore[union-attr]
        assert used[next(iter(settings))] == next(iter(settings.values()))


def test_a_palette_can_come_over_within_what_is_likely(pixcolor: Painter) -> None:
    blue = Photo(np.full((40, 60, 3), (60, 90, 200), np.uint8))
    asked = {"samples": 2, "reference": blue}
    by_energy = pixcolor.colorize(HALVES, ColorizeSettings(**asked, transfer="energy"))  # type: ignore[arg-type]
    by_quantiles = pixcolor.colorize(HALVES, ColorizeSettings(**asked))  # type: ignore[arg-type]
    plain = pixcolor.colorize(HALVES, ColorizeSettings(samples=2))
    for k in range(2):
        assert chroma_at(by_energy[k], 0.75)[0] < chroma_at(plain[k], 0.75)[0] - 1
    made = [one[0].provenance.settings["transfer"] for one in (by_energy, by_quantiles)]  # type: ignore[union-attr]
    assert made == ["energy", "quantiles"]


def test_a_hint_on_the_mat_does_nothing_and_is_reported() -> None:
    framed = np.full((96, 128, 1), 8, np.uint8)
    framed[16:80, 16:112] = np.linspace(50, 220, 96).astype(np.uint8)[None, :, None]
    hints = (parse_hint("3,3,red"), parse_hint("60,40,red"))
    kept, notes = hints_on_picture(hints, find_extent(framed))
    assert kept == hints[1:]
    [note] = notes
    assert note == "the hint at 3,3 lies on its border or mat, which stays without color"
    assert hints_on_picture(hints, find_extent(HALVES.pixels)) == (hints, ())
