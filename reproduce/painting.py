"""Photos painted in several ways; the network is run once for all ways that leave its prediction as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from autochrome.io.photo import Photo, read_photo, write_photo
from autochrome.pipeline.painter import ColorizeSettings, Painter, Prediction
from autochrome.pipeline.settings import prediction_key

Way = ColorizeSettings | Callable[[Photo], ColorizeSettings]
"""Settings, or a function that makes them for a photo, for example with its own palette as the reference."""


def paint_all(
    photos: Iterable[Path], results: Path, painter: Painter, ways: Mapping[str, Way]
) -> dict[str, Path]:
    """Colorize every photo in every way and write PNG files, one folder per way.

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
