"""Find the photos that paths on the command line name."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from autochrome.errors import PhotoError
from autochrome.io.sniff import SUFFIXES, readable_formats

# What systems and programs keep beside people's photos: thumbnails, recycle bins, resource forks, snapshots.
_SYSTEM_FOLDERS = {
    *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),  # Synology and QNAP
    *("__macosx", "$recycle.bin", "system volume information", "lost+found"),
}
_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini"}


@dataclass(frozen=True, order=True)
class FoundPhoto:
    """A photo's file, and its place in a mirrored tree.

    Attributes:
        path: the file.
        relative: its path below the folder that was named; its name if the file itself was named.
    """

    path: Path
    relative: Path


OnError = Callable[[object, PhotoError], None]
"""What to do with a folder that may not be searched, and its error."""


def find_photos(
    paths: Iterable[str | os.PathLike[str]], recursive: bool | None = None, on_error: OnError | None = None
) -> list[FoundPhoto]:
    """Return the photos that `paths` name, sorted by path, each once.

    A named file is taken whatever its ending (its content decides later). In folders, files with a photo's
    ending are taken; hidden files and folders and those of systems (`@eaDir`, `__MACOSX` ...) are skipped,
    and links to folders not followed.

    Args:
        paths: photos and folders.
        recursive: search subfolders, too; None if this cannot be requested, so that no error advises it.
        on_error: called with each folder that may not be read, while the others are searched; such a folder
            is an error if there is no such function.

    Raises:
        PhotoError: a path does not exist, a folder may not be read, or there are no photos.
    """
    named = [Path(path) for path in paths]
    photos: dict[Path, FoundPhoto] = {}
    unreadable: list[object] = []

    def failed(folder: object, error: PhotoError) -> None:
        if on_error is None:
            raise error
        unreadable.append(folder)
        on_error(folder, error)

    for path in named:
        if os.path.isdir(path):
            files = ((file, file.relative_to(path)) for file in walk(path, bool(recursive), failed))
            below = [FoundPhoto(file, relative) for file, relative in files if is_photo(relative)]
        elif os.path.lexists(path):
            below = [FoundPhoto(path, Path(path.name))]
        else:
            raise PhotoError(path, "does not exist", "Check the spelling of the name and its folder")
        for each in below:
            photos.setdefault(Path(os.path.abspath(each.path)), each)
    if not photos and not unreadable:
        hint = "" if recursive is not False else ", or search the folders below too (--recursive)"
        where = ", ".join(map(str, named)) or "no path"
        raise PhotoError(where, "holds no photos", f"Name {readable_formats()} files{hint}")
    return sorted(photos.values())


def is_photo(path: PurePath) -> bool:
    """Return whether a path within a folder is called like a photo, and neither hidden nor a system's."""
    return path.suffix.lower() in SUFFIXES and not any(map(_is_left_out, path.parts))


@dataclass(frozen=True)
class PassedOver:
    """What a search of a folder left out, other than hidden and systems' files.

    Attributes:
        files: the number of files that are not called like photos, by their endings ("BMP").
        folders: the number of subfolders that were not searched.
    """

    files: Mapping[str, int] = field(default_factory=dict)
    folders: int = 0


def passed_over(folder: Path, recursive: bool = False, results: Path | None = None) -> PassedOver:
    """Count what `find_photos` leaves out of a folder, but for the folder of the results."""
    apart = None if results is None else os.path.abspath(results)

    def counts(path: Path) -> bool:
        return apart is None or os.path.commonpath([apart, os.path.abspath(path)]) != apart

    files = (path for path in walk(folder, recursive, lambda *_: None) if counts(path))
    endings = Counter(path.suffix[1:].upper() for path in files if path.suffix.lower() not in SUFFIXES)
    if recursive:
        return PassedOver(endings)
    _, names, _ = next(os.walk(folder), ("", [], []))
    below = [folder / name for name in names if not _is_left_out(name) and not (folder / name).is_symlink()]
    return PassedOver(endings, sum(map(counts, below)))


def walk(folder: Path, recursive: bool, on_error: OnError) -> Iterator[Path]:
    """Yield the files in a folder that are neither hidden nor a system's."""

    def unreadable(error: OSError) -> None:
        problem = f"could not be searched ({error.strerror})"
        on_error(error.filename, PhotoError(error.filename, problem, "Check the folder's permissions"))

    for place, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if recursive and not _is_left_out(name)]
        yield from (Path(place, name) for name in files if not _is_left_out(name))


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_FOLDERS | _SYSTEM_FILES
