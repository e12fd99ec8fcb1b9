"""The systems to compare, as they are named on the command line, and their results as files.

A model's results are PNG files below ``OUT/results/SYSTEM/``, with a folder for each sample of a model that
draws. ``run.json`` beside them says how they were made, so that an interrupted run continues.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from autochrome._version import __version__
from autochrome.errors import LaboratoryError, PhotoError, SettingsError
from autochrome.evaluation.files import match_files
from autochrome.io.documents import MOST_RECORD_BYTES, parse_json, read_text
from autochrome.io.folders import find_photos
from autochrome.io.photo import write_photo
from autochrome.io.whole_file import file_sha256, write_json
from autochrome.laboratory.run import LabSettings, Run, System
from autochrome.models.registry import model_spec, needs_weights
from autochrome.models.weights import resolve_weights
from autochrome.pipeline.settings import SETTINGS, ColorizeSettings, check_supported, resolve
from autochrome.types import Progress, silent

DEFAULT_MODELS = ("cic", "cic-accurate=cic,vibrance=0,temperature=0.6,fuse=full", "lrac", "pixcolor", "cgan")
"""The shipped systems at their defaults, and CIC at its most accurate."""

RESERVED = ("gray", "random", "truth")
"""Rows and columns of the report that no system may be called."""

SCHEMA = "autochrome-results/2"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_KEYS = [name for name in SETTINGS if name not in ("samples", "seed", "reference", "transfer", "hints")]
"""Settings that make sense for every photo of a set."""


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
    """Find photos and systems, and check what can be checked before the models run.

    Args:
        references: folder of true photos.
        out: folder of what the comparison writes; need not exist.
        models: see `model_system`.
        results: see `results_system`.
        settings: of the comparison.
        photos: number of photos to compare, the first by name; None for all.
        progress: see `Run`.

    Raises:
        LaboratoryError, EvaluationError, UnknownModelError, WeightsError, SettingsError: something is
            missing or wrong; the message says what to do.
    """
    settings = settings or LabSettings()
    _ = settings.sizing  # an unknown protocol is an error now
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
            f"{references} holds {len(pairs)} photo; at least two are needed, and fifty or more for intervals"
        )
    run = Run(references, pairs, systems, out, settings, progress)
    try:
        for system in systems:
            if system.model is None:
                run.map(f"checking {system.name}", partial(_check_results, system))
            else:
                weights_sha256(system)
    except BaseException:
        run.close()
        raise
    return run


def model_system(text: str, out: Path, samples: int) -> System:
    """Read ``NAME`` or ``LABEL=NAME,KEY=VALUE,...``; the keys are ``weights`` and `_KEYS`.

    Raises:
        LaboratoryError: it cannot be parsed.
        UnknownModelError: no model has that name.
        SettingsError: a setting has no such value, or the model does not support it.
    """
    label, equals, rest = text.partition("=")
    name, *options = (rest if equals else text).split(",")
    values: dict[str, Any] = {}
    for option in options:
        key, _, value = option.partition("=")
        if key not in ("weights", *_KEYS) or not value:
            known = ", ".join(["weights", *_KEYS])
            raise LaboratoryError(f"{option!r} in {text!r} is not KEY=VALUE; the keys are {known}")
        values[key] = value if key == "weights" else SETTINGS[key].parse(key, value)
    weights = values.pop("weights", None)
    if not _NAME.fullmatch(label):
        raise LaboratoryError(
            f"{label!r} cannot be the name of a system and its folder; use letters, digits and . _ + -"
        )
    spec = model_spec(name)
    try:
        settings = ColorizeSettings(**values)
        check_supported(settings, spec)
    except ValueError as error:
        raise SettingsError(f"{text}: {error}") from error
    folder = out / "results" / label
    folders = (folder,)
    if spec.kind == "samples":
        folders = tuple(folder / str(number) for number in range(1, samples + 1))
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
    """Return the digest of a model's weights; empty if it has none, and for a folder of results.

    Raises:
        LaboratoryError: the model ships no weights, and none are named.
        WeightsError: they are not available.
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
    """Return a system's settings in a few words, with defaults resolved."""
    if system.model is None:
        several = f", {len(system.samples)} samples" if system.has_several else ""
        return f"results of {system.folder}{several}"
    spec = model_spec(system.model)
    decoder = resolve(system.settings, spec)
    how: dict[str, Any] = {"size": decoder.size}
    how |= {name: getattr(decoder, name) for name in spec.defaults}
    if spec.kind == "distribution":
        how["fuse"] = decoder.fuse
    if decoder.look_saturation != 1:
        how["look_saturation"] = decoder.look_saturation
    how |= system.settings.changed()
    texts = {key: f"{value:g}" if isinstance(value, float) else value for key, value in how.items()}
    shown = ", ".join(f"{key} {text}" for key, text in texts.items())
    several = f", {len(system.samples)} samples" if spec.kind == "samples" else ""
    return f"{system.model}: {shown}{several}"


def paint_systems(run: Run) -> None:
    """Color every photo by every model, and keep results that were made in the same way before.

    Raises:
        LaboratoryError: a folder holds pictures of others, or a picture cannot be written.
    """
    digests = {pair.name: file_sha256(pair.reference) for pair in run.pairs}
    for system in run.systems:
        if system.model is not None and (missing := _prepare(run, system, digests)):
            run.map(f"coloring by {system.name}", partial(paint_photo, system), missing)


def paint_photo(system: System, run: Run, name: str) -> None:
    """Write all samples of one photo by one system, each file whole."""
    painter = run.painter(system)
    settings = run.settings_of(system, len(system.samples))
    try:
        prediction = painter.predict(run.photo(name), settings)
        for folder, colored in zip(system.samples, painter.paint_all(prediction, settings), strict=True):
            write_photo(colored, folder / f"{name}.png", provenance=colored.provenance)
    except PhotoError as error:
        raise LaboratoryError(str(error)) from error


def _prepare(run: Run, system: System, digests: dict[str, str]) -> list[str]:
    """Make the folders, delete results of other settings, and return the photos still to color."""
    record = system.folder / "run.json"
    how = {
        "schema": SCHEMA,
        "model": system.model,
        "weights_sha256": weights_sha256(system),
        # Ranked samples change their places when there are more of them.
        "asked": {
            **system.settings.changed(),
            **({"samples": len(system.samples)} if system.settings.rank else {}),
        },
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
        if Path(name).name != name:  # nothing outside of the folder is ours to remove
            continue
        for picture in (*system.folder.glob(f"*/{_escaped(name)}.png"), system.folder / f"{name}.png"):
            picture.unlink(missing_ok=True)
    for folder in system.samples:
        folder.mkdir(parents=True, exist_ok=True)
    write_json({**how, "photos": {**kept, **wanted}}, record)
    expected = [folder / f"{name}.png" for name in run.names for folder in system.samples]
    absent = {path.stem for path in expected if not path.is_file()}
    return [name for name in run.names if name in absent]


def _read_record(path: Path) -> dict[str, Any] | None:
    try:
        record = parse_json(read_text(path, MOST_RECORD_BYTES))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("photos"), dict) else None


def _check_results(system: System, run: Run, name: str) -> None:
    for sample in range(len(system.samples)):
        run.result(system, name, sample)


def _photos(folder: Path) -> int:
    try:
        return len(find_photos([folder]))
    except PhotoError:
        return 0


def _by_number(folder: Path) -> tuple[int, str]:
    return int(folder.name) if folder.name.isdecimal() else 0, folder.name


def _escaped(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)
