"""The training runs that `benchmarks.cgan_comparisons` compares: one network of the paper's kind in each.

They differ in one of the paper's switches and agree in all else: photos, seed, order and number of steps.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from autochrome.cli.train import describe
from autochrome.engine.checkpoint import RECIPE, STATE, WEIGHTS
from autochrome.engine.loop import train
from autochrome.engine.progress import LOG, Progress
from autochrome.engine.recipe import Recipe, WatchRecipe, changed_values, load_recipe
from autochrome.engine.watch import Look
from autochrome.errors import CheckpointError
from autochrome.models.cgan.model import CGAN
from autochrome.models.registry import create_model
from autochrome.models.weights import read_weights_metadata

PAPER_RECIPE = Path(__file__).parents[1] / "recipes" / "cgan-paper.yaml"
MODEL = "cgan.paper"


@dataclass(frozen=True)
class Widths:
    """Of the layers of both networks."""

    generator: tuple[int, ...]
    discriminator: tuple[int, ...]

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.generator))} / {'-'.join(map(str, self.discriminator))}"


PAPER = Widths((128, 64, 64, 64, 32), (64, 128, 256, 512))
QUARTER = Widths((32, 16, 16, 16, 8), (16, 32, 64, 128))


@dataclass(frozen=True)
class Variant:
    """A run: its folder's name, and the one switch of the paper's that is not as in its final model."""

    name: str
    switch: dict[str, str] = field(default_factory=dict)


BASELINE = Variant("baseline")
RGB = Variant("rgb", {"space": "rgb"})
SINGLE_NOISE = Variant("single-noise", {"noise": "single"})
SINGLE_CONDITION = Variant("single-condition", {"condition": "single"})
WGAN = Variant("wgan", {"objective": "wgan"})

WASSERSTEIN = (
    "adversary.steps=5",
    "optimizer.name=rmsprop",
    "optimizer.lr=1e-4",
    "optimizer.betas=[0.5,0.9]",
    "adversary.optimizer.name=rmsprop",
    "adversary.optimizer.lr=2e-4",
    "adversary.optimizer.betas=[0.5,0.9]",
)
"""The released code's constants; ``clip`` is at .01 by itself."""

HERE = (
    "data.workers=0",
    "trainer.batch_size=16",
    "trainer.precision=bf16-mixed",
    "trainer.ema=0.99",
    "trainer.checkpoint_minutes=2",
    "watch.every=100",
)
"""What suits a small run on a CPU: four times as many updates of as many photos as with the paper's 64, and
averaged weights, since the last ones of such a run are left much to chance."""


@dataclass(frozen=True)
class Plan:
    """What all runs have in common.

    Attributes:
        data: folder with the training photos in train-64px.
        folder: of the runs, one below it for each.
        widths: of the networks.
        steps: updates of the generator.
        wgan_steps: those of the Wasserstein GAN, as a multiple.
        objective: of all but the Wasserstein GAN.
        overrides: more of the recipe, as ``section.key=value``.
        minutes: after which a run is broken off, to go on in the next call; None for no end.
    """

    data: Path
    folder: Path
    widths: Widths = QUARTER
    steps: int = 2000
    wgan_steps: float = 1.0
    objective: str = "gan"
    overrides: tuple[str, ...] = ()
    minutes: float | None = None


@dataclass(frozen=True)
class Run:
    """A finished run: its model, and what it has seen.

    Attributes:
        model: ready to draw.
        updates: of the generator.
        photos: that the generator was updated on, each time it saw one.
        read: photos that both networks were trained on, likewise.
        objective: that they were trained with.
        widths: of the networks.
        looks: at the watched training photos in the second half of the run.
    """

    model: CGAN
    updates: int
    photos: int
    read: int
    objective: str
    widths: Widths
    looks: list[Look]


def recipe_of(variant: Variant, plan: Plan) -> Recipe:
    """The paper's recipe for a variant, on our photos.

    Raises:
        RecipeError: an override does not fit.
    """
    steps = plan.steps if variant != WGAN else max(1, round(plan.steps * plan.wgan_steps))
    options = {
        "objective": plan.objective,
        **variant.switch,
        "widths": list(plan.widths.generator),
        "discriminator_widths": list(plan.widths.discriminator),
    }
    sources = json.dumps([{"path": str(plan.data / "train-64px")}])
    overrides = [f"data.sources={sources}", f"trainer.steps={steps}", *HERE]
    overrides += [f"model.options.{name}={value}" for name, value in options.items()]
    overrides += WASSERSTEIN if variant == WGAN else ()
    return load_recipe(PAPER_RECIPE, [*overrides, *plan.overrides])


def finished_run(variant: Variant, plan: Plan) -> Run:
    """A run trained to its end: as it is where it has been, else begun or gone on with.

    Raises:
        SystemExit: its time was over or it was interrupted; the same call goes on.
        CheckpointError: the folder holds a run of another kind, or one that has been trained for longer.
        RecipeError, DataError, TrainingError: as `train`.
    """
    recipe, folder = recipe_of(variant, plan), plan.folder / variant.name
    done = _steps_done(folder, recipe)
    if done < recipe.trainer.steps:
        print(f"{variant.name}: step {done} of {recipe.trainer.steps}, in {folder}", file=sys.stderr)
        begun = (folder / STATE).exists()
        outcome = train(recipe, folder, resume=begun, minutes=plan.minutes, report=_told)
        if outcome.signal:
            sys.exit(128 + outcome.signal)
        if outcome.step < recipe.trainer.steps:
            sys.exit(
                f"{variant.name} is at step {outcome.step} of {recipe.trainer.steps}: "
                "give the same command again to go on"
            )
    trainer, adversary = recipe.trainer, recipe.adversary
    batch = trainer.batch_size * trainer.accumulate * trainer.devices
    updates = trainer.steps * adversary.generator_steps
    read = trainer.steps * (adversary.generator_steps + adversary.steps)
    model = create_model(MODEL, weights=folder / WEIGHTS, **recipe.model.options)
    assert isinstance(model, CGAN)
    return Run(
        model=model,
        updates=updates,
        photos=updates * batch,
        read=read * batch,
        objective=model.settings.objective,
        widths=plan.widths,
        looks=_looks(folder / LOG, trainer.steps // 2),
    )


def _looks(log: Path, after: int) -> list[Look]:
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    # A look stands in every line until the next one is taken.
    found = {
        json.dumps(each["look"]): each["look"] for each in lines if each["step"] > after and each["look"]
    }
    return [Look(**look) for look in found.values()]


def _steps_done(folder: Path, recipe: Recipe) -> int:
    """Of a run in the folder, which must be of the recipe."""
    if not (folder / STATE).exists():
        return 0
    changes = changed_values(_what_counts(load_recipe(folder / RECIPE)), _what_counts(recipe))
    if changes:
        raise CheckpointError(
            f"{folder} holds another run ({'; '.join(changes)}): name another folder with --runs"
        )
    done = int(read_weights_metadata(folder / WEIGHTS)["step"])
    if done > recipe.trainer.steps:
        raise CheckpointError(
            f"{folder} has been trained for {done} steps, not {recipe.trainer.steps}: "
            "ask for as many with --steps, or name another folder with --runs"
        )
    return done


def _what_counts(recipe: Recipe) -> Recipe:
    """Without what may differ from one part of a run to the next."""
    return replace(
        recipe,
        data=replace(recipe.data, workers=0, cache=False),
        watch=WatchRecipe(),
        trainer=replace(
            recipe.trainer, steps=1, threads=None, log_every=1, checkpoint_minutes=0.0, accelerator="auto"
        ),
    )


def _told(progress: Progress) -> None:
    line = f"step {progress.step} of {progress.steps}  {describe(progress)}"
    print(f"{line}  {progress.seconds_left / 60:.0f} min left", file=sys.stderr, flush=True)
    for warning in progress.warnings:
        print(f"warning: {warning}", file=sys.stderr, flush=True)
