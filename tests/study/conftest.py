"""Small studies to run, on both kinds of database.

Nothing here imports autochrome before a fixture is asked for: jaxtyping's hook must be in place first.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

from tests.study.postgresql import NEED_VARIABLE, URL_VARIABLE, Cluster, Missing, cluster

WriteResults = Callable[..., dict[str, Any]]

PAINT = {"good": 0.8, "fair": 0.5, "poor": 0.2, "bad": 0.0}
"""Made systems, and how much of the true color each keeps."""


def every_default(protocol: Any) -> dict[str, Any]:
    """Every key of a design that has a default, with its value for a protocol."""
    from autochrome.study.design import Design, defaults

    fields = {field.alias or name: field for name, field in Design.model_fields.items()}
    general = {key: field.default for key, field in fields.items() if not field.is_required()}
    return {**general, **defaults(protocol)}


def draw_photo(number: int, height: int = 40, width: int = 48) -> np.ndarray:
    """A small color photo (h, w, 3), 8 bits: sky above ground, a disc in a third color, and grain."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:height, :width]
    photo = np.empty((height, width, 3))
    photo[:] = rng.uniform(80, 220, 3)
    photo[y > height * rng.uniform(0.4, 0.7)] = rng.uniform(20, 160, 3)
    disc = np.hypot(y - height * rng.uniform(0.3, 0.7), x - width * rng.uniform(0.3, 0.7)) < height / 5
    photo[disc] = rng.uniform(0, 255, 3)
    return (photo + rng.normal(0, 6, (height, width, 1))).clip(0, 255).astype(np.uint8)


def paint(photo: np.ndarray, share: float) -> np.ndarray:
    """The photo with a share of its color left."""
    gray = photo.mean(2, keepdims=True)
    return (gray + share * (photo - gray)).round().clip(0, 255).astype(np.uint8)


def write_png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pyvips.Image.new_from_array(np.ascontiguousarray(pixels)).pngsave(str(path))


def write_results_in(
    folder: Path,
    count: int = 12,
    systems: tuple[str, ...] = ("good", "poor"),
    samples: int = 1,
    size: tuple[int, int] = (40, 48),
) -> dict[str, Any]:
    """Write references and the results of made systems; return a design's ``references`` and ``systems``.

    With ``samples`` above 1 every system has that many folders.
    """
    truth = folder / "truth"
    folders: dict[str, Any] = {}
    for system in systems:
        each = [folder / (system if samples == 1 else f"{system}-{k}") for k in range(1, samples + 1)]
        folders[system] = each[0] if samples == 1 else each
    for number in range(count):
        photo = draw_photo(number, *size)
        write_png(truth / f"{number:03}.png", photo)
        for system in systems:
            given = folders[system] if samples > 1 else [folders[system]]
            for k, each in enumerate(given):
                write_png(each / f"{number:03}.png", paint(photo, PAINT[system] + 0.05 * k))
    return {"references": truth, "systems": folders}


def design_of(write: WriteResults, protocol: str, **keys: Any) -> Any:
    """A design of a protocol over a handful of drawn pictures: few trials, few votes, 32 px.

    Keys are those of `Design`, and of `write_results_in`, which are handed to ``write``.
    """
    from autochrome.study.design import Design

    small = {
        "two-afc": {"raters": 2, "trials": 6, "practice": 2, "vigilance": 1},
        "turing": {"raters": 2, "trials": 6, "vigilance": 1, "pictures": None},
        "questionnaire": {"raters": 3, "trials": 4, "pictures": 4},
        "preference": {"raters": 2, "trials": 6, "vigilance": 1},
    }
    drawn = {key: keys.pop(key) for key in ("count", "systems", "samples") if key in keys}
    if protocol == "questionnaire":
        drawn = {"systems": ("good", "fair", "poor", "bad"), **drawn}
    if keys.get("oracle"):
        drawn = {"systems": ("good",), "samples": 3, **drawn}
    common = {"protocol": protocol, "title": "Which is real?", "size": 32, "seed": 3}
    return Design.model_validate({**common, **small[protocol], **write(**drawn), **keys})


@pytest.fixture
def write_results(tmp_path: Path) -> WriteResults:
    """`write_results_in` the test's own folder."""
    return partial(write_results_in, tmp_path)


@pytest.fixture
def small_design(write_results: WriteResults) -> Callable[..., Any]:
    """`design_of` photos in the test's own folder: ``small_design("two-afc", raters=3)``."""
    return partial(design_of, write_results)


@pytest.fixture(scope="session")
def shared_results(tmp_path_factory: pytest.TempPathFactory) -> WriteResults:
    """`write_results_in` a folder for each choice of arguments, once; no test may change what is there."""

    @cache
    def write(**keys: Any) -> dict[str, Any]:
        return write_results_in(tmp_path_factory.mktemp("results"), **keys)

    return write


@pytest.fixture(scope="session")
def shared_pictures(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Takes the place of `building._prepare_all`: pictures of equal designs are made once, then copied."""
    from autochrome.study.storage import building

    prepare_all = building._prepare_all
    made: dict[str, tuple[list[Any], Path]] = {}

    def prepare(design: Any, units: Any, pairs: Any, folder: Path, progress: Any) -> list[Any]:
        key = repr((design.references, design.folders(), design.size, design.seed, units))
        if key in made:
            prepared, kept = made[key]
            shutil.copytree(kept, folder, dirs_exist_ok=True)
        else:
            prepared = prepare_all(design, units, pairs, folder, progress)
            kept = tmp_path_factory.mktemp("shown")
            shutil.copytree(folder, kept, dirs_exist_ok=True)
            made[key] = prepared, kept
        return list(prepared)

    return prepare


@pytest.fixture
def small_study(
    shared_results: WriteResults, shared_pictures: Callable[..., Any], tmp_path: Path
) -> Iterator[Callable[..., Any]]:
    """Builds a small study in ``tmp_path/study`` and opens it: ``small_study("turing", trials=4)``.

    Arguments as for `small_design`, ``database``, and ``secret``, two hexadecimal digits that its secret
    repeats: what is drawn depends on it, and every run of the tests is to see the same. Its photos are shared
    by all tests. Studies are closed at the end of the test.
    """
    from autochrome.study.storage import building

    opened = []
    random_hex = secrets.token_hex

    def build(protocol: str = "two-afc", database: str | None = None, secret: str = "", **keys: Any) -> Any:
        digits = secret or f"{len(opened):02x}"
        folder = tmp_path / ("study" if not opened else f"study-{len(opened) + 1}")
        design = design_of(shared_results, protocol, **keys)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(secrets, "token_hex", lambda n: digits * n if n == 32 else random_hex(n))
            patch.setattr(building, "_prepare_all", shared_pictures)
            opened.append(building.build_study(design, folder, database=database))
        return opened[-1]

    yield build
    for study in opened:
        study.close()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL of a PostgreSQL database; the test is skipped where there is none."""
    if os.environ.get(URL_VARIABLE):
        yield os.environ[URL_VARIABLE]
        return
    with skipped_if_missing(), cluster() as own:
        own.start(synchronous=False)
        yield own.url


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A PostgreSQL that a test may stop and start, writing synchronously; it is running."""
    with skipped_if_missing(), cluster() as own:
        own.start(synchronous=True)
        yield own


@contextmanager
def skipped_if_missing() -> Iterator[None]:
    try:
        yield
    except Missing as error:
        if os.environ.get(NEED_VARIABLE) == "1":
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str | None:
    """Both kinds of database in turn, as `Study.open` takes them: None for the folder's own SQLite."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgresql")


@pytest.fixture(autouse=True)
def no_database_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the person's own studies out of the tests."""
    monkeypatch.delenv("AUTOCHROME_STUDY_DATABASE", raising=False)
