"""Runs in other processes, through the command line: a real signal, and two processes that train together."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from autochrome.engine.checkpoint import load_state
from autochrome.engine.loop import train
from autochrome.engine.recipe import load_recipe
from tests.engine.tiny_run import GAN, differences

PATIENCE = 120  # seconds
PENALIZED = (*GAN, "model.options={objective: wgan_gp}", "adversary.steps=2")


def start(environment: dict[str, str], recipe: Path, folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "autochrome", "train", str(recipe), "-o", str(folder), *options]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def settings(values: Sequence[str]) -> list[str]:
    return [text for value in values for text in ("--set", value)]


def wait_for_step(folder: Path, step: int, process: subprocess.Popen[str]) -> None:
    log = folder / "log.jsonl"
    end = time.monotonic() + PATIENCE
    while not log.exists() or len(log.read_text().splitlines()) < step:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


def losses(folder: Path) -> list[float]:
    return [json.loads(line)["means"]["loss"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_terminated_command_saves_and_resumes_exactly(
    recipe_file: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    long = ["trainer.steps=60", "validation.count=0"]
    process = start(environment, recipe_file, tmp_path / "broken", *settings(long))
    wait_for_step(tmp_path / "broken", 5, process)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM, err
    assert "stopped by signal 15; saved at step" in out
    assert 5 <= load_state(tmp_path / "broken")["step"] < 60
    train(load_recipe(tmp_path / "broken" / "recipe.yaml"), tmp_path / "broken", resume=True)
    unbroken = train(load_recipe(recipe_file, long), tmp_path / "unbroken")
    assert losses(tmp_path / "broken") == unbroken.losses
    assert differences(tmp_path / "broken", tmp_path / "unbroken") == []


def test_two_processes_take_the_steps_of_one_with_two_micro_batches(
    recipe_file: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """The same photos (the second process sees other ones than the first), faults, losses and gradients."""
    plain = ["trainer.steps=3", "trainer.batch_size=2", "optimizer.name=sgd", "optimizer.lr=0.05"]
    process = start(environment, recipe_file, tmp_path / "two", "--devices", "2", *settings(plain))
    alone = train(load_recipe(recipe_file, [*plain, "trainer.accumulate=2"]), tmp_path / "one")
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert out.count("done: 3 steps") == 1  # told by one of the two
    assert losses(tmp_path / "two") == pytest.approx(alone.losses, abs=1e-5)
    one, two = (load_state(tmp_path / name)["task"] for name in ("one", "two"))
    for key, value in one.items():
        if "running" not in key and "num_batches" not in key:  # each process has its own statistics
            torch.testing.assert_close(two[key], value, atol=2e-6, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("game", [PENALIZED, GAN], ids=["wgan_gp", "gan"])
def test_a_killed_run_against_a_discriminator_resumes_exactly(
    recipe_file: Path, tmp_path: Path, environment: dict[str, str], game: Sequence[str]
) -> None:
    """Killed without notice, wherever in a step it is, it goes on from its last checkpoint."""
    short = [*game, "trainer.steps=40", "validation.count=0"]
    often = [*short, "trainer.checkpoint_minutes=0"]
    process = start(environment, recipe_file, tmp_path / "broken", *settings(often))
    wait_for_step(tmp_path / "broken", 5, process)
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert 4 <= load_state(tmp_path / "broken")["step"] < 40
    train(load_recipe(recipe_file, short), tmp_path / "broken", resume=True)
    unbroken = train(load_recipe(recipe_file, short), tmp_path / "unbroken")
    assert losses(tmp_path / "broken") == unbroken.losses
    assert differences(tmp_path / "broken", tmp_path / "unbroken") == []


@pytest.mark.slow
@pytest.mark.parametrize("game", [PENALIZED, GAN], ids=["wgan_gp", "gan"])
def test_two_processes_play_the_game_of_one_with_two_micro_batches(
    recipe_file: Path, tmp_path: Path, environment: dict[str, str], game: Sequence[str]
) -> None:
    """In both phases: the same photos, noise, losses, clipped gradients and parameters."""
    plain = ["optimizer.name=sgd", "optimizer.lr=0.05", "optimizer.clip=0.1", "adversary.optimizer.name=sgd"]
    rates = [*plain, "adversary.optimizer.lr=0.05", "adversary.optimizer.clip=0.1", "schedule.warmup=0"]
    short = [*game, *rates, "trainer.steps=3", "trainer.batch_size=2", "validation.count=0"]
    process = start(environment, recipe_file, tmp_path / "two", "--devices", "2", *settings(short))
    train(load_recipe(recipe_file, [*short, "trainer.accumulate=2"]), tmp_path / "one")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    logged = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("one", "two")]
    for one, two in zip(*logged, strict=True):
        assert json.loads(two)["means"] == pytest.approx(json.loads(one)["means"], abs=1e-5, rel=1e-4)
    one, two = (load_state(tmp_path / name)["task"] for name in ("one", "two"))
    for key, value in one.items():
        if "running" not in key and "num_batches" not in key:  # each process has its own statistics
            torch.testing.assert_close(two[key], value, atol=2e-6, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "steps"), [((), 100), (PENALIZED, 30)], ids=["cic", "wgan_gp"])
def test_two_processes_stop_together_and_resume(
    recipe_file: Path, tmp_path: Path, environment: dict[str, str], model: Sequence[str], steps: int
) -> None:
    long = [*model, f"trainer.steps={steps}", "trainer.devices=2", "validation.count=0"]
    process = start(environment, recipe_file, tmp_path / "broken", *settings(long))
    wait_for_step(tmp_path / "broken", 5, process)
    process.send_signal(signal.SIGTERM)  # to the first process alone
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM, err
    assert "stopped by signal 15" in out
    step = load_state(tmp_path / "broken")["step"]
    assert 5 <= step < steps
    process = start(environment, tmp_path / "broken" / "recipe.yaml", tmp_path / "broken", "--resume")
    unbroken = start(environment, recipe_file, tmp_path / "unbroken", *settings(long))
    for other in (process, unbroken):
        _, err = other.communicate(timeout=PATIENCE)
        assert other.returncode == 0, err
    assert losses(tmp_path / "broken") == losses(tmp_path / "unbroken")
    # The statistics of the second process are not in the checkpoint; they take no part in training.
    assert [
        key for key in differences(tmp_path / "broken", tmp_path / "unbroken") if "running" not in key
    ] == []


@pytest.mark.slow
def test_a_photo_that_breaks_in_one_process_ends_both(
    recipe_file: Path, tmp_path: Path, photos: Path, environment: dict[str, str]
) -> None:
    for number, file in enumerate(sorted(photos.iterdir())):
        if number != 3:
            file.unlink()
    (photos / "003.png").rename(photos / "good.png")
    (photos / "bad.png").write_bytes(b"no picture")
    few = ["trainer.batch_size=1", "trainer.devices=2", "validation.count=0", "data.crops.size=64"]
    process = start(environment, recipe_file, tmp_path / "run", *settings(few))
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode not in (0, None)
    assert "bad.png is not a readable picture" in err
