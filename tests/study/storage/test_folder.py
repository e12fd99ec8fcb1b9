"""What opening a study refuses: no study, an incomplete one, an edited one."""

from __future__ import annotations

import json
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from autochrome.errors import StudyError
from autochrome.study.storage.folder import Manifest
from autochrome.study.storage.store import DATABASE_VARIABLE, Study
from tests.study.raters import enrolled, following, take_part

MakeStudy = Callable[..., Study]


def complaint(folder: Path, database: str | None = None) -> str:
    with pytest.raises(StudyError) as caught:
        Study.open(folder, database)
    return str(caught.value)


def edit(study: Study, **keys: Any) -> None:
    """Change keys of the design, as a person does."""
    path = study.folder / "design.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **keys}))


def edit_manifest(study: Study, **keys: Any) -> None:
    path = study.folder / "study.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))


def test_what_is_no_study_is_refused(tmp_path: Path) -> None:
    assert "is not a study (it has no study.json)" in complaint(tmp_path)
    assert "autochrome study new" in complaint(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    assert "is not a study" in complaint(tmp_path / "file")


def test_a_study_of_another_release_is_refused(small_study: MakeStudy) -> None:
    study = small_study("turing")
    edit_manifest(study, schema="autochrome-study/2")
    assert "in format 'autochrome-study/2'" in complaint(study.folder)
    edit_manifest(study, schema="autochrome-study/1")
    with sqlite3.connect(study.folder / "study.sqlite") as connection:
        connection.execute("UPDATE autochrome_studies SET version = 7")
    assert "holds the study in schema version 7" in complaint(study.folder)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"schema": "autochrome-study/1", "x": 1}', "[" * 9999])
def test_a_damaged_manifest_is_refused(small_study: MakeStudy, content: str) -> None:
    study = small_study("turing")
    (study.folder / "study.json").write_text(content)
    assert "study.json is damaged" in complaint(study.folder)


def test_missing_pictures_are_counted(small_study: MakeStudy) -> None:
    study = small_study("turing")
    pictures = list((study.folder / "pictures").iterdir())
    pictures[0].unlink()
    assert f"lacks 1 of {len(pictures)} pictures" in complaint(study.folder)
    shutil.rmtree(study.folder / "pictures")
    assert f"lacks {len(pictures)} of {len(pictures)} pictures" in complaint(study.folder)


def test_a_study_without_its_votes_is_refused(small_study: MakeStudy, tmp_path: Path) -> None:
    study = small_study("turing")
    take_part(study)
    study.close()
    copy = tmp_path / "copy"
    shutil.copytree(study.folder, copy)
    with Study.open(copy) as copied:
        assert len(list(copied.answers())) == copied.design.total
    for file in copy.glob("study.sqlite*"):
        file.unlink()
    assert "study.sqlite is missing, and with it all votes" in complaint(copy)
    assert not (copy / "study.sqlite").exists()


def test_votes_elsewhere_have_to_be_named(small_study: MakeStudy, postgresql: str) -> None:
    study = small_study("turing", postgresql)
    message = complaint(study.folder)
    assert "are in another database; name it with --database or AUTOCHROME_STUDY_DATABASE" in message
    assert not (study.folder / "study.sqlite").exists()
    assert postgresql not in (study.folder / "study.json").read_text()


def test_the_environment_names_the_database(
    small_study: MakeStudy, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE_VARIABLE, postgresql)
    study = small_study("turing")
    assert not (study.folder / "study.sqlite").exists()
    rater = enrolled(study)
    with Study.open(study.folder) as again:
        assert following(again, rater) == following(study, rater)


def test_a_database_that_lacks_the_study_is_refused(
    small_study: MakeStudy, postgresql: str, tmp_path: Path
) -> None:
    study = small_study("turing")
    message = complaint(study.folder, postgresql)
    assert "does not hold this study" in message and "in study.sqlite: omit --database" in message
    other = small_study("turing")
    elsewhere = small_study("turing", postgresql)
    message = complaint(elsewhere.folder, f"sqlite:///{other.folder / 'study.sqlite'}")
    assert "does not hold this study" in message and "name their database with --database" in message
    (tmp_path / "empty.sqlite").touch()
    assert "does not hold this study" in complaint(study.folder, f"sqlite:///{tmp_path / 'empty.sqlite'}")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("nonsense", "is not valid; give postgresql://"),
        ("mysql://localhost/x", "use SQLite or PostgreSQL"),
        ("sqlite://", "give postgresql://... or sqlite:///FILE"),
        ("sqlite:////nowhere/at/all.sqlite", "does not exist"),
        ("postgresql://me:hush@127.0.0.1:1/studies", "127.0.0.1"),
    ],
)
def test_a_database_that_is_none_is_refused(small_study: MakeStudy, url: str, expected: str) -> None:
    message = complaint(small_study("turing").folder, url)
    assert expected in message and "hush" not in message


def test_before_the_first_trial_words_and_times_may_be_edited(small_study: MakeStudy) -> None:
    study = small_study("turing")
    edit(study, question="Real?", exposure_ms=500, title="New", raters=3)
    with Study.open(study.folder) as again:
        assert (again.design.question, again.design.exposure_ms) == ("Real?", 500)
        assert (again.id, again.secret) == (study.id, study.secret)
        take_part(again)
    # What was accepted then is now the design that stands.
    Study.open(study.folder).close()
    assert stat.S_IMODE((study.folder / "study.json").stat().st_mode) == 0o600
    assert Manifest.read(study.folder).design["question"] == "Real?"


def test_what_decides_the_pictures_may_not_be_edited(small_study: MakeStudy) -> None:
    study = small_study("turing")
    edit(study, size=64, seed=9)
    message = complaint(study.folder)
    assert "edited in keys that determine the pictures" in message
    assert "size was 32; seed was 3" in message and "build a new study" in message


def test_more_trials_than_photos_are_refused_before_the_first_rater(small_study: MakeStudy) -> None:
    study = small_study("turing")
    edit(study, trials=11)
    Study.open(study.folder).close()
    edit(study, trials=12)
    message = complaint(study.folder)
    assert "12 test trials, but there are only 11 photos" in message and "set trials to 11 or less" in message


def test_after_the_first_trial_nothing_of_what_is_asked_may_be_edited(small_study: MakeStudy) -> None:
    study = small_study("turing")
    following(study, enrolled(study))
    edit(study, question="Real?", raters=9)
    message = complaint(study.folder)
    assert "edited after raters had begun" in message
    assert 'question was "Which image has the true colors?"; raters was 2' in message
    edit(study, question=study.design.question, raters=2)
    Study.open(study.folder).close()


def test_places_and_title_may_be_mended_at_any_time(small_study: MakeStudy) -> None:
    study = small_study("turing", max_raters=1)
    take_part(study)
    edit(study, max_raters=2, title="Colors", abandoned_after_s=60)
    with Study.open(study.folder) as again:
        assert again.rater(again.enroll()) == 2
    edit(study, max_raters=3)
    Study.open(study.folder).close()


def test_a_broken_design_is_refused(small_study: MakeStudy) -> None:
    study = small_study("turing")
    edit(study, raters=-1)
    assert "design.yaml: raters: input should be greater" in complaint(study.folder)
    (study.folder / "design.yaml").unlink()
    assert "design.yaml does not exist" in complaint(study.folder)
