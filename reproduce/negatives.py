"""The probe that tells negatives from photos (`autochrome.pipeline.negatives`): fit it, or measure it.

    python -m reproduce.negatives fit SOURCE [SOURCE ...] --held-out SOURCE [--photos N]
    python -m reproduce.negatives measure PHOTOS [PHOTOS ...]

SOURCE is a folder or a tar shard of photos that nothing is measured on. ``fit`` writes negative_probe.json: a
logistic regression of positive against negative, with gamma, grain and fading varied, and the threshold that
no held-out photo exceeds. ``measure`` prints, for each folder, how many photos are taken for negatives, and
how many of their negatives are found.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from autochrome.color.lightness import Lightness
from autochrome.color.tones import gray_of_lightness
from autochrome.data.photos import read_rgb
from autochrome.data.sources import open_source
from autochrome.errors import DataError
from autochrome.evaluation.markdown import markdown_table
from autochrome.io.photo import Photo
from autochrome.models.base import Colorizer
from autochrome.pipeline.extent import find_extent
from autochrome.pipeline.negatives import PROBE_FILE, difference, find_trunk, is_negative
from autochrome.pipeline.painter import Painter
from autochrome.pipeline.picture import Picture
from autochrome.pipeline.predict import luma_of_negatives
from reproduce.painting import report

RIDGE = 100.0
"""Penalty on the weights of standardized features."""
MARGIN = 1.1
"""Factor of the threshold above the highest held-out score."""


def gray_levels(place: Path, count: int | None = None) -> Iterator[np.ndarray]:
    """Yield photos "h w" as gray levels of 255, spaced evenly over a source."""
    source = open_source(place)
    numbers = np.linspace(0, len(source) - 1, min(count or len(source), len(source))).astype(int)
    for done, number in enumerate(numbers.tolist()):
        rgb = read_rgb(source, number)
        lightness = Lightness(np.ascontiguousarray(rgb)).rows(0, len(rgb))
        yield 255 * gray_of_lightness(lightness).numpy()
        report(str(place), done + 1, len(numbers))


def varied(gray: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return gray levels with another gamma, and at times grain and a veil, as old photos have."""
    values = (gray / 255) ** np.exp(rng.uniform(-0.6, 0.6))
    if rng.random() < 0.5:
        low, high = rng.uniform(0, 0.15), rng.uniform(0.85, 1)
        values = low + (high - low) * values
    if rng.random() < 0.3:
        values = values + rng.normal(0, rng.uniform(0, 0.04), values.shape)
    return 255 * values.clip(0, 1)


def as_picture(gray: np.ndarray) -> Picture:
    """Return what `predict` makes of gray levels."""
    pixels = np.rint(gray).astype(np.uint8)[..., None]
    return Picture(Photo(pixels), find_extent(pixels))


@torch.inference_mode()
def differences(model: Colorizer, photos: Iterator[np.ndarray]) -> Tensor:
    """Return the probe's input for each photo."""
    trunk = find_trunk(model)
    assert trunk is not None
    return torch.stack([difference(trunk, luma_of_negatives(as_picture(gray))) for gray in photos]).double()


def fit(inputs: Tensor, ridge: float = RIDGE) -> Tensor:
    """Return weights w that maximize the likelihood of positives, sigmoid(w x), by Newton's method.

    A negative's input is that of its positive with the opposite sign, so that no constant is needed.
    """
    scale = inputs.std(0) + 1e-6
    x, w = inputs / scale, torch.zeros(inputs.shape[1], dtype=torch.float64)
    for _ in range(30):
        p = torch.sigmoid(x @ w)
        gradient = x.T @ (p - 1) + ridge * w
        hessian = (x * (p * (1 - p))[:, None]).T @ x + ridge * torch.eye(len(w), dtype=torch.float64)
        w = w - torch.linalg.solve(hessian, gradient)
    return w / scale


def run_fit(model: Colorizer, sources: Sequence[Path], held_out: Path, count: int) -> None:
    """Fit the probe, and write it."""
    rng = np.random.default_rng(0)
    photos = (varied(gray, rng) for place in sources for gray in gray_levels(place, count))
    weights = fit(differences(model, photos))
    scores = differences(model, gray_levels(held_out, count)) @ weights
    threshold = MARGIN * max(0.0, -float(scores.min()))
    trunk = find_trunk(model)
    assert trunk is not None
    probe = {
        "trunk": trunk.identity,
        "threshold": round(threshold, 3),
        "weights": [float(f"{weight:.5g}") for weight in weights.tolist()],
    }
    PROBE_FILE.write_text(json.dumps(probe) + "\n", encoding="utf-8")
    found = int((scores > threshold).sum())
    print(f"threshold {threshold:.2f}; of {len(scores)} held-out negatives {found} are found")


@torch.inference_mode()
def run_measure(model: Colorizer, folders: Sequence[Path]) -> None:
    """Print false alarms and hits."""
    rows = []
    for folder in folders:
        wrong = found = total = 0
        for gray in gray_levels(folder):
            total += 1
            wrong += is_negative(model, luma_of_negatives(as_picture(gray)))
            found += is_negative(model, luma_of_negatives(as_picture(255 - gray)))
        rows.append([folder.name, str(total), str(wrong), f"{found} ({found / total:.0%})"])
    print(markdown_table(["", "photos", "taken for negatives", "of their negatives found"], rows))


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and fit or measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("task", choices=("fit", "measure"))
    parser.add_argument("places", type=Path, nargs="+", metavar="PHOTOS")
    parser.add_argument("--held-out", type=Path, help="fit: photos that set the threshold")
    parser.add_argument("--photos", type=int, default=1200, help="fit: of each source")
    arguments = parser.parse_args(argv)
    if arguments.task == "fit" and arguments.held_out is None:
        parser.error("fit needs --held-out")
    model = Painter("cic", device="cpu").model
    try:
        if arguments.task == "fit":
            run_fit(model, arguments.places, arguments.held_out, arguments.photos)
        else:
            run_measure(model, arguments.places)
    except DataError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
