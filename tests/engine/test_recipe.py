from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from autochrome.data.augment import LumaFaults
from autochrome.engine.recipe import (
    DataRecipe,
    Recipe,
    SourceRecipe,
    TrainerRecipe,
    changed_values,
    dump_recipe,
    load_recipe,
)
from autochrome.errors import RecipeError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text("trainer: {steps: 7, ema: 0.5}\ndata: {sources: [{path: a}, {path: b, repeats: 2}]}\n")
    return path


def test_what_is_not_said_is_the_default(file: Path) -> None:
    recipe = load_recipe(file)
    assert recipe.trainer == replace(TrainerRecipe(), steps=7, ema=0.5)
    assert recipe.data == DataRecipe(sources=[SourceRecipe("a"), SourceRecipe("b", 2.0)])
    assert recipe.optimizer == Recipe().optimizer


def test_overrides_win_and_the_last_one_most(file: Path) -> None:
    recipe = load_recipe(
        file,
        [
            "trainer.steps=8",
            "trainer.steps=9",
            "data.faults.blur=0.5",
            "model.options.rebalance_mix=1",
            'data.sources=[{"path": "c d"}]',
            "optimizer.betas=[0.8, 0.9]",
        ],
    )
    assert recipe.trainer.steps == 9
    assert recipe.trainer.ema == 0.5
    assert recipe.data.faults == LumaFaults(blur=0.5)
    assert recipe.model.options == {"rebalance_mix": 1}
    assert recipe.data.sources == [SourceRecipe("c d")]
    assert recipe.optimizer.betas == (0.8, 0.9)
    assert load_recipe(file, ["data.faults.blur=0.5", "data.faults=null"]).data.faults is None


def test_round_trip(file: Path, tmp_path: Path) -> None:
    recipe = load_recipe(file, ["data.faults.blur=0.5", "model.options.supervision=[0.25, 0.5, 1]"])
    (tmp_path / "saved.yaml").write_text(dump_recipe(recipe))
    assert load_recipe(tmp_path / "saved.yaml") == recipe


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1, 2]",
        "just words",
        "{ unbalanced",
        "extra: 1",
        "trainer: {stepps: 1}",
        "trainer: {steps: many}",
        "trainer: {steps: 1.5}",
        "trainer: {precision: 16-true}",
        "trainer: {accelerator: abacus}",
        "data: {sources: photos}",
        "data: {sources: [{folder: a}]}",
        "data: {sources: [{path: a, repeats: often}]}",
        "data: {faults: {smear: 1}}",
        "data: {crops: {size: [64]}}",
        "optimizer: {name: lion}",
        "optimizer: {betas: [0.9]}",
        "schedule: {kind: linear}",
        "model: {options: 3}",
    ],
)
def test_what_does_not_fit_is_refused_naming_file_and_key(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(RecipeError, match=r"bad\.yaml: .") as caught:
        load_recipe(tmp_path / "bad.yaml")
    key = text.split(":")[-2].split("{")[-1].split(",")[-1].strip() if text.count(":") > 1 else ""
    assert key in str(caught.value)


OUT_OF_RANGE = [
    "trainer.steps=0",
    "trainer.batch_size=0",
    "trainer.accumulate=0",
    "trainer.devices=0",
    "trainer.log_every=0",
    "trainer.seed=-1",
    "trainer.threads=0",
    "trainer.ema=1",
    "trainer.checkpoint_minutes=-1",
    "optimizer.lr=0",
    "optimizer.betas=[0.9, 1.0]",
    "optimizer.weight_decay=-1",
    "optimizer.clip=-1",
    "schedule.warmup=-1",
    "schedule.end=2",
    "schedule.every=0",
    "schedule.factor=0",
    "validation.count=-1",
    "validation.size=0",
    "validation.every=0",
    "data.workers=-1",
    "data.cache_side=0",
    "data.crops.size=0",
    "data.crops.min_area=0",
    "data.crops.max_stretch=0.5",
    "data.faults.blur=2",
]


@pytest.mark.parametrize("override", OUT_OF_RANGE)
def test_values_out_of_range_are_named(file: Path, override: str) -> None:
    with pytest.raises(RecipeError, match=override.split("=")[0].split(".")[-1]):
        load_recipe(file, [override])


def test_negative_repeats(file: Path) -> None:
    with pytest.raises(RecipeError, match="repeats is at least 0"):
        load_recipe(file, ['data.sources=[{"path": "a", "repeats": -1}]'])


def test_two_starting_points_are_one_too_many(file: Path) -> None:
    with pytest.raises(RecipeError, match="keep one of them"):
        load_recipe(file, ["model.weights=a.safetensors", "model.backbone=b.safetensors"])


@pytest.mark.parametrize(
    "override", ["trainer.steps", "steps=3", "trainer.stepps=3", "nothing.here=1", "file=x", "help=1"]
)
def test_overrides_that_do_not_fit(file: Path, override: str) -> None:
    with pytest.raises(RecipeError):
        load_recipe(file, [override])


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"no recipe at .*none\.yaml: give a YAML file, or the name of a shipped recipe"
    ):
        load_recipe(tmp_path / "none.yaml")


def bomb(levels: int = 9) -> str:
    """YAML of some 500 bytes that stands for 9^levels values."""
    lines = [
        "model: {options: {a0: &a0 [1]",
        *(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, levels)),
    ]
    return ", ".join(lines) + "}}\n"


@pytest.mark.parametrize(
    "text",
    [
        bomb(),
        f"model: {{options: {{x: {'[' * 40}{']' * 40}}}}}",
        f"trainer: {{steps: 1{'0' * 400}}}",
        f"trainer: {{steps: 1{'0' * 5000}}}",
        f"optimizer: {{lr: 1{'0' * 400}}}",
        "optimizer: {lr: .inf}",
        "optimizer: {lr: 1e999}",
        "model: {options: &a {x: *a}}",
        "# " + "x" * 300_000,
    ],
)
def test_hostile_recipes(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(RecipeError, match=r"bad\.yaml: ."):
        load_recipe(tmp_path / "bad.yaml")


HOSTILE_OVERRIDES = [
    "model.options.x.class_path=NAME.Thing",
    "model.class_path=NAME.Thing",
    "model.options={x: {class_path: NAME.Thing}}",
    "data.sources=[{class_path: NAME.Thing}]",
    "data.sources+=NAME.Thing",
    "data.sources.help=NAME.Thing",
    "data.sourc=[NAME.Thing]",
    "data.faults=NAME.Thing",
    "data.faults.hel=NAME.Thing",
    "adversary.optimizer=NAME.Thing",
    "adversary.optimizer.class_path=NAME.Thing",
]


@pytest.mark.parametrize("override", HOSTILE_OVERRIDES)
def test_a_recipe_imports_nothing(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, override: str
) -> None:
    (tmp_path / "imported_by_a_recipe.py").write_text("class Thing: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    key, _, value = override.replace("NAME", "imported_by_a_recipe").partition("=")
    with pytest.raises(RecipeError):
        load_recipe(file, [f"{key}={value}"])
    *above, last = key.split(".")
    (tmp_path / "bad.yaml").write_text(
        "".join(f"{part}: {{" for part in above) + f"{last}: {value}" + "}" * len(above)
    )
    with pytest.raises(RecipeError):
        load_recipe(tmp_path / "bad.yaml")
    assert "imported_by_a_recipe" not in sys.modules


@pytest.mark.parametrize(
    "text", ["model: other.yaml", "file: other.yaml", "adversary: {optimizer: other.yaml}"]
)
def test_a_recipe_reads_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.yaml").write_text("{}")
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(RecipeError):
        load_recipe(tmp_path / "bad.yaml")


def test_changed_values(file: Path) -> None:
    before = load_recipe(file)
    after = load_recipe(file, ["trainer.steps=8", "data.faults.blur=0.5", "model.options.sigma=4"])
    changed = changed_values(before, after)
    assert "trainer.steps: 7 -> 8" in changed
    assert "data.faults.blur: None -> 0.5" in changed
    assert "model.options.sigma: None -> 4" in changed
    assert changed_values(before, before) == []
