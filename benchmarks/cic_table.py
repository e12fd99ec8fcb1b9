"""The tables of docs/papers/cic.md: the shipped weights on photos with known colors, in several settings.

    python -m benchmarks.cic_table PHOTOS... [--keep FOLDER] [--weights NAME=FILE ...]

PHOTOS are folders of color photos (ours: eval-256px, eval-people-256px). Every photo is read by the
model once and painted in every setting; the results are written as PNG and judged by the evaluator at native
size, beside gray and random colors. Prints Markdown. Other weights of cic.compact, such as ones trained with
rebalancing (lambda = 1/2), are added as further rows by --weights.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from autochrome.evaluation.scores import Estimate, Scores, evaluate
from autochrome.evaluation.tables import caption
from autochrome.io.folders import find_photos
from autochrome.pipeline.painter import ColorizeSettings, Painter
from benchmarks.painting import paint_all

SETTINGS = {
    "accurate": ColorizeSettings(look="accurate"),
    "natural": ColorizeSettings(),
    "vivid": ColorizeSettings(look="vivid"),
    "vibrance 0.25": ColorizeSettings(vibrance=0.25),
    "vibrance 0.5": ColorizeSettings(vibrance=0.5),
}
OTHER_WEIGHTS = {"T = 1/6": ColorizeSettings(vibrance=0.0, temperature=1 / 6)}
COLUMNS = {
    "psnr": "PSNR",
    "auc": "AuC",
    "auc_rebalanced": "AuC rebalanced",
    "auc_rebalanced_fixed": "fixed prior",
    "alpha_beta_rmse": "RMSE",
    "intersection_a": "HI a",
    "intersection_b": "HI b",
    "chroma": "chroma",
    "ciede2000": "CIEDE2000",
}
INTERVALS = ("psnr", "auc", "auc_rebalanced")
"""Scores whose difference from gray is given with its interval."""


def table(scores: Scores) -> str:
    """One row a system, as Markdown."""
    lines = [
        ["", *(COLUMNS[key] + " (above gray)" if key in INTERVALS else COLUMNS[key] for key in COLUMNS)],
        ["---", *["---:"] * len(COLUMNS)],
    ]
    for system, row in scores.systems.items():
        cells = [_cell(key, row[key], scores.above_gray.get(system, {}).get(key)) for key in COLUMNS]
        lines.append([system, *cells])
    truth = next(iter(scores.systems.values()))["chroma_truth"].value
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{text}\n\n{caption(scores)}. Mean chroma of the true photos: {truth:.1f}."


def _cell(key: str, value: Estimate, above_gray: Estimate | None) -> str:
    digits = {"psnr": 2, "chroma": 1, "alpha_beta_rmse": 3}.get(key, 3 if key.startswith("inter") else 1)
    text = f"{value.value:.{digits}f}"
    if key in INTERVALS and above_gray is not None:
        text += f" ({above_gray.value:+.2f} [{above_gray.low:+.2f}, {above_gray.high:+.2f}])"
    return text


def main() -> None:
    """Parse the command line and print a table for every folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="PHOTOS")
    parser.add_argument("--keep", type=Path, help="keep the colored photos in this folder")
    parser.add_argument("--weights", action="append", default=[], metavar="NAME=FILE", help="further weights")
    arguments = parser.parse_args()
    painter = Painter()
    others = {
        name: Painter("cic", weights=path) for name, _, path in (w.partition("=") for w in arguments.weights)
    }
    for folder in arguments.folders:
        if not folder.is_dir():
            parser.error(f"{folder} is not a folder of photos")
        with nullcontext(arguments.keep) if arguments.keep else TemporaryDirectory() as root:
            results = Path(root) / folder.name
            photos = [found.path for found in find_photos([folder])]
            paint_all(photos, results, painter, SETTINGS)
            names = list(SETTINGS)
            for other, its_painter in others.items():
                settings = {f"{other}, {name}": s for name, s in OTHER_WEIGHTS.items()}
                paint_all(photos, results, its_painter, settings)
                names += settings
            scores = evaluate(folder, *(results / name for name in names))
            scores.save(results / "scores.json")
            print(f"### {folder.name}\n\n{table(scores)}\n", flush=True)


if __name__ == "__main__":
    main()
