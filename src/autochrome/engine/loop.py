"""The training loop: one path for one process or many, on any device, resumable at any step."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.utils.data import DataLoader

from autochrome.data.photos import BatchNumbers, TrainingPhotos
from autochrome.data.priors import estimate_prior, load_prior
from autochrome.data.sources import open_source
from autochrome.engine.checkpoint import CheckpointError, StopRequest, load_state, save_checkpoint
from autochrome.engine.ema import WeightAverage
from autochrome.engine.recipe import OptimiserRecipe, Recipe, RecipeError, dump_recipe
from autochrome.engine.schedule import learning_rate_factor
from autochrome.engine.task import ColorizationTask, TrainingTask
from autochrome.engine.watch import Look, Watch, start_warnings, step_warnings
from autochrome.models.base import Colorizer
from autochrome.models.cic import CIC
from autochrome.models.registry import create_model


class TrainingError(Exception):
    """The run cannot go on, such as a loss that is not a number."""


@dataclass(frozen=True)
class Progress:
    """One line of a run's log."""

    step: int
    steps: int
    means: dict[str, float]
    """Mean of every logged loss since the last line."""
    lr: float
    photos_per_second: float
    seconds_left: float
    look: Look | None
    """The newest look at the watched photos."""
    warnings: list[str]


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    step: int
    signal: int | None
    """The signal that stopped it, None when it ran to its end."""
    losses: list[float]
    """Loss of every step of this process's part of the run."""


def train(
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool = False,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Outcome:
    """Train a model.

    Args:
        recipe: what to do.
        folder: takes checkpoints, the recipe and sample grids.
        resume: go on from the folder's checkpoint, exactly as if the run had not been broken.
        report: called with every line of the log, in the first process.

    Raises:
        DataError: photos are missing or unreadable.
        CheckpointError: there is nothing to resume, or it belongs to another model.
        TrainingError: the loss is not a number.
    """
    return _Run(recipe, folder, report).go(resume=resume)


class _Run:
    """A run's parts, set up once; ``go`` is the loop."""

    def __init__(self, recipe: Recipe, folder: Path, report: Callable[[Progress], None]) -> None:
        self.recipe, self.folder, self.report = recipe, folder, report
        trainer = recipe.trainer
        if trainer.threads:
            torch.set_num_threads(trainer.threads)
        self.fabric = Fabric(
            accelerator=trainer.accelerator,
            devices=trainer.devices,
            strategy="ddp" if trainer.devices > 1 else "auto",
            precision=trainer.precision,
        )
        self.fabric.launch()
        torch.manual_seed(trainer.seed)
        self.photos = _training_photos(recipe)
        self.colorizer = _initial_model(recipe, self.photos)
        self.task: TrainingTask = ColorizationTask(self.colorizer, recipe.data.faults)
        self.task.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = make_optimiser(self.task, recipe.optimiser)
        self.module, self.fabric_optimiser = self.fabric.setup(self.task, self.optimiser)
        self.average = WeightAverage(self.task, trainer.ema) if trainer.ema else None
        self.watch = self._make_watch()
        self.last_look: Look | None = None

    def _make_watch(self) -> Watch | None:
        if not self.fabric.is_global_zero or not self.recipe.watch.count:
            return None
        place = self.recipe.watch.photos
        return Watch(open_source(place) if place else self.photos.sources[-1], self.recipe.watch)

    def go(self, *, resume: bool) -> Outcome:
        first = self._resume() if resume else 0
        trainer = self.recipe.trainer
        warnings = [] if resume else start_warnings(self.colorizer)
        meter, losses = _Meter(first), []
        batches = self._batches(first)
        last_save, step = time.monotonic(), first
        with StopRequest().listening() as stop:
            while step < trainer.steps:
                values = self._step(step, batches)
                losses.append(values["loss"])
                meter.add(values, trainer.batch_size * trainer.accumulate * self.fabric.world_size)
                step += 1
                due = time.monotonic() - last_save > 60 * trainer.checkpoint_minutes
                save, halt = self._agree(due, bool(stop))
                if self.watch and (step % self.recipe.watch.every == 0 or step == trainer.steps):
                    self.last_look = self._look(step)
                if step % trainer.log_every == 0 or step == trainer.steps:
                    self._log(step, meter, warnings)
                    warnings = []
                if save or halt or step == trainer.steps:
                    self._save(step)
                    last_save = time.monotonic()
                if halt:
                    break
        return Outcome(step, stop.signal if step < trainer.steps else None, losses)

    def _batches(self, first_step: int) -> Iterator[Tensor]:
        trainer, workers = self.recipe.trainer, self.recipe.data.workers
        numbers = BatchNumbers(
            trainer.batch_size,
            rank=self.fabric.global_rank,
            world_size=self.fabric.world_size,
            first_batch=first_step * trainer.accumulate,
        )
        loader = DataLoader(
            self.photos,
            batch_sampler=numbers,
            num_workers=workers,
            pin_memory=self.fabric.device.type == "cuda",
            prefetch_factor=4 if workers else None,
        )
        return iter(loader)

    def _step(self, step: int, batches: Iterator[Tensor]) -> dict[str, float]:
        """One optimiser step over ``accumulate`` micro-batches; the mean of every logged value."""
        recipe, fabric = self.recipe, self.fabric
        factor = learning_rate_factor(step, recipe.trainer.steps, recipe.schedule)
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.optimiser.lr * factor
        sums: dict[str, float] = defaultdict(float)
        accumulate = recipe.trainer.accumulate
        for micro in range(accumulate):
            number = (step * accumulate + micro) * fabric.world_size + fabric.global_rank
            generator = torch.Generator().manual_seed(_mix(recipe.trainer.seed, number))
            batch = self.task.prepare(next(batches).to(fabric.device, non_blocking=True), generator)
            with fabric.no_backward_sync(self.module, enabled=micro + 1 < accumulate):
                values = self.module(batch)
                fabric.backward(values["loss"] / accumulate)
            for key, value in values.items():
                sums[key] += value.detach().item() / accumulate
        if not math.isfinite(sums["loss"]):
            raise TrainingError(
                f"the loss is {sums['loss']} at step {step}: lower optimiser.lr or set optimiser.clip, "
                f"and go on from the checkpoint in {self.folder}"
            )
        if recipe.optimiser.clip:
            fabric.clip_gradients(self.module, self.fabric_optimiser, max_norm=recipe.optimiser.clip)
        self.fabric_optimiser.step()
        self.fabric_optimiser.zero_grad()
        if self.average:
            self.average.update(self.task)
        return dict(sums)

    def _agree(self, save: bool, stop: bool) -> tuple[bool, bool]:
        """What any process wants, all do: they must save and stop at the same step."""
        if self.fabric.world_size == 1:
            return save, stop
        wishes = self.fabric.all_reduce(
            torch.tensor([float(save), float(stop)], device=self.fabric.device), reduce_op="sum"
        )
        assert isinstance(wishes, Tensor)
        return bool(wishes[0] > 0), bool(wishes[1] > 0)

    def _look(self, step: int) -> Look:
        assert self.watch
        if self.average is None:
            return self.watch.look(self.colorizer, self.folder, step)
        with self.average.applied_to(self.task):
            return self.watch.look(self.colorizer, self.folder, step)

    def _log(self, step: int, meter: _Meter, warnings: list[str]) -> None:
        means, rate, step_seconds = meter.take(step)
        if self.fabric.is_global_zero:
            found = [*warnings, *step_warnings(step, means, self.last_look)]
            left = (self.recipe.trainer.steps - step) * step_seconds
            lr = self.optimiser.param_groups[0]["lr"]
            steps = self.recipe.trainer.steps
            self.report(Progress(step, steps, means, lr, rate, left, self.last_look, found))

    def _save(self, step: int) -> None:
        if self.fabric.is_global_zero:
            trainer = self.recipe.trainer
            samples = step * trainer.batch_size * trainer.accumulate * self.fabric.world_size
            state = {
                "step": step,
                "model": self.colorizer.spec.name,
                "task": self.task.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "average": self.average.state_dict() if self.average else None,
                "torch_rng": torch.get_rng_state(),
            }
            metadata = {"step": str(step), "samples": str(samples)}
            if self.average is None:
                save_checkpoint(self.folder, state, self.colorizer, self.recipe, metadata)
            else:
                state["task"] = {key: value.clone() for key, value in state["task"].items()}
                with self.average.applied_to(self.task):
                    save_checkpoint(self.folder, state, self.colorizer, self.recipe, metadata)
        self.fabric.barrier()

    def _resume(self) -> int:
        state = load_state(self.folder)
        if state["model"] != self.colorizer.spec.name:
            raise CheckpointError(
                f"the checkpoint in {self.folder} is of {state['model']}, the recipe asks for "
                f"{self.colorizer.spec.name}: train it in another folder"
            )
        self.task.load_state_dict(state["task"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.average and state["average"]:
            self.average.load_state_dict(state["average"])
        torch.set_rng_state(state["torch_rng"])
        return int(state["step"])


class _Meter:
    """Means of logged values and the rate since the last line."""

    def __init__(self, step: int) -> None:
        self.sums: dict[str, float] = defaultdict(float)
        self.count, self.photos, self.step, self.start = 0, 0, step, time.monotonic()

    def add(self, values: dict[str, float], photos: int) -> None:
        self.count += 1
        self.photos += photos
        for key, value in values.items():
            self.sums[key] += value

    def take(self, step: int) -> tuple[dict[str, float], float, float]:
        seconds = max(1e-9, time.monotonic() - self.start)
        taken = {key: value / self.count for key, value in self.sums.items()}
        answer = taken, self.photos / seconds, seconds / max(1, step - self.step)
        self.__init__(step)
        return answer


def _mix(seed: int, number: int) -> int:
    """One 63-bit seed from two numbers."""
    return (seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9 + 1) % 2**63


def make_optimiser(module: nn.Module, recipe: OptimiserRecipe) -> torch.optim.Optimizer:
    """The recipe's optimiser over a module's parameters."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    if recipe.name == "adamw":
        groups: list[dict[str, Any]] = [
            {"params": [p for p in parameters if p.ndim >= 2]},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(
            [g for g in groups if g["params"]], recipe.lr, recipe.betas, weight_decay=recipe.weight_decay, fused=True
        )
    if recipe.name == "adam":
        return torch.optim.Adam(parameters, recipe.lr, recipe.betas, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(parameters, recipe.lr, momentum=recipe.betas[0], weight_decay=recipe.weight_decay)


def _training_photos(recipe: Recipe) -> TrainingPhotos:
    data = recipe.data
    if not data.sources:
        raise RecipeError("the recipe names no photos: set data.sources, or give --data FOLDER")
    return TrainingPhotos(
        [open_source(source.path) for source in data.sources],
        [source.repeats for source in data.sources],
        data.crops,
        seed=recipe.trainer.seed,
        cache=data.cache,
        cache_side=data.cache_side,
    )


def _initial_model(recipe: Recipe, photos: TrainingPhotos) -> Colorizer:
    model = recipe.model
    weights = None if model.weights == "bundled" else model.weights
    colorizer = create_model(model.name, weights=weights, pretrained=model.weights is not None, **model.options)
    if isinstance(colorizer, CIC) and model.weights is None:
        prior = recipe.data.prior
        colorizer.set_prior(load_prior(Path(prior)) if prior else estimate_prior(photos.sources[-1], limit=2000))
    return colorizer.train()
