"""Look files: `ColorizeSettings` as JSON, to be used again.

    {"version": 1, "settings": {"look": "vivid", "saturation": 1.2, "tint": "teal"}}

``settings`` holds the fields of `ColorizeSettings` that differ from their defaults. Hints are written as in a
file of hints (`guidance.hint_files`), a reference as its path relative to the look file. The same JSON is in
the metadata of every result, with the bare name of the reference's file. The model is not part of it.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autochrome.errors import ColorError, DocumentError, HintError, PhotoError, SettingsError
from autochrome.io.documents import MOST_JSON_BYTES, parse_json, read_text
from autochrome.pipeline.settings import SETTINGS, ColorizeSettings

if TYPE_CHECKING:
    from autochrome.io.photo import Provenance

VERSION = 1
"""Of the format."""


def as_look(settings: ColorizeSettings, folder: Path | None = None) -> dict[str, Any]:
    """Return the content of a look file in a folder; without one, the reference is its file's bare name."""
    values = settings.changed()
    if settings.hints:
        from autochrome.guidance.hint_files import as_entry

        values["hints"] = [as_entry(hint) for hint in settings.hints]
    if settings.reference is not None:
        source = settings.reference.source
        name = "in memory" if source is None else source.name
        if folder is not None and source is not None:
            name = Path(os.path.relpath(source, folder)).as_posix()
        values["reference"] = name
    return {"version": VERSION, "settings": values}


def write_look(settings: ColorizeSettings, path: str | os.PathLike[str]) -> None:
    """Write a look file, whole or not at all; an existing file is replaced.

    Raises:
        SettingsError: the reference does not come from a file.
        OSError: the file cannot be written.
    """
    from autochrome.io.whole_file import write_json

    if settings.reference is not None and settings.reference.source is None:
        raise SettingsError("the reference is not a file, so a look cannot name it; read it with read_photo")
    write_json(as_look(settings, Path(path).parent), Path(path))


def read_look(path: str | os.PathLike[str], **given: Any) -> ColorizeSettings:
    """Return the settings of a look file, or those that a photo was colored with.

    Args:
        path: a look file, or a photo that Autochrome has colored.
        given: settings that replace those of the file.

    Raises:
        SettingsError: it is neither, or a value in it is wrong; the message names the place.
        PhotoError: the reference cannot be read.
    """
    try:
        return ColorizeSettings(**{**_settings(_document(Path(path)), Path(path).parent, given), **given})
    except (ColorError, HintError, SettingsError) as error:
        raise SettingsError(f"{os.fspath(path)}: {error}") from error


def look_origin(path: str | os.PathLike[str]) -> Provenance | None:
    """Return how a photo with a look in its metadata was made; None of a look file, which names no model."""
    from autochrome.io.photo import read_provenance

    try:
        return read_provenance(path)
    except PhotoError:
        return None


def _document(path: Path) -> Any:
    """Return the JSON of a look file, or of a photo's metadata."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
        if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            return parse_json(read_text(path, MOST_JSON_BYTES))
    except OSError as error:
        raise SettingsError(
            f"cannot be read ({error.strerror}); name a look file or a colored photo"
        ) from error
    except DocumentError as error:
        raise SettingsError(str(error)) from error
    provenance = look_origin(path)
    if provenance is None or not provenance.look:
        raise SettingsError("is neither a look file nor a photo that Autochrome has colored")
    return provenance.look


def _settings(document: Any, folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings in a document, without those given otherwise."""
    _check_object(document, ("version", "settings"))
    if document.get("version") != VERSION or isinstance(document["version"], bool):
        raise SettingsError(
            f"version is {document.get('version')!r}, but this release reads version {VERSION}; "
            "save the look again with --save-look"
        )
    values = document.get("settings", {})
    _check_object(values, tuple(SETTINGS))
    values = {name: value for name, value in values.items() if name not in given}
    if "hints" in values:
        from autochrome.guidance.hint_files import parse_entries

        values["hints"] = parse_entries(values["hints"])
    if "reference" in values:
        from autochrome.io.photo import read_photo

        file = folder / str(values["reference"])
        if not file.is_file():
            raise SettingsError(f"its reference {file} does not exist; give that photo with --reference")
        values["reference"] = read_photo(file)
    return values


def _check_object(value: Any, known: tuple[str, ...]) -> None:
    if not isinstance(value, dict):
        raise SettingsError(f'is not a look; write {{"version": {VERSION}, "settings": {{"look": "vivid"}}}}')
    for key in value:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            advice = f"did you mean {close[0]}?" if close else f"there may be {', '.join(known)}"
            raise SettingsError(f"{key!r} is not known in a look; {advice}")
