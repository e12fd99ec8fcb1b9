"""What a model that draws gives a person: single samples, the best of several, their spread, who ranks them.

    python -m reproduce.samples PHOTOS [--model pixcolor] [--weights FILE] [--photos N] [--samples 8]
                                [--seed 0] [--set temperature=0.9 ...]

PHOTOS is a folder of color photos (ours: eval-256px), or a tar shard of them; settings are tuned on a
held-out training shard, not on the evaluation sets. Sample k of every photo together is series k: figures
over pooled pixels are means over the series. Prints Markdown with 95% bootstrap intervals over photos.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import torch
from torch import Tensor

from autochrome.color.bins import reference_prior
from autochrome.color.spaces import rgb_to_lab
from autochrome.data.sources import open_source
from autochrome.errors import AutochromeError
from autochrome.evaluation.files import rgb_of
from autochrome.evaluation.intervals import Bootstrap, Estimate
from autochrome.evaluation.markdown import markdown_table
from autochrome.evaluation.sums import SCORES, Sums, Truth, summarize
from autochrome.io.photo import Photo, read_photo
from autochrome.laboratory.systems import model_system
from autochrome.metrics.baselines import gray
from autochrome.metrics.diversity import pairwise_delta_e
from autochrome.pipeline.painter import ColorizeSettings, Painter
from autochrome.pipeline.settings import capabilities
from reproduce.painting import counted

SERIES = {
    "intersection_a": ("intersection a", 3),
    "intersection_b": ("intersection b", 3),
    "chroma_kept": ("chroma kept", 3),
    "casts": ("casts", 3),
    "auc": ("AuC", 2),
}
"""Scores that are averaged over the series, with title and digits."""

CHOSEN = {"chroma_kept": 3, "colorfulness": 1, "casts": 3}
"""Scores of each judge's first choice, and their digits."""

Measured = dict[str, Tensor]
"""Of every photo, the photos first: each field of `Sums` of every sample "photos n ...", and

    gray_psnr      of the photo without color, in dB
    pairs          mean CIEDE2000 between two samples
    log_prob, score   of the samples, by the model and by its ranker; nan where there is none
"""


def measure_photo(painter: Painter, photo: Photo, settings: ColorizeSettings) -> Measured:
    """Draw samples of a photo as a person gets them and measure them."""
    prediction = painter.predict(photo, settings)
    painted = list(painter.paint_all(prediction, settings))
    order = torch.tensor([draw.number for draw in prediction.draws]).argsort()
    rgb = torch.cat([rgb_of(one) for one in painted])[order]
    truth = rgb_of(photo)
    sums = summarize(rgb, Truth.of(truth.expand_as(rgb), reference_prior()))
    gray_sums = summarize(gray(truth), Truth.of(truth, reference_prior()))
    measured = {field.name: getattr(sums, field.name) for field in fields(Sums)}
    for name in ("log_prob", "score"):
        known = [getattr(draw, name) for draw in prediction.draws]
        values = torch.tensor([float("nan") if one is None else one for one in known], dtype=torch.float64)
        measured[name] = values[order]
    measured["gray_psnr"] = gray_sums.psnr[0]
    measured["pairs"] = pairwise_delta_e(rgb_to_lab(rgb)).mean().double()
    return measured


def sums_of(measured: Measured, chosen: Tensor) -> Sums:
    """Return the sums of one sample of each photo, given its number from 0."""
    rows = torch.arange(len(chosen))
    return Sums(*(measured[field.name][rows, chosen] for field in fields(Sums)))


def series_estimate(measured: Measured, key: str) -> Estimate:
    """Return a score of each series, averaged over the series."""
    photos, samples = measured["psnr"].shape
    counts = Bootstrap().counts(photos)
    values = [
        SCORES[key].compute(sums_of(measured, torch.full((photos,), k)).combine(counts))
        for k in range(samples)
    ]
    return Estimate.of(torch.stack(values).mean(0))


def samples_table(measured: Measured) -> str:
    """Return one row: what single samples are like, the best of them, and how far apart two lie."""
    psnr, known = measured["psnr"], Bootstrap()
    cells = [series_estimate(measured, key).cell(digits) for key, (_, digits) in SERIES.items()]
    cells += [
        known.mean(psnr.mean(1) - measured["gray_psnr"]).cell(sign="+"),
        known.mean(psnr.amax(1)).cell(),
        known.mean(measured["gray_psnr"]).cell(),
        known.mean(measured["pairs"]).cell(1),
    ]
    titles = [title for title, _ in SERIES.values()]
    titles += ["PSNR of a sample over gray", f"best of {psnr.shape[1]}", "gray", "CIEDE2000 of pairs"]
    return markdown_table(["", *titles], [["mean over photos and series", *cells]])


def choice_table(measured: Measured) -> str:
    """Return what each judge's first choice is like beside a sample at random."""
    psnr = measured["psnr"]
    counts = Bootstrap().counts(len(psnr))
    judges = {"likelihood": measured["log_prob"], "ranker": measured["score"], "oracle (PSNR)": psnr}
    random = [series_estimate(measured, key).cell(digits) for key, digits in CHOSEN.items()]
    rows = [["at random", "", *random]]
    for name, values in judges.items():
        if values.isnan().any():
            continue
        chosen = values.argmax(1)
        sums = sums_of(measured, chosen).combine(counts)
        gain = psnr.gather(1, chosen[:, None])[:, 0] - psnr.mean(1)
        cells = [Estimate.of(SCORES[key].compute(sums)).cell(digits) for key, digits in CHOSEN.items()]
        rows.append([name, Bootstrap().mean(gain).cell(sign="+"), *cells])
    truth = series_estimate(measured, "colorfulness_truth").cell(1)
    head = ["chosen by", "PSNR above random", "chroma kept", f"colorfulness (truth {truth})", "casts"]
    return markdown_table(head, rows)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="PHOTOS", help="folder of color photos, or tar shard")
    parser.add_argument("--model", default="pixcolor")
    parser.add_argument("--weights", help="instead of the bundled ones")
    parser.add_argument("--photos", type=int, help="number of photos, the first by name")
    parser.add_argument("--samples", type=int, default=8, help="of each photo, 2 or more (default: 8)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", dest="changes", nargs="+", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args(argv)
    if arguments.samples < 2 or (arguments.photos is not None and arguments.photos < 2):
        parser.error("--samples and --photos must be at least 2")
    rows: list[Mapping[str, Tensor]] = []
    try:
        painter = Painter(arguments.model, weights=arguments.weights)
        changes = ",".join([f"row={arguments.model}", *arguments.changes])
        settings = replace(
            model_system(changes, Path(), arguments.samples).settings,
            samples=arguments.samples,
            seed=arguments.seed,
            rank="rank" in capabilities(painter.model.spec),
        )
        source = open_source(arguments.folder)
        count = min(arguments.photos or len(source), len(source))
        for number in counted(range(count), "measured"):
            rows.append(measure_photo(painter, read_photo(source.read(number)), settings))
    except (AutochromeError, ValueError) as error:
        parser.error(str(error))
    measured = {key: torch.stack([row[key] for row in rows]) for key in rows[0]}
    print(f"### {painter.model.spec.name}, {count} photos of {arguments.folder.name}\n")
    print(f"{samples_table(measured)}\n\n{choice_table(measured)}", flush=True)


if __name__ == "__main__":
    main()
