"""Score folders of colorized photos against a folder of true ones. Reads files only, never a model.

All results are scored the same way: a folder of pictures named like the references. Two baselines are made
from the references: ``gray`` (lightness kept, ab = 0) and ``random`` (lightness kept, the ab of another
photo). Photos are read one by one, and some 20 kB of sums are kept of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from autochrome.color.bins import reference_prior
from autochrome.errors import EvaluationError
from autochrome.evaluation.files import Pair, match_files, open_photo, sized_rgb
from autochrome.evaluation.intervals import Bootstrap, Estimate
from autochrome.evaluation.manifest import Manifest, ResultFiles, prior_sha256
from autochrome.evaluation.sums import SCORES, Sums, Truth, summarize
from autochrome.io.plain import to_plain
from autochrome.io.whole_file import write_json
from autochrome.metrics.baselines import derangement, gray, random_colors
from autochrome.metrics.sizing import Sizing

SCHEMA = "autochrome-evaluation/1"

PER_PHOTO = (
    *("auc", "psnr", "ciede2000", "chroma", "chroma_truth"),
    *("helped", "harmed", "casts", "colorfulness", "colorfulness_truth"),
)
"""Scores that are also kept for each photo."""


_NEARLY_GRAY = 2.0
"""Mean chroma of a reference, in CIE units, below which it has no colors to find; photos have about 18."""


@dataclass(frozen=True)
class Scores:
    """The results of an evaluation. ``systems`` has one row per results folder and baseline."""

    systems: dict[str, dict[str, Estimate]]
    above_gray: dict[str, dict[str, Estimate]]
    """Differences from gray, resampled in pairs, but for `Score.against_gray`; empty without baselines."""
    perfect_photos: dict[str, int]
    """Number of photos equal to the truth, which are left out of the mean PSNR."""
    per_photo: dict[str, dict[str, list[float]]]
    manifest: Manifest
    warnings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON."""
        return to_plain(
            {
                "schema": SCHEMA,
                "systems": self.systems,
                "above_gray": self.above_gray,
                "psnr_perfect_photos": self.perfect_photos,
                "per_photo": self.per_photo,
                "manifest": self.manifest.to_dict(),
                "warnings": self.warnings,
            }
        )

    def save(self, path: Path) -> None:
        """Write JSON; the file appears only when it is complete."""
        write_json(self.to_dict(), path)


def evaluate(
    references: Path | str,
    *results: Path | str,
    protocol: Sizing | str = "native",
    photos: int | None = None,
    baselines: bool = True,
    replicates: int = 1000,
    seed: int = 0,
    prior: Float[Tensor, "313"] | None = None,
    progress: Callable[[int, int], None] | None = None,
    names: Sequence[str] | None = None,
) -> Scores:
    """Score folders of results.

    Args:
        references: folder of true color photos.
        results: folders of colorized photos, matched by name without suffix (``.colorized`` is ignored). If
            there are none, only the baselines are scored.
        protocol: ``native``, ``crop:N`` or ``resize:N``.
        photos: number of references to use, the first by name.
        baselines: score gray and random, too. Random needs two photos.
        replicates: bootstrap resamples.
        seed: of the resamples and the random baseline's choice of photos.
        prior: smoothed frequencies of the 313 bins; the package's fixed prior if None.
        progress: called after each photo with the photos done and the photos in all.
        names: of the results; those of their folders if None.

    Raises:
        EvaluationError: files are missing, superfluous, unreadable, of one name, or of the wrong size; the
            message names them.
        SettingsError: the protocol is unknown.
    """
    sizing = Sizing.parse(protocol) if isinstance(protocol, str) else protocol
    prior = reference_prior() if prior is None else prior
    pairs = match_files(references, results, names=names, photos=photos)
    if not pairs:
        raise EvaluationError("no photos to score; choose at least one")
    folders = zip(pairs[0].results, results, strict=True)
    manifest = Manifest(
        references=str(references),
        results={name: ResultFiles(str(folder)) for name, folder in folders},
        sizing=sizing,
        bootstrap=Bootstrap(replicates, seed),
        prior_sha256=prior_sha256(prior),
    )
    donors = derangement(len(pairs), seed) if baselines and len(pairs) > 1 else None
    sums: dict[str, Sums] = {}
    for index, pair in enumerate(pairs):
        donor = pairs[donors[index]] if donors else None
        for name, one in _summaries(pair, donor, manifest, prior, baselines):
            if name not in sums:
                sums[name] = one.zeros_like_batch(len(pairs))
            sums[name][index] = one
        if progress:
            progress(index + 1, len(pairs))
    return _scores(sums, manifest)


def _summaries(
    pair: Pair, donor: Pair | None, manifest: Manifest, prior: Float[Tensor, "313"], baselines: bool
) -> Iterator[tuple[str, Sums]]:
    """Yield the sums of a photo for every row of the table, with one coloring in memory at a time."""
    sizing, photo = manifest.sizing, open_photo(pair.reference)
    size = photo.size
    manifest.add_reference(pair, photo)
    rgb = sized_rgb(photo, sizing)
    truth = Truth.of(rgb, prior)
    for name, path in pair.results.items():
        photo = open_photo(path)
        manifest.results[name].add(path, photo)
        yield name, summarize(sized_rgb(photo, sizing, size), truth)
    if baselines:
        yield "gray", summarize(gray(rgb), truth)
    if donor:
        other = sized_rgb(open_photo(donor.reference), sizing)
        yield "random", summarize(random_colors(rgb, other), truth)


def _scores(sums: dict[str, Sums], manifest: Manifest) -> Scores:
    first = next(iter(sums.values()))
    n = len(first.photos)
    counts = manifest.bootstrap.counts(n)
    values: dict[str, dict[str, Tensor]] = {}
    for name, part in sums.items():
        combined = part.combine(counts)
        values[name] = {key: score.compute(combined) for key, score in SCORES.items()}
    base = values.get("gray")
    comparable = [key for key, score in SCORES.items() if not (key.endswith("_truth") or score.against_gray)]
    above = {
        name: {key: Estimate.of(row[key] - base[key]) for key in comparable}
        for name, row in values.items()
        if base and name != "gray"
    }
    per_photo = {
        name: {key: SCORES[key].compute(part).tolist() for key in PER_PHOTO} for name, part in sums.items()
    }
    manifest.bins_occupied = int((first.bins.sum(0) > 0).sum())
    return Scores(
        systems={name: {key: Estimate.of(v) for key, v in row.items()} for name, row in values.items()},
        above_gray=above,
        perfect_photos={name: n - int(part.psnr_photos.sum()) for name, part in sums.items()},
        per_photo=per_photo,
        manifest=manifest,
        warnings=[*manifest.warnings(), *_about_truth(per_photo)],
    )


def _about_truth(per_photo: dict[str, dict[str, list[float]]]) -> list[str]:
    """Return a warning about references without colors, of which every color is an error."""
    chroma = next(iter(per_photo.values()))["chroma_truth"]
    gray = sum(value < _NEARLY_GRAY for value in chroma)
    if not gray:
        return []
    return [
        f"{gray} of {len(chroma)} references {'is' if gray == 1 else 'are'} nearly gray (mean chroma below"
        f" {_NEARLY_GRAY:g}): there, whoever leaves photos gray is best; give the true photos in color"
    ]
