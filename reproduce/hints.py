"""A test of hints: true colors bring a photo closer to the truth, a false one stays on its object.

    python -m reproduce.hints PHOTOS [--every 40] [--count 5] [--model cic] [--accurate] [--keep FOLDER]

PHOTOS is a folder of color photos (ours: eval-256px), of which every 40th is used. Its result without hints
is corrected where the error in a*b* is largest, averaged over a window of 1/16 of the shorter side, and then
at least a quarter of that side away: the true color there, averaged likewise, is given as a hint. Prints
Markdown: PSNR of each photo, and the mean gain with its 95% bootstrap interval over photos. Of a model that
draws, the first of eight samples is corrected, and the spread of all eight out of the hints' reach printed.

In photos of our evaluation folders with an object before a sky or a wall, a hint then gives the object a
false color; the mean change of a*b* is measured on the object and on the background.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from autochrome.color.gamut import fit_chroma
from autochrome.color.spaces import rgb_to_lab
from autochrome.evaluation.files import rgb_of
from autochrome.evaluation.intervals import Bootstrap
from autochrome.evaluation.markdown import markdown_table
from autochrome.guidance.hint_files import Hint, Length, Point, Polygon, parse_hint
from autochrome.guidance.hints import mask_of
from autochrome.io.photo import Photo, read_photo, write_photo
from autochrome.metrics.pixel import psnr
from autochrome.pipeline.painter import ColorizeSettings, Painter, Prediction
from reproduce.painting import photos_in

SAMPLES = 8
"""Of a model that draws, whose spread is measured."""
UNHINTED = 0.1
"""What all hints together decide at most at a place that counts as out of their reach."""
WINDOW, APART = 1 / 16, 1 / 4
"""Shares of the shorter side: the window over which errors are averaged, and the hints' least distance."""
MOST_ROWS = 20
"""Maximum number of photos for a row each; for more only the mean is printed."""


@dataclass(frozen=True)
class FalseColor:
    """A hint of a false color, and where it should and should not work (corners in percent of the sides)."""

    photo: str
    what: str
    hint: str
    object: tuple[tuple[float, float], ...]
    sky: tuple[tuple[float, float], ...]


def box(left: float, top: float, right: float, bottom: float) -> tuple[tuple[float, float], ...]:
    """Return the corners of a rectangle."""
    return ((left, top), (right, top), (right, bottom), (left, bottom))


OVERALL = ((18, 58), (34, 58), (36, 75), (31, 98), (17, 98), (15, 75))
FALSE_COLORS = {
    "eval-256px": (
        FalseColor("231", "yellow hood", "65%,52%,royalblue", box(58, 48, 90, 56), box(5, 2, 60, 20)),
        FalseColor("245", "red lorry", "62%,50%,seagreen", box(57, 35, 73, 65), box(5, 2, 50, 25)),
        FalseColor("337", "red car", "40%,60%,seagreen", box(25, 50, 60, 68), box(5, 2, 95, 15)),
        FalseColor("354", "red band", "20%,25%,seagreen", box(12, 16, 35, 30), box(55, 5, 98, 60)),
    ),
    "eval-people-256px": (
        FalseColor("009", "red overall", "25%,75%,seagreen", OVERALL, box(1, 2, 13, 40)),
        FalseColor("088", "gray overall", "22%,45%,crimson", box(18, 35, 26, 48), box(45, 3, 95, 35)),
        FalseColor("095", "red dress (wall)", "45%,70%,seagreen", box(40, 60, 53, 85), box(3, 30, 25, 60)),
    ),
}


@dataclass(frozen=True)
class Gain:
    """PSNR of a photo in dB, seconds that painting took, and spread of samples, without and with hints."""

    photo: str
    psnr: tuple[float, float]
    seconds: tuple[float, float]
    hints: tuple[Hint, ...]
    spread: tuple[float, float] | None = None


def true_hints(
    painted: Float[Tensor, "1 3 h w"], truth: Float[Tensor, "1 3 h w"], count: int
) -> tuple[Hint, ...]:
    """Return true colors where the painted photo is most wrong; fewer than ``count`` on a small photo."""
    lab, target = rgb_to_lab(painted), rgb_to_lab(truth)
    height, width = truth.shape[2:]
    shorter = min(height, width)
    radius = max(1, round(shorter * WINDOW / 2))
    error = F.avg_pool2d((lab - target)[:, 1:].norm(dim=1, keepdim=True), 2 * radius + 1, 1)[0, 0]
    mean = F.avg_pool2d(target, 2 * radius + 1, 1)
    rows, columns = torch.meshgrid(torch.arange(error.shape[0]), torch.arange(error.shape[1]), indexing="ij")
    hints = []
    while len(hints) < count and error.max() >= 0:
        y, x = divmod(int(error.argmax()), error.shape[1])
        color = fit_chroma(mean[:, :1, y : y + 1, x : x + 1], mean[:, 1:, y : y + 1, x : x + 1])
        red, green, blue = color.flatten().tolist()
        where = Point((Length(float(x + radius)), Length(float(y + radius))))
        hints.append(Hint(where, (red, green, blue)))
        error[(rows - y) ** 2 + (columns - x) ** 2 < (APART * shorter) ** 2] = -1
    return tuple(hints)


def gain_of(path: Path, painter: Painter, settings: ColorizeSettings, count: int, keep: Path | None) -> Gain:
    """Paint a photo without hints and with them."""
    photo = read_photo(path)
    truth = rgb_of(photo)
    drawn = painter.model.spec.kind == "samples"
    settings = replace(settings, samples=SAMPLES if drawn else 1)
    prediction = painter.predict(photo, settings)
    start = time.perf_counter()
    plain = painter.paint(prediction, settings)
    between = time.perf_counter()
    hints = true_hints(rgb_of(plain), truth, count)
    begun = time.perf_counter()
    settings = replace(settings, hints=hints)
    told = painter.predict(photo, settings) if drawn else prediction
    hinted = painter.paint(told, settings)
    seconds = (between - start, time.perf_counter() - begun)
    if keep is not None:
        _keep(keep, path.stem, {"plain": plain, "hinted": hinted})
    quality = (float(psnr(rgb_of(plain), truth)), float(psnr(rgb_of(hinted), truth)))
    return Gain(path.stem, quality, seconds, hints, spreads(prediction, told) if drawn else None)


def spreads(plain: Prediction, hinted: Prediction) -> tuple[float, float]:
    """Return the spread of samples drawn without and with hints, in CIE units, where the hints do not reach.

    It is the root of the summed variances of a* and b* over the samples, mean over the places; nan if hints
    reach everywhere.
    """
    assert hinted.hinted is not None
    weights = hinted.hinted.weights.sum(0)
    outside = weights < UNHINTED
    values = []
    for prediction in (plain, hinted):
        ab = F.interpolate(prediction.answer.float(), weights.shape, mode="bilinear", antialias=True)
        values.append(float(ab.var(0).sum(0).sqrt()[outside].mean()))
    return values[0], values[1]


def gain_table(gains: Sequence[Gain]) -> str:
    """Return a row for each photo where they are few, and the mean."""
    before, after = torch.tensor([gain.psnr for gain in gains], dtype=torch.float64).unbind(1)
    rows = [
        [gain.photo, *(f"{each:.2f}" for each in gain.psnr), f"{gain.psnr[1] - gain.psnr[0]:+.2f}"]
        for gain in gains
        if len(gains) <= MOST_ROWS
    ]
    mean = Bootstrap().mean(after - before).cell(sign="+")
    rows.append([f"**mean of {len(gains)}**", f"{before.mean():.2f}", f"{after.mean():.2f}", mean])
    worse, by = int((after < before).sum()), max(0.0, float((before - after).max()))
    plain, hinted = (sum(gain.seconds[k] for gain in gains) / len(gains) for k in (0, 1))
    known = [gain.spread for gain in gains if gain.spread is not None and gain.spread[0] == gain.spread[0]]
    spread = ""
    if known:
        free, told = torch.tensor(known, dtype=torch.float64).unbind(1)
        kept = Bootstrap().ratio(told, free).cell(3)
        spread = f"Spread of {SAMPLES} samples out of the hints' reach: {kept} of that without hints. "
    return (
        f"{markdown_table(['photo', 'PSNR without', 'with hints', 'gain'], rows)}\n\n{spread}"
        f"Worse with hints: {worse} of {len(gains)}, by {by:.2f} dB at most. "
        f"Painting took {plain:.3f} s a photo, with hints {hinted:.3f} s."
    )


def false_row(case: FalseColor, path: Path, painter: Painter, keep: Path | None) -> list[str]:
    """Return how far a hint moved the object's colors, and the sky's."""
    photo = read_photo(path)
    hint = parse_hint(case.hint)
    settings = ColorizeSettings(hints=(hint,))
    plain = painter.paint(painter.predict(photo))
    painted = painter.paint(painter.predict(photo, settings), settings)
    if keep is not None:
        _keep(keep, path.stem, {"plain": plain, "false": painted})
    change = (rgb_to_lab(rgb_of(painted)) - rgb_to_lab(rgb_of(plain)))[0, 1:].norm(dim=0)
    means = []
    for corners in (case.object, case.sky):
        region = Polygon(tuple((Length(x, True), Length(y, True)) for x, y in corners))
        mask = mask_of(Hint(region, hint.color), photo.size, photo.size)
        means.append(float((change * mask).sum() / mask.sum()))
    there, sky = means
    return [case.photo, case.what, case.hint, f"{there:.1f}", f"{sky:.2f}", f"{sky / there:.1%}"]


def _keep(folder: Path, stem: str, photos: dict[str, Photo]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, photo in photos.items():
        write_photo(photo, folder / f"{stem}-{name}.png")


def main() -> None:
    """Parse the command line and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("--every", type=int, default=40, metavar="N", help="use every Nth photo")
    parser.add_argument("--count", type=int, default=5, help="hints per photo")
    parser.add_argument("--model", default="cic")
    parser.add_argument("--weights", help="weights of that model instead of the bundled ones")
    parser.add_argument("--accurate", action="store_true", help="the look accurate, not natural")
    parser.add_argument("--keep", type=Path, help="keep the painted photos in this folder")
    arguments = parser.parse_args()
    if not arguments.photos.is_dir():
        parser.error(f"{arguments.photos} is not a folder of photos")
    painter = Painter(arguments.model, weights=arguments.weights)
    paths = photos_in(arguments.photos)
    settings = ColorizeSettings(look="accurate" if arguments.accurate else "natural")
    chosen = paths[:: arguments.every]
    gains = [gain_of(path, painter, settings, arguments.count, arguments.keep) for path in chosen]
    title = f"{painter.model.spec.name} on {arguments.photos.name}, every {arguments.every}th photo"
    print(f"### {title}, {arguments.count} true colors\n\n{gain_table(gains)}\n", flush=True)
    cases = {case.photo: case for case in FALSE_COLORS.get(arguments.photos.name, ())}
    rows = [false_row(cases[p.stem], p, painter, arguments.keep) for p in paths if p.stem in cases]
    if rows:
        head = ["photo", "object", "hint", "change of a*b* there", "in the sky", "share"]
        print(f"### One false color\n\n{markdown_table(head, rows, numeric_from=3)}")


if __name__ == "__main__":
    main()
