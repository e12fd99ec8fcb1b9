"""The whole comparison: color the photos, measure section by section, and write one report."""

from __future__ import annotations

import platform
import sys
import time
import traceback
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from autochrome._version import __version__
from autochrome.errors import LaboratoryError
from autochrome.io.plain import to_plain
from autochrome.io.whole_file import write_json, write_whole
from autochrome.laboratory.processes import available_cores
from autochrome.laboratory.run import Run, System
from autochrome.laboratory.sections import (
    best_of,
    calibration,
    diversity,
    errors,
    extremes,
    interpretability,
    marginals,
    scores,
    sheets,
    stability,
    sweeps,
)
from autochrome.laboratory.systems import describe, paint_systems, weights_sha256
from autochrome.pipeline.settings import listed
from autochrome.report.html import Document, Note, Section, Table, Text

SCHEMA = "autochrome-comparison/1"


_ORDER: tuple[ModuleType, ...] = (
    scores,
    best_of,
    sheets,
    marginals,
    calibration,
    errors,
    sweeps,
    diversity,
    stability,
    interpretability,
    extremes,
)
SECTIONS = {module.NAME: module for module in _ORDER}
"""Every section by its name, in the order of the report."""

REPORT, FIGURES, MARKDOWN = "report.html", "scores.json", "results.md"
"""The files that `write_comparison` makes in a run's folder."""


@dataclass
class Comparison:
    """A run's report, everything in it as plain values, and what went wrong, by the section's name."""

    document: Document
    figures: dict[str, Any]
    failed: dict[str, str] = field(default_factory=dict)


def compare(run: Run, *, without: Collection[str] = ()) -> Comparison:
    """Color every photo by every model, and make the sections of the report, except those in ``without``.

    A section that cannot be made, or that fails, says why in one line; failures are also in ``failed``.

    Raises:
        LaboratoryError: the photos cannot be colored, or ``without`` names no section.
    """
    if unknown := set(without) - SECTIONS.keys():
        raise LaboratoryError(
            f"no section is called {', '.join(sorted(unknown))}; the sections are {', '.join(SECTIONS)}"
        )
    seconds: dict[str, float] = {}
    failed: dict[str, str] = {}
    with _timed(seconds, "coloring"):
        paint_systems(run)
    sections = {}
    for name, module in SECTIONS.items():
        if name not in without:
            with _timed(seconds, name):
                sections[name] = _section(run, module, failed)
    document = Document(
        "Comparison of colorizers",
        [compared(run, seconds), *sections.values()],
        subtitle=f"{listed([system.name for system in run.systems], 'and')} on {len(run.pairs)} photos of"
        f" {run.references.resolve().name}",
        facts=facts(run, seconds),
    )
    return Comparison(document, _figures(run, document, sections, seconds), failed)


def write_comparison(comparison: Comparison, out: Path) -> list[Path]:
    """Write the report, its figures, and its tables as Markdown; each file whole.

    Raises:
        OSError: a file cannot be written.
    """
    paths = [out / REPORT, out / FIGURES, out / MARKDOWN]
    comparison.document.write(paths[0])
    write_json(comparison.figures, paths[1])
    write_whole(comparison.document.markdown(), paths[2])
    return paths


def facts(run: Run, seconds: Mapping[str, float]) -> dict[str, str]:
    """Return what the figures are based on: photos, protocol, versions, machine, minutes."""
    settings = run.settings
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "pyvips"))
    processes = f"{settings.workers} processes" if settings.workers > 1 else "one process"
    return {
        "Photos": f"{len(run.pairs)} of {run.references.resolve().name}",
        "Protocol": settings.protocol,
        "Intervals": f"95%, bootstrap over photos, {settings.replicates} resamples",
        "Versions": f"Autochrome {__version__}, Python {platform.python_version()}, {packages}",
        "Machine": f"{_processor()}, {available_cores()} cores, {processes}, {settings.device}",
        "Minutes": f"{sum(seconds.values()) / 60:.1f}",
    }


def compared(run: Run, seconds: Mapping[str, float]) -> Section:
    """Return the first section: every system with its settings and weights, and how long each part took."""
    seed = run.settings.seed
    rows = []
    for system in run.systems:
        model, _, how = describe(system).partition(": ")
        digest = weights_sha256(system)
        rows.append([system.name, model, how, f"{system.weights or ''} {digest[:16]}".strip()])
    titles = {name: module.TITLE.lower() for name, module in SECTIONS.items()}
    minutes = ", ".join(f"{titles.get(name, name)} {each / 60:.1f}" for name, each in seconds.items())
    return Section(
        "What was compared",
        [
            Table(["", "model", "settings", "weights, SHA-256"], rows, numeric_from=4),
            Text(
                f"Samples are drawn with seed {seed}; noise follows from the seed and the photo, so that"
                f" photos do not share it. Sections that run the models again use {len(run.subset)} photos,"
                " evenly spaced over the names; the others use all. Every score is explained in"
                " `docs/evaluation.md` of the source code.\n\n"
                f"Minutes, without results of earlier runs: {minutes}."
            ),
        ],
    )


def _section(run: Run, module: ModuleType, failed: dict[str, str]) -> Section:
    try:
        return module.section(run)
    except LaboratoryError as error:
        return Section(module.TITLE, [Note(str(error))])
    except Exception as error:  # minutes of work went into the other sections
        traceback.print_exc(file=sys.stderr)
        failed[module.NAME] = f"{type(error).__name__}: {error}"
        return Section(module.TITLE, [Note(f"This section failed ({failed[module.NAME]}).", "warning")])


def _figures(
    run: Run, document: Document, sections: dict[str, Section], seconds: dict[str, float]
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "facts": dict(document.facts),
        "settings": to_plain(run.settings),
        "systems": [_system(system) for system in run.systems],
        "photos": run.names,
        "seconds": seconds,
        "sections": {
            name: {
                "title": section.title,
                "figures": to_plain(run.figures.get(name)),
                "tables": [
                    {"caption": part.caption, "head": list(part.head), "rows": [*map(list, part.rows)]}
                    for part in section.parts
                    if isinstance(part, Table)
                ],
                "notes": [part.text for part in section.parts if isinstance(part, Note)],
            }
            for name, section in sections.items()
        },
    }


def _system(system: System) -> dict[str, Any]:
    return {
        "name": system.name,
        "model": system.model,
        "asked": describe(system),
        "weights": system.weights,
        "weights_sha256": weights_sha256(system),
        "samples": [str(folder) for folder in system.samples],
    }


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - start, 1)


def _processor() -> str:
    """Return the processor's name where Linux gives it, else its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
