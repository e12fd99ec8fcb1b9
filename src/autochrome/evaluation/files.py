"""Folders of true photos and of results: which file belongs to which, and their pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from autochrome.errors import EvaluationError, PhotoError, SizeError
from autochrome.io.folders import find_photos
from autochrome.io.photo import Photo, read_photo
from autochrome.metrics.baselines import BASELINES
from autochrome.metrics.sizing import Compared, Size, Sizing
from autochrome.types import RGB

RESULT_MARK = ".colorized"
"""A result may be called NAME.EXT or, as `autochrome colorize` writes it, NAME.colorized.EXT."""


@dataclass(frozen=True)
class Pair:
    """A reference and the result of the same name in each results folder."""

    name: str
    reference: Path
    results: dict[str, Path]


def match_files(
    references: Path | str,
    results: Sequence[Path | str],
    *,
    names: Sequence[str] | None = None,
    photos: int | None = None,
) -> list[Pair]:
    """Pair every reference with the result of its name in each results folder, sorted by name.

    If a results folder holds both NAME.EXT and NAME.colorized.EXT, the latter is the result. References
    called NAME.colorized.EXT are skipped, so results may lie beside their references.

    Args:
        references: folder of true photos.
        results: folders of results.
        names: of the results folders; `system_names` of them if None.
        photos: number of references to use, the first by name; results of others may be missing.

    Raises:
        EvaluationError: a folder does not exist or is empty, two files have one name, or results are missing
            or superfluous.
    """
    truths = _by_name(p for p in _photo_files(Path(references)) if not p.stem.endswith(RESULT_MARK))
    if not truths:
        raise EvaluationError(
            f"{references} holds only results (NAME{RESULT_MARK}.EXT); give the folder of the true photos"
        )
    wanted = sorted(truths)[:photos]
    files: dict[str, dict[str, Path]] = {}
    for name, folder in zip(names or system_names(results), results, strict=True):
        paths = _photo_files(Path(folder))
        marked = _by_name(p for p in paths if p.stem.endswith(RESULT_MARK))
        unmarked = _by_name(p for p in paths if not p.stem.endswith(RESULT_MARK))
        files[name] = {**unmarked, **marked}
        _refuse(f"{folder} lacks results for", [truths[n].name for n in wanted if n not in files[name]])
        _refuse(
            f"{folder} has results without a reference in {references}:",
            [files[name][n].name for n in files[name].keys() - truths.keys()],
        )
    return [Pair(n, truths[n], {name: each[n] for name, each in files.items()}) for n in wanted]


def system_names(results: Sequence[Path | str]) -> list[str]:
    """Return names for results folders: their own, or the paths as given where those are not unique."""
    short = [Path(folder).resolve().name for folder in results]
    taken = Counter([*short, *BASELINES])
    names = [str(folder) if taken[name] > 1 else name for folder, name in zip(results, short, strict=True)]
    clashes = [name for name, times in Counter([*names, *BASELINES]).items() if times > 1]
    if clashes:
        raise EvaluationError(f"two rows would be called {', '.join(clashes)}; name each results folder once")
    return names


def open_photo(path: Path) -> Photo:
    """Read a photo of an evaluation.

    Raises:
        EvaluationError: it cannot be read.
    """
    try:
        return read_photo(path)
    except PhotoError as error:
        raise EvaluationError(str(error)) from error


def load_rgb(path: Path) -> RGB:
    """Read a photo's pixels as `rgb_of` returns them; errors as `open_photo`."""
    return rgb_of(open_photo(path))


def rgb_of(photo: Photo) -> RGB:
    """Return a photo's pixels as sRGB in [0, 1], "1 3 h w"; a gray one has three equal channels."""
    planes = np.ascontiguousarray(photo.pixels.transpose(2, 0, 1), dtype=np.float32) / photo.white
    return torch.from_numpy(planes)[None].expand(1, 3, -1, -1).clamp(0, 1)


def pixels_of(rgb: RGB) -> UInt8[np.ndarray, "h w 3"]:
    """Return the 8-bit pixels of one picture, sRGB in [0, 1], "1 3 h w"."""
    return (rgb[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def sized_rgb(photo: Photo, sizing: Sizing, reference: Size | None = None) -> Compared:
    """Return a photo's pixels as `rgb_of` does, at the size of comparison.

    Args:
        photo: a reference or a result.
        sizing: the size of comparison.
        reference: (height, width) of a result's reference.

    Raises:
        EvaluationError: a result has another size than its reference, or a photo is smaller than the crop.
    """
    try:
        return sizing.apply(rgb_of(photo), reference or photo.size)
    except SizeError as error:
        raise EvaluationError(f"{photo.source} {error}") from error


def _photo_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise EvaluationError(f"{folder} is not a folder; give a folder of photos")
    try:
        return [photo.path for photo in find_photos([folder])]
    except PhotoError as error:
        inside = sorted(each.name for each in folder.iterdir() if each.is_dir() and each.name[0] != ".")
        if not inside:
            raise EvaluationError(str(error)) from error
        named = f"folder{'s' * (len(inside) > 1)} {', '.join(inside[:9])}"
        raise EvaluationError(
            f"{folder}: holds no photos. It holds the {named}; give {folder / inside[0]}"
        ) from error


def _by_name(paths: Iterable[Path]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for path in paths:
        name = path.stem.removesuffix(RESULT_MARK)
        if name in named:
            raise EvaluationError(f"{named[name]} and {path.name} are both called {name}; keep one of them")
        named[name] = path
    return named


def _refuse(problem: str, names: list[str]) -> None:
    if names:
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        raise EvaluationError(f"{problem} {', '.join(sorted(names)[:10])}{more}")
