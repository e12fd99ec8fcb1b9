"""The paper's tables 1 and 4 on photos with known colors: output spaces, and histogram transfer.

    python -m benchmarks.lrac_table PHOTOS [--model lrac] [--weights FILE] [--photos N] [--keep FOLDER]

PHOTOS is a folder of color photos (ours: eval-256px), used at its own size. Prints Markdown with 95%
bootstrap intervals over photos, and the differences by which the paper's orderings stand or fall.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from autochrome.evaluation.scores import Scores, evaluate
from autochrome.evaluation.tables import caption
from autochrome.io.folders import find_photos
from autochrome.io.photo import Photo
from autochrome.laboratory.estimates import cell
from autochrome.models.lrac.model import LRAC
from autochrome.models.registry import create_model
from autochrome.pipeline.painter import ColorizeSettings, Painter
from benchmarks.painting import Wish, linked, markdown, mean_estimate, paint_all, per_photo

PLAIN = ColorizeSettings(fuse="none", vibrance=0.0)
"""One view of the photo and no vibrance, as in the paper."""
BEST = "most accurate"
FADING = "hue/chroma, K = 32, fading"
NO_FADING = "hue/chroma, K = 32"
OUTPUTS = {
    "Lab, L2": "lab_l2",
    "Lab, K = 32": "lab",
    "Lab, K = 16 x 16": "lab_joint",
    NO_FADING: "hue_chroma",
    FADING: "hue_chroma",
}
COLUMNS = {
    "alpha_beta_rmse": ("RMSE alpha-beta", 3),
    "psnr": ("PSNR dB", 2),
    "auc": ("AuC", 1),
    "chroma": ("chroma", 1),
    "intersection_a": ("HI a", 3),
    "intersection_b": ("HI b", 3),
}
TRANSFERS = {"none": "none", "quantile matching (Q)": "quantiles", "energy minimization (E)": "energy"}


def own_palette(transfer: str) -> Wish:
    """Settings that take over the photo's own true palette; none for no transfer."""

    def wish(photo: Photo) -> ColorizeSettings:
        return replace(PLAIN, reference=photo, transfer=transfer)

    return PLAIN if transfer == "none" else wish


def paint_outputs(photos: Sequence[Path], results: Path, name: str, weights: str | None) -> list[Path]:
    """Table 1: every output space, hue/chroma with and without fading."""
    folders: list[Path] = []
    for row, output in OUTPUTS.items():
        model = create_model(name, weights=weights, output=output)
        if isinstance(model, LRAC):
            model.fading = row != NO_FADING
        painter = Painter(model, device="cpu")
        plain = PLAIN if isinstance(model, LRAC) else replace(PLAIN, vibrance=None)  # L2 has no distribution
        wishes = {row.replace("/", "-"): plain}
        if row == FADING:
            wishes |= {BEST: ColorizeSettings(fuse="full", vibrance=0.0), "default": ColorizeSettings()}
        folders += paint_all(photos, results, painter, wishes).values()
    return folders


def paint_transfers(photos: Sequence[Path], results: Path, name: str, weights: str | None) -> list[Path]:
    """Table 4: with the photo's own histogram given, matched by quantiles or by minimizing the energy."""
    painter = Painter(create_model(name, weights=weights), device="cpu")
    wishes = {row: own_palette(way) for row, way in TRANSFERS.items()}
    return list(paint_all(photos, results, painter, wishes).values())


def table(scores: Scores) -> str:
    """One row a system: the scores, and PSNR and RMSE above gray on the same resamples."""
    rows = []
    for system, found in scores.systems.items():
        above = scores.above_gray.get(system, {})
        gains = [
            cell(above[key], digits, sign="+") if key in above else ""
            for key, digits in (("psnr", 2), ("alpha_beta_rmse", 3))
        ]
        values = [cell(found[key], digits) for key, (_, digits) in COLUMNS.items()]
        rows.append([system, *values, *gains])
    head = ["", *(title for title, _ in COLUMNS.values()), "PSNR above gray", "RMSE above gray"]
    return f"{markdown(head, rows)}\n\n{caption(scores)}."


def differences(scores: Scores, pairs: Sequence[tuple[str, str]]) -> str:
    """Photo by photo: PSNR and CIEDE2000 of the first less the second."""
    rows = []
    for first, second in pairs:
        gains = [
            mean_estimate(per_photo(scores, first, key) - per_photo(scores, second, key))
            for key in ("psnr", "ciede2000")
        ]
        rows.append([f"{first} - {second}", *(cell(gain, sign="+") for gain in gains)])
    return markdown(["mean over photos", "PSNR dB", "CIEDE2000"], rows)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="PHOTOS")
    parser.add_argument("--model", default="lrac.compact")
    parser.add_argument("--weights", help="instead of the shipped ones")
    parser.add_argument("--photos", type=int, help="only the first so many by name")
    parser.add_argument("--keep", type=Path, help="keep the pictures and scores in this folder")
    arguments = parser.parse_args(argv)
    if not arguments.folder.is_dir():
        parser.error(f"{arguments.folder} is not a folder of photos")
    photos = sorted(found.path for found in find_photos([arguments.folder]))[: arguments.photos]
    if not photos:
        parser.error(f"{arguments.folder} holds no photos")
    fade, plain = FADING.replace("/", "-"), NO_FADING.replace("/", "-")
    with nullcontext(arguments.keep) if arguments.keep else TemporaryDirectory() as root:
        results = Path(root)
        references = linked(photos, results / "references")
        what = (arguments.model, arguments.weights)
        scores = evaluate(references, *paint_outputs(photos, results / "outputs", *what))
        scores.save(results / "outputs.json")
        pairs = [(fade, plain), *((fade, row) for row in OUTPUTS if row not in (FADING, NO_FADING))]
        print(f"### Output spaces\n\n{table(scores)}\n\n{differences(scores, pairs)}\n", flush=True)
        scores = evaluate(references, *paint_transfers(photos, results / "transfer", *what))
        scores.save(results / "transfer.json")
        none, by_quantiles, by_energy = TRANSFERS
        pairs = [(by_energy, by_quantiles), (by_quantiles, none), (by_energy, none)]
        print(f"### With the true histogram\n\n{table(scores)}\n\n{differences(scores, pairs)}", flush=True)


if __name__ == "__main__":
    main()
