"""Training against a discriminator, in one process: whose turn it is, on which photos, and exact resume."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from autochrome.engine.adversarial import AdversarialTask
from autochrome.engine.checkpoint import load_state
from autochrome.engine.progress import Meter, Progress
from autochrome.engine.recipe import AdversaryRecipe, load_recipe
from autochrome.engine.setup import TrainingRun, set_up, training_photos
from autochrome.engine.task import TrainingTask
from autochrome.engine.updates import backward, step_values
from autochrome.errors import CheckpointError, TrainingError
from autochrome.models.base import Batch
from autochrome.models.cgan.model import CGAN
from autochrome.models.registry import create_model
from tests.engine.tiny_run import GAN, differences, run, signaled_at

TWICE = (*GAN, "adversary.steps=2")
DISCRIMINATOR, GENERATOR = "discriminator", "generator"


def task(steps: int = 1, generator_steps: int = 1) -> AdversarialTask:
    colorizer = create_model("cgan.test", pretrained=False)
    return AdversarialTask(colorizer.train(), AdversaryRecipe(steps, generator_steps))


def parameters(module: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def equal(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture
def ready(recipe_file: Path, tmp_path: Path) -> TrainingRun:
    return set_up(load_recipe(recipe_file, TWICE), tmp_path / "run", resume=False)


@pytest.fixture
def batches() -> Iterator[Tensor]:
    torch.manual_seed(0)
    return iter([torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8) for _ in range(3)])


# The task -----------------------------------------------------------------------------------------


def test_the_discriminators_updates_come_first() -> None:
    assert task(steps=2, generator_steps=3).phases == (DISCRIMINATOR,) * 2 + (GENERATOR,) * 3


def test_each_phase_has_its_own_losses() -> None:
    game = task()
    rgb = torch.randint(0, 256, (4, 3, 16, 16), dtype=torch.uint8)
    batch = game.prepare(rgb, torch.Generator().manual_seed(0))
    player = game.colorizer
    assert isinstance(player, CGAN)
    for phase, method in (
        (DISCRIMINATOR, player.discriminator_losses),
        (GENERATOR, player.generator_losses),
    ):
        torch.manual_seed(3)
        found = game(batch, phase)
        torch.manual_seed(3)
        expected = method(game.discriminator, batch)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in found)


def test_the_two_see_batches_as_other_models_do() -> None:
    rgb = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    game = task()
    one = game.prepare(rgb, torch.Generator().manual_seed(0))
    other = TrainingTask(game.colorizer).prepare(rgb, torch.Generator().manual_seed(0))
    assert torch.equal(one.luma, other.luma) and torch.equal(one.chroma, other.chroma)


def test_a_model_without_an_opponent_is_refused() -> None:
    with pytest.raises(TypeError, match=r"cic\.test does not learn against a discriminator"):
        AdversarialTask(create_model("cic.test"), AdversaryRecipe())


def test_other_models_ignore_the_recipes_discriminator(recipe_file: Path, tmp_path: Path) -> None:
    plain = run(recipe_file, tmp_path / "plain", ["trainer.steps=2"])
    other = run(recipe_file, tmp_path / "other", ["trainer.steps=2", "adversary.steps=5"])
    assert plain.losses == other.losses
    assert differences(tmp_path / "plain", tmp_path / "other") == []


# An update ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "moved", "still"),
    [(DISCRIMINATOR, "discriminator", "colorizer"), (GENERATOR, "colorizer", "discriminator")],
)
def test_an_update_leaves_the_others_gradients_alone(
    ready: TrainingRun,
    batches: Iterator[Tensor],
    monkeypatch: pytest.MonkeyPatch,
    phase: str,
    moved: str,
    still: str,
) -> None:
    """Even where the model itself does not see to it: this loss has gradients in both networks."""

    def careless(self: CGAN, discriminator: nn.Module, batch: Batch) -> dict[str, Tensor]:
        noise = self.generator.draw_noise(len(batch.luma))
        colors = self.generator(self.generator.encode(batch.luma), noise)
        return {"loss": discriminator(torch.cat([batch.luma, colors], 1)).mean()}

    monkeypatch.setattr(CGAN, f"{phase}_losses", careless)
    other = ready.task.get_submodule(still)
    for parameter in other.parameters():
        parameter.grad = torch.full_like(parameter, 7)
    kept = [parameter.grad for parameter in other.parameters()]
    backward(ready, phase, 0, batches)
    assert all(p.grad is g for p, g in zip(other.parameters(), kept, strict=True))
    assert all(bool((g == 7).all()) for g in kept if g is not None)
    assert all(p.grad is not None for p in ready.task.get_submodule(moved).parameters())
    assert all(p.requires_grad for p in ready.task.parameters())


def test_what_is_frozen_stays_frozen(ready: TrainingRun, batches: Iterator[Tensor]) -> None:
    first = next(ready.colorizer.parameters())
    first.requires_grad_(False)
    backward(ready, DISCRIMINATOR, 0, batches)
    assert not first.requires_grad


def test_in_its_phase_each_moves_alone(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, list[Tensor], list[Tensor]]] = []

    def after_update(self: AdversarialTask, phase: str) -> None:
        seen.append((phase, parameters(self.discriminator), parameters(self.colorizer)))

    monkeypatch.setattr(AdversarialTask, "after_update", after_update)
    run(recipe_file, tmp_path / "run", [*TWICE, "trainer.steps=2", "adversary.generator_steps=2"])
    assert [phase for phase, _, _ in seen] == ([DISCRIMINATOR] * 2 + [GENERATOR] * 2) * 2
    for (_, d_before, g_before), (phase, d_after, g_after) in pairwise(seen):
        assert equal(d_before, d_after) == (phase == GENERATOR)
        assert equal(g_before, g_after) == (phase == DISCRIMINATOR)


def test_every_update_has_its_own_photos_and_random_numbers(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []
    seeds: list[int] = []
    prepare = AdversarialTask.prepare

    def noted(self: AdversarialTask, rgb: Tensor, generator: torch.Generator) -> Batch:
        seen.append(rgb)
        seeds.extend([generator.initial_seed(), torch.initial_seed()])
        return prepare(self, rgb, generator)

    monkeypatch.setattr(AdversarialTask, "prepare", noted)
    steps, micro, phases, size = 2, 2, 3, 4
    overrides = [*TWICE, f"trainer.steps={steps}", f"trainer.accumulate={micro}"]
    run(recipe_file, tmp_path / "run", overrides)
    photos = training_photos(load_recipe(recipe_file, overrides))
    count = steps * phases * micro
    assert len(seen) == count
    assert len(set(seeds)) == 2 * count
    expected = torch.stack([photos[number] for number in range(count * size)])
    assert torch.equal(torch.cat(seen), expected)


def test_clipped_weights_hold_after_every_step(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest: list[float] = []
    after_update = AdversarialTask.after_update

    def noted(self: AdversarialTask, phase: str) -> None:
        after_update(self, phase)
        largest.append(max(p.abs().max().item() for p in self.discriminator.parameters()))

    monkeypatch.setattr(AdversarialTask, "after_update", noted)
    critic = ["model.options={objective: wgan, clip: 0.02}", "adversary.optimizer.name=rmsprop"]
    run(recipe_file, tmp_path / "run", [*TWICE, *critic])
    assert largest == pytest.approx([0.02] * 8 * 3)  # RMSprop's first steps go past it


def test_each_optimizer_has_the_recipes_rate_and_schedule(recipe_file: Path, tmp_path: Path) -> None:
    rates = ["optimizer.lr=0.3", "adversary.optimizer.lr=0.06", "schedule.warmup=4", "trainer.steps=2"]
    run(recipe_file, tmp_path / "run", [*GAN, *rates, "schedule.kind=constant"])
    states = load_state(tmp_path / "run")["optimizer"]
    found = {phase: state["param_groups"][0]["lr"] for phase, state in states.items()}
    # The second of four steps of warm-up.
    assert found == pytest.approx({DISCRIMINATOR: 0.06 * 2 / 4, GENERATOR: 0.3 * 2 / 4})


# What is kept and told ----------------------------------------------------------------------------


def test_the_average_is_of_the_generator_alone_and_ships(recipe_file: Path, tmp_path: Path) -> None:
    run(recipe_file, tmp_path / "run", [*GAN, "trainer.steps=4"])
    state = load_state(tmp_path / "run")
    colorizer = create_model("cgan.test", weights=tmp_path / "run" / "model.safetensors").state_dict()
    average = state["average"]["average"]
    assert set(average) == {f"colorizer.{key}" for key in colorizer}
    assert set(state["task"]) > set(average)
    assert any(key.startswith("discriminator.") for key in state["task"])
    for key, value in colorizer.items():
        torch.testing.assert_close(value, average[f"colorizer.{key}"], atol=1e-3, rtol=1e-3)  # half precision
    assert not all(torch.equal(value, state["task"][key]) for key, value in average.items())


def test_the_log_names_both_losses(recipe_file: Path, tmp_path: Path) -> None:
    outcome = run(
        recipe_file,
        tmp_path / "run",
        [*TWICE, "trainer.steps=2", "optimizer.clip=1", "adversary.optimizer.clip=1"],
    )
    lines = [json.loads(text)["means"] for text in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert set(lines[0]) == {
        "loss",
        "generator_loss",
        "discriminator_loss",
        "accuracy",
        "generator_gradient_norm",
        "discriminator_gradient_norm",
    }
    assert [line["loss"] for line in lines] == [line["generator_loss"] for line in lines] == outcome.losses


def test_values_of_a_step_by_hand() -> None:
    updates = [
        (DISCRIMINATOR, {"loss": 1.0, "accuracy": 0.5}),
        (DISCRIMINATOR, {"loss": 3.0, "accuracy": 1.0}),
        (GENERATOR, {"loss": 5.0, "gradient_norm": 2.0}),
    ]
    assert step_values(updates) == {
        "discriminator_loss": 2.0,
        "accuracy": 0.75,
        "generator_loss": 5.0,
        "generator_gradient_norm": 2.0,
        "loss": 5.0,
    }
    assert step_values([("model", {"loss": 1.0}), ("model", {"loss": 2.0})]) == {"loss": 1.5}


def test_photos_of_all_updates_are_counted(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    add = Meter.add

    def noted(self: Meter, values: dict[str, float], photos: int) -> None:
        counted.append(photos)
        add(self, values, photos)

    monkeypatch.setattr(Meter, "add", noted)
    run(recipe_file, tmp_path / "run", [*TWICE, "trainer.steps=2", "trainer.accumulate=2"])
    photos = 4 * 2 * 3  # a batch's, in micro-batches, in updates
    assert counted == [photos, photos]
    with safe_open(tmp_path / "run" / "model.safetensors", "pt") as weights:
        assert weights.metadata()["samples"] == str(2 * photos)


@pytest.mark.parametrize(
    ("method", "key", "message"),
    [
        ("discriminator_losses", "loss", r"discriminator loss is nan at step 1: lower adversary\.optimizer"),
        ("generator_losses", "loss", r"generator loss is nan at step 1: lower optimizer\.lr"),
        ("discriminator_losses", "accuracy", "accuracy is nan at step 1"),
    ],
)
def test_a_game_that_is_no_longer_finite_ends_and_keeps_its_checkpoint(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, key: str, message: str
) -> None:
    own = getattr(CGAN, method)
    calls: list[int] = []

    def broken(self: CGAN, discriminator: nn.Module, batch: Batch) -> dict[str, Tensor]:
        calls.append(1)
        losses = own(self, discriminator, batch)
        return {**losses, key: losses[key] * math.nan} if len(calls) == 2 else losses

    monkeypatch.setattr(CGAN, method, broken)
    with pytest.raises(TrainingError, match=message):
        run(recipe_file, tmp_path / "run", [*GAN, "trainer.checkpoint_minutes=0"])
    state = load_state(tmp_path / "run")
    assert state["step"] == 1
    assert all(value.isfinite().all() for value in state["task"].values())


# Resume -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "overrides",
    [
        GAN,
        (*TWICE, "model.options={objective: wgan_gp}", "optimizer.clip=0.5"),
        (*TWICE, "model.options={objective: wgan, space: rgb}", "adversary.optimizer.name=rmsprop"),
        (*GAN, "trainer.ema=0", "trainer.accumulate=2", "adversary.generator_steps=2"),
    ],
    ids=["gan", "wgan_gp", "wgan", "often"],
)
def test_a_stopped_game_goes_on_as_if_unbroken(
    recipe_file: Path, tmp_path: Path, overrides: tuple[str, ...]
) -> None:
    unbroken = run(recipe_file, tmp_path / "unbroken", overrides)
    first = run(recipe_file, tmp_path / "broken", overrides, report=signaled_at(3))
    assert (first.step, first.signal) == (4, signal.SIGTERM)
    torch.manual_seed(99)  # another process would not be in the same state
    lines: list[Progress] = []
    second = run(recipe_file, tmp_path / "broken", overrides, resume=True, report=lines.append)
    assert lines[0].warnings == []
    assert first.losses + second.losses == unbroken.losses
    assert differences(tmp_path / "unbroken", tmp_path / "broken") == []


def test_buffers_of_the_discriminator_resume_too(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spectral norm goes on from the vectors that it has found so far."""
    make = CGAN.make_discriminator

    def normed(self: CGAN) -> nn.Module:
        discriminator = make(self)
        for module in discriminator.modules():
            if isinstance(module, nn.Linear):
                nn.utils.parametrizations.spectral_norm(module)
        return discriminator

    monkeypatch.setattr(CGAN, "make_discriminator", normed)
    unbroken = run(recipe_file, tmp_path / "unbroken", TWICE)
    assert any(key.endswith("._u") for key in load_state(tmp_path / "unbroken")["task"])
    first = run(recipe_file, tmp_path / "broken", TWICE, report=signaled_at(3))
    second = run(recipe_file, tmp_path / "broken", TWICE, resume=True)
    assert first.losses + second.losses == unbroken.losses
    assert differences(tmp_path / "unbroken", tmp_path / "broken") == []


def test_a_change_of_the_game_is_told(recipe_file: Path, tmp_path: Path) -> None:
    run(recipe_file, tmp_path / "run", [*GAN, "trainer.steps=1"])
    lines: list[Progress] = []
    run(recipe_file, tmp_path / "run", [*TWICE, "trainer.steps=2"], resume=True, report=lines.append)
    assert "adversary.steps: 1 -> 2" in lines[0].warnings[0]


def test_a_checkpoint_with_another_opponent(recipe_file: Path, tmp_path: Path) -> None:
    run(recipe_file, tmp_path / "run", [*GAN, "trainer.steps=1"])
    other = [*GAN, "model.options={objective: wgan_gp}", "adversary.optimizer.name=adamw"]
    with pytest.raises(CheckpointError, match="does not fit the recipe"):
        run(recipe_file, tmp_path / "run", other, resume=True)
