"""Recipes: everything that decides a training run, as frozen dataclasses read from YAML.

The resolved recipe is saved beside every checkpoint; ``--set trainer.steps=100`` on the command line changes
a value. See ``recipes/`` for the ones that ship.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from jsonargparse import ActionConfigFile, ArgumentParser, Namespace

from autochrome.data.augment import LumaFaults
from autochrome.data.photos import CropSettings


class RecipeError(Exception):
    """A recipe is missing, malformed, or asks for something that does not exist."""


@dataclass(frozen=True)
class ModelRecipe:
    """Which model is trained, and what it starts from."""

    name: str = "cic.compact"
    """Name in the registry (``autochrome models``)."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the model's losses, such as ``rebalance_mix`` (lambda) for CIC."""
    weights: str | None = None
    """Weights to start from (fine-tuning): a file, a hub name, or ``bundled``."""
    vgg16: str | None = None
    """VGG-16 state dict to initialise from: a .safetensors file or a hub name."""


@dataclass(frozen=True)
class SourceRecipe:
    """A folder of pictures or of tar shards."""

    path: str
    """Where the photos are."""
    repeats: float = 1.0
    """How often each photo is seen in an epoch; a fraction takes a changing random part."""


@dataclass(frozen=True)
class DataRecipe:
    """The training photos."""

    sources: list[SourceRecipe] = field(default_factory=list)
    """Where they come from."""
    crops: CropSettings = CropSettings()
    """How they are cropped."""
    faults: LumaFaults | None = None
    """How the luma is degraded; null leaves it clean."""
    prior: str | None = None
    """File of colour statistics made by ``autochrome prior``; null counts them on the first 2000 photos."""
    workers: int = 0
    """Processes that decode and crop; 0 does it in the training process."""
    cache: bool = False
    """Keep decoded photos in memory (with ``workers: 0``, for sets that fit)."""
    cache_side: int | None = None
    """Shorter side, in pixels, to which cached photos are shrunk."""


@dataclass(frozen=True)
class OptimiserRecipe:
    """How the weights are moved."""

    name: Literal["adam", "adamw", "sgd"] = "adamw"
    """``adam`` adds the decay to the gradient (as Caffe does) for all parameters; ``adamw`` decouples it and
    leaves biases and norms alone; ``sgd`` has momentum ``betas[0]``."""
    lr: float = 2e-3
    """Peak learning rate."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Decay rates of Adam's moments."""
    weight_decay: float = 0.05
    """Weight decay."""
    clip: float = 0.0
    """Largest norm of the gradient; 0 does not clip."""


@dataclass(frozen=True)
class ScheduleRecipe:
    """How the learning rate goes with the steps."""

    kind: Literal["constant", "cosine", "step"] = "cosine"
    """``cosine`` falls to ``end`` at the last step; ``step`` multiplies by ``factor`` every ``every`` steps."""
    warmup: int = 200
    """Steps of linear warm-up from 0."""
    end: float = 0.01
    """Final share of the peak (cosine)."""
    every: int = 225_000
    """Steps between two drops (step)."""
    factor: float = 0.1
    """What a drop multiplies by (step)."""


@dataclass(frozen=True)
class TrainerRecipe:
    """How the loop runs."""

    steps: int = 10_000
    """Optimiser steps in all."""
    batch_size: int = 64
    """Photos in a micro-batch of one process."""
    accumulate: int = 1
    """Micro-batches whose gradients make one step."""
    seed: int = 0
    """Of initialisation, order, crops and faults."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "bf16-mixed"
    """Arithmetic of the network; losses are always computed in float32."""
    accelerator: str = "auto"
    """``cpu``, ``cuda``, ``mps`` or ``auto``."""
    devices: int = 1
    """Processes, one a device."""
    threads: int | None = None
    """CPU threads of a process; null leaves torch's choice."""
    ema: float = 0.999
    """Decay of the averaged weights that are shipped; 0 keeps the last ones."""
    checkpoint_minutes: float = 5.0
    """Time between two checkpoints."""
    log_every: int = 50
    """Steps between two lines of the log."""


@dataclass(frozen=True)
class WatchRecipe:
    """Fixed photos on which the run is watched: the sample grid, the colours' strength, the gain over gray."""

    photos: str | None = None
    """Folder or shards; null takes the training photos."""
    count: int = 64
    """How many."""
    size: int = 64
    """Side of the centre crop in pixels."""
    every: int = 500
    """Steps between two looks."""


@dataclass(frozen=True)
class Recipe:
    """A training run."""

    model: ModelRecipe = ModelRecipe()
    data: DataRecipe = DataRecipe()
    optimiser: OptimiserRecipe = OptimiserRecipe()
    schedule: ScheduleRecipe = ScheduleRecipe()
    trainer: TrainerRecipe = TrainerRecipe()
    watch: WatchRecipe = WatchRecipe()


def _parser() -> ArgumentParser:
    parser = ArgumentParser(exit_on_error=False, prog="autochrome train")
    parser.add_argument("--file", action=ActionConfigFile)
    parser.add_class_arguments(Recipe, as_group=False)
    return parser


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        path: the YAML file.
        overrides: ``section.key=value`` strings that win over the file.

    Raises:
        RecipeError: the file is missing, or a key or value does not fit; the message names it.
    """
    if not Path(path).is_file():
        raise RecipeError(f"no recipe at {path}: give a YAML file such as recipes/cic-compact.yaml")
    arguments = ["--file", str(path)]
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            raise RecipeError(f"'{override}' is not of the form section.key=value")
        arguments.append(f"--{key}={value}")
    parser = _parser()
    try:
        namespace = parser.parse_args(arguments)
        return Recipe(**vars(_without_file(parser.instantiate_classes(namespace))))
    except Exception as error:  # jsonargparse raises several kinds; all mean the text does not fit
        raise RecipeError(f"{path}: {error}") from error


def dump_recipe(recipe: Recipe) -> str:
    """The resolved recipe as YAML that ``load_recipe`` reads back to an equal one."""
    from dataclasses import asdict

    import yaml

    return yaml.safe_dump(_plain(asdict(recipe)), sort_keys=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _without_file(namespace: Namespace) -> Namespace:
    namespace.pop("file", None)
    return namespace
