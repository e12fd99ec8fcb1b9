"""`autochrome train` as a person uses it; what several processes do is in tests/engine/test_processes.py."""

from __future__ import annotations

import io
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from autochrome.cli import train as command
from autochrome.cli.main import main
from autochrome.engine.checkpoint import load_state
from autochrome.engine.progress import Outcome, Progress
from autochrome.engine.recipe import load_recipe
from autochrome.engine.validation import ValidationMetrics
from autochrome.errors import TrainingError
from autochrome.models.registry import create_model
from tests.data.made_photos import write_folder
from tests.engine.tiny_run import write_recipe

METRICS = ValidationMetrics(0.5, 8.0, 16.0, 30.24, 41.0, held_out=True)
SHORT = ("--set", "trainer.steps=2")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_recipe(tmp_path / "tiny.yaml", write_folder(tmp_path / "photos"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["train", *map(str, arguments)], catch_exceptions=False)


def test_training_says_how_it_goes_and_how_to_use_the_weights(recipe: Path, tmp_path: Path) -> None:
    result = run(recipe, "-o", tmp_path / "run", *SHORT)
    assert result.exit_code == 0, result.output
    lines = result.stderr.splitlines()
    assert lines[0].startswith("step 1/2  loss ")
    assert "photos/s" in lines[0] and lines[0].endswith(" left")
    assert "training photos: loss " in lines[1] and "dB over gray, chroma" in lines[1]
    weights = tmp_path / "run" / "model.safetensors"
    assert f"autochrome colorize PHOTO --model cic.test --weights {weights}" in result.stdout
    create_model("cic.test", weights=weights)


def test_own_pictures_replace_all_that_the_recipe_says_of_its_own(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTOCHROME_DATA", raising=False)
    text = recipe.read_text().replace(str(tmp_path / "photos"), "'${AUTOCHROME_DATA}/train'")
    text = text.replace("validation: {", "validation: {photos: '${AUTOCHROME_DATA}/eval', ")
    recipe.write_text(text.replace("data:", "data:\n  prior: ${AUTOCHROME_DATA}/prior.txt"))
    result = run(recipe, "-o", tmp_path / "run", *SHORT)
    assert (result.exit_code, result.stderr.count("AUTOCHROME_DATA")) == (1, 1)
    more = write_folder(tmp_path / "my photos", 3)
    result = run(recipe, "--data", more, "--data", tmp_path / "photos", "-o", tmp_path / "run", *SHORT)
    assert result.exit_code == 0, result.output
    saved = load_recipe(tmp_path / "run" / "recipe.yaml")
    assert [source.path for source in saved.data.sources] == [str(more), str(tmp_path / "photos")]
    assert saved.validation.photos is None


def test_the_folder_is_named_after_the_recipe(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(recipe, *SHORT).exit_code == 0
    assert (tmp_path / "runs" / "tiny" / "model.safetensors").is_file()


def test_own_pictures_with_a_recipe_s_name_are_measured_on_some_that_are_held_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photos = write_folder(tmp_path / "photos", 6)
    tiny = ("model.name=cic.test", "model.weights=null", "data.crops.size=32", "validation.size=32")
    short = ("trainer.batch_size=2", "trainer.accelerator=cpu", "optimizer.lr_scales={}")
    changes = [part for change in (*tiny, *short) for part in ("--set", change)]
    result = run("finetune", "--data", photos, *SHORT, *changes)
    assert result.exit_code == 0, result.output
    assert "held-out photos: loss " in result.stderr.splitlines()[-1]
    assert (tmp_path / "runs" / "finetune" / "model.safetensors").is_file()


def test_a_run_out_of_time_says_how_to_go_on(recipe: Path, tmp_path: Path) -> None:
    result = run(recipe, "-o", tmp_path / "my run", "--minutes", 1e-6)
    assert result.exit_code == 0
    assert "time is over; saved at step 1 of 8" in result.stdout
    folder = tmp_path / "my run"
    assert f"autochrome train '{folder}/recipe.yaml' -o '{folder}' --resume" in result.stdout
    result = run(folder / "recipe.yaml", "-o", folder, "--resume")
    assert result.exit_code == 0
    assert load_state(folder)["step"] == 8
    result = run(folder / "recipe.yaml", "-o", folder, "--resume")
    assert "finished already (raise trainer.steps to train on): 8 steps" in result.stdout


def test_warnings_are_told(recipe: Path, tmp_path: Path) -> None:
    run(recipe, "-o", tmp_path / "run", *SHORT)
    result = run(recipe, "-o", tmp_path / "run", "--resume", "--set", "trainer.steps=3")
    assert result.stderr.splitlines()[0].startswith("warning: the rest will differ")
    assert "trainer.steps: 2 -> 3" in result.stderr


def test_mistakes_are_told_without_a_traceback(recipe: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    cases = {
        "no recipe at": [tmp_path / "none.yaml"],
        "Group 'trainer' does not accept option 'stepps'": [recipe, "--set", "trainer.stepps=1"],
        "no photos at": [recipe, "--data", tmp_path / "nowhere"],
        "no checkpoint in": [recipe, "--resume"],
        "no weights at gone.safetensors": [recipe, "--set", "model.weights=gone.safetensors"],
    }
    for message, arguments in cases.items():
        result = run(*arguments, "-o", folder)
        assert result.exit_code == 1, message
        assert message in result.stderr or "unrecognized arguments: --trainer.stepps=1" in result.stderr
        assert not folder.exists()
    run(recipe, "-o", folder, *SHORT)
    result = run(recipe, "-o", folder)
    assert result.exit_code == 1
    assert "holds a run: go on with it by --resume" in result.stderr


def test_a_missing_extra_names_the_command_to_type(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("autochrome.engine.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jsonargparse", None)
    result = run(recipe)
    assert result.exit_code == 1
    assert "training needs the package jsonargparse: pip install 'autochrome[train]'" in result.stderr


def test_the_exit_code_tells_the_signal(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autochrome.engine.loop.train", lambda *_, **__: Outcome(3, signal.SIGTERM, [1.0]))
    result = run(recipe, "-o", tmp_path / "run")
    assert result.exit_code == 128 + signal.SIGTERM
    assert "stopped by signal 15; saved at step 3 of 8" in result.stdout
    # The other processes say nothing and end well: the first one speaks for all.
    monkeypatch.setenv("LOCAL_RANK", "1")
    result = run(recipe, "-o", tmp_path / "run")
    assert (result.exit_code, result.output) == (0, "")


def test_the_first_process_alone_tells_of_an_error_of_all(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise TrainingError("the loss is nan")

    monkeypatch.setattr("autochrome.engine.loop.train", fail)
    result = run(recipe, "-o", tmp_path / "run")
    assert (result.exit_code, result.stderr) == (1, "Error: the loss is nan\n")
    monkeypatch.setenv("LOCAL_RANK", "1")
    result = run(recipe, "-o", tmp_path / "run")
    assert (result.exit_code, result.stderr) == (1, "")


def test_a_terminal_gets_a_bar_with_warnings_above_it() -> None:
    out = io.StringIO()
    bar = command._Bar(Console(file=out, force_terminal=True, width=160))
    with bar.progress:
        bar(Progress(5, {"loss": 2.5}, METRICS, 10, 0.1, 80.0, 75.0, ["pale [red]"]))
    text = out.getvalue()
    assert "\x1b[33mwarning: pale [red]" in text
    assert "5/10" in text
    assert (
        "loss 2.500  80 photos/s  held-out photos: +0.50 dB over gray, chroma 8.0 of 16.0  0:01:15 left"
        in text
    )


def test_a_gan_tells_of_both_sides_and_of_its_samples() -> None:
    means = {"discriminator_loss": 1.2345, "generator_loss": -0.00067, "accuracy": 0.625, "loss": -0.00067}
    drawn = replace(METRICS, diversity=6.28)
    line = Progress(5, means, drawn, 10, 0.1, 80.0, 75.0, [])
    losses = "discriminator 1.23, generator -0.00067, accuracy 0.62  80 photos/s"
    assert command.describe(line) == f"{losses}  held-out photos: colorfulness 30.2 of 41.0, diversity 6.3"
    assert command.describe(replace(line, validation=None)) == losses


def test_other_models_that_draw_tell_what_all_do() -> None:
    metrics = replace(METRICS, diversity=6.28, loss=2.71828)
    line = Progress(5, {"loss": 2.5}, metrics, 10, 0.1, 80.0, 75.0, [])
    wanted = "loss 2.500  80 photos/s  held-out photos: loss 2.718, +0.50 dB over gray, chroma 8.0 of 16.0"
    plain = replace(line, validation=replace(METRICS, loss=2.71828))
    assert command.describe(line) == command.describe(plain) == wanted
