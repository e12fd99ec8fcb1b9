"""Every score of the evaluation: one sample of every photo by each system, beside gray and random colors."""

from __future__ import annotations

import math
from collections.abc import Mapping

from autochrome.evaluation.intervals import Estimate
from autochrome.evaluation.scores import Scores, evaluate
from autochrome.evaluation.sums import SCORES
from autochrome.evaluation.tables import TRUTH, caption, difference_rows, score_label, score_rows
from autochrome.laboratory.run import Run, once_per_run
from autochrome.pipeline.settings import listed
from autochrome.report.html import Figure, Note, Section, Table, Text
from autochrome.report.html.charts import intervals

NAME = "scores"
TITLE = "Scores"

AT_A_GLANCE = {
    "psnr": 2,
    "auc": 1,
    "auc_rebalanced": 1,
    "alpha_beta_rmse": 3,
    "ciede2000": 1,
    "intersection_a": 3,
    "intersection_b": 3,
    "chroma": 1,
    "helped": 3,
    "harmed": 3,
    "helped_harmed": 2,
    "colorfulness": 1,
}
"""Scores of the first table, and their digits after the point."""

DRAWN = ("psnr", "auc", "auc_rebalanced", "ciede2000")
"""Scores that are drawn with their intervals."""

PUBLISHED = (
    ("CIC", "CIC, rebalanced", "88.1", "63.5", "", "", "", ""),
    ("CIC", "CIC, not rebalanced", "91.1", "60.1", "", "", "", ""),
    ("CIC", "Dahl 2016", "90.0", "54.5", "", "", "", ""),
    ("CIC", "random colors", "84.9", "54.0", "", "", "", ""),
    ("CIC", "gray", "88.8", "53.8", "", "", "", ""),
    ("LRAC", "LRAC", "", "", "24.94", "0.293", "", ""),
    ("LRAC", "gray", "", "", "23.27", "0.333", "", ""),
    ("PixColor", "PixColor", "", "", "", "", "0.93", "0.93"),
    ("PixColor", "CIC", "", "", "", "", "0.85", "0.85"),
    ("PixColor", "Iizuka 2016", "", "", "", "", "0.82", "0.82"),
    ("PixColor", "LRAC", "", "", "", "", "0.78", "0.78"),
)
"""Paper, system, AuC, rebalanced AuC, PSNR, RMSE in alpha-beta, histogram intersection on a and b.

CIC: Zhang et al. 2016 (arXiv v1), the last 10,000 validation photos of ImageNet. LRAC: Larsson et al. 2016,
ctest10k. PixColor: Guadarrama et al. 2017. Cao et al. 2017 asked people only."""


@once_per_run
def first_samples(run: Run) -> Scores:
    """Score the first sample of each system."""
    label = "scoring"
    run.progress(label, 0, len(run.pairs))
    return evaluate(
        run.references,
        *(system.samples[0] for system in run.systems),
        protocol=run.settings.protocol,
        photos=len(run.pairs),
        replicates=run.settings.replicates,
        seed=run.settings.seed,
        progress=lambda done, total: run.progress(label, done, total),
        names=[system.name for system in run.systems],
    )


def section(run: Run) -> Section:
    """Return tables and charts of the scores, and the papers' own figures for orientation."""
    scores = first_samples(run)
    run.figures[NAME] = _plain(run, scores)
    several = [system.name for system in run.systems if len(system.samples) > 1]
    drawing = f" Of {listed(several, 'and')}, which draw, it is the first sample." if several else ""
    return Section(
        TITLE,
        [
            at_a_glance(scores),
            *interval_charts(scores),
            Table(*score_rows(scores), caption=f"All scores. {caption(scores)}."),
            Table(
                *difference_rows(scores),
                caption="Differences from gray, on the same resamples: what the colors add.",
            ),
            *(Note(warning, "warning") for warning in _warnings(run, scores)),
            published(),
            Text("What each score is, and where it misleads: `docs/evaluation.md` of the source code."),
        ],
        lead="How close one sample of each system comes to the photo's own colors." + drawing,
    )


def at_a_glance(scores: Scores) -> Table:
    """Return the main scores, one row a system, with the best of the systems in bold."""
    baselines = [name for name in ("gray", "random") if name in scores.systems]
    systems = {name: row for name, row in scores.systems.items() if name not in baselines}
    best = {key: _best(key, systems) for key in AT_A_GLANCE}
    rows = []
    for name, row in [*systems.items(), *((name, scores.systems[name]) for name in baselines)]:
        cells = {key: _digits(row[key], key) for key in AT_A_GLANCE}
        bold = {key for key in AT_A_GLANCE if name in systems and cells[key] == best[key]}
        rows.append([name, *(f"**{cell}**" if key in bold else cell for key, cell in cells.items())])
    any_row = next(iter(scores.systems.values()))
    truths = [_digits(any_row[key + TRUTH], key) if key + TRUTH in SCORES else "" for key in AT_A_GLANCE]
    head = ["", *(score_label(key) for key in AT_A_GLANCE)]
    return Table(
        head,
        [*rows, ["truth", *truths]],
        caption="At a glance. ↑ higher is better, ↓ lower; without an arrow, closer to the truth's is better."
        " The best system is bold; the intervals below show whether its lead is more than chance.",
    )


def interval_charts(scores: Scores) -> list[Figure]:
    """Return charts of the scores of `DRAWN` with their 95% intervals; gray is the dashed line."""
    figures = []
    for key in DRAWN:
        shown = {name: row[key] for name, row in scores.systems.items() if name != "gray"}
        rows = [(name, e.value, e.low, e.high) for name, e in shown.items()]
        rows = [row for row in rows if all(map(math.isfinite, row[1:]))]
        gray = scores.systems["gray"][key].value
        label = score_label(key)
        values = "; ".join(f"{name} {value:.2f} ({low:.2f} to {high:.2f})" for name, value, low, high in rows)
        figures.append(
            Figure(
                intervals(rows, xlabel=label, reference=gray),
                f"{label} with 95% intervals: {values}; gray {gray:.2f}",
                f"{label}, 95% bootstrap intervals over photos. Dashed: gray.",
            )
        )
    return figures


def published() -> Table:
    """Return what the papers report, for orientation."""
    keys = ("auc", "auc_rebalanced", "psnr", "alpha_beta_rmse", "intersection_a", "intersection_b")
    return Table(
        ["paper", "system", *(score_label(key) for key in keys)],
        PUBLISHED,
        caption="What the papers report, **for orientation only**: on other photos (ImageNet), by much larger"
        " networks that were trained on a million photos. Already gray differs from set to set, so compare"
        " distances from gray, not figures; the rebalanced AuC also depends on the set's rare colors.",
        numeric_from=2,
    )


def _plain(run: Run, scores: Scores) -> dict[str, object]:
    """Return plain values with one provenance for each model, since its samples differ in their draws."""
    plain = scores.to_dict()
    for system in run.systems:
        if system.model is not None:
            entry = plain["manifest"]["results"][system.name]
            entry["provenance"] = entry["provenance"][:1]
    plain["warnings"] = _warnings(run, scores)
    return plain


def _warnings(run: Run, scores: Scores) -> list[str]:
    """Return those of other people's results: samples of our own models always differ in their settings."""
    own = tuple(f"{system.name}: " for system in run.systems if system.model is not None)
    return [warning for warning in scores.warnings if not warning.startswith(own)]


def _digits(estimate: Estimate, key: str) -> str:
    return f"{estimate.value:.{AT_A_GLANCE[key]}f}".replace("inf", "∞").replace("nan", "–")


def _best(key: str, systems: Mapping[str, Mapping[str, Estimate]]) -> str | None:
    """Return the best system's cell; None if there is only one system."""
    better = SCORES[key].better
    if len(systems) < 2:
        return None

    def merit(name: str) -> float:
        value = systems[name][key].value
        if better == "truth":
            return -abs(value - systems[name][key + TRUTH].value)
        if math.isnan(value):  # of a gray system, which neither helps nor harms
            return -math.inf
        return value if better == "higher" else -value

    return _digits(systems[max(systems, key=merit)][key], key)
