"""Photos of a folder, counted as they are processed, and painted in several ways with few predictions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from autochrome.io.folders import find_photos
from autochrome.io.photo import Photo, read_photo, write_photo
from autochrome.pipeline.painter import ColorizeSettings, Painter, Prediction
from autochrome.pipeline.settings import prediction_key

T = TypeVar("T")

Way = ColorizeSettings | Callable[[Photo], ColorizeSettings]
"""Settings, or a function that makes them for a photo, for example with its own palette as the reference."""


def photos_in(folder: Path, count: int | None = None) -> list[Path]:
    """Return the first ``count`` photos of a folder by name; None returns all.

    Raises:
        PhotoError: the folder does not exist or holds no photos.
    """
    return [each.path for each in find_photos([folder])][:count]


def report(what: str, done: int, total: int) -> None:
    """Print to stderr how much is done, every tenth time and at the end."""
    if done == total or done % 10 == 0:
        print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)


def counted(photos: Sequence[T], what: str) -> Iterator[T]:
    """Yield the photos and `report` them."""
    for number, photo in enumerate(photos):
        report(what, number, len(photos))
        yield photo
    report(what, len(photos), len(photos))


def paint_all(
    photos: Iterable[Path], results: Path, painter: Painter, ways: Mapping[str, Way]
) -> dict[str, Path]:
    """Colorize every photo in every way and write PNG files, one folder per way.

    The model runs once for all ways that do not change its prediction.

    Returns:
        The folder of each way.
    """
    folders = {name: results / name for name in ways}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    for path in photos:
        photo = read_photo(path)
        predictions: dict[tuple[object, ...], Prediction] = {}
        for name, way in ways.items():
            settings = way if isinstance(way, ColorizeSettings) else way(photo)
            key = prediction_key(settings, painter.model.spec)
            if key not in predictions:
                predictions[key] = painter.predict(photo, settings)
            painted = painter.paint(predictions[key], settings)
            write_photo(painted, folders[name] / f"{path.stem}.png", provenance=painted.provenance)
    return folders
