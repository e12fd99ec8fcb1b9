"""What a run is made of: photos, model, optimizers, processes, set up new or from a checkpoint.

Errors in what a person gave (recipe, photos, weights, checkpoint) are raised before the processes of other
devices start, so that they are raised and printed once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import nn

from autochrome.color.spaces import get_space
from autochrome.data.photos import TrainingPhotos
from autochrome.data.priors import estimate_prior, load_prior
from autochrome.data.sources import PhotoSource, hold_out, open_source
from autochrome.engine.adversarial import AdversarialTask
from autochrome.engine.checkpoint import load_state, require_free, resume_notes
from autochrome.engine.ema import WeightAverage
from autochrome.engine.optimizer import make_optimizer
from autochrome.engine.recipe import Recipe, TrainerRecipe
from autochrome.engine.task import TrainingTask
from autochrome.engine.validation import Validator
from autochrome.errors import CheckpointError, RecipeError, WeightsError
from autochrome.models.backbones import load_backbone_state
from autochrome.models.base import Colorizer
from autochrome.models.registry import create_model
from autochrome.models.shared_trunk import LENDER, borrowed_trunk
from autochrome.models.weights import load_weights, resolve_weights

_PRIOR_PHOTOS = 2000
_BALANCING_PHOTOS = 64


@dataclass
class TrainingRun:
    """The parts of a run, ready for its loop."""

    recipe: Recipe
    folder: Path
    fabric: Fabric
    photos: TrainingPhotos
    colorizer: Colorizer
    task: TrainingTask
    """Holds the colorizer and, where it has one, its discriminator; what is saved."""
    module: Any
    """The task as wrapped for precision and processes; what is called."""
    optimizers: dict[str, torch.optim.Optimizer]
    """By phase; what is saved."""
    steppers: dict[str, Any]
    """The optimizers as wrapped; what is stepped."""
    averaged: nn.Module
    """Holds only the colorizer, whose weights are averaged."""
    average: WeightAverage | None
    validator: Validator | None
    """In the first process, if the recipe asks for validation."""
    first_step: int
    """Steps taken before."""
    warnings: list[str]
    """Warnings from setting it up."""


def set_up(recipe: Recipe, folder: Path, *, resume: bool) -> TrainingRun:
    """Set up a run; with several devices this starts the other processes.

    Raises:
        RecipeError, DataError, WeightsError, CheckpointError: as ``train``.
    """
    state = load_state(folder) if resume else None
    if state is None:
        require_free(folder)
    photos, held_out = _divided_photos(recipe)
    torch.manual_seed(recipe.trainer.seed)
    colorizer = starting_model(recipe, photos, resumed=resume)
    warnings = resume_notes(folder, recipe) if resume else colorizer.start_warnings()
    validator = _make_validator(recipe, photos, held_out)
    task = _make_task(colorizer, recipe)
    task.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizers = {
        phase: make_optimizer(task.trained_in(phase), task.optimizer_in(phase, recipe))
        for phase in dict.fromkeys(task.phases)
    }
    if state is not None:
        _restore(state, task, optimizers, colorizer, folder)
    fabric = _launch(recipe.trainer, several_phases=len(optimizers) > 1)
    module, *wrapped = fabric.setup(task, *optimizers.values())
    averaged = nn.ModuleDict({"colorizer": colorizer})
    average = WeightAverage(averaged, recipe.trainer.ema) if recipe.trainer.ema else None
    if average and state and state["average"]:
        average.load_state_dict(state["average"])
    return TrainingRun(
        recipe=recipe,
        folder=folder,
        fabric=fabric,
        photos=photos,
        colorizer=colorizer,
        task=task,
        module=module,
        optimizers=optimizers,
        steppers=dict(zip(optimizers, wrapped, strict=True)),
        averaged=averaged,
        average=average,
        validator=validator if fabric.is_global_zero else None,
        first_step=int(state["step"]) if state else 0,
        warnings=warnings,
    )


def _make_task(colorizer: Colorizer, recipe: Recipe) -> TrainingTask:
    if colorizer.adversarial:
        return AdversarialTask(colorizer, recipe.adversary, recipe.data.faults, recipe.data.mounts)
    return TrainingTask(colorizer, recipe.data.faults, recipe.data.mounts)


def training_photos(recipe: Recipe) -> TrainingPhotos:
    """Open the recipe's photos.

    Raises:
        RecipeError: it names none.
        DataError: they are missing or cannot be read.
    """
    return _divided_photos(recipe)[0]


def _divided_photos(recipe: Recipe) -> tuple[TrainingPhotos, PhotoSource | None]:
    """Return the photos to learn from, and those that are held out of them if the recipe asks for that."""
    data = recipe.data
    if not data.sources:
        raise RecipeError("the recipe names no photos: set data.sources, or give --data FOLDER")
    sources = [open_source(source.path) for source in data.sources]
    held = None
    if recipe.validation.hold_out and recipe.validation.photos is None:
        sources, held = hold_out(sources, recipe.validation.count)
    try:
        photos = TrainingPhotos(
            sources,
            [source.repeats for source in data.sources],
            data.crops,
            seed=recipe.trainer.seed,
            cache=data.cache,
            decode_side=data.cache_side,
        )
    except ValueError as error:
        raise RecipeError(f"data.sources: {error}") from error
    return photos, held or None


def starting_model(recipe: Recipe, photos: TrainingPhotos, *, resumed: bool = False) -> Colorizer:
    """Return the model before its first step, in training mode.

    Args:
        recipe: names the model and what it starts from.
        photos: whose colors are counted where no prior is named.
        resumed: everything will come from a checkpoint, so nothing is loaded or counted.

    Raises:
        RecipeError: there is no such model or option, or crops of that size do not suit it.
        WeightsError: the weights to start from are missing or of another network.
    """
    model = recipe.model
    # YAML knows no tuples, and a model's settings no lists.
    options: dict[str, Any] = {
        key: tuple(v) if isinstance(v, list) else v for key, v in model.options.items()
    }
    try:
        colorizer = create_model(model.name, pretrained=False, **options)
    except (ValueError, TypeError) as error:
        raise RecipeError(f"model: {error}") from error
    if model.weights and not resumed:
        # The network is the recipe's, whatever the weights were saved with: a resumed run has nothing else.
        spec = colorizer.spec
        source = spec.weights if model.weights == "bundled" else model.weights
        load_weights(colorizer, resolve_weights(source, spec=spec))
    _require_trainable(colorizer, recipe)
    if not resumed:
        borrows = borrowed_trunk(colorizer) is not None and model.weights is None
        if backbone := model.backbone or (LENDER if borrows else None):
            _load_backbone(colorizer, backbone)
            _balance(colorizer, photos)
        _set_prior(colorizer, recipe, photos)
    return colorizer.train()


def _require_trainable(colorizer: Colorizer, recipe: Recipe) -> None:
    name, unit = colorizer.spec.name, colorizer.spec.multiple_of
    if not any(p.requires_grad for p in colorizer.parameters()):
        raise RecipeError(f"model.name: {name} has nothing to train; choose another of `autochrome models`")
    sizes = {"data.crops.size": recipe.data.crops.size}
    if recipe.validation.count:
        sizes["validation.size"] = recipe.validation.size
    for key, size in sizes.items():
        if size % unit:
            raise RecipeError(f"{key}: {name} needs a multiple of {unit}, not {size}")


def _load_backbone(colorizer: Colorizer, source: str) -> None:
    if "backbone" not in colorizer.spec.can:
        raise RecipeError(f"model.backbone: {colorizer.spec.name} cannot start from a backbone")
    state = load_backbone_state(source)
    try:
        colorizer.load_backbone(state)
    except ValueError as error:
        raise WeightsError(f"model.backbone: {source} is {error}") from error


def _balance(colorizer: Colorizer, photos: TrainingPhotos) -> None:
    """Bring the layers of the backbone to one scale."""
    space = get_space(colorizer.spec.space)
    numbers = photos.epoch_order(0)[:_BALANCING_PHOTOS]
    try:
        colorizer.balance(space.split(photos[int(n)][None].float() / 255)[0] for n in numbers)
    except ValueError as error:
        raise WeightsError(f"model.backbone: {error}") from error


def _set_prior(colorizer: Colorizer, recipe: Recipe, photos: TrainingPhotos) -> None:
    if "prior" not in colorizer.spec.can:
        return
    if recipe.data.prior:
        colorizer.set_prior(load_prior(recipe.data.prior))
    elif recipe.model.weights is None:
        numbers = photos.epoch_order(0)[:_PRIOR_PHOTOS]
        colorizer.set_prior(estimate_prior(photos.source, numbers=np.unique(numbers).tolist()))


def _make_validator(recipe: Recipe, photos: TrainingPhotos, held_out: PhotoSource | None) -> Validator | None:
    if not recipe.validation.count:
        return None
    if recipe.validation.photos:
        held_out = open_source(recipe.validation.photos)
    return Validator(held_out or photos.source, recipe.validation, held_out=held_out is not None)


def optimizer_state(optimizers: Mapping[str, torch.optim.Optimizer]) -> dict[str, Any]:
    """Return what a checkpoint keeps of them: the state of the only one, or that of each by its phase."""
    states = {phase: optimizer.state_dict() for phase, optimizer in optimizers.items()}
    return states if len(states) > 1 else next(iter(states.values()))


def _restore(
    state: dict[str, Any],
    task: nn.Module,
    optimizers: Mapping[str, torch.optim.Optimizer],
    colorizer: Colorizer,
    folder: Path,
) -> None:
    """Take weights and moments from a checkpoint, but the optimizers' constants from the recipe."""
    name = colorizer.spec.name
    if state["model"] != name:
        raise CheckpointError(
            f"the checkpoint in {folder} is of {state['model']}, the recipe asks for {name}: "
            "train it in another folder"
        )
    several = len(optimizers) > 1
    try:
        task.load_state_dict(state["task"])
        for phase, optimizer in optimizers.items():
            constants = [
                {k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups
            ]
            optimizer.load_state_dict(state["optimizer"][phase] if several else state["optimizer"])
            for group, own in zip(optimizer.param_groups, constants, strict=True):
                group.update(own)
    except (RuntimeError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"the checkpoint in {folder} does not fit the recipe ({reason}): "
            f"resume with {folder / 'recipe.yaml'}, or train in another folder"
        ) from error


def _launch(trainer: TrainerRecipe, *, several_phases: bool) -> Fabric:
    # In each of several phases a part of the parameters gets no gradient.
    processes = DDPStrategy(find_unused_parameters=several_phases) if trainer.devices > 1 else "auto"
    try:
        fabric = Fabric(
            accelerator=trainer.accelerator,
            devices=trainer.devices,
            strategy=processes,
            precision=trainer.precision,
        )
    except (RuntimeError, ValueError, TypeError) as error:  # MisconfigurationException among them
        raise RecipeError(f"trainer.accelerator and trainer.devices: {error}") from error
    fabric.launch()
    if trainer.threads:  # after the launch, which sets its own
        torch.set_num_threads(trainer.threads)
    return fabric
