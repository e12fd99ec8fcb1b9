"""Photos of known colours, painted as a person gets them, and tables of the figures with their intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.evaluate import Estimate, Scores
from autochrome.io.photo import Photo, read_photo, write_photo
from autochrome.laboratory import estimates
from autochrome.laboratory.run import LabSettings
from autochrome.pipeline import ColorizeSettings, Painter

REPLICATES = 1000

Wish = ColorizeSettings | Callable[[Photo], ColorizeSettings]
"""Settings, or what makes them of the photo: its own palette as the reference, say."""


def paint_all(
    photos: Iterable[Path], results: Path, painter: Painter, wishes: Mapping[str, Wish]
) -> dict[str, Path]:
    """Colour every photo in every way, as PNG in a folder a way; the model is asked once where it can be.

    Returns:
        The folder of each way.
    """
    folders = {name: results / name for name in wishes}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    for path in photos:
        photo = read_photo(path)
        settings = {name: w if isinstance(w, ColorizeSettings) else w(photo) for name, w in wishes.items()}
        looks = {(s.fuse, s.size): s for s in settings.values()}
        predictions = {look: painter.predict(photo, s) for look, s in looks.items()}
        for name, setting in settings.items():
            painted = painter.paint(predictions[setting.fuse, setting.size], setting)
            write_photo(painted, folders[name] / f"{path.stem}.png", provenance=painted.provenance)
    return folders


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
