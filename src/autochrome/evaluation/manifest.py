"""What an evaluation is based on: every file with its digest, and everything that determines the figures."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from autochrome._version import __version__
from autochrome.evaluation.files import Pair
from autochrome.evaluation.intervals import LEVEL, Bootstrap
from autochrome.evaluation.sums import SCORES
from autochrome.io.photo import Photo, read_provenance
from autochrome.io.whole_file import file_sha256
from autochrome.metrics.sizing import Sizing

LOSSY_FORMATS = frozenset({"avif", "heic", "jpeg", "webp"})


@dataclass
class ResultFiles:
    """One results folder: its files, and how they were made if they record it."""

    folder: str
    photos: list[dict[str, Any]] = field(default_factory=list)
    provenance: list[dict[str, Any]] = field(default_factory=list)

    def add(self, path: Path, photo: Photo) -> None:
        """Record a result, and its provenance if that is new."""
        self.photos.append(_file_record(path, photo))
        made = read_provenance(photo)
        if made is not None:
            keys = ("model", "weights_sha256", "settings", "software")
            record = {key: getattr(made, key) for key in keys}
            if record not in self.provenance:
                self.provenance.append(record)

    @property
    def formats(self) -> dict[str, int]:
        """Number of files of each format."""
        return dict(Counter(each["format"] for each in self.photos))


@dataclass
class Manifest:
    """Files, sizing, resamples, prior and versions of an evaluation; filled photo by photo.

    Attributes:
        references: folder of the true photos.
        results: by the systems' names.
        sizing: the size of comparison.
        bootstrap: of the intervals; its seed also chooses the colors of the random baseline.
        prior_sha256: digest of the smoothed frequencies of the 313 ab bins.
        photos: record of every true photo.
        bins_occupied: number of the 313 ab bins that occur in the true photos.
    """

    references: str
    results: dict[str, ResultFiles]
    sizing: Sizing
    bootstrap: Bootstrap
    prior_sha256: str
    photos: list[dict[str, Any]] = field(default_factory=list)
    bins_occupied: int = 0

    def add_reference(self, pair: Pair, photo: Photo) -> None:
        """Record a true photo."""
        height, width = photo.size
        record = _file_record(pair.reference, photo)
        self.photos.append({"name": pair.name, **record, "height": height, "width": width})

    def warnings(self) -> list[str]:
        """Return reasons to doubt the figures, a sentence each."""
        warnings = []
        for system, files in self.results.items():
            for name, count in files.formats.items():
                if name in LOSSY_FORMATS:
                    warnings.append(
                        f"{system}: {count} results are {name.upper()} files; lossy compression changes the"
                        " figures, so write PNG for an evaluation"
                    )
            if len(files.provenance) > 1:
                warnings.append(
                    f"{system}: the results were made with different models or settings (see the manifest)"
                )
        return warnings

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, ready for JSON."""
        sizing, bootstrap = self.sizing, self.bootstrap
        return {
            "protocol": {"name": str(sizing), "kind": sizing.kind, "size": sizing.size or None},
            "photos": len(self.photos),
            "references": {"folder": self.references, "photos": self.photos},
            "results": {name: {**vars(each), "formats": each.formats} for name, each in self.results.items()},
            "baselines": {
                "seed": bootstrap.seed,
                "gray": "L* kept, ab = 0, rounded to 8 bits",
                "random": "L* kept, the ab of another photo, chroma scaled into sRGB, rounded to 8 bits; a"
                " permutation without fixed points, so the colors pooled over all photos are nearly the"
                " truth's",
            },
            "bootstrap": {**vars(bootstrap), "level": LEVEL, "unit": "photo"},
            "prior_sha256": self.prior_sha256,
            "definitions": {key: score.definition for key, score in SCORES.items()},
            "versions": versions(),
            "bins_occupied": self.bins_occupied,
        }


def prior_sha256(prior: Float[Tensor, "313"]) -> str:
    """Return the digest of a prior's float32 values."""
    return hashlib.sha256(prior.float().contiguous().numpy().tobytes()).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of this package and of those that affect the figures."""
    installed = {"autochrome": __version__}
    for package in ("torch", "numpy", "pyvips", "pyvips-binary"):
        try:
            installed[package] = version(package)
        except PackageNotFoundError:  # a system libvips has no pyvips-binary
            continue
    return installed


def _file_record(path: Path, photo: Photo) -> dict[str, Any]:
    return {"file": path.name, "format": photo.format, "sha256": file_sha256(path)}
