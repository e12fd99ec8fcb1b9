"""The loop in one process: resume, accumulation, seeds, errors."""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from autochrome.engine import setup
from autochrome.engine.checkpoint import BEST, load_state
from autochrome.engine.progress import LogEntry, Outcome, Progress
from autochrome.engine.recipe import load_recipe
from autochrome.errors import CheckpointError, DataError, RecipeError, TrainingError
from autochrome.models.base import Batch
from autochrome.models.cic.model import CIC
from autochrome.models.registry import create_model
from autochrome.models.weights import read_weights_metadata
from tests.engine.tiny_run import differences, run, signaled_at


def test_a_run_leaves_weights_log_and_grids(recipe_file: Path, tmp_path: Path) -> None:
    lines: list[Progress] = []
    outcome = run(recipe_file, tmp_path / "run", report=lines.append)
    assert (outcome.step, outcome.signal, len(outcome.losses)) == (8, None, 8)
    assert [line.step for line in lines] == list(range(1, 9))
    assert [line.means["loss"] for line in lines] == pytest.approx(outcome.losses)
    assert lines[-1].seconds_left == 0
    assert lines[-1].validation is not None
    logged = [json.loads(text) for text in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["means"]["loss"] for line in logged] == pytest.approx(outcome.losses)
    assert sorted(p.name for p in (tmp_path / "run" / "samples").iterdir()) == ["0000004.png", "0000008.png"]
    create_model("cic.test", weights=tmp_path / "run" / "model.safetensors")


def test_the_shipped_weights_are_the_average(recipe_file: Path, tmp_path: Path) -> None:
    run(recipe_file, tmp_path / "run", ["optimizer.lr=0.1", "trainer.steps=4"])
    state = load_state(tmp_path / "run")
    shipped = create_model("cic.test", weights=tmp_path / "run" / "model.safetensors").state_dict()
    key = "network.head.weight"
    average = state["average"]["average"]["colorizer." + key]
    torch.testing.assert_close(shipped[key], average, atol=1e-3, rtol=1e-3)  # half precision
    assert not torch.allclose(shipped[key], state["task"]["colorizer." + key], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["optimizer.name=adam", "trainer.ema=0", "optimizer.clip=0.5"],
        ["trainer.precision=bf16-mixed", "trainer.accumulate=2", "optimizer.name=sgd"],
    ],
)
def test_stopped_and_resumed_equals_unbroken(recipe_file: Path, tmp_path: Path, overrides: list[str]) -> None:
    unbroken = run(recipe_file, tmp_path / "unbroken", overrides)
    first = run(recipe_file, tmp_path / "broken", overrides, report=signaled_at(3))
    assert (first.step, first.signal) == (4, signal.SIGTERM)
    torch.manual_seed(99)  # another process would not be in the same state
    second = run(recipe_file, tmp_path / "broken", overrides, resume=True)
    assert first.losses + second.losses == unbroken.losses
    assert differences(tmp_path / "unbroken", tmp_path / "broken") == []
    curves = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("unbroken", "broken")]
    whole, pieced = ([json.loads(line)["means"] for line in curve] for curve in curves)
    assert whole == pieced


def test_more_steps_than_before_equal_an_unbroken_run(recipe_file: Path, tmp_path: Path) -> None:
    constant = ["schedule.kind=constant"]
    unbroken = run(recipe_file, tmp_path / "unbroken", constant)
    first = run(recipe_file, tmp_path / "broken", [*constant, "trainer.steps=5"])
    lines: list[Progress] = []
    second = run(recipe_file, tmp_path / "broken", constant, resume=True, report=lines.append)
    assert first.losses + second.losses == unbroken.losses
    assert differences(tmp_path / "unbroken", tmp_path / "broken") == []
    assert "trainer.steps: 5 -> 8" in lines[0].warnings[0]
    assert lines[1].warnings == []


def test_a_model_that_draws_random_numbers_resumes_exactly(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_dropout(name: str, **options: object) -> CIC:
        colorizer = create_model(name, **options)  # type: ignore[arg-type]
        assert isinstance(colorizer, CIC)
        head = colorizer.network.get_submodule("head")
        setattr(colorizer.network, "head", nn.Sequential(nn.Dropout(0.5), head))  # noqa: B010
        return colorizer

    monkeypatch.setattr(setup, "create_model", with_dropout)
    unbroken = run(recipe_file, tmp_path / "unbroken")
    first = run(recipe_file, tmp_path / "broken", report=signaled_at(2))
    second = run(recipe_file, tmp_path / "broken", resume=True)
    assert first.losses + second.losses == unbroken.losses


def test_the_optimizers_constants_come_from_the_recipe(recipe_file: Path, tmp_path: Path) -> None:
    run(recipe_file, tmp_path / "run", ["trainer.steps=2"])
    run(recipe_file, tmp_path / "run", ["optimizer.weight_decay=0.25"], resume=True)
    groups = load_state(tmp_path / "run")["optimizer"]["param_groups"]
    assert [group["weight_decay"] for group in groups] == [0.25, 0.0]


def test_an_average_can_be_begun_or_dropped_on_the_way(recipe_file: Path, tmp_path: Path) -> None:
    run(recipe_file, tmp_path / "run", ["trainer.steps=2", "trainer.ema=0"])
    run(recipe_file, tmp_path / "run", ["trainer.steps=3", "trainer.ema=0.9"], resume=True)
    assert load_state(tmp_path / "run")["average"]["updates"] == 1
    run(recipe_file, tmp_path / "run", ["trainer.steps=4", "trainer.ema=0"], resume=True)
    assert load_state(tmp_path / "run")["average"] is None


def test_a_finished_run_has_nothing_left_to_do(recipe_file: Path, tmp_path: Path) -> None:
    run(recipe_file, tmp_path / "run")
    before = (tmp_path / "run" / "state.pt").read_bytes()
    assert run(recipe_file, tmp_path / "run", resume=True) == Outcome(8, None, [])
    assert (tmp_path / "run" / "state.pt").read_bytes() == before


def test_a_run_is_not_overwritten(recipe_file: Path, tmp_path: Path) -> None:
    run(recipe_file, tmp_path / "run", ["trainer.steps=1"])
    with pytest.raises(CheckpointError, match="holds a run: go on with it by --resume"):
        run(recipe_file, tmp_path / "run")


def test_nothing_to_resume(recipe_file: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        run(recipe_file, tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.name=cic.compact", "is of cic.test, the recipe asks for cic.compact"),
        ("optimizer.name=adam", "does not fit the recipe"),
    ],
)
def test_a_checkpoint_of_something_else(
    recipe_file: Path, tmp_path: Path, override: str, message: str
) -> None:
    run(recipe_file, tmp_path / "run", ["trainer.steps=1"])
    with pytest.raises(CheckpointError, match=message):
        run(recipe_file, tmp_path / "run", [override], resume=True)


def test_time_over(recipe_file: Path, tmp_path: Path) -> None:
    outcome = run(recipe_file, tmp_path / "run", minutes=1e-9)
    assert (outcome.step, outcome.signal) == (1, None)
    assert load_state(tmp_path / "run")["step"] == 1


def test_checkpoints_are_made_on_the_way(recipe_file: Path, tmp_path: Path) -> None:
    """A run that is killed without notice goes on from its last checkpoint, on the same curve."""

    def killed(progress: Progress) -> None:
        if progress.step == 5:
            raise KeyboardInterrupt

    unbroken = run(recipe_file, tmp_path / "unbroken")
    with pytest.raises(KeyboardInterrupt):
        run(recipe_file, tmp_path / "broken", ["trainer.checkpoint_minutes=0"], report=killed)
    assert load_state(tmp_path / "broken")["step"] == 4
    assert run(recipe_file, tmp_path / "broken", resume=True).losses == unbroken.losses[4:]
    assert differences(tmp_path / "unbroken", tmp_path / "broken") == []


def test_a_seed_decides_everything(recipe_file: Path, tmp_path: Path) -> None:
    one = run(recipe_file, tmp_path / "one", ["trainer.steps=3"])
    torch.manual_seed(77)
    same = run(recipe_file, tmp_path / "same", ["trainer.steps=3"])
    other = run(recipe_file, tmp_path / "other", ["trainer.steps=3", "trainer.seed=1"])
    assert one.losses == same.losses
    assert differences(tmp_path / "one", tmp_path / "same") == []
    assert one.losses[0] != other.losses[0]


def test_accumulated_gradients_equal_those_of_the_big_batch(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without batch norms, whose statistics depend on the batch."""

    def without_norms(name: str, **options: object) -> CIC:
        colorizer = create_model(name, **options)  # type: ignore[arg-type]
        assert isinstance(colorizer, CIC)
        for module in list(colorizer.modules()):
            for child_name, child in list(module.named_children()):
                if isinstance(child, nn.BatchNorm2d):
                    setattr(module, child_name, nn.Identity())
        return colorizer

    monkeypatch.setattr(setup, "create_model", without_norms)
    plain = [
        "optimizer.name=sgd",
        "optimizer.lr=0.05",
        "data.faults=null",
        "trainer.steps=3",
        "schedule.warmup=0",
    ]
    big = run(recipe_file, tmp_path / "big", plain)
    small = run(recipe_file, tmp_path / "small", [*plain, "trainer.batch_size=2", "trainer.accumulate=2"])
    assert small.losses == pytest.approx(big.losses, abs=1e-5)
    one, other = (load_state(tmp_path / name)["task"] for name in ("big", "small"))
    start = setup.starting_model(load_recipe(recipe_file), setup.training_photos(load_recipe(recipe_file)))
    moved = start.get_parameter("network.head.weight") - one["colorizer.network.head.weight"]
    assert moved.abs().max() > 1e-3  # there is something to compare
    for key, value in one.items():
        torch.testing.assert_close(other[key], value, atol=2e-6, rtol=1e-4)


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_a_run_that_is_no_longer_finite_ends_and_keeps_its_checkpoint(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    losses = CIC.training_losses
    calls = []

    def broken(self: CIC, batch: Batch) -> dict[str, torch.Tensor]:
        calls.append(1)
        found = losses(self, batch)
        if len(calls) == 4:
            bad = (
                found["loss"] * math.nan
                if where == "loss"
                else (found["loss"] - found["loss"].detach()).sqrt()
            )
            found["loss"] = bad
        return found

    monkeypatch.setattr(CIC, "training_losses", broken)
    with pytest.raises(TrainingError, match=rf"the {where}.* is (nan|inf) at step 3: lower optimizer\.lr"):
        run(recipe_file, tmp_path / "run", ["trainer.checkpoint_minutes=0", "optimizer.clip=1"])
    state = load_state(tmp_path / "run")
    assert state["step"] == 3
    assert all(value.isfinite().all() for value in state["task"].values())


def test_a_photo_that_breaks_on_the_way_is_named(recipe_file: Path, tmp_path: Path, photos: Path) -> None:
    for file in photos.iterdir():
        file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(DataError, match=r"photos/\d+\.png is not a readable picture"):
        run(recipe_file, tmp_path / "run", ["validation.count=0"])


def test_devices_that_are_not_there(recipe_file: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has such a device")
    with pytest.raises(RecipeError, match=r"trainer\.accelerator and trainer\.devices"):
        run(recipe_file, tmp_path / "run", ["trainer.accelerator=cuda"])


def test_a_warning_is_told_once_for_as_long_as_it_lasts(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[list[int]] = []

    def found(step: int, means: object, look: object, earlier: Sequence[LogEntry]) -> dict[str, str]:
        known.append([moment.step for moment in earlier])
        return {"pale": f"pale at {step}"} if step in (2, 3, 4, 6) else {}

    monkeypatch.setattr("autochrome.engine.loop.step_warnings", found)
    lines: list[Progress] = []
    run(recipe_file, tmp_path / "run", report=lines.append)
    assert known == [list(range(1, step)) for step in range(1, 9)]  # what was logged before
    assert [w for line in lines for w in line.warnings] == ["pale at 2", "pale at 6"]


def test_loading_processes_change_nothing(recipe_file: Path, tmp_path: Path) -> None:
    alone = run(recipe_file, tmp_path / "alone", ["trainer.steps=2"])
    helped = run(recipe_file, tmp_path / "helped", ["trainer.steps=2", "data.workers=1"])
    assert helped.losses == alone.losses


def test_a_small_run_learns_to_color(recipe_file: Path, tmp_path: Path) -> None:
    """Bright is blue and dark is orange in the made landscapes: 150 steps find that out."""
    lines: list[Progress] = []
    learning = [
        "trainer.steps=150",
        "trainer.batch_size=8",
        "optimizer.lr=0.01",
        "data.faults=null",
        "validation.every=50",
    ]
    run(
        recipe_file,
        tmp_path / "run",
        [*learning, "validation.count=8", "trainer.log_every=10"],
        report=lines.append,
    )
    assert lines[-1].means["cross_entropy"] < lines[0].means["cross_entropy"] - 2
    first, last = lines[4].validation, lines[-1].validation
    assert first is not None and last is not None
    assert last.psnr_gain > 3
    assert last.psnr_gain > first.psnr_gain
    assert last.chroma > 0.6 * last.true_chroma
    assert not any(line.warnings for line in lines)


# The best weights

KEPT = ["validation.keep_best=true", "validation.every=1", "trainer.steps=5"]


def with_losses(monkeypatch: pytest.MonkeyPatch, *losses: float | None) -> None:
    """Let the validation losses be these, one after another."""
    left = iter(losses)
    monkeypatch.setattr("autochrome.engine.validation._mean_loss", lambda *_: next(left))


def best_step(folder: Path) -> int:
    return int(read_weights_metadata(folder / BEST)["step"])


def test_the_best_weights_are_kept_while_the_loss_falls(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_losses(monkeypatch, 3.0, 3.5, 2.5, 2.5, 2.75)
    kept: list[int] = []
    folder = tmp_path / "run"
    run(recipe_file, folder, KEPT, report=lambda line: kept.append(best_step(folder)))
    assert kept == [1, 1, 3, 3, 3]
    assert float(read_weights_metadata(folder / BEST)["loss"]) == 2.5


def test_looks_between_two_lines_of_the_log_count(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_losses(monkeypatch, 3.0, 2.0, 2.5, 2.75, 2.25)
    run(recipe_file, tmp_path / "run", [*KEPT, "trainer.log_every=5"])
    assert best_step(tmp_path / "run") == 2


def test_the_best_weights_are_those_that_would_have_shipped(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The average after three steps of a run that goes on is what a run of three steps ships."""
    constant = ["schedule.kind=constant", "optimizer.lr=0.05"]
    with_losses(monkeypatch, 3.0, 2.0, 1.0, 2.0, 2.0)
    run(recipe_file, tmp_path / "run", [*KEPT, *constant])
    run(recipe_file, tmp_path / "short", ["trainer.steps=3", "validation.count=0", *constant])
    best = create_model("cic.test", weights=tmp_path / "run" / BEST).state_dict()
    shipped, last = (
        create_model("cic.test", weights=tmp_path / name / "model.safetensors").state_dict()
        for name in ("short", "run")
    )
    assert all(torch.equal(best[key], value) for key, value in shipped.items())
    assert not all(torch.equal(best[key], value) for key, value in last.items())


@pytest.mark.parametrize(("later", "step"), [((2.25, 2.75, 3.0), 2), ((2.25, 1.75, 3.0), 4)])
def test_a_resumed_run_goes_on_from_the_lowest_loss(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: Sequence[float], step: int
) -> None:
    with_losses(monkeypatch, 3.0, 2.0)
    run(recipe_file, tmp_path / "run", [*KEPT, "trainer.steps=2"])
    assert best_step(tmp_path / "run") == 2
    with_losses(monkeypatch, *later)
    run(recipe_file, tmp_path / "run", KEPT, resume=True)
    assert best_step(tmp_path / "run") == step


@pytest.mark.parametrize("overrides", [KEPT, ["validation.every=1", "trainer.steps=2"]])
def test_no_best_weights_without_a_loss_or_a_wish(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str]
) -> None:
    with_losses(monkeypatch, *([None] * 5 if overrides is KEPT else [2.0, 1.0]))
    run(recipe_file, tmp_path / "run", overrides)
    assert not (tmp_path / "run" / BEST).exists()


def test_a_part_s_learning_rate_is_scaled_at_every_step(recipe_file: Path, tmp_path: Path) -> None:
    """SGD without momentum moves a part whose rate is 0 nowhere, and the head as far as ever."""
    plain = ["optimizer.name=sgd", "optimizer.betas=[0.0,0.9]", "optimizer.weight_decay=0", "trainer.steps=1"]
    plain += ["schedule.kind=constant", "schedule.warmup=0", "trainer.ema=0"]
    run(recipe_file, tmp_path / "start", [*plain, "optimizer.lr=1e-20"])
    before = load_state(tmp_path / "start")["task"]
    weights = [key for key in before if key.endswith((".weight", ".bias"))]
    moved = {}
    for name, scale in (("full", 1.0), ("half", 0.5), ("none", 0.0)):
        run(recipe_file, tmp_path / name, [*plain, f"optimizer.lr_scales={{network.stages: {scale}}}"])
        after = load_state(tmp_path / name)["task"]
        moved[name] = {key: after[key] - before[key] for key in weights}
    for key, full in moved["full"].items():
        share = {"half": 0.5, "none": 0.0} if ".network.stages." in key else {"half": 1.0, "none": 1.0}
        for name, factor in share.items():
            torch.testing.assert_close(moved[name][key], factor * full, atol=1e-6, rtol=1e-3)
    assert any(full.any() for key, full in moved["full"].items() if ".network.stages." in key)
