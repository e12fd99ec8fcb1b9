from __future__ import annotations

from pathlib import Path

import pytest
import torch

from autochrome.engine.checkpoint import load_state, require_free, resume_notes, save_checkpoint
from autochrome.engine.recipe import load_recipe
from autochrome.errors import CheckpointError
from autochrome.models.registry import create_model
from tests.full_disk import disk_of

STATE = {"step": 3, "model": "cic.test", "task": {}, "optimizer": {}, "average": None}


@pytest.fixture
def saved(tmp_path: Path, recipe_file: Path) -> Path:
    colorizer = create_model("cic.test", pretrained=False)
    save_checkpoint(tmp_path / "run", STATE, colorizer, load_recipe(recipe_file), {"step": "3"})
    return tmp_path / "run"


def test_a_checkpoint_is_complete_and_leaves_nothing_else(saved: Path, recipe_file: Path) -> None:
    assert sorted(p.name for p in saved.iterdir()) == [
        "model.safetensors",
        "recipe.yaml",
        "state.pt",
    ]
    assert load_state(saved) == STATE
    assert load_recipe(saved / "recipe.yaml") == load_recipe(recipe_file)
    create_model("cic.test", weights=saved / "model.safetensors")


def test_a_failed_save_leaves_the_last_checkpoint(
    saved: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {p.name: p.read_bytes() for p in saved.iterdir()}

    colorizer = create_model("cic.test", weights=saved / "model.safetensors")
    state = {**STATE, "step": 4, "model": {"weight": torch.zeros(100_000)}}
    monkeypatch.setattr("autochrome.engine.checkpoint.save_weights", lambda *_, **__: None)
    with disk_of(50_000), pytest.raises(OSError, match=r"File too large: .*state\.pt"):
        save_checkpoint(saved, state, colorizer, load_recipe(recipe_file), {"step": "3"})
    assert {p.name for p in saved.iterdir()} == set(before)
    assert (saved / "state.pt").read_bytes() == before["state.pt"]


def test_a_folder_with_a_run_is_not_free(saved: Path, tmp_path: Path) -> None:
    require_free(tmp_path)
    with pytest.raises(CheckpointError, match=r"holds a run: go on with it by --resume, or name another"):
        require_free(saved)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no checkpoint in .*: leave --resume out"):
        load_state(tmp_path)


@pytest.mark.parametrize("content", [b"", b"rubbish", None])
def test_a_damaged_checkpoint_is_named(saved: Path, content: bytes | None) -> None:
    path = saved / "state.pt"
    path.write_bytes(path.read_bytes()[:-40] if content is None else content)
    with pytest.raises(CheckpointError, match=r"state\.pt is damaged \(.+\): restore it"):
        load_state(saved)


def test_damage_is_noticed_before_anything_is_loaded(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved / "state.pt"
    content = path.read_bytes()

    def load(*_: object, **__: object) -> None:
        raise AssertionError("a damaged file was loaded")

    monkeypatch.setattr(torch, "load", load)
    for place in [*range(0, len(content), 97), *range(len(content) - 70, len(content))]:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(CheckpointError, match=r"state\.pt is damaged \(its SHA-256"):
            load_state(saved)
    path.write_bytes(content[:30])
    with pytest.raises(CheckpointError, match=r"state\.pt is damaged \(it is cut short"):
        load_state(saved)


def test_checkpoints_of_releases_without_a_digest_are_read(saved: Path) -> None:
    torch.save(STATE, saved / "state.pt")
    assert load_state(saved) == STATE


def test_a_state_whose_step_is_no_number(saved: Path) -> None:
    torch.save({**STATE, "step": "many"}, saved / "state.pt")
    with pytest.raises(CheckpointError, match="step"):
        load_state(saved)


def test_a_foreign_file_is_no_checkpoint(saved: Path) -> None:
    torch.save({"weights": 1}, saved / "state.pt")
    with pytest.raises(CheckpointError, match="it lacks average, model, optimizer, step, task"):
        load_state(saved)


def test_a_pickle_that_runs_code_is_refused(saved: Path) -> None:
    torch.save({**STATE, "task": Path}, saved / "state.pt")
    with pytest.raises(CheckpointError, match="damaged"):
        load_state(saved)


def test_changes_of_the_recipe_are_told_where_they_matter(saved: Path, recipe_file: Path) -> None:
    assert resume_notes(saved, load_recipe(recipe_file)) == []
    harmless = ["trainer.checkpoint_minutes=1", "validation.every=9", "data.workers=1", "data.cache=true"]
    assert resume_notes(saved, load_recipe(recipe_file, harmless)) == []
    notes = resume_notes(saved, load_recipe(recipe_file, ["trainer.steps=99", "optimizer.lr=1", *harmless]))
    assert len(notes) == 1
    assert notes[0].endswith("the recipe has changed: optimizer.lr: 0.005 -> 1.0; trainer.steps: 8 -> 99")
    (saved / "recipe.yaml").write_text("nonsense: 1")
    assert "is unknown" in resume_notes(saved, load_recipe(recipe_file))[0]
