"""What sections ask of a run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from autochrome.errors import EvaluationError, LaboratoryError
from autochrome.evaluation.files import load_rgb
from autochrome.laboratory.run import LabSettings, Run, System, once_per_run
from autochrome.laboratory.systems import open_run
from tests.laboratory import worker_tasks
from tests.laboratory.conftest import draw_photo, save_picture

MakeRun = Callable[..., Run]


def test_photos_are_spread_evenly_over_the_names(make_run: MakeRun) -> None:
    run = make_run("gray.baseline")
    assert run.names == ["0", "1", "2", "3", "4", "5"]
    # Of 0 ... 5 three evenly spaced: 0, 2.5 (rounded to even) and 5.
    assert run.spread(3) == ["0", "2", "5"]
    assert run.spread(99) == run.names
    assert run.spread(1) == ["0"]
    assert len(run.subset) == 4


def test_systems_have_the_run_s_seed(make_run: MakeRun) -> None:
    run = make_run("cgan.test", seed=7)
    settings = run.settings_of(run.systems[0], samples=2)
    assert (settings.seed, settings.samples) == (7, 2)


def test_truth_and_results_are_those_of_the_files_at_the_size_of_comparison(
    make_run: MakeRun, references: Path
) -> None:
    run = make_run("cgan.test", protocol="crop:32")
    system = run.systems[0]
    truth = load_rgb(references / "3.png")
    assert torch.equal(run.truth("3"), truth[..., 16:48, 16:48])
    second = load_rgb(run.out / "results" / "cgan.test" / "2" / "3.png")
    assert torch.equal(run.result(system, "3", sample=1), second[..., 16:48, 16:48])
    assert run.photo("3").size == (64, 64)


def test_a_result_of_another_size_is_named(references: Path, tmp_path: Path) -> None:
    for number in range(6):
        save_picture(tmp_path / "theirs" / f"{number}.png", draw_photo(number, 64, 48 if number == 4 else 64))
    with pytest.raises(EvaluationError, match=r"4\.png is 48 x 64 but its reference is 64 x 64"):
        open_run(references, tmp_path / "out", [], [f"theirs={tmp_path / 'theirs'}"])


def test_a_model_is_loaded_once_and_a_folder_has_none(make_run: MakeRun, references: Path) -> None:
    run = make_run("cic.test", "warm=cic.test,warmth=0.5", results=(f"theirs={references}",))
    cic, warm, theirs = run.systems
    assert run.painter(cic) is run.painter(warm)
    assert (cic.kind, theirs.kind) == ("distribution", "results")


def test_map_keeps_the_order_and_tells_how_far_it_is(make_run: MakeRun) -> None:
    run = make_run("gray.baseline")
    told: list[tuple[str, int, int]] = []
    run.progress = lambda label, done, total: told.append((label, done, total))
    assert run.map("twice", lambda run, name: 2 * int(name)) == [0, 2, 4, 6, 8, 10]
    assert told == [("twice", done, 6) for done in range(7)]
    assert run.map("some", lambda run, name: name, ["4", "1"]) == ["4", "1"]


def test_what_is_computed_once_per_run_is_kept(make_run: MakeRun) -> None:
    run = make_run("gray.baseline")
    calls = []

    @once_per_run
    def names_of(run: Run) -> list[str]:
        """Names."""
        calls.append(1)
        return run.names

    assert names_of(run) is names_of(run)
    assert calls == [1]
    assert names_of.__doc__ == "Names."
    assert names_of(replace(run, pairs=run.pairs[:2])) == run.names[:2]


def test_several_processes_share_the_photos(references: Path, tmp_path: Path) -> None:
    settings = LabSettings(workers=2, device="cpu")
    with open_run(references, tmp_path / "out", ["gray.baseline"], settings=settings) as run:
        found = run.map("where", worker_tasks.where)
        assert [name for name, _, _ in found] == run.names
        processes = {process for _, process, _ in found}
        assert os.getpid() not in processes
        assert len(processes) <= 2
        assert all(1 <= threads <= max(1, (os.cpu_count() or 1) // 2) for _, _, threads in found)
        with pytest.raises(LaboratoryError, match="--workers 1"):
            run.map("die", worker_tasks.die)


def test_a_run_without_the_models_is_what_a_process_gets(make_run: MakeRun) -> None:
    run = make_run("cic.test")
    run.painter(run.systems[0])
    state: dict[str, Any] = run.__getstate__()
    assert state["_painters"] == {}
    assert state["_pool"] is None
    assert state["pairs"] == run.pairs


def test_systems_are_found_by_name(make_run: MakeRun) -> None:
    run = make_run("gray.baseline", "cic.test")
    assert run.system("cic.test") is run.systems[1]
    assert isinstance(run.systems[0], System)
