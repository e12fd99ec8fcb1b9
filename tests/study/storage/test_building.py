"""From a design to a folder: what takes part, what the pictures tell, and what is refused."""

from __future__ import annotations

import json
import os
import stat
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image
from sqlalchemy import select

from autochrome.errors import StudyError
from autochrome.evaluation.files import load_rgb
from autochrome.study.design import Design
from autochrome.study.records import RANDOM, TRUTH, Stage, Unit
from autochrome.study.storage import building
from autochrome.study.storage.building import build_study, lay_out
from autochrome.study.storage.folder import Manifest
from autochrome.study.storage.pictures import encode, prepare
from autochrome.study.storage.schema import Database, studies
from autochrome.study.storage.store import Study
from tests.study.conftest import draw_photo, write_png
from tests.study.raters import enrolled, following
from tests.study.storage.test_pictures import chunks

MakeDesign = Callable[..., Design]
MakeStudy = Callable[..., Study]
NAMES = [f"{number:03}" for number in range(30)]


@pytest.fixture
def shared_pictures() -> Callable[..., Any]:
    """Share none here: how pictures are made is what these tests are about."""
    return building._prepare_all


def of_stage(units: list[Unit], stage: Stage) -> list[Unit]:
    return [unit for unit in units if unit.stage is stage]


def complaint(design: Design, folder: Path, **keys: Any) -> str:
    """What building says; and it leaves nothing behind."""
    before = sorted(folder.parent.iterdir())
    with pytest.raises(StudyError) as caught:
        build_study(design, folder, **keys)
    assert sorted(folder.parent.iterdir()) == before
    return str(caught.value)


def test_practice_and_vigilance_have_photos_of_their_own(small_design: MakeDesign) -> None:
    design = small_design("two-afc", practice=6, vigilance=3, trials=10)
    units = lay_out(design, NAMES)[0]
    pictures = {stage: {unit.picture for unit in of_stage(units, stage)} for stage in Stage}
    assert {stage: len(names) for stage, names in pictures.items()} == {
        Stage.PRACTICE: 6,
        Stage.VIGILANCE: 3,
        Stage.TEST: 21,
    }
    assert len(set.union(*pictures.values())) == 30
    assert [unit.id for unit in units] == list(range(1, len(units) + 1))
    # Half of the practice is against random colors, half against the systems in turn.
    practice = Counter(unit.versions for unit in of_stage(units, Stage.PRACTICE))
    assert practice == {(TRUTH, RANDOM): 3, (TRUTH, "good"): 2, (TRUTH, "poor"): 1}
    assert {unit.versions for unit in of_stage(units, Stage.VIGILANCE)} == {(TRUTH, RANDOM)}
    test = Counter(unit.versions for unit in of_stage(units, Stage.TEST))
    assert test == {(TRUTH, "good"): 21, (TRUTH, "poor"): 21}


def test_the_seed_decides_which_photos_take_part(small_design: MakeDesign) -> None:
    design = small_design("turing", pictures=12)
    layout = lay_out(design, NAMES)
    assert lay_out(design, NAMES) == layout
    assert len({unit.picture for unit in of_stage(layout[0], Stage.TEST)}) == 12
    assert lay_out(small_design("turing", pictures=12, seed=4), NAMES) != layout


def test_a_question_shows_the_truth_and_every_system(small_design: MakeDesign) -> None:
    units = lay_out(small_design("questionnaire"), NAMES)[0]
    assert len(units) == 4
    assert {unit.versions for unit in units} == {(TRUTH, "good", "fair", "poor", "bad")}


def test_preference_has_every_pair_once(small_design: MakeDesign) -> None:
    design = small_design("preference", systems=("good", "fair", "poor"), practice=2)
    units = lay_out(design, NAMES)[0]
    pairs = Counter(unit.versions for unit in of_stage(units, Stage.TEST))
    assert pairs == {("good", "fair"): 27, ("good", "poor"): 27, ("fair", "poor"): 27}
    # The first system against random colors: whoever looks prefers the system.
    others = of_stage(units, Stage.VIGILANCE) + of_stage(units, Stage.PRACTICE)
    assert {unit.versions for unit in others} == {("good", RANDOM)}


def test_an_oracle_judges_the_samples_first(small_design: MakeDesign) -> None:
    units = lay_out(small_design("turing", oracle=True), NAMES)[0]
    assert {unit.phase for unit in units} == {1}
    assert {unit.versions[1] for unit in of_stage(units, Stage.TEST)} == {"good.1", "good.2", "good.3"}


def test_fewer_photos_than_wanted_are_told(small_design: MakeDesign) -> None:
    units, notes = lay_out(small_design("turing", pictures=500, vigilance=4), NAMES)
    assert len({unit.picture for unit in of_stage(units, Stage.TEST)}) == 26
    assert notes == ["26 of 30 references are tested, since practice and vigilance use 4"]
    assert lay_out(small_design("turing", pictures=10), NAMES)[1] == []


def test_too_few_photos_are_refused(small_design: MakeDesign, tmp_path: Path) -> None:
    design = small_design("two-afc", count=8, systems=("good", "fair", "poor", "bad"))
    message = complaint(design, tmp_path / "study")
    assert "6 test trials need as many photos" in message
    assert "practice and vigilance need 3 others" in message
    assert "has 8" in message and message.endswith("or make it a smaller study: --trials 5")
    design = small_design("two-afc", count=8, systems=("good", "fair", "poor", "bad"), practice=8)
    assert complaint(design, tmp_path / "study").endswith(": --practice 1")
    design = small_design("questionnaire", count=8, pictures=9, trials=9)
    assert complaint(design, tmp_path / "study").endswith(": --trials 8 --pictures 8")


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 10, 14, 30, 53])
@pytest.mark.parametrize("protocol", ["two-afc", "turing", "questionnaire", "preference"])
def test_the_smaller_study_that_is_advised_can_be_built(protocol: str, count: int) -> None:
    systems = {name: f"results/{name}" for name in ("a", "b", "c", "d")}
    given = {"title": "T", "protocol": protocol, "references": "photos", "systems": systems}
    names = [str(number) for number in range(count)]
    try:
        lay_out(Design.model_validate(given), names)
    except StudyError as error:
        words = str(error).split("smaller study: ")[1].split()
        smaller = dict(zip((word[2:] for word in words[::2]), map(int, words[1::2]), strict=True))
        units, _ = lay_out(Design.model_validate(given | smaller), names)
        assert len(of_stage(units, Stage.TEST)) >= count / 2
    else:
        assert count == 53 or protocol == "questionnaire"


@pytest.mark.parametrize("protocol", ["two-afc", "turing", "questionnaire", "preference"])
def test_files_tell_nothing_but_their_pixels(small_study: MakeStudy, protocol: str) -> None:
    study = small_study(protocol)
    files = [Path(entry.path) for entry in os.scandir(study.folder / "pictures")]
    manifest = Manifest.read(study.folder)
    assert {each.file for each in manifest.pictures} == {file.name for file in files}
    assert all(len(file.stem) == 32 and int(file.stem, 16) for file in files)
    facts = [file.stat() for file in files]
    assert len({(f.st_mtime_ns, f.st_mode, f.st_uid, f.st_size) for f in facts}) == 1
    for file in files:
        assert set(chunks(file.read_bytes())) == {"IHDR", "IDAT", "IEND"}
        assert Image.open(file).size == (32, 32)


def test_files_are_written_in_no_order(small_study: MakeStudy) -> None:
    study = small_study("questionnaire", count=12, pictures=12, trials=12)
    pictures = Manifest.read(study.folder).pictures
    assert [each.file for each in pictures] == sorted(each.file for each in pictures)
    written = {each.file: (study.folder / "pictures" / each.file).stat().st_ino for each in pictures}
    places = Counter()
    for name in {each.picture for each in pictures}:
        group = sorted((each for each in pictures if each.picture == name), key=lambda p: written[p.file])
        places[[each.version for each in group].index(TRUTH)] += 1
    # 12 photos of 5 versions each: that all true ones come in one place has a chance of 5^-11.
    assert len(places) > 1


def test_true_and_generated_take_one_path(small_study: MakeStudy) -> None:
    study = small_study("turing")
    for each in Manifest.read(study.folder).pictures:
        if each.version == RANDOM:
            assert each.colors_of != each.source
            continue
        design = study.design
        folder = design.references if each.version == TRUTH else design.folders()[each.version]
        expected = encode(prepare(load_rgb(folder / each.source), 32))
        assert (study.folder / "pictures" / each.file).read_bytes() == expected
        assert each.colors_of == ""


def test_every_unit_has_its_pictures(small_study: MakeStudy) -> None:
    study = small_study("two-afc")
    made = {(each.picture, each.version) for each in Manifest.read(study.folder).pictures}
    names = sorted(path.stem for path in study.design.references.iterdir())
    shown = {(u.picture, version) for u in lay_out(study.design, names)[0] for version in u.versions}
    assert made == shown


def test_only_the_owner_reads_which_is_true(small_study: MakeStudy) -> None:
    study = small_study("turing")
    assert stat.S_IMODE((study.folder / "study.json").stat().st_mode) == 0o600
    content = json.loads((study.folder / "study.json").read_text())
    assert len(bytes.fromhex(content["secret"])) == 32
    assert content["secret"] not in (study.folder / "design.yaml").read_text()
    assert sorted(
        path.name for path in study.folder.iterdir() if not path.name.startswith("study.sqlite-")
    ) == [
        "design.yaml",
        "pictures",
        "study.json",
        "study.sqlite",
    ]


def test_the_design_is_kept_in_full(small_study: MakeStudy) -> None:
    study = small_study("turing", consent="Yes?")
    assert Design.read(study.folder / "design.yaml") == study.design
    assert Manifest.read(study.folder).design == study.design.to_dict()


def test_progress_counts_the_photos(small_design: MakeDesign, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    build_study(small_design("turing"), tmp_path / "study", progress=lambda *at: seen.append(at)).close()
    assert seen == [(done, 12) for done in range(1, 13)]


def test_a_taken_folder_is_refused(
    small_study: MakeStudy, small_design: MakeDesign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    design, study = small_design("turing"), small_study("turing")
    assert "is already a study; give a new folder" in complaint(design, study.folder)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").touch()
    assert "exists and is not empty" in complaint(design, tmp_path / "other")
    (tmp_path / "empty").mkdir()
    build_study(design, tmp_path / "empty").close()
    build_study(design, tmp_path / "new" / "deep").close()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    build_study(design, Path(".")).close()
    Study.open(tmp_path / "here").close()


def test_missing_and_extra_results_are_named(small_design: MakeDesign, tmp_path: Path) -> None:
    design = small_design("turing")
    (tmp_path / "good" / "003.png").unlink()
    assert f"{tmp_path / 'good'} lacks results for 003.png" in complaint(design, tmp_path / "study")
    (tmp_path / "truth" / "003.png").unlink()
    message = complaint(design, tmp_path / "study")
    assert f"{tmp_path / 'poor'} has results without a reference" in message and "003.png" in message


def test_missing_folders_are_named(small_design: MakeDesign, tmp_path: Path) -> None:
    design = small_design("turing", references=tmp_path / "nowhere")
    assert f"{tmp_path / 'nowhere'} is not a folder" in complaint(design, tmp_path / "study")
    (tmp_path / "bare").mkdir()
    design = small_design("turing", systems=("good",))
    design = design.model_copy(update={"systems": {"good": tmp_path / "bare"}})
    assert "holds no photos" in complaint(design, tmp_path / "study")


def test_a_result_of_another_size_is_refused(small_design: MakeDesign, tmp_path: Path) -> None:
    design = small_design("turing")
    write_png(tmp_path / "good" / "002.png", draw_photo(2, 20, 24))
    message = complaint(design, tmp_path / "study")
    assert "002.png is 24 x 20, but its reference is 48 x 40; raters would recognize it" in message


def test_a_damaged_picture_is_named(small_design: MakeDesign, tmp_path: Path) -> None:
    design = small_design("turing")
    path = tmp_path / "poor" / "005.png"
    path.write_bytes(path.read_bytes()[:200])
    assert "005.png" in complaint(design, tmp_path / "study")


def test_what_would_spoil_the_study_is_noted(small_design: MakeDesign, tmp_path: Path) -> None:
    design = small_design("turing", systems=("good",), vigilance=0)
    gray = np.repeat(draw_photo(0)[..., :1], 3, axis=2)
    for folder in ("truth", "good"):
        write_png(tmp_path / folder / "000.png", gray)
    (tmp_path / "good" / "001.png").unlink()
    pyvips.Image.new_from_array(draw_photo(1)).jpegsave(str(tmp_path / "good" / "001.jpg"))
    with build_study(design, tmp_path / "study") as study:
        assert len(study.notes) == 2
        assert study.notes[0].startswith("good: 1 of 12 results are in a lossy format")
        assert study.notes[1].startswith("good: 1 of 12 results are identical to the true photo")


def test_an_unreachable_database_is_found_out_first(small_design: MakeDesign, tmp_path: Path) -> None:
    design, seen = small_design("turing"), []
    message = complaint(
        design,
        tmp_path / "study",
        database="postgresql://me:hush@127.0.0.1:1/studies",
        progress=lambda *at: seen.append(at),
    )
    assert "127.0.0.1" in message and "refused" in message and "hush" not in message
    assert seen == []


def test_a_folder_that_appears_meanwhile_is_left_alone(
    small_design: MakeDesign, small_study: MakeStudy, tmp_path: Path, database: str | None
) -> None:
    small_study("turing", database)  # so that there are tables

    def kept() -> set[str]:
        if database is None:
            return set()
        with closing(Database(database)) as place, place.reading() as connection:
            return set(connection.scalars(select(studies.c.id)))

    before, folder = kept(), tmp_path / "other"

    def interfere(done: int, total: int) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "letter.txt").write_text("mine")

    with pytest.raises(StudyError, match=r"other cannot be written .*not empty"):
        build_study(small_design("turing"), folder, database=database, progress=interfere)
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]
    assert not list(tmp_path.glob(".other*"))
    assert kept() == before


def test_a_path_may_have_any_name(small_study: MakeStudy, tmp_path: Path) -> None:
    study = small_study("turing")
    study.enroll()
    study.close()
    odd = tmp_path / "a study? 100% #1 ü"
    study.folder.rename(odd)
    with Study.open(odd) as again:
        assert again.status().enrolled == 1
    assert not list(tmp_path.glob("a study"))


def test_a_study_is_opened_from_anywhere(small_study: MakeStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    study = small_study("turing")
    monkeypatch.chdir(study.folder.parent)
    with Study.open(Path("study")) as again:
        monkeypatch.chdir("/")
        trial = following(again, enrolled(again))
        assert again.picture_path(trial, 0).is_file()
