"""What the looks of a model gain and risk: one row per look, on photos with known colors.

    python -m reproduce.looks PHOTOS [--model cic] [--looks natural,accurate,vivid] [--photos N]
                              [--set vibrance=0.2 temperature=0.5 ...] [--set ...] [--keep FOLDER]

PHOTOS is a folder of color photos (ours: eval-256px, eval-people-256px), or a tar shard of them; settings are
tuned on a shard that was held out from training, not on the evaluation sets. Each ``--set`` adds a row for
every look with these settings instead of the look's own. Prints Markdown; figures have 95% bootstrap
intervals over photos, and differences from gray are taken on the same resamples.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from autochrome.data.sources import PhotoSource, open_source
from autochrome.errors import AutochromeError
from autochrome.evaluation.intervals import Estimate
from autochrome.evaluation.markdown import markdown_table
from autochrome.evaluation.scores import Scores, evaluate
from autochrome.evaluation.tables import caption
from autochrome.laboratory.systems import model_system
from autochrome.pipeline.painter import ColorizeSettings, Painter
from autochrome.pipeline.settings import LOOKS
from reproduce.painting import counted, paint_all, report

OVER_GRAY = {"psnr": "PSNR over gray", "auc": "AuC over gray", "auc_rebalanced": "rebalanced AuC over gray"}
"""Scores shown as differences from gray, and their titles."""

ALONE = {
    "helped": ("helped", 3),
    "harmed": ("harmed", 3),
    "helped_harmed": ("helped / harmed", 2),
    "chroma": ("mean chroma", 1),
    "chroma_kept": ("chroma kept", 3),
}
"""Scores shown as they are, with title and digits."""

Rows = dict[str, ColorizeSettings]


def settings_of_rows(model: str, looks: Sequence[str], changes: Sequence[Sequence[str]]) -> Rows:
    """Return the settings of each row by its name: the looks themselves, then with every set of changes.

    Args:
        model: name in the registry.
        looks: their names.
        changes: each a list of ``KEY=VALUE``, as ``autochrome compare --model`` reads them.

    Raises:
        LaboratoryError, ValueError: a model, look or setting does not exist, or they do not go together.
    """
    rows: Rows = {}
    for change in ((), *changes):
        for look in looks:
            system = model_system(",".join([f"row={model}", f"look={look}", *change]), Path(), 1)
            if system.weights is not None:
                raise ValueError("every row has the same weights; give them with --weights")
            rows[" ".join([look, *change])] = system.settings
    return rows


def write_references(source: PhotoSource, folder: Path, photos: int | None) -> list[Path]:
    """Write the first photos of a folder or shard as files, numbered so that no two share a name."""
    folder.mkdir(parents=True)
    paths = []
    for index in range(len(source) if photos is None else min(photos, len(source))):
        paths.append(folder / f"{index:05d}-{PurePosixPath(source.key(index)).name}")
        paths[-1].write_bytes(source.read(index))
    return paths


def table(scores: Scores) -> str:
    """Return a row per look, then the baselines, as Markdown."""
    rows = []
    for name, row in scores.systems.items():
        above = scores.above_gray.get(name, {})
        gains = [_cell(above.get(key), 2, "+") for key in OVER_GRAY]
        rows.append([name, *gains, *(_cell(row[key], digits) for key, (_, digits) in ALONE.items())])
    head = ["", *OVER_GRAY.values(), *(title for title, _ in ALONE.values())]
    truth = next(iter(scores.systems.values()))["chroma_truth"]
    return (
        f"{markdown_table(head, rows)}\n\n{caption(scores)}. Mean chroma of the true photos: {truth.cell(1)}."
    )


def _cell(estimate: Estimate | None, digits: int, sign: str = "") -> str:
    return "–" if estimate is None else estimate.cell(digits, sign)


def measure(source: PhotoSource, painter: Painter, rows: Rows, root: Path, photos: int | None) -> Scores:
    """Colorize the photos with the settings of every row and score them; files are left below ``root``."""
    paths = write_references(source, root / "references", photos)
    folders = paint_all(counted(paths, "coloring"), root / "results", painter, rows)
    return evaluate(
        root / "references",
        *folders.values(),
        names=list(folders),
        progress=partial(report, "scoring"),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="PHOTOS", help="folder of color photos, or tar shard")
    parser.add_argument("--model", default="cic")
    parser.add_argument("--weights", help="instead of the bundled ones")
    parser.add_argument("--looks", default=",".join(LOOKS), help="comma-separated (default: %(default)s)")
    parser.add_argument("--photos", type=int, help="number of photos, the first by name")
    parser.add_argument(
        "--set",
        dest="changes",
        nargs="+",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="add a row for every look, with these settings instead of the look's; may be repeated",
    )
    parser.add_argument("--keep", type=Path, help="keep the pictures and scores in this new folder")
    arguments = parser.parse_args(argv)
    if arguments.photos is not None and arguments.photos < 1:
        parser.error("--photos must be at least 1")
    if arguments.keep and arguments.keep.exists() and any(arguments.keep.iterdir()):
        parser.error(f"{arguments.keep} is not empty; name a new folder to keep the pictures in")
    with nullcontext(arguments.keep) if arguments.keep else TemporaryDirectory() as kept:
        root = Path(kept)
        try:
            rows = settings_of_rows(arguments.model, arguments.looks.split(","), arguments.changes)
            painter = Painter(arguments.model, weights=arguments.weights)
            scores = measure(open_source(arguments.folder), painter, rows, root, arguments.photos)
        except (AutochromeError, ValueError) as error:
            parser.error(str(error))
        scores.save(root / "scores.json")
    print(f"### {arguments.folder.name}\n\n{table(scores)}", flush=True)


if __name__ == "__main__":
    main()
