"""Charts: places tell the numbers, bytes tell nothing else, and colors can be told apart."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from importlib import resources
from xml.etree import ElementTree

import numpy as np
import pytest

from autochrome.report.html import charts

X = np.linspace(0.0, 1.0, 5)
CHARTS: dict[str, Callable[[], str]] = {
    "intervals": lambda: charts.intervals([("a & b", 30.0, 25.0, 36.0), ("c", 20.0, 20.0, 20.0)], xlabel="%"),
    "lines": lambda: charts.lines(
        {"a": (X, X), "b": (X, X**2)}, xlabel="x", ylabel="y", bands={"a": (X, X + 1)}
    ),
    "steps": lambda: charts.steps({"a": (np.arange(6.0), X)}, xlabel="x", ylabel="y", logy=True),
}


@pytest.mark.parametrize("draw", CHARTS.values(), ids=CHARTS)
def test_the_same_numbers_give_the_same_bytes(draw: Callable[[], str]) -> None:
    assert draw() == draw()


@pytest.mark.parametrize("draw", CHARTS.values(), ids=CHARTS)
def test_ink_follows_the_theme_and_nothing_comes_along(draw: Callable[[], str]) -> None:
    text = draw()
    root = ElementTree.fromstring(text)
    assert "width" not in root.attrib and "viewBox" in root.attrib
    assert "#0001" not in text and "#0002" not in text, "a placeholder is left"
    fills = set(re.findall(r"(?:fill|stroke): ?(#[0-9a-f]+)", text))
    assert not fills, f"{fills} do not follow the theme"
    assert "var(--ink" in text
    assert not re.search(r"<metadata|<style|DejaVu|date|matplotlib", text, re.IGNORECASE)
    ids = re.findall(r' id="([^"]*)"', text)
    assert all(f"#{name}" in text for name in ids)


def _points(text: str) -> list[tuple[float, float]]:
    """Where the marks of a chart were placed, in its own units."""
    uses = re.findall(r'<use [^>]*x="([\d.]+)" y="([\d.]+)" style="fill: var\(--series-1', text)
    return [(float(x), float(y)) for x, y in uses]


def test_dots_stand_where_their_values_are_and_rows_go_down() -> None:
    rows = [("a", 10.0, 5.0, 15.0), ("b", 20.0, 15.0, 25.0), ("c", 40.0, 35.0, 45.0)]
    (ax, ay), (bx, by), (cx, cy) = _points(charts.intervals(rows, xlabel="%"))
    assert (cx - bx) / (bx - ax) == pytest.approx(2, rel=1e-3)
    assert cy - by == pytest.approx(by - ay, rel=1e-3) and by > ay


def test_a_reference_outside_of_the_values_is_in_the_picture() -> None:
    rows = [("a", 10.0, 5.0, 15.0)]
    tick = re.findall(r">(\d+)</text>", charts.intervals(rows, xlabel="%", reference=50.0))
    assert "50" in tick and "50" not in re.findall(r">(\d+)</text>", charts.intervals(rows, xlabel="%"))


def test_a_series_keeps_the_color_of_its_place_and_the_ninth_is_dashed() -> None:
    many = {str(n): (X, X + n) for n in range(9)}
    text = charts.lines(many, xlabel="x", ylabel="y")
    for n in range(1, 9):
        assert f"var(--series-{n}, {charts.SERIES[n - 1]})" in text
    assert "stroke-dasharray" in text
    assert "stroke-dasharray" not in charts.lines(dict(list(many.items())[:8]), xlabel="x", ylabel="y")


def test_names_are_escaped_and_a_dollar_is_no_formula() -> None:
    assert "a &amp; b" in CHARTS["intervals"]()
    assert ">$x^2$</text>" in charts.intervals([("$x^2$", 1.0, 1.0, 1.0)], xlabel="%")


def _themes() -> dict[str, dict[str, str]]:
    css = resources.files("autochrome.report.html").joinpath("style.css").read_text(encoding="utf-8")
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", css)
    return {
        "light": {name: light for name, light, _ in pairs},
        "dark": {name: dark for name, _, dark in pairs},
    }


def _linear(color: str) -> np.ndarray:
    encoded = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance."""
    bright, dim = sorted((float(_linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (one, other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_and_lines_stand_out_from_the_page(theme: str) -> None:
    """WCAG 2.2: 4.5 for text, 3 for what is drawn."""
    colors = _themes()[theme]
    for text, ground in itertools.product(("ink", "soft", "accent"), ("paper", "panel")):
        assert _contrast(colors[text], colors[ground]) >= 4.5, (text, ground)
    for place in range(1, 9):
        assert _contrast(colors[f"series-{place}"], colors["paper"]) >= 3, place


# Machado, Oliveira and Fernandes 2009, severity 1, for linear RGB.
_DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


@pytest.mark.parametrize("deficiency", _DEFICIENCIES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_colors_can_be_told_apart_by_the_color_blind(theme: str, deficiency: str) -> None:
    """Any two of the eight differ by 10 CIE76 units at least, to whoever looks."""
    from skimage.color import deltaE_cie76, rgb2lab

    seen = []
    for place in range(1, 9):
        linear = np.clip(_DEFICIENCIES[deficiency] @ _linear(_themes()[theme][f"series-{place}"]), 0, 1)
        encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        seen.append(rgb2lab(encoded))
    for (i, one), (j, other) in itertools.combinations(enumerate(seen, 1), 2):
        assert float(deltaE_cie76(one, other)) >= 10, (i, j)


def test_the_fallback_colors_are_the_page_s_light_ones() -> None:
    colors = _themes()["light"]
    assert [colors[f"series-{n}"] for n in range(1, 9)] == list(charts.SERIES)
