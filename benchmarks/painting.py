"""Photos of known colors, painted as a person gets them, and tables of the figures with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.evaluation.scores import Estimate, Scores
from autochrome.io.photo import Photo, read_photo, write_photo
from autochrome.laboratory import estimates
from autochrome.laboratory.run import LabSettings
from autochrome.models.spec import ModelSpec
from autochrome.pipeline.painter import ColorizeSettings, Painter, Prediction
from autochrome.pipeline.settings import resolve

REPLICATES = 1000

Wish = ColorizeSettings | Callable[[Photo], ColorizeSettings]
"""Settings, or what makes them of the photo: its own palette as the reference, say."""


def paint_all(
    photos: Iterable[Path], results: Path, painter: Painter, wishes: Mapping[str, Wish]
) -> dict[str, Path]:
    """Color every photo in every way, as PNG in a folder a way; the model is asked once where it can be.

    Returns:
        The folder of each way.
    """
    folders = {name: results / name for name in wishes}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    for path in photos:
        photo = read_photo(path)
        settings = {name: w if isinstance(w, ColorizeSettings) else w(photo) for name, w in wishes.items()}
        asked = {name: _asked_of_model(s, painter.model.spec) for name, s in settings.items()}
        predictions: dict[tuple[object, ...], Prediction] = {}
        for name, setting in settings.items():
            if asked[name] not in predictions:
                predictions[asked[name]] = painter.predict(photo, setting)
            painted = painter.paint(predictions[asked[name]], setting)
            write_photo(painted, folders[name] / f"{path.stem}.png", provenance=painted.provenance)
    return folders


def _asked_of_model(settings: ColorizeSettings, spec: ModelSpec) -> tuple[object, ...]:
    """The settings that change what the model predicts (see `Painter.predict`), with the look's values."""
    decoder = resolve(settings, spec)
    asked = (decoder.fuse, decoder.size)
    if not spec.draws:
        return asked
    drawn = (settings.samples, settings.seed, settings.refine, settings.rank)
    return (*asked, decoder.temperature, decoder.guidance, *drawn)


def mean_estimate(values: Float[Tensor, " photos"], seed: int = 0) -> Estimate:
    """Mean over photos with its bootstrap interval; the same resamples for one seed, so differences pair."""
    return estimates.mean_estimate(values, LabSettings(replicates=REPLICATES, seed=seed))


def per_photo(scores: Scores, system: str, key: str) -> Float[Tensor, " photos"]:
    """One score of every photo."""
    return torch.tensor(scores.per_photo[system][key], dtype=torch.float64)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is to the left."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *rows))


def linked(photos: Sequence[Path], folder: Path) -> Path:
    """A folder of these photos alone: the evaluator asks for a result of every reference."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for path in photos:
        (folder / path.name).symlink_to(path.resolve())
    return folder
