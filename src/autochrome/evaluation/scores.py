"""Score folders of colorized photos against a folder of true ones. Reads files only, never a model.

Anyone's results score the same way: a folder of pictures named as the references are. Two baselines are made
from the references themselves: ``gray`` (lightness kept, ab = 0) and ``random`` (lightness kept, the ab of
another photo). Photos are read one by one; what is kept of each are some 20 kB of sums.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from autochrome._version import __version__
from autochrome.color.bins import reference_prior
from autochrome.errors import EvaluationError, PhotoError, SizeError
from autochrome.evaluation.intervals import percentile_interval, resample_counts
from autochrome.evaluation.sums import SCORES, Sums, Truth, summarize
from autochrome.io.folders import find_photos
from autochrome.io.photo import Photo, read_photo, read_provenance
from autochrome.io.whole_file import file_sha256, write_json
from autochrome.metrics.baselines import BASELINES, derangement, gray, random_colors
from autochrome.metrics.sizing import Compared, Protocol, Size
from autochrome.types import RGB

SCHEMA = "autochrome-evaluation/1"
LEVEL = 0.95
"""Of the bootstrap intervals."""

RESULT_MARK = ".colorized"
"""A result may be called NAME.EXT or, as `autochrome colorize` writes it, NAME.colorized.EXT."""

LOSSY_FORMATS = frozenset({"avif", "heic", "jpeg", "webp"})
PER_PHOTO = (
    "auc",
    "psnr",
    "ciede2000",
    "chroma",
    "chroma_truth",
    "helped",
    "harmed",
    "colorfulness",
    "colorfulness_truth",
)


@dataclass(frozen=True)
class Estimate:
    """A score and its 95% bootstrap interval over photos."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """Plain numbers; None for what is infinite or undefined, which JSON cannot say."""
        return {name: _finite(getattr(self, name)) for name in ("value", "low", "high")}


@dataclass(frozen=True)
class Scores:
    """What an evaluation found. ``systems`` has one row per results folder and baseline."""

    systems: dict[str, dict[str, Estimate]]
    above_gray: dict[str, dict[str, Estimate]]
    """Differences from the gray baseline, resampled in pairs; empty without baselines. Scores that measure
    against gray already (`Score.against_gray`) are not among them."""
    perfect_photos: dict[str, int]
    """How many photos equal the truth exactly; they are left out of the mean PSNR."""
    per_photo: dict[str, dict[str, list[float]]]
    manifest: dict[str, Any]
    warnings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values, ready for JSON."""

        def table(rows: dict[str, dict[str, Estimate]]) -> dict[str, Any]:
            return {name: {key: e.to_dict() for key, e in row.items()} for name, row in rows.items()}

        return {
            "schema": SCHEMA,
            "systems": table(self.systems),
            "above_gray": table(self.above_gray),
            "psnr_perfect_photos": self.perfect_photos,
            "per_photo": {
                name: {key: [_finite(v) for v in values] for key, values in row.items()}
                for name, row in self.per_photo.items()
            },
            "manifest": self.manifest,
            "warnings": self.warnings,
        }

    def save(self, path: Path) -> None:
        """Write JSON; the file appears only when it is complete."""
        write_json(self.to_dict(), path)


@dataclass(frozen=True)
class Pair:
    """A reference and the result of the same name in each results folder."""

    name: str
    reference: Path
    results: dict[str, Path]


def evaluate(
    references: Path | str,
    *results: Path | str,
    protocol: Protocol | str = "native",
    photos: int | None = None,
    baselines: bool = True,
    replicates: int = 1000,
    seed: int = 0,
    prior: Float[Tensor, "313"] | None = None,
    progress: Callable[[int, int], None] | None = None,
    names: Sequence[str] | None = None,
) -> Scores:
    """Score one or more folders of results.

    Args:
        references: folder of true color photos.
        results: folders of colorized photos, matched by name without suffix (``.colorized`` is ignored). None
            at all scores the baselines alone.
        protocol: ``native``, ``crop:N`` or ``resize:N``.
        photos: only the first so many references by name.
        baselines: score gray and random too. Random needs two photos.
        replicates: bootstrap resamples.
        seed: for the resamples and for the random baseline's choice of photos.
        prior: smoothed frequencies of the 313 bins; the package's fixed prior if None.
        progress: called after each photo with how many are done and how many there are.
        names: what the rows of the results are called; after their folders if None.

    Raises:
        EvaluationError: for missing, extra, unreadable, doubly named or wrongly sized files; it names them.
        ValueError: for an unknown protocol.
    """
    protocol = Protocol.parse(protocol) if isinstance(protocol, str) else protocol
    prior = reference_prior() if prior is None else prior
    pairs = match_files(references, results, names=names, photos=photos)
    if not pairs:
        raise EvaluationError("no photos to score: ask for one or more")
    records = _Records(pairs[0].results)
    rows = _Rows(pairs, protocol, prior, derangement(len(pairs), seed) if len(pairs) > 1 else None)
    for index in range(len(pairs)):
        rows.add(index, records, baselines=baselines)
        if progress:
            progress(index + 1, len(pairs))
    folders = zip(pairs[0].results, results, strict=True)
    manifest = {
        "protocol": {"name": str(protocol), "kind": protocol.kind, "size": protocol.size or None},
        "photos": len(pairs),
        "references": {"folder": str(references), "photos": records.references},
        "results": {name: {"folder": str(folder), **records.describe(name)} for name, folder in folders},
        "baselines": {
            "seed": seed,
            "gray": "L* kept, ab = 0, rounded to 8 bits",
            "random": "L* kept, the ab of another photo, chroma scaled into sRGB, rounded to 8 bits; a"
            " permutation without fixed points, so the colors pooled over all photos are nearly the truth's",
        },
        "bootstrap": {"replicates": replicates, "seed": seed, "level": LEVEL, "unit": "photo"},
        "prior_sha256": hashlib.sha256(prior.float().contiguous().numpy().tobytes()).hexdigest(),
        "definitions": {key: score.definition for key, score in SCORES.items()},
        "versions": _versions(),
    }
    return _score(rows.sums, manifest, records.warnings(), replicates, seed)


@dataclass
class _Rows:
    """The sums of every photo for every row of the table, one photo in memory at a time."""

    pairs: list[Pair]
    protocol: Protocol
    prior: Float[Tensor, "313"]
    donors: list[int] | None
    sums: dict[str, Sums] = field(default_factory=dict)

    def add(self, index: int, records: _Records, *, baselines: bool) -> None:
        pair = self.pairs[index]
        photo, original = _load(pair.reference)
        size = (original.shape[-2], original.shape[-1])
        rgb = self._fit(original, size, pair.reference)
        truth = Truth.of(rgb, self.prior)
        records.add_reference(pair, photo, size)
        for name, path in pair.results.items():
            photo, result = _load(path)
            records.add_result(name, path, photo)
            self._put(name, index, self._fit(result, size, path), truth)
        if baselines:
            self._put("gray", index, gray(rgb), truth)
        if baselines and self.donors:
            donor = self.pairs[self.donors[index]].reference
            other = load_rgb(donor)
            other = self._fit(other, (other.shape[-2], other.shape[-1]), donor)
            self._put("random", index, random_colors(rgb, other), truth)

    def _put(self, name: str, index: int, rgb: RGB, truth: Truth) -> None:
        one = summarize(rgb, truth)
        if name not in self.sums:
            self.sums[name] = one.room_for(len(self.pairs))
        self.sums[name].put(index, one)

    def _fit(self, rgb: RGB, reference: Size, path: Path) -> Compared:
        try:
            return self.protocol.apply(rgb, reference)
        except SizeError as error:
            raise EvaluationError(f"{path} {error}") from error


def _score(
    sums: dict[str, Sums], manifest: dict[str, Any], warnings: list[str], replicates: int, seed: int
) -> Scores:
    first = next(iter(sums.values()))
    n = len(first.photos)
    # The first row is the set itself, the others are its resamples.
    counts = torch.cat([torch.ones(1, n, dtype=torch.float64), resample_counts(n, replicates, seed)])
    values: dict[str, dict[str, Tensor]] = {}
    for name, part in sums.items():
        combined = part.combine(counts)
        values[name] = {key: score.compute(combined) for key, score in SCORES.items()}
    base = values.get("gray")
    comparable = [key for key, score in SCORES.items() if not (key.endswith("_truth") or score.against_gray)]
    above = {
        name: {key: _estimate(row[key] - base[key]) for key in comparable}
        for name, row in values.items()
        if base and name != "gray"
    }
    return Scores(
        systems={name: {key: _estimate(v) for key, v in row.items()} for name, row in values.items()},
        above_gray=above,
        perfect_photos={name: n - int(part.psnr_photos.sum()) for name, part in sums.items()},
        per_photo={
            name: {key: SCORES[key].compute(part).tolist() for key in PER_PHOTO}
            for name, part in sums.items()
        },
        manifest={**manifest, "bins_occupied": int((first.bins.sum(0) > 0).sum())},
        warnings=warnings,
    )


def _estimate(values: Float[Tensor, " rows"]) -> Estimate:
    return Estimate(float(values[0]), *percentile_interval(values[1:], LEVEL))


def match_files(
    references: Path | str,
    results: Sequence[Path | str],
    *,
    names: Sequence[str] | None = None,
    photos: int | None = None,
) -> list[Pair]:
    """Pair every reference with the result of its name in each results folder, sorted by name.

    Where a results folder holds both NAME.EXT and NAME.colorized.EXT, the latter is the result. References
    called NAME.colorized.EXT are passed over, so results may lie beside their references.

    Args:
        references: folder of true photos.
        results: folders of results.
        names: what the results folders are called; `system_names` of them if None.
        photos: only the first so many references by name; results of the others may be missing.

    Raises:
        EvaluationError: for a folder that is none or empty, two files of one name, missing or extra results.
    """
    truths = _by_name(p for p in _photo_files(Path(references)) if not p.stem.endswith(RESULT_MARK))
    if not truths:
        raise EvaluationError(
            f"{references} holds results only (NAME{RESULT_MARK}.EXT); give the true photos"
        )
    wanted = sorted(truths)[:photos]
    found: dict[str, dict[str, Path]] = {}
    for name, folder in zip(names or system_names(results), results, strict=True):
        files = _photo_files(Path(folder))
        marked = _by_name(p for p in files if p.stem.endswith(RESULT_MARK))
        plain = _by_name(p for p in files if not p.stem.endswith(RESULT_MARK))
        found[name] = {**plain, **marked}
        _complain(f"{folder} lacks results for", [truths[n].name for n in wanted if n not in found[name]])
        _complain(
            f"{folder} has results without a reference in {references}:",
            [found[name][n].name for n in found[name].keys() - truths.keys()],
        )
    return [Pair(n, truths[n], {name: files[n] for name, files in found.items()}) for n in wanted]


def system_names(results: Sequence[Path | str]) -> list[str]:
    """Names for results folders: their own, or the paths as given where those would not be unique."""
    short = [Path(folder).resolve().name for folder in results]
    taken = Counter([*short, *BASELINES])
    names = [str(folder) if taken[name] > 1 else name for folder, name in zip(results, short, strict=True)]
    clashes = [name for name, times in Counter([*names, *BASELINES]).items() if times > 1]
    if clashes:
        raise EvaluationError(f"two rows would be called {', '.join(clashes)}; name each results folder once")
    return names


def load_rgb(path: Path) -> RGB:
    """Read a photo as sRGB in [0, 1], shape (1, 3, height, width); a gray one has three equal channels."""
    return _load(path)[1]


def _load(path: Path) -> tuple[Photo, RGB]:
    try:
        photo = read_photo(path)
    except PhotoError as error:
        raise EvaluationError(str(error)) from error
    pixels = photo.pixels
    full_scale = {8: 255.0, 16: 65535.0, 32: 1.0}[photo.bits]
    rgb = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32) / full_scale)
    return photo, rgb[None].expand(1, 3, -1, -1).clamp(0, 1)


class _Records:
    """What the manifest tells of the files."""

    def __init__(self, systems: Iterable[str]) -> None:
        self.references: list[dict[str, Any]] = []
        self.results: dict[str, list[dict[str, Any]]] = {name: [] for name in systems}
        self.provenance: dict[str, list[dict[str, Any]]] = {name: [] for name in systems}

    def add_reference(self, pair: Pair, photo: Photo, size: Size) -> None:
        entry = {"name": pair.name, **_file_record(pair.reference, photo)}
        self.references.append({**entry, "height": size[0], "width": size[1]})

    def add_result(self, system: str, path: Path, photo: Photo) -> None:
        self.results[system].append(_file_record(path, photo))
        made = _provenance(photo)
        if made is not None and made not in self.provenance[system]:
            self.provenance[system].append(made)

    def describe(self, system: str) -> dict[str, Any]:
        files = self.results[system]
        return {
            "formats": dict(Counter(f["format"] for f in files)),
            "provenance": self.provenance[system],
            "photos": files,
        }

    def warnings(self) -> list[str]:
        found = []
        for system, files in self.results.items():
            lossy = Counter(f["format"] for f in files if f["format"] in LOSSY_FORMATS)
            for name, times in lossy.items():
                found.append(
                    f"{system}: {times} results are {name.upper()} files; lossy compression changes the"
                    " figures, so write PNG for an evaluation"
                )
            if len(self.provenance[system]) > 1:
                found.append(
                    f"{system}: the results were made with different models or settings (see the manifest)"
                )
        return found


def _provenance(photo: Photo) -> dict[str, Any] | None:
    made = read_provenance(photo)
    return None if made is None else {**vars(made), "settings": dict(made.settings)}


def _file_record(path: Path, photo: Photo) -> dict[str, Any]:
    return {"file": path.name, "format": photo.format, "sha256": file_sha256(path)}


def _photo_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise EvaluationError(f"{folder} is not a folder; give a folder of photos")
    try:
        return [found.path for found in find_photos([folder])]
    except PhotoError as error:
        raise EvaluationError(str(error)) from error


def _by_name(files: Iterable[Path]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for path in files:
        name = path.stem.removesuffix(RESULT_MARK)
        if name in named:
            raise EvaluationError(f"{named[name]} and {path.name} are both called {name}; keep one of them")
        named[name] = path
    return named


def _complain(what: str, names: list[str]) -> None:
    if names:
        names = sorted(names)
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        raise EvaluationError(f"{what} {', '.join(names[:10])}{more}")


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _versions() -> dict[str, str]:
    found = {"autochrome": __version__}
    for package in ("torch", "numpy", "pyvips", "pyvips-binary"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # a system libvips has no pyvips-binary
            continue
    return found
