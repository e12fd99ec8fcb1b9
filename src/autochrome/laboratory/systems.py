"""Which systems are compared, as they are named on the command line, and their results as files.

A model's results are PNG files that go the one way of every photo (`pipeline.painter.Painter`), below
``OUT/results/SYSTEM/``, with a folder for each sample of a model that draws. Beside them ``run.json`` says
how they were made: what was made in the same way before is kept, so that a run that was broken off goes on.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

from autochrome._version import __version__
from autochrome.errors import LaboratoryError, PhotoError
from autochrome.evaluation.scores import match_files
from autochrome.io.folders import find_photos
from autochrome.io.photo import write_photo
from autochrome.io.whole_file import file_sha256, write_json
from autochrome.laboratory.run import LabSettings, Progress, Run, System, silent
from autochrome.metrics.sizing import Protocol
from autochrome.models.registry import model_spec, needs_weights
from autochrome.models.weights import resolve_weights
from autochrome.pipeline.settings import ColorizeSettings, check_supported, resolve

DEFAULT_MODELS = ("cic", "cic-accurate=cic,vibrance=0,temperature=0.6,fuse=full", "lrac", "pixcolor", "cgan")
"""The shipped systems at their defaults, and CIC as it comes nearest to the truth rather than looks best."""

RESERVED = ("gray", "random", "truth")
"""Rows and columns of the report that no system may be called."""

SCHEMA = "autochrome-results/2"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_ASKED = {
    "look": str,
    "saturation": float,
    "vibrance": float,
    "coherence": float,
    "temperature": float,
    "size": int,
    "fuse": str,
    "upsampling": str,
    "guidance": float,
    "refine": lambda text: _truth_value("refine", text),
    "rank": lambda text: _truth_value("rank", text),
    "warmth": float,
    "tint": str,
    "tint_strength": float,
}


def open_run(
    references: Path,
    out: Path,
    models: Sequence[str] = DEFAULT_MODELS,
    results: Sequence[str] = (),
    *,
    settings: LabSettings | None = None,
    photos: int | None = None,
    progress: Progress = silent,
) -> Run:
    """Find photos and systems, and check all that can be checked before minutes are spent.

    Args:
        references: folder of true photos.
        out: folder of what the comparison writes; need not exist.
        models: see `model_system`.
        results: see `results_system`.
        settings: what was chosen.
        photos: only the first so many by name.
        progress: see `Run`.

    Raises:
        LaboratoryError, EvaluationError, UnknownModelError, WeightsError, ValueError: something is missing or
            wrong; the message says what to do.
    """
    settings = settings or LabSettings()
    Protocol.parse(settings.protocol)
    systems = [model_system(text, out, settings.samples) for text in models]
    systems += [results_system(text) for text in results]
    if not systems:
        raise LaboratoryError("there is nothing to compare; give --model NAME or --results NAME=FOLDER")
    taken = Counter([*RESERVED, *(system.name for system in systems)])
    if twice := [name for name, times in taken.items() if times > 1]:
        raise LaboratoryError(
            f"two rows would be called {', '.join(twice)}; give one another name: --model LABEL=NAME, or"
            " --results NAME=FOLDER"
        )
    pairs = match_files(references, [], photos=photos)
    if len(pairs) < 2:
        raise LaboratoryError(
            f"{references} gives {len(pairs)} photo; two are the least, and intervals want fifty or more"
        )
    run = Run(references, pairs, systems, out, settings, progress)
    try:
        for system in systems:
            if system.model is None:
                _check_results(run, system)
            else:
                weights_sha256(system)
    except BaseException:
        run.close()
        raise
    return run


def model_system(text: str, out: Path, samples: int) -> System:
    """Read ``NAME`` or ``LABEL=NAME,KEY=VALUE,...``.

    Keys are ``weights`` and those of `ColorizeSettings` that make sense for every photo of a set: look,
    saturation, vibrance, temperature, size, fuse, upsampling, guidance, refine, rank, warmth, tint,
    tint_strength.

    Raises:
        LaboratoryError: it cannot be understood.
        UnknownModelError: no model has that name.
        ValueError: the model's kind does not go with a setting.
    """
    label, equals, rest = text.partition("=")
    name, *wishes = (rest if equals else text).split(",")
    asked: dict[str, Any] = {}
    weights = None
    for wish in wishes:
        key, _, value = wish.partition("=")
        if key == "weights" and value:
            weights = value
        elif key in _ASKED and value:
            asked[key] = _read(key, value, text)
        else:
            known = ", ".join(["weights", *_ASKED])
            raise LaboratoryError(f"{wish!r} in {text!r} is no KEY=VALUE; the keys are {known}")
    if not _NAME.fullmatch(label):
        raise LaboratoryError(
            f"{label!r} cannot be the name of a system and its folder; use letters, digits and . _ + -"
        )
    spec = model_spec(name)
    settings = ColorizeSettings(**asked)
    check_supported(settings, spec)
    folder = out / "results" / label
    folders = tuple(folder / str(number) for number in range(1, samples + 1)) if spec.draws else (folder,)
    return System(label, spec.name, folder, folders, settings, weights)


def results_system(text: str) -> System:
    """Read ``NAME=FOLDER``, or ``FOLDER``, which lends its own name.

    A folder that holds no photos but folders of photos is taken for the samples of one system.

    Raises:
        LaboratoryError: there is no such folder, or nothing in it.
    """
    name, equals, rest = text.partition("=")
    folder = Path(text) if not equals or Path(text).is_dir() else Path(rest)
    name = folder.resolve().name if folder == Path(text) else name
    if not folder.is_dir():
        raise LaboratoryError(f"{folder} is not a folder of results; write --results NAME=FOLDER")
    if _photos(folder):
        return System(name, None, folder, (folder,))
    below = [each for each in folder.iterdir() if each.is_dir() and not each.name.startswith(".")]
    samples = tuple(sorted((each for each in below if _photos(each)), key=_by_number))
    if not samples:
        raise LaboratoryError(f"{folder} holds no photos; name the folder of a system's results")
    return System(name, None, folder, samples)


def weights_sha256(system: System) -> str:
    """Digest of the weights that a model will be given; empty where it has none, or it is somebody's results.

    Raises:
        LaboratoryError: the model ships no weights, and none are named.
        WeightsError: they cannot be had.
    """
    if system.model is None:
        return ""
    spec = model_spec(system.model)
    source = system.weights or spec.weights
    if source is not None:
        return resolve_weights(source, spec=spec).sha256
    if needs_weights(system.model):
        raise LaboratoryError(
            f"no weights are shipped for {system.model}; write"
            f" --model {system.name}={system.model},weights=FILE"
        )
    return ""


def describe(system: System) -> str:
    """How a system is asked, in a few words: the values that its defaults stand for, too."""
    if system.model is None:
        several = f", {len(system.samples)} samples" if len(system.samples) > 1 else ""
        return f"results of {system.folder}{several}"
    spec = model_spec(system.model)
    decoder = resolve(system.asked, spec)
    how: dict[str, Any] = {"size": decoder.size}
    how |= {name: getattr(decoder, name) for name in spec.defaults}
    if not spec.draws and spec.defaults:
        how["fuse"] = decoder.fuse
    if decoder.look_saturation != 1:
        how["look_saturation"] = decoder.look_saturation
    how |= _asked(system)
    said = ", ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}" for key, value in how.items()
    )
    several = f", {len(system.samples)} samples" if spec.draws else ""
    return f"{system.model}: {said}{several}"


def paint_systems(run: Run) -> None:
    """Color every photo by every model; what was made in the same way before is kept.

    Raises:
        LaboratoryError: a folder holds pictures of others, or a picture cannot be written.
    """
    digests = {pair.name: file_sha256(pair.reference) for pair in run.pairs}
    for system in run.systems:
        if system.model is not None:
            missing = _prepare(run, system, digests)
            if missing:
                run.map(f"coloring by {system.name}", partial(paint_photo, system.name), missing)


def paint_photo(system_name: str, run: Run, name: str) -> None:
    """Write all samples of one photo by one system, each file whole."""
    system = run.system(system_name)
    painter = run.painter(system)
    assert painter is not None
    asked = run.asked(system, len(system.samples))
    try:
        prediction = painter.predict(run.photo(name), asked)
        for folder, colored in zip(system.samples, painter.paint_all(prediction, asked), strict=True):
            write_photo(colored, folder / f"{name}.png", provenance=colored.provenance)
    except PhotoError as error:
        raise LaboratoryError(str(error)) from error


def _prepare(run: Run, system: System, digests: dict[str, str]) -> list[str]:
    """Make the folders, take away what was made in another way, and return the photos still to color."""
    record = system.folder / "run.json"
    how = {
        "schema": SCHEMA,
        "model": system.model,
        "weights_sha256": weights_sha256(system),
        # Ranked samples change their places when there are more of them.
        "asked": {**_asked(system), **({"samples": len(system.samples)} if system.asked.rank else {})},
        "software": f"Autochrome {__version__}",
    }
    wanted = {name: {"reference_sha256": digests[name], "seed": run.settings.seed} for name in run.names}
    before = _read_record(record)
    if before is None and system.folder.is_dir() and any(system.folder.iterdir()):
        raise LaboratoryError(
            f"{system.folder} holds files that this command did not write; give another folder with -o"
        )
    made = before.pop("photos") if before else {}
    references = {pair.name for pair in match_files(run.references, [])}
    kept = {
        name: entry
        for name, entry in made.items()
        if before == how and name in references and wanted.get(name, entry) == entry
    }
    for name in made.keys() - kept.keys():
        for picture in (*system.folder.glob(f"*/{_escaped(name)}.png"), system.folder / f"{name}.png"):
            picture.unlink(missing_ok=True)
    for folder in system.samples:
        folder.mkdir(parents=True, exist_ok=True)
    write_json({**how, "photos": {**kept, **wanted}}, record)
    there = [folder / f"{name}.png" for name in run.names for folder in system.samples]
    absent = {path.stem for path in there if not path.is_file()}
    return [name for name in run.names if name in absent]


def _read_record(path: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("photos"), dict) else None


def _check_results(run: Run, system: System) -> None:
    for sample in range(len(system.samples)):
        run.map(f"checking {system.name}", partial(_check_size, system.name, sample))


def _check_size(system_name: str, sample: int, run: Run, name: str) -> None:
    run.result(run.system(system_name), name, sample)


def _asked(system: System) -> dict[str, Any]:
    """What was asked for that is not the default."""
    usual = asdict(ColorizeSettings())
    return {
        f.name: getattr(system.asked, f.name)
        for f in fields(system.asked)
        if f.name in _ASKED and getattr(system.asked, f.name) != usual[f.name]
    }


def _read(key: str, value: str, text: str) -> Any:
    try:
        return _ASKED[key](value)
    except ValueError as error:
        raise LaboratoryError(f"{key}={value} in {text!r} is no value of {key}") from error


def _truth_value(key: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{key} is true or false")
    return text.lower() == "true"


def _photos(folder: Path) -> int:
    try:
        return len(find_photos([folder]))
    except PhotoError:
        return 0


def _by_number(folder: Path) -> tuple[int, str]:
    return int(folder.name) if folder.name.isdecimal() else 0, folder.name


def _escaped(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)
