"""The whole comparison: color, measure section by section, and join what was found in one report."""

from __future__ import annotations

import platform
import sys
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, is_dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np

from autochrome._version import __version__
from autochrome.errors import LaboratoryError
from autochrome.evaluation.scores import Estimate
from autochrome.io.whole_file import write_json, write_whole
from autochrome.laboratory.run import Run, System, available_cores
from autochrome.laboratory.systems import describe, paint_systems, weights_sha256
from autochrome.report.html import Document, Note, Section, Table, Text

SCHEMA = "autochrome-comparison/1"

_SECTIONS = "autochrome.laboratory.sections"
SECTIONS = {
    "scores": ("Scores", f"{_SECTIONS}.scores:section"),
    "best-of-n": ("Best of several samples", f"{_SECTIONS}.best_of:section"),
    "sheets": ("Contact sheets", f"{_SECTIONS}.sheets:section"),
    "marginals": ("Marginal histograms of a and b", f"{_SECTIONS}.marginals:section"),
    "calibration": ("Calibration", f"{_SECTIONS}.calibration.section:section"),
    "errors": ("Errors by hue and by doubt", f"{_SECTIONS}.errors.section:section"),
    "sweeps": ("Temperature and vibrance", f"{_SECTIONS}.sweeps:section"),
    "diversity": ("Diversity", f"{_SECTIONS}.diversity:section"),
    "stability": ("Stability", f"{_SECTIONS}.stability.section:section"),
    "interpretability": ("Semantic interpretability", f"{_SECTIONS}.interpretability:section"),
    "extremes": ("Worst and best photos", f"{_SECTIONS}.sheets:extremes"),
}
"""Name, title and function of every section, in the order of the report."""

REPORT, FIGURES, MARKDOWN = "report.html", "scores.json", "results.md"
"""The files that `write_comparison` makes in a run's folder."""


@dataclass
class Comparison:
    """What a run found.

    Attributes:
        document: the report.
        figures: everything in it as plain values.
        failed: sections in which something went wrong, and what.
    """

    document: Document
    figures: dict[str, Any]
    failed: dict[str, str] = field(default_factory=dict)


def compare(run: Run, *, without: Collection[str] = ()) -> Comparison:
    """Color every photo by every model, and make all sections of the report.

    A section that cannot be had says why in one line. One in which something goes wrong does the same, and is
    named in ``failed``; the others are made all the same.

    Args:
        run: as `autochrome.laboratory.systems.open_run` opens it.
        without: names of `SECTIONS` to leave out.

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
    for name in SECTIONS:
        if name not in without:
            with _timed(seconds, name):
                sections[name] = _section(run, name, failed)
    document = Document(
        "Comparison of colorizers",
        [compared(run, seconds), *sections.values()],
        subtitle=f"{_listed([system.name for system in run.systems])} on {len(run.pairs)} photos of"
        f" {run.references.resolve().name}",
        facts=facts(run, seconds),
    )
    return Comparison(document, _figures(run, document, sections, seconds), failed)


def write_comparison(found: Comparison, out: Path) -> list[Path]:
    """Write the report, its figures, and its tables as Markdown; each file whole.

    Raises:
        OSError: a file cannot be written.
    """
    paths = [out / REPORT, out / FIGURES, out / MARKDOWN]
    found.document.write(paths[0])
    write_json(found.figures, paths[1])
    write_whole(found.document.markdown(), paths[2])
    return paths


def facts(run: Run, seconds: Mapping[str, float]) -> dict[str, str]:
    """On what the figures stand: photos, protocol, versions, machine, minutes."""
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
    """What was compared: every system, its settings and weights; and what took how long."""
    seed = run.settings.seed
    rows = []
    for system in run.systems:
        model, _, how = describe(system).partition(": ")
        digest = weights_sha256(system)
        rows.append([system.name, model, how, f"{system.weights or ''} {digest[:16]}".strip()])
    titles = {name: title for name, (title, _) in SECTIONS.items()}
    minutes = ", ".join(f"{titles.get(name, name).lower()} {each / 60:.1f}" for name, each in seconds.items())
    return Section(
        "What was compared",
        [
            Table(["", "model", "settings", "weights, SHA-256"], rows, numeric_from=4),
            Text(
                f"Draws are of seed {seed}; noise follows from the seed and the photo, so that photos do not"
                f" share it. Sections that ask the models again take {len(run.subset)} photos, evenly"
                " spaced over the names; the others take all. Every score is explained in"
                " `docs/evaluation.md`.\n\n"
                f"Minutes, without what was there before: {minutes}."
            ),
        ],
    )


def plain(value: Any) -> Any:
    """A value as JSON can say it: arrays as lists, records as dicts, what is not a finite number as None."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, Estimate):
        return value.to_dict()
    if is_dataclass(value):
        return plain(vars(value))
    if hasattr(value, "tolist"):  # numpy's and torch's
        return plain(value.tolist())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if isinstance(value, (str, int, NoneType)) else str(value)


def _section(run: Run, name: str, failed: dict[str, str]) -> Section:
    title, path = SECTIONS[name]
    module, function = path.split(":")
    try:
        make: Callable[[Run], Section] = getattr(import_module(module), function)
        return make(run)
    except LaboratoryError as error:
        return Section(title, [Note(str(error))])
    except Exception as error:  # the others are worth having: minutes of work went into them
        traceback.print_exc(file=sys.stderr)
        failed[name] = f"{type(error).__name__}: {error}"
        return Section(title, [Note(f"This section failed ({failed[name]}).", "warning")])


def _figures(
    run: Run, document: Document, sections: dict[str, Section], seconds: dict[str, float]
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "facts": dict(document.facts),
        "settings": plain(asdict(run.settings)),
        "systems": [_system(system) for system in run.systems],
        "photos": run.names,
        "seconds": plain(seconds),
        "sections": {
            name: {
                "title": section.title,
                "figures": plain(run.figures.get(name)),
                "tables": [
                    {
                        "caption": part.caption,
                        "head": list(part.head),
                        "rows": [list(row) for row in part.rows],
                    }
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
    """The processor's name where Linux tells it, else its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def _listed(names: list[str]) -> str:
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])
