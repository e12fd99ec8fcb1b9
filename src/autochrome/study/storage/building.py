"""From a design to a study's folder: which photos take part, what is judged against what, the pictures."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

from autochrome._version import __version__
from autochrome.errors import EvaluationError, StudyError
from autochrome.evaluation.files import Pair, load_rgb, match_files
from autochrome.io.sniff import HEAD_BYTES, picture_format
from autochrome.io.whole_file import file_sha256
from autochrome.study.design import Design
from autochrome.study.records import RANDOM, TRUTH, Protocol, Stage, Unit
from autochrome.study.storage.assignment import keyed
from autochrome.study.storage.folder import (
    DATABASE_FILE,
    DESIGN_FILE,
    PICTURES,
    STUDY_FILE,
    Manifest,
    Prepared,
)
from autochrome.study.storage.ledger import Ledger
from autochrome.study.storage.pictures import encode, prepare, random_version
from autochrome.study.storage.schema import Database
from autochrome.study.storage.store import DATABASE_VARIABLE, Study

DONORS = 5
"""Number of photos tried as the source of another photo's random colors."""

LOSSY = frozenset({"avif", "heic", "jpeg", "webp"})
_DAY = 946_684_800  # 2000-01-01, the modification time of every picture


def build_study(
    design: Design,
    folder: Path,
    *,
    database: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Study:
    """Create a study's folder and tables, and open it.

    Practice and vigilance use photos of their own, so of N references at most N - practice - vigilance are
    tested. Practice pairs alternate between random colors and the systems in turn (preference: random
    colors only); vigilance pairs are against random colors.

    Args:
        design: of the study.
        folder: where to build it; must not exist or be empty.
        database: URL of a database for the votes. By default that of the environment variable
            ``AUTOCHROME_STUDY_DATABASE``, or an SQLite file in the folder.
        progress: called after each photo with the number done and the total.

    Raises:
        StudyError: the folder is in use, or photos or results are missing, too few or of the wrong size;
            nothing is left behind.
    """
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "is already a study" if (folder / STUDY_FILE).exists() else "exists and is not empty"
        raise StudyError(f"{folder} {what}; give a new folder")
    named = database or os.environ.get(DATABASE_VARIABLE)
    work = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        versions = design.folders()
        matched = match_files(design.references, list(versions.values()), names=list(versions))
        pairs = {pair.name: pair for pair in matched}
        units, notes = lay_out(design, sorted(pairs))
        if named:  # it must be within reach, which is checked before the pictures are made
            with closing(Database(named, create=True)) as place, place.reading():
                pass
        (work / PICTURES).mkdir(parents=True)
        prepared = _prepare_all(design, units, pairs, work / PICTURES, progress)
        manifest = Manifest(
            id=str(uuid.uuid4()),
            secret=secrets.token_hex(32),
            design=design.to_dict(),
            pictures=prepared,
            notes=[*notes, *_notes(pairs, prepared)],
            own_database=not named,
            created_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            versions={"autochrome": __version__, "torch": version("torch"), "pyvips": version("pyvips")},
        )
        design.write(work / DESIGN_FILE)
        manifest.write(work)
        ledger = Ledger(manifest.id, design.total)
        _keep(ledger, units, named or work / DATABASE_FILE, work, folder)
    except EvaluationError as error:
        raise StudyError(str(error)) from error
    except OSError as error:
        raise StudyError(
            f"{folder} cannot be written ({error}); check the path and the free space"
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Study.open(folder, database)


def lay_out(design: Design, names: Sequence[str]) -> tuple[list[Unit], list[str]]:
    """Return the units of a study (of an oracle's first phase), and notes for the person who builds it.

    Args:
        design: of the study.
        names: of the references, sorted.

    Raises:
        StudyError: there are too few references.
    """
    reserved = design.practice + design.vigilance
    room = len(names) - reserved
    wanted = room if design.pictures is None else design.pictures
    if min(room, wanted) < design.trials:
        raise StudyError(
            f"{design.trials} test trials need as many photos, since no rater sees a photo twice, and"
            f" practice and vigilance need {reserved} others, but {design.references} has {len(names)}. Add"
            f" references{_or_fewer_trials(design, len(names))}"
        )
    names = list(names)
    keyed(design.seed, "pictures").shuffle(names)
    practice, watched = names[: design.practice], names[design.practice : reserved]
    tested = sorted(names[reserved : reserved + wanted])
    shown = [(Stage.PRACTICE, name, _practice(design, i)) for i, name in enumerate(practice)]
    shown += [(Stage.VIGILANCE, name, _against_random(design)) for name in watched]
    shown += [(Stage.TEST, name, versions) for name in tested for versions in _contests(design)]
    units = [Unit(number, 1, *each) for number, each in enumerate(shown, 1)]
    notes = []
    if reserved and (design.pictures is None or len(tested) < design.pictures):
        notes.append(
            f"{len(tested)} of {len(names)} references are tested, since practice and vigilance use"
            f" {reserved}"
        )
    return units, notes


def _or_fewer_trials(design: Design, count: int) -> str:
    """Return the options of a study of so many references.

    Practice and vigilance stay if they leave half of them to the test; else each has at most a fifth.
    """
    practice, vigilance = design.practice, design.vigilance
    if practice + vigilance > count // 2:
        practice, vigilance = min(practice, count // 5), min(vigilance, count // 5)
    trials = count - practice - vigilance
    if trials < 1:
        return ""
    wanted = {"practice": practice, "vigilance": vigilance, "trials": trials}
    if design.protocol is Protocol.QUESTIONNAIRE or (design.pictures or trials) < trials:
        wanted["pictures"] = trials
    options = (f"--{key} {value}" for key, value in wanted.items() if value != getattr(design, key))
    return f", or make it a smaller study: {' '.join(options)}"


def _contests(design: Design) -> Iterator[tuple[str, ...]]:
    versions = list(design.folders())
    if design.protocol is Protocol.QUESTIONNAIRE:
        yield (TRUTH, *versions)
    elif design.protocol is Protocol.PREFERENCE:
        yield from combinations(versions, 2)
    else:
        yield from ((TRUTH, each) for each in versions)


def _against_random(design: Design) -> tuple[str, str]:
    first = next(iter(design.folders()))
    return (first if design.protocol is Protocol.PREFERENCE else TRUTH, RANDOM)


def _practice(design: Design, number: int) -> tuple[str, str]:
    if number % 2 == 0 or design.protocol is Protocol.PREFERENCE:
        return _against_random(design)
    versions = list(design.folders())
    return (TRUTH, versions[number // 2 % len(versions)])


def _prepare_all(
    design: Design,
    laid_out: Sequence[Unit],
    pairs: dict[str, Pair],
    folder: Path,
    progress: Callable[[int, int], None] | None,
) -> list[Prepared]:
    shown: dict[str, set[str]] = defaultdict(set)
    for unit in laid_out:
        shown[unit.picture].update(unit.versions)
    # In random order, so that neither the order in the folder nor that of writing reveals the true photos.
    chance = secrets.SystemRandom()
    prepared: list[Prepared] = []
    for done, name in enumerate(chance.sample(sorted(shown), len(shown)), 1):
        versions = chance.sample(sorted(shown[name]), len(shown[name]))
        prepared += _prepare_one(design, pairs, name, versions, folder)
        if progress:
            progress(done, len(shown))
    return sorted(prepared, key=lambda each: each.file)


def _prepare_one(
    design: Design, pairs: dict[str, Pair], name: str, versions: Sequence[str], folder: Path
) -> Iterator[Prepared]:
    pair = pairs[name]
    truth = load_rgb(pair.reference)
    for each in versions:
        source, colors_of = pair.results.get(each, pair.reference), ""
        if each == TRUTH:
            rgb = truth
        elif each == RANDOM:
            others = [pairs[other].reference for other in sorted(pairs) if other != name]
            tried = keyed(design.seed, RANDOM, name).sample(others, min(DONORS, len(others)))
            rgb, donor = random_version(truth, tried, load_rgb)
            colors_of = donor.name
        else:
            rgb = load_rgb(source)
            _check_size(rgb.shape, truth.shape, source)
        file, content = folder / f"{secrets.token_hex(16)}.png", encode(prepare(rgb, design.size))
        file.write_bytes(content)
        os.utime(file, (_DAY, _DAY))
        digest = hashlib.sha256(content).hexdigest()
        yield Prepared(name, each, file.name, source.name, file_sha256(source), digest, colors_of)


def _check_size(actual: Sequence[int], expected: Sequence[int], path: Path) -> None:
    if actual != expected:
        size, reference = (f"{shape[-1]} x {shape[-2]}" for shape in (actual, expected))
        raise StudyError(
            f"{path} is {size}, but its reference is {reference}; raters would recognize it by its sharpness"
            " or crop, so write results at the size of the references"
        )


def _notes(pairs: dict[str, Pair], prepared: Sequence[Prepared]) -> list[str]:
    """Return warnings about results that may spoil the study."""
    notes = []
    taking_part = {each.picture for each in prepared}
    for label in next(iter(pairs.values())).results:
        lossy = sum(_format(pairs[name].results[label]) in LOSSY for name in taking_part)
        if lossy:
            notes.append(
                f"{label}: {lossy} of {len(taking_part)} results are in a lossy format, whose artifacts"
                " raters may see; write PNG"
            )
    true = {each.picture: each.shown_sha256 for each in prepared if each.version == TRUTH}
    equal = Counter(
        each.version
        for each in prepared
        if each.version != TRUTH and each.shown_sha256 == true.get(each.picture)
    )
    return notes + [
        f"{label}: {times} of {len(true)} results are identical to the true photo, so raters can only guess;"
        " are the photos gray?"
        for label, times in equal.items()
    ]


def _format(path: Path) -> str | None:
    with path.open("rb") as file:
        return picture_format(file.read(HEAD_BYTES))


def _keep(ledger: Ledger, laid_out: Sequence[Unit], database: str | Path, work: Path, folder: Path) -> None:
    """Write the units and move the folder into place: both or neither."""
    inside = isinstance(database, Path)
    try:
        with closing(Database(database, create=True)) as place, place.writing() as connection:
            ledger.add_study(connection)
            ledger.add_units(connection, laid_out, [unit.versions for unit in laid_out])
            if not inside:
                work.rename(folder)
        if inside:  # only once the database is closed, which removes its write-ahead log
            work.rename(folder)
    except BaseException:
        if not work.exists():
            folder.rename(work)
        raise
