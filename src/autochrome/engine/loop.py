"""The training loop: one path for one process or many, on any device, resumable at any step.

With several processes the step is the same as that of one process with as many micro-batches: gradients are
averaged, the photos of a step are the same. Batch norms take each process's own statistics; those of the
first are saved.

A step is one update for each phase of the task: one in all for most models, several for those that learn
against a discriminator. Each update sees photos of its own, and all of them are counted.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from autochrome.data.photos import batch_numbers
from autochrome.engine.checkpoint import BEST, save_checkpoint
from autochrome.engine.optimizer import LR_SCALE
from autochrome.engine.progress import LOG, Meter, Outcome, Progress, RunLog
from autochrome.engine.recipe import Recipe
from autochrome.engine.schedule import learning_rate_factor
from autochrome.engine.setup import TrainingRun, optimizer_state, set_up
from autochrome.engine.stopping import StopRequest, ignore_stop_signals
from autochrome.engine.updates import backward, logged_as, step_values
from autochrome.engine.validation import ValidationMetrics
from autochrome.engine.warnings import step_warnings
from autochrome.errors import TrainingError
from autochrome.models.weights import read_weights_metadata, save_weights

Report = Callable[[Progress], None]

_LOSS = "loss"  # entry in the header of the best weights


def train(
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool = False,
    minutes: float | None = None,
    report: Report = lambda progress: None,
) -> Outcome:
    """Train a model.

    With ``trainer.devices`` above 1 the running script is started again for every other device, so the call
    must be reached by the script itself (the command line does that), once.

    Args:
        recipe: what to do.
        folder: takes checkpoints, the recipe, the log and sample grids.
        resume: go on from the folder's checkpoint, exactly as if the run had not been broken.
        minutes: save and stop after that time; None goes to the last step.
        report: called with every line of the log, in the first process.

    Raises:
        RecipeError: the recipe asks for something that does not exist.
        DataError: photos are missing or unreadable.
        WeightsError: the weights to start from are missing or do not fit.
        CheckpointError: the folder holds a run already, or none to resume, or that of another model.
        TrainingError: the loss is not a number, or another process ended.
    """
    outcome = _train(recipe, folder, resume, minutes, report)
    _leave_processes()
    return outcome


def _train(recipe: Recipe, folder: Path, resume: bool, minutes: float | None, report: Report) -> Outcome:
    run = set_up(recipe, folder, resume=resume)
    try:
        return _Loop(run, report, minutes).go()
    except BaseException as error:
        _end_other_processes(run)
        if isinstance(error, RuntimeError) and _is_lost_connection(error):
            raise TrainingError(
                f"another process of this run ended, see its message above; go on from {folder} by --resume"
            ) from error
        raise


def _leave_processes() -> None:
    """Close the connection between processes.

    The wrapped module must be gone by now: if it were the last to hold the connection, it would wait for the
    connection's thread without letting go of the interpreter's lock, for which that thread may be waiting.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        gc.collect()
        torch.distributed.destroy_process_group()


@dataclass
class _Requests:
    """What a process requests after the step; what one requests, all do, at the same step."""

    save: bool
    signal: int
    out_of_time: bool

    def row(self) -> list[float]:
        """Return the requests as numbers, so that they travel with the logged values in one transfer."""
        return [float(self.save), float(self.signal), float(self.out_of_time)]


class _Loop:
    """Steps, and what happens between them."""

    def __init__(self, run: TrainingRun, report: Report, minutes: float | None) -> None:
        self.run = run
        self.trainer = run.recipe.trainer
        self.report = report
        self.log = RunLog(run.folder / LOG, run.first_step) if run.fabric.is_global_zero else None
        self.warnings = list(run.warnings)
        self.known_warnings: set[str] = set()
        self.last_metrics: ValidationMetrics | None = None
        self.lowest_loss = _kept_loss(run.folder) if run.first_step else math.inf
        self.meter = Meter()
        self.last_save = time.monotonic()
        self.end = math.inf if minutes is None else self.last_save + 60 * minutes

    def go(self) -> Outcome:
        """Take the steps that are left."""
        step, losses = self.run.first_step, []
        photos_a_step = self._photos(1)
        with StopRequest().listening() as stop:
            batches = _batches(self.run) if step < self.trainer.steps else iter(())
            while step < self.trainer.steps:
                values, requests = self._step(step, batches, stop)
                step += 1
                losses.append(values["loss"])
                self.meter.add(values, photos_a_step)
                halt = bool(requests.signal) or requests.out_of_time
                self._between_steps(step, save=requests.save or halt)
                if halt and step < self.trainer.steps:
                    return Outcome(step, requests.signal or None, losses)
        return Outcome(step, None, losses)

    def _photos(self, steps: int) -> int:
        """Photos that all updates of so many steps see, in all processes."""
        trainer, run = self.trainer, self.run
        batches = len(run.task.phases) * trainer.accumulate * run.fabric.world_size
        return steps * batches * trainer.batch_size

    def _step(
        self, step: int, batches: Iterator[Tensor], stop: StopRequest
    ) -> tuple[dict[str, float], _Requests]:
        """One update for each phase of the task; the mean of every logged value."""
        run = self.run
        factor = learning_rate_factor(step, self.trainer.steps, run.recipe.schedule)
        for phase, optimizer in run.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = run.task.optimizer_in(phase, run.recipe).lr * factor * group[LR_SCALE]
        updates: list[tuple[str, dict[str, float]]] = []
        requests = self._own_requests(stop)
        for place, phase in enumerate(run.task.phases):
            sums = backward(run, phase, step * len(run.task.phases) + place, batches)
            values, requests = self._agree(sums, self._own_requests(stop))
            self._require_finite(values, phase, step)
            run.steppers[phase].step()
            run.steppers[phase].zero_grad()
            run.task.after_update(phase)
            updates.append((phase, values))
        if run.average:
            run.average.update(run.averaged)
        return step_values(updates), requests

    def _own_requests(self, stop: StopRequest) -> _Requests:
        now = time.monotonic()
        save = now - self.last_save > 60 * self.trainer.checkpoint_minutes
        return _Requests(save, stop.signal or 0, now > self.end)

    def _agree(self, sums: dict[str, Any], own: _Requests) -> tuple[dict[str, float], _Requests]:
        """Return means of the values and the union of the requests over all processes, in one transfer."""
        fabric = self.run.fabric
        keys = sorted(sums)
        requests = torch.tensor(own.row(), device=fabric.device)
        rows = torch.cat([torch.stack([sums[key] for key in keys]), requests])[None]
        if fabric.world_size > 1:
            gathered = [torch.empty_like(rows[0]) for _ in range(fabric.world_size)]
            torch.distributed.all_gather(gathered, rows[0])
            rows = torch.stack(gathered)
        means = rows[:, : len(keys)].mean(0).tolist()
        save, signal, out_of_time = rows[:, len(keys) :].amax(0).tolist()
        return dict(zip(keys, means, strict=True)), _Requests(save > 0, int(signal), out_of_time > 0)

    def _require_finite(self, values: dict[str, float], phase: str, step: int) -> None:
        several = len(self.run.optimizers) > 1
        setting = self.run.task.optimizer_setting(phase)
        for key in ["loss", "gradient_norm", *(values if several else ())]:
            if not math.isfinite(values.get(key, 0.0)):
                what = (logged_as(key, phase) if several else key).replace("_", " ")
                raise TrainingError(
                    f"the {what} is {values[key]} at step {step}: lower {setting}.lr or set {setting}.clip; "
                    f"the last checkpoint, if there is one, is untouched in {self.run.folder}"
                )

    def _between_steps(self, step: int, *, save: bool) -> None:
        recipe, last = self.run.recipe, step == self.trainer.steps
        if self.run.validator and (last or step % recipe.validation.every == 0):
            with self._shipped_weights():
                self.last_metrics = self.run.validator.evaluate(self.run.colorizer, self.run.folder, step)
            self._keep_if_best(step, self.last_metrics.loss)
        if last or step % self.trainer.log_every == 0:
            self._write_line(step)
        if last or save:
            self._save(step)
            self.last_save = time.monotonic()

    def _keep_if_best(self, step: int, loss: float | None) -> None:
        """Save the weights to ship if the validation loss is the lowest of the run."""
        run = self.run
        if run.recipe.validation.keep_best and loss is not None and loss < self.lowest_loss:
            self.lowest_loss = loss
            metadata = {"step": str(step), "samples": str(self._photos(step)), _LOSS: f"{loss:.5f}"}
            with self._shipped_weights():
                save_weights(run.colorizer, run.folder / BEST, metadata=metadata)

    @contextmanager
    def _shipped_weights(self) -> Iterator[None]:
        """Let the colorizer hold the weights that would ship: the averaged ones, if there is an average."""
        if self.run.average is None:
            yield
        else:
            with self.run.average.applied_to(self.run.averaged):
                yield

    def _write_line(self, step: int) -> None:
        means, rate, step_seconds = self.meter.take()
        if self.log is None:
            return
        warnings = step_warnings(step, means, self.last_metrics, self.log.past)
        # A warning is given when its cause appears, not with every line for as long as it lasts.
        new = [text for kind, text in warnings.items() if kind not in self.known_warnings]
        self.known_warnings = set(warnings)
        progress = Progress(
            step=step,
            steps=self.trainer.steps,
            means=means,
            lr=self.run.optimizers[self.run.task.phases[-1]].param_groups[0]["lr"],
            photos_per_second=rate,
            seconds_left=(self.trainer.steps - step) * step_seconds,
            validation=self.last_metrics,
            warnings=[*self.warnings, *new],
        )
        self.warnings = []
        self.log.write(progress)
        self.report(progress)

    def _save(self, step: int) -> None:
        run = self.run
        if run.fabric.is_global_zero:
            state = {
                "step": step,
                "model": run.colorizer.spec.name,
                "task": {key: value.clone() for key, value in run.task.state_dict().items()},
                "optimizer": optimizer_state(run.optimizers),
                "average": run.average.state_dict() if run.average else None,
                "torch_rng": torch.get_rng_state(),
            }
            metadata = {"step": str(step), "samples": str(self._photos(step))}
            with self._shipped_weights():
                save_checkpoint(run.folder, state, run.colorizer, run.recipe, metadata)
        run.fabric.barrier()


def _kept_loss(folder: Path) -> float:
    """Return the validation loss of the best weights in the folder; infinity if there are none."""
    path = folder / BEST
    return float(read_weights_metadata(path).get(_LOSS, math.inf)) if path.exists() else math.inf


def _batches(run: TrainingRun) -> Iterator[Tensor]:
    trainer, workers = run.recipe.trainer, run.recipe.data.workers
    numbers = batch_numbers(
        trainer.batch_size,
        rank=run.fabric.global_rank,
        world_size=run.fabric.world_size,
        first_batch=run.first_step * len(run.task.phases) * trainer.accumulate,
    )
    loader = DataLoader(
        run.photos,
        batch_sampler=numbers,
        num_workers=workers,
        pin_memory=run.fabric.device.type == "cuda",
        prefetch_factor=4 if workers else None,
        worker_init_fn=ignore_stop_signals,
        # libvips has threads of its own by now, which a fork would leave behind in a broken state.
        multiprocessing_context="spawn" if workers else None,
    )
    return iter(loader)


def _end_other_processes(run: TrainingRun) -> None:
    """End the other processes, which may wait for this one in a step that it will never take."""
    for process in getattr(run.fabric.strategy.launcher, "procs", []):
        process.kill()


def _is_lost_connection(error: RuntimeError) -> bool:
    text = str(error).lower()
    return isinstance(error, torch.distributed.DistError) or "gloo" in text or "nccl" in text
