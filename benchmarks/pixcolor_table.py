"""The tables of docs/papers/pixcolor.md: ablation, best of n, diversity, likelihood, choosing a sample.

    python -m benchmarks.pixcolor_table PHOTOS [--weights FILE] [--photos N] [--samples 8] [--seed 0]
                                               [--temperature T] [--guidance G] [--out FOLDER]

PHOTOS is a folder of color photos of 176 pixels at least (ours: eval-256px), used at its own size. Prints
Markdown with 95% bootstrap intervals over photos. With --out the pictures, the evaluator's scores and the
figure of diversity (the paper's figure 8) are kept there.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from autochrome.evaluation.scores import Scores, evaluate
from autochrome.evaluation.tables import markdown_tables
from autochrome.io.folders import find_photos
from autochrome.laboratory.estimates import cell, estimate_of
from autochrome.metrics.diversity import expected_best
from autochrome.models.pixcolor.model import PixColor
from autochrome.models.registry import create_model
from autochrome.pipeline.painter import ColorizeSettings, Painter
from autochrome.report.diversity_sheet import Examples, write_diversity_sheet
from benchmarks.painting import REPLICATES, linked, markdown, mean_estimate, paint_all, per_photo
from benchmarks.pixcolor_samples import CELLS, Measured, measure
from benchmarks.sample_tables import (
    pair_tables,
    series_intersections,
    spread_rows,
    structure_rows,
)

SINGLE_ANSWERS = {
    "CIC default": ColorizeSettings(),
    "CIC most accurate": ColorizeSettings(vibrance=0.0, temperature=0.6, fuse="full"),
}
PIPELINE = "pipeline sample"
SCORES = ("PSNR", "AuC", "CIEDE2000")
KEYS = {"PSNR": "psnr", "AuC": "auc", "CIEDE2000": "ciede2000"}


def ablation_gain(scores: Scores) -> str:
    """What refining brings, photo by photo: for a sample and for the true low-resolution chroma."""
    rows = []
    for kind in ("sample", "truth"):
        gains = [
            mean_estimate(
                per_photo(scores, f"{kind} refined", key) - per_photo(scores, f"{kind} unrefined", key)
            )
            for key in KEYS.values()
        ]
        rows.append([f"{kind}: refined - unrefined", *(cell(gain, sign="+") for gain in gains)])
    return markdown(["mean over photos", *SCORES], rows)


def intersection_table(found: Measured) -> str:
    """Histogram intersection of single samples: of each of the n series by itself, and their mean.

    One photo's colors hang together, so that a few hundred photos leave a single series much to chance: the
    mean over the series is the steadier figure.
    """
    series = series_intersections(found)
    rows = []
    for channel, name in enumerate("ab"):
        each = ", ".join(f"{value:.3f}" for value in series[:, 0, channel].tolist())
        mean = estimate_of(series[:, :, channel].mean(0))
        rows.append([f"intersection {name}", cell(mean, 3), each])
    return markdown(["refined samples", "mean of the series", "each series"], rows)


def best_of_table(found: Measured, scores: Scores) -> str:
    """Best of n against n, beside the systems with one answer."""
    n = found.psnr.shape[1]
    best = {"PSNR": expected_best(found.psnr), "AuC": expected_best(found.auc)}
    rival = {name: per_photo(scores, "CIC most accurate", KEYS[name]) for name in best}
    rows = []
    for m in sorted({1, 2, 4, 8, 16, 32, n}):
        if m <= n:
            columns = {name: values[:, m - 1] for name, values in best.items()}
            over = [cell(mean_estimate(columns[name] - rival[name]), sign="+") for name in best]
            rows.append([f"best of {m}", *(cell(mean_estimate(v)) for v in columns.values()), *over])
    for name in SINGLE_ANSWERS:
        single = [cell(mean_estimate(per_photo(scores, name, KEYS[key]))) for key in best]
        rows.append([name, *single, "", ""])
    head = ["mean over photos", "PSNR", "AuC per photo", "PSNR above CIC", "AuC above CIC"]
    return markdown(head, rows) + "\n\nAbove CIC: above its most accurate setting, on the same resamples."


def diversity_tables(found: Measured) -> str:
    """MS-SSIM of pairs of samples and their spread in Lab."""
    rows = {**structure_rows(found), **spread_rows(found)}
    table = markdown(["", "mean over photos"], [list(row) for row in rows.items()])
    return f"{table}\n\n{pair_tables(found)}"


def likelihood_table(found: Measured) -> str:
    """Bits per dimension of the true low-resolution chroma and of the samples."""
    per_bit = -1 / (math.log(2) * found.dimensions)
    truth, own = found.log_prob_truth * per_bit, found.log_prob * per_bit
    rows = [
        ["true low-resolution chroma", cell(mean_estimate(truth[:, 0]), 3)],
        ["the model's samples", cell(mean_estimate(own.mean(1)), 3)],
    ]
    return markdown(["", "bits per dimension"], rows)


def choice_tables(found: Measured) -> str:
    """The sample that each judge would choose, and how often it prefers the truth to a sample."""
    judges = {"likelihood": (found.log_prob, found.log_prob_truth)}
    note = "\n\nThis model has no ranker: the learned choice is left out."
    if found.rank.shape[1]:
        judges["learned ranker"] = (found.rank, found.rank_truth)
        note = ""
    choices = {
        "random": None,
        **{name: scores.argmax(1) for name, (scores, _) in judges.items()},
        "oracle (best PSNR)": found.psnr.argmax(1),
    }
    base = {key: getattr(found, key).mean(1) for key in KEYS.values()}
    rows = []
    for name, index in choices.items():
        values = {
            key: mean if index is None else getattr(found, key).gather(1, index[:, None])[:, 0]
            for key, mean in base.items()
        }
        gains = ["" if index is None else cell(mean_estimate(values[k] - base[k]), sign="+") for k in base]
        rows.append([name, *(cell(mean_estimate(value)) for value in values.values()), *gains])
    chosen = markdown(["chosen by", *SCORES, *(f"{name} above random" for name in SCORES)], rows)
    rows = [
        [name, cell(mean_estimate((truth > scores).double().mean(1)), 3)]
        for name, (scores, truth) in judges.items()
    ]
    return f"{chosen}\n\n{markdown(['judge', 'prefers the true colors to a sample'], rows)}{note}"


def report(arguments: argparse.Namespace, photos: list[Path], results: Path) -> None:
    """Run everything and print the tables."""
    model = create_model(arguments.model, weights=arguments.weights)
    assert isinstance(model, PixColor)
    examples = Examples()

    def progress(done: int) -> None:
        print(f"\r{done} of {len(photos)} photos sampled", end="", file=sys.stderr, flush=True)

    found = measure(
        model,
        photos,
        results,
        samples=arguments.samples,
        seed=arguments.seed,
        temperature=arguments.temperature,
        guidance=arguments.guidance,
        examples=examples,
        progress=progress,
    )
    print(file=sys.stderr)
    drawing = ColorizeSettings(
        seed=arguments.seed, temperature=arguments.temperature, guidance=arguments.guidance
    )
    paint_all(photos, results, Painter(model, device="cpu"), {PIPELINE: drawing})
    paint_all(photos, results, Painter(arguments.single_answer, device="cpu"), SINGLE_ANSWERS)
    systems = [results / name for name in (*CELLS, PIPELINE, *SINGLE_ANSWERS)]
    scores = evaluate(linked(photos, results / "references"), *systems, replicates=REPLICATES)
    parts = {
        "Ablation": f"{markdown_tables(scores)}\n{ablation_gain(scores)}",
        "Intersection of single samples": intersection_table(found),
        "Best of n": best_of_table(found, scores),
        "Diversity": diversity_tables(found) if arguments.samples > 1 else "One sample: no diversity.",
        "Likelihood": likelihood_table(found),
        "Choosing a sample": choice_tables(found),
    }
    asked = {"temperature": arguments.temperature, "guidance": arguments.guidance}
    used = {**model.spec.defaults, **{key: value for key, value in asked.items() if value is not None}}
    settings = ", ".join(f"{key} {value:g}" for key, value in used.items())
    title = f"{len(photos)} photos, {arguments.samples} samples each, {settings}, seed {arguments.seed}"
    print("\n\n".join([f"## {title}", *(f"### {name}\n\n{text}" for name, text in parts.items())]))
    if arguments.out:
        scores.save(results / "scores.json")
        if examples.found():
            write_diversity_sheet(
                found.ms_ssim.mean(2).flatten(), examples.found(), results / "diversity.png"
            )


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="PHOTOS")
    parser.add_argument("--model", default="pixcolor", help="a PixColor model (default: pixcolor)")
    parser.add_argument("--single-answer", default="cic", help="what to compare with (default: cic)")
    parser.add_argument("--weights", help="instead of the shipped ones")
    parser.add_argument("--photos", type=int, help="only the first so many by name")
    parser.add_argument("--samples", type=int, default=8, help="of each photo (default: 8)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--temperature", type=float, help="of the draws (default: the model's own)")
    parser.add_argument("--guidance", type=float, help="of the draws (default: the model's own)")
    parser.add_argument("--out", type=Path, help="keep pictures, scores and the figure in this folder")
    arguments = parser.parse_args(argv)
    if not arguments.folder.is_dir():
        parser.error(f"{arguments.folder} is not a folder of photos")
    # In the order of the evaluator, so that the figures of a photo are in one row.
    found = sorted((each.path for each in find_photos([arguments.folder])), key=lambda path: path.stem)
    photos = found[: arguments.photos]
    if not photos:
        parser.error(f"{arguments.folder} holds no photos")
    with nullcontext(arguments.out) if arguments.out else TemporaryDirectory() as root:
        report(arguments, photos, Path(root))


if __name__ == "__main__":
    main()
