"""How systems are named, and how their results come to lie in files and stay there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from autochrome.errors import EvaluationError, LaboratoryError, SettingsError, UnknownModelError, WeightsError
from autochrome.io.photo import read_provenance
from autochrome.laboratory.run import LabSettings, Run
from autochrome.laboratory.systems import (
    DEFAULT_MODELS,
    describe,
    model_system,
    open_run,
    paint_systems,
    results_system,
)
from autochrome.models.registry import model_spec
from autochrome.pipeline.painter import Painter
from autochrome.pipeline.settings import ColorizeSettings, resolve
from tests.laboratory.conftest import draw_photo, save_picture

MakeRun = Callable[..., Run]
OUT = Path("out")


def test_a_name_is_the_system_at_its_defaults() -> None:
    system = model_system("cic=cic.paper", OUT, samples=8)
    assert (system.name, system.model, system.samples) == ("cic", "cic.paper", (OUT / "results" / "cic",))
    assert system.settings == ColorizeSettings()
    assert describe(system) == "cic.paper: size 176, temperature 0.166667, vibrance 0, fuse mirror"


def test_a_label_with_settings() -> None:
    system = model_system("sure=cic,vibrance=0,temperature=0.6,fuse=full,weights=mine.safetensors", OUT, 8)
    assert (system.name, system.model, system.weights) == ("sure", "cic.compact", "mine.safetensors")
    assert system.settings == ColorizeSettings(vibrance=0.0, temperature=0.6, fuse="full")
    assert describe(system) == (
        "cic.compact: size 128, temperature 0.6, vibrance 0, coherence 0.5, fuse full"
    )


def test_a_look_is_described_by_its_values() -> None:
    system = model_system("vivid=cic,look=vivid,vibrance=0.125,saturation=0.5", OUT, 8)
    assert system.settings == ColorizeSettings(look="vivid", vibrance=0.125, saturation=0.5)
    decoder = resolve(system.settings, model_spec("cic"))
    assert f"temperature {decoder.temperature:g}, vibrance 0.125, coherence" in describe(system)
    assert describe(system).endswith("look vivid, saturation 0.5")


def test_a_model_that_draws_has_a_folder_for_each_sample() -> None:
    system = model_system("best=pixcolor,rank=true", OUT, samples=3)
    folder = OUT / "results" / "best"
    assert system.samples == (folder / "1", folder / "2", folder / "3")
    assert system.settings.rank
    assert describe(system).endswith("rank True, 3 samples")


def test_the_default_systems_can_be_read() -> None:
    systems = [model_system(text, OUT, 8) for text in DEFAULT_MODELS]
    assert [system.name for system in systems] == ["cic", "cic-accurate", "lrac", "pixcolor", "cgan"]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("cik", UnknownModelError, "did you mean"),
        ("a=cic,vibrancy=1", LaboratoryError, "the keys are weights, look"),
        ("a=cic,vibrance=", LaboratoryError, "KEY=VALUE"),
        ("a=cic,vibrance=high", SettingsError, "vibrance must be a number from -1 to 2, not 'high'"),
        ("a=pixcolor,rank=perhaps", SettingsError, "rank must be true or false, not 'perhaps'"),
        ("a=cic.paper,look=vivid", SettingsError, "does not support look=vivid"),
        ("a=cic,vibrance=9", SettingsError, "must be a number from -1 to 2, not 9"),
        ("a=pixcolor,vibrance=1", SettingsError, "does not support vibrance"),
        ("../x=cic", LaboratoryError, "letters, digits"),
    ],
)
def test_what_cannot_be_understood_is_told(text: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        model_system(text, OUT, samples=2)


def test_results_of_somebody(references: Path, tmp_path: Path) -> None:
    named = results_system(f"theirs={references}")
    assert (named.name, named.model, named.samples) == ("theirs", None, (references,))
    assert results_system(str(references)).name == "references"
    for sample in (10, 2, 1):
        save_picture(tmp_path / "drawn" / str(sample) / "0.png", draw_photo(0))
    drawn = results_system(f"drawn={tmp_path / 'drawn'}")
    assert [folder.name for folder in drawn.samples] == ["1", "2", "10"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(LaboratoryError, match="holds no photos"):
        results_system(f"e={tmp_path / 'empty'}")
    with pytest.raises(LaboratoryError, match="NAME=FOLDER"):
        results_system("nowhere")


@pytest.mark.parametrize(
    ("models", "results", "error", "words"),
    [
        ((), (), LaboratoryError, "nothing to compare"),
        (("gray.baseline", "gray.baseline"), (), LaboratoryError, "two rows would be called gray.baseline"),
        (("gray",), (), LaboratoryError, "two rows would be called gray"),
        (("cic.paper",), (), LaboratoryError, r"--model cic\.paper=cic\.paper,weights=FILE"),
        (("a=cic,weights=nowhere.safetensors",), (), WeightsError, "nowhere"),
    ],
)
def test_runs_that_cannot_be_are_refused_at_once(
    references: Path,
    tmp_path: Path,
    models: tuple[str, ...],
    results: tuple[str, ...],
    error: type,
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        open_run(references, tmp_path / "out", models, results)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_lacks_results_and_one_photo_are_refused(references: Path, tmp_path: Path) -> None:
    save_picture(tmp_path / "theirs" / "0.png", draw_photo(0))
    with pytest.raises(EvaluationError, match=r"lacks results for 1\.png, 2\.png"):
        open_run(references, tmp_path / "out", [], [f"theirs={tmp_path / 'theirs'}"])
    # The others are not asked for.
    save_picture(tmp_path / "theirs" / "1.png", draw_photo(1))
    assert open_run(references, tmp_path / "out", [], [f"theirs={tmp_path / 'theirs'}"], photos=2).names == [
        "0",
        "1",
    ]
    with pytest.raises(LaboratoryError, match="at least two are needed"):
        open_run(references, tmp_path / "out", ["cic.test"], photos=1)
    with pytest.raises(ValueError, match="unknown protocol"):
        open_run(references, tmp_path / "out", ["cic.test"], settings=LabSettings(protocol="squash"))


def test_results_go_the_one_way_and_say_how_they_were_made(make_run: MakeRun) -> None:
    run = make_run("cgan.test", "vivid=cic.test,vibrance=1", seed=5)
    results = run.out / "results"
    assert sorted(p.name for p in (results / "vivid").iterdir()) == [
        *(f"{k}.png" for k in range(6)),
        "run.json",
    ]
    made = read_provenance(results / "cgan.test" / "2" / "3.png")
    assert made is not None
    assert (made.model, made.settings["seed"], made.settings["sample"]) == ("cgan.test", 5, 2)
    painter, system = run.painter(run.systems[0]), run.systems[0]
    expected = painter.colorize(run.photo("3"), run.settings_of(system, samples=2))[1]
    assert run.result_path(system, "3", sample=1) == results / "cgan.test" / "2" / "3.png"
    assert (
        (255 * run.result(system, "3", 1)[0]).round().byte().permute(1, 2, 0).numpy() == expected.pixels
    ).all()
    record = json.loads((results / "vivid" / "run.json").read_text())
    assert (record["model"], record["asked"]) == ("cic.test", {"vibrance": 1.0})
    assert record["photos"]["3"]["seed"] == 5


@pytest.fixture
def colored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The photos that models are asked about, by name."""
    asked: list[str] = []
    predict = Painter.predict

    def counting(self: Painter, photo, settings=None):  # type: ignore[no-untyped-def]
        asked.append(photo.source.stem)
        return predict(self, photo, settings)

    monkeypatch.setattr(Painter, "predict", counting)
    return asked


def test_a_run_that_was_broken_off_goes_on(make_run: MakeRun, colored: list[str]) -> None:
    run = make_run("cgan.test")
    (run.out / "results" / "cgan.test" / "2" / "4.png").unlink()
    colored.clear()
    paint_systems(run)
    assert colored == ["4"]
    assert (run.out / "results" / "cgan.test" / "2" / "4.png").is_file()
    colored.clear()
    paint_systems(run)
    assert colored == []


def test_a_record_that_names_files_elsewhere_removes_none(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run("a=cic.test")
    folder, others = run.out / "results" / "a", (run.out / "mine.png", tmp_path / "mine.png")
    record = json.loads((folder / "run.json").read_text())
    for other in others:
        other.write_bytes(b"mine")
    record["photos"] |= {"../../mine": {}, str(others[1].with_suffix("")): {}, "0": {"seed": -1}}
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "0.png").write_bytes(b"another seed's")
    paint_systems(run)
    assert all(other.is_file() for other in others)
    assert (folder / "0.png").read_bytes() != b"another seed's"


def test_what_was_made_in_another_way_is_made_anew(
    make_run: MakeRun, colored: list[str], references: Path
) -> None:
    make_run("a=cic.test")
    colored.clear()
    make_run("a=cic.test,temperature=1")
    assert len(colored) == 6
    colored.clear()
    save_picture(references / "2.png", draw_photo(77))
    make_run("a=cic.test,temperature=1")
    assert colored == ["2"]


def test_fewer_samples_or_photos_take_nothing_away(make_run: MakeRun, colored: list[str]) -> None:
    make_run("cgan.test", samples=3)
    colored.clear()
    make_run("cgan.test", samples=2, photos=3)
    make_run("cgan.test", samples=3)
    assert colored == []


def test_another_seed_is_another_run(make_run: MakeRun, colored: list[str]) -> None:
    make_run("cgan.test")
    colored.clear()
    make_run("cgan.test", seed=1)
    assert len(colored) == 6


def test_ranked_samples_depend_on_how_many_there_are(make_run: MakeRun, colored: list[str]) -> None:
    make_run("a=pixcolor.test,rank=true", samples=2, photos=2)
    colored.clear()
    make_run("a=pixcolor.test,rank=true", samples=1, photos=2)
    assert len(colored) == 2


def test_pictures_of_photos_that_are_gone_go_too(make_run: MakeRun, references: Path) -> None:
    run = make_run("cgan.test")
    (references / "5.png").unlink()
    make_run("cgan.test")
    assert not list((run.out / "results").rglob("5.png"))


def test_files_of_others_are_left_alone(references: Path, tmp_path: Path) -> None:
    theirs = save_picture(tmp_path / "out" / "results" / "cic.test" / "0.png", draw_photo(0))
    run = open_run(references, tmp_path / "out", ["cic.test"])
    with pytest.raises(LaboratoryError, match="did not write"):
        paint_systems(run)
    assert theirs.is_file()
