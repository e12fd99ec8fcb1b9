"""What the looks of a model gain and what they risk: one row a look, on photos with known colors.

    python -m benchmarks.look_table PHOTOS [--model cic] [--looks natural,accurate,vivid] [--photos N]
                                    [--set vibrance=0.2 temperature=0.5 ...] [--set ...] [--keep FOLDER]

PHOTOS is a folder of color photos (ours: eval-256px, eval-people-256px), or a tar shard of them; settings
are tuned on a shard that was held out from training, and not on the evaluation sets. Every photo is read by
the model as rarely as it can be, painted in every look, and judged by the evaluator at native size. Each
``--set`` adds a row for every look, in which these settings override the look's own. Prints Markdown; every
figure has its 95% bootstrap interval over photos, and differences from gray are taken on the same resamples.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from autochrome.data.sources import PhotoSource, open_source
from autochrome.errors import DataError, LaboratoryError, PhotoError, WeightsError
from autochrome.evaluation.scores import Estimate, Scores, evaluate
from autochrome.evaluation.tables import caption
from autochrome.laboratory.estimates import cell
from autochrome.laboratory.systems import model_system
from autochrome.models.registry import create_model
from autochrome.pipeline.painter import ColorizeSettings, Painter
from autochrome.pipeline.settings import LOOKS
from benchmarks.painting import markdown, paint_all

OVER_GRAY = {
    "psnr": ("PSNR over gray", 2),
    "auc": ("AuC over gray", 2),
    "auc_rebalanced": ("rebalanced AuC over gray", 2),
}
"""Scores of which the difference from gray is shown, with title and digits."""

ALONE = {
    "helped": ("helped", 3),
    "harmed": ("harmed", 3),
    "helped_harmed": ("helped / harmed", 2),
    "chroma": ("mean chroma", 1),
    "chroma_kept": ("chroma kept", 3),
}


Rows = dict[str, ColorizeSettings]
"""What each row of the table asks for."""


def rows_of(model: str, looks: Sequence[str], changes: Sequence[Sequence[str]]) -> Rows:
    """Name the rows and say what each asks for: the looks as they are, then with every set of changes.

    Args:
        model: name of the registry; it must know the looks and take the settings.
        looks: their names.
        changes: each a list of ``KEY=VALUE``, as ``autochrome compare --model`` takes them.

    Raises:
        LaboratoryError, ValueError: a model, look or setting that does not exist, or do not go together.
    """
    rows: Rows = {}
    for change in ((), *changes):
        for look in looks:
            asked = ",".join([f"row={model}", f"look={look}", *change])
            system = model_system(asked, Path(), 1)
            if system.weights is not None:
                raise ValueError("every row has the same weights; give them with --weights")
            rows[" ".join([look, *change])] = system.asked
    return rows


def write_references(source: PhotoSource, folder: Path, photos: int | None) -> list[Path]:
    """Write the first photos of a folder or shard as files, numbered, so that no two have one name."""
    folder.mkdir(parents=True)
    paths = []
    for index in range(len(source) if photos is None else min(photos, len(source))):
        name = PurePosixPath(source.key(index)).name
        paths.append(folder / f"{index:05d}-{name}")
        paths[-1].write_bytes(source.read(index))
    return paths


def table(scores: Scores) -> str:
    """One row a look, then the baselines, as Markdown."""
    rows = []
    for name, found in scores.systems.items():
        above = scores.above_gray.get(name, {})
        gains = [_cell(above.get(key), digits, "+") for key, (_, digits) in OVER_GRAY.items()]
        rows.append([name, *gains, *(_cell(found[key], digits) for key, (_, digits) in ALONE.items())])
    head = ["", *(title for title, _ in (*OVER_GRAY.values(), *ALONE.values()))]
    truth = next(iter(scores.systems.values()))["chroma_truth"]
    return f"{markdown(head, rows)}\n\n{caption(scores)}. Mean chroma of the true photos: {cell(truth, 1)}."


def _cell(estimate: Estimate | None, digits: int, sign: str = "") -> str:
    return "–" if estimate is None else cell(estimate, digits, sign).replace("inf", "∞")


def _reported(photos: Sequence[Path]) -> Iterator[Path]:
    for number, path in enumerate(photos):
        _report("coloring", number, len(photos))
        yield path
    _report("coloring", len(photos), len(photos))


def _report(what: str, done: int, total: int) -> None:
    if done == total or done % 10 == 0:
        print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)


def measure(source: PhotoSource, painter: Painter, rows: Rows, root: Path, photos: int | None) -> Scores:
    """Color the photos in every row's way and score them; files are left below ``root``."""
    paths = write_references(source, root / "references", photos)
    folders = paint_all(_reported(paths), root / "results", painter, rows)
    return evaluate(
        root / "references",
        *folders.values(),
        names=list(folders),
        progress=lambda done, total: _report("scoring", done, total),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="PHOTOS", help="folder of color photos, or tar shard")
    parser.add_argument("--model", default="cic")
    parser.add_argument("--weights", help="instead of the shipped ones")
    parser.add_argument("--looks", default=",".join(LOOKS), help="comma-separated (default: %(default)s)")
    parser.add_argument("--photos", type=int, help="only the first so many by name")
    parser.add_argument(
        "--set",
        dest="changes",
        nargs="+",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a further row for every look, with these settings instead of the look's; may be repeated",
    )
    parser.add_argument("--keep", type=Path, help="keep the pictures and scores in this new folder")
    arguments = parser.parse_args(argv)
    if arguments.photos is not None and arguments.photos < 1:
        parser.error("--photos takes 1 or more")
    if arguments.keep and arguments.keep.exists() and any(arguments.keep.iterdir()):
        parser.error(f"{arguments.keep} is not empty; name a new folder to keep the pictures in")
    try:
        rows = rows_of(arguments.model, arguments.looks.split(","), arguments.changes)
        source = open_source(arguments.folder)
        painter = Painter(create_model(arguments.model, weights=arguments.weights))
    except (DataError, LaboratoryError, WeightsError, ValueError) as error:
        parser.error(str(error))
    with nullcontext(arguments.keep) if arguments.keep else TemporaryDirectory() as kept:
        root = Path(kept)
        try:
            scores = measure(source, painter, rows, root, arguments.photos)
        except PhotoError as error:
            parser.error(str(error))
        scores.save(root / "scores.json")
    print(f"### {arguments.folder.name}\n\n{table(scores)}", flush=True)


if __name__ == "__main__":
    main()
