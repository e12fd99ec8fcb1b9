"""Charts as SVG for a `Document`, in the page's CSS variables, so that they follow its theme.

Matplotlib draws in placeholder colors, which are replaced in the SVG's text. Without pyplot's global state,
fonts and dates, the same numbers give the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SERIES = ("#0f62b0", "#b84500", "#1f8a63", "#94307c", "#a68a00", "#43239a", "#3f97a8", "#444a52")
"""Of the series on a light page, its ``--series-1`` to ``--series-8``; the ninth is the first, dashed."""

_WIDTH, _HEIGHT = 440.0, 270.0
_INK, _SOFT, _LINE = "#000101", "#000102", "#000103"
_PLACEHOLDERS = {
    _INK: "var(--ink, #1c2127)",
    _SOFT: "var(--soft, #59636e)",
    _LINE: "var(--line, #dfe3e8)",
} | {f"#0002{n:02x}": f"var(--series-{n}, {SERIES[n - 1]})" for n in range(1, len(SERIES) + 1)}
_DASHES = ("solid", "dashed", "dotted", "dashdot")
_STYLE: Any = {
    "svg.hashsalt": "autochrome",
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",  # always there, so that places do not depend on the machine's fonts
    "font.size": 11,
    "axes.unicode_minus": True,
    "axes.formatter.use_mathtext": False,
}


def intervals(
    rows: Sequence[tuple[str, float, float, float]], *, xlabel: str, reference: float | None = None
) -> str:
    """Return the SVG of dots with whiskers, one row each from the top.

    Args:
        rows: name, value, and the two ends of its interval; equal ends draw the dot alone.
        xlabel: what the values are.
        reference: where to draw a dashed vertical line: no difference, or chance.
    """
    figure, axes = _canvas(height=70.0 + 26 * max(len(rows), 1))
    for place, (_, value, low, high) in enumerate(rows):
        color = _color(0)
        axes.plot([low, high], [place, place], color=color, linewidth=1.8, solid_capstyle="round")
        axes.plot([value], [place], "o", color=color, markersize=6, markeredgewidth=0)
    if reference is not None:
        axes.axvline(reference, color=_SOFT, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.set_yticks(range(len(rows)), [_shorten(name, 34) for name, *_ in rows])
    axes.tick_params(axis="y", labelcolor=_INK, length=0)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(xlabel)
    return _svg(figure)


def lines(
    series: Mapping[str, tuple[Float[ndarray, " n"], Float[ndarray, " n"]]],
    *,
    xlabel: str,
    ylabel: str,
    bands: Mapping[str, tuple[Float[ndarray, " n"], Float[ndarray, " n"]]] | None = None,
    diagonal: bool = False,
) -> str:
    """Return the SVG of curves over a common axis; the points of short ones are marked.

    Args:
        series: x and y of each curve, under its name; values that are not finite are left out.
        xlabel: what x is.
        ylabel: what y is.
        bands: lower and upper edge around the curve of the same name, at the same x.
        diagonal: draw the line y = x of calibrated predictions.
    """
    figure, axes = _canvas()
    if diagonal:
        axes.axline((0, 0), slope=1, color=_SOFT, linewidth=1.2, linestyle=(0, (4, 3)))
    for place, (name, (x, y)) in enumerate(series.items()):
        marker = "o" if len(x) <= 12 else ""
        axes.plot(x, y, color=_color(place), linestyle=_dash(place), marker=marker, markersize=4, label=name)
        if bands and name in bands:
            low, high = bands[name]
            axes.fill_between(x, low, high, color=_color(place), alpha=0.15, linewidth=0)
    _finish(figure, axes, list(series), xlabel, ylabel)
    return _svg(figure)


def steps(
    series: Mapping[str, tuple[Float[ndarray, " edges"], Float[ndarray, " bins"]]],
    *,
    xlabel: str,
    ylabel: str,
    logy: bool = False,
) -> str:
    """Return the SVG of histograms, as outlines over each other.

    Args:
        series: edges of the bins and the height of each bin (one fewer than edges), under its name.
        xlabel: what was counted.
        ylabel: what the heights are.
        logy: heights on a logarithmic scale; empty bins are left open there.
    """
    figure, axes = _canvas()
    for place, (name, (edges, heights)) in enumerate(series.items()):
        shown = np.where(heights > 0, heights, np.nan) if logy else heights
        line = {"color": _color(place), "linestyle": _dash(place), "linewidth": 1.4}
        axes.stairs(shown, edges, baseline=None if logy else 0, label=name, **line)
    _finish(figure, axes, list(series), xlabel, ylabel, logy)
    if not logy:
        axes.set_ylim(bottom=0)
    return _svg(figure)


def _canvas(height: float = _HEIGHT) -> tuple[Figure, Axes]:
    """Return an empty chart; one unit of its SVG is a pixel of the page at natural size."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH / 72, height / 72), layout="constrained", facecolor="none")
        axes = figure.subplots()
    axes.set_facecolor("none")
    axes.set_axisbelow(True)
    axes.grid(visible=True, color=_LINE, linewidth=0.8)
    axes.tick_params(which="both", colors=_SOFT, length=0, labelsize=10.5)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(_SOFT)
        spine.set_linewidth(0.8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_color(_INK)
    return figure, axes


def _finish(
    figure: Figure, axes: Axes, names: list[str], xlabel: str, ylabel: str, logy: bool = False
) -> None:
    """Set labels and scale, and a legend above the axes if there is more than one series."""
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.margins(x=0.02)
    if logy:
        from matplotlib.ticker import FuncFormatter, NullFormatter

        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    if len(names) > 1:
        # As many as fit in the chart's width: a character is about 6.5 wide, a line sample 32.
        columns = max(1, int((_WIDTH - 10) // (32 + 6.5 * max(len(name) for name in names))))
        figure.legend(
            loc="outside upper left",
            ncols=min(columns, len(names)),
            frameon=False,
            labelcolor=_INK,
            fontsize=10.5,
            handlelength=1.6,
            columnspacing=1.2,
            borderpad=0,
        )


def _color(place: int) -> Any:
    return f"#0002{place % len(SERIES) + 1:02x}"


def _dash(place: int) -> str:
    return _DASHES[place // len(SERIES) % len(_DASHES)]


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _svg(figure: Figure) -> str:
    """Return the SVG element alone: the page's colors, no size, no metadata, only ids that are used."""
    from matplotlib import rc_context
    from matplotlib.text import Text

    for label in figure.findobj(Text):
        label.set_parse_math(False)  # a dollar in a name is a dollar
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context(_STYLE):
        figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    # Its style would reach the whole page.
    text = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    for size in ("width", "height"):
        text = re.sub(rf'(<svg[^>]*?) {size}="[^"]*"', r"\1", text, count=1)
    text = text.replace("<svg", '<svg stroke-linejoin="round" stroke-linecap="butt"', 1)
    text = text.replace("'DejaVu Sans'", "var(--font, sans-serif)")
    for placeholder, variable in _PLACEHOLDERS.items():
        text = text.replace(placeholder, variable)
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda match: match[0] if match[1] in used else "", text)
    return re.sub(r"\n\s*\n+", "\n", text).strip() + "\n"
