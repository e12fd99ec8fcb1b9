"""Files that are written whole or not at all, and their digests.

A file is written in a hidden folder beside the target, flushed to the disk, and renamed at the end: readers
see the old file or the new one, and of two writers the last one wins. Only files are replaced, never a
device, a pipe or a folder; a link stays, and the file that it leads to is replaced. What replaces a file
has its access rights.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from autochrome.errors import FileError
from autochrome.io.workspace import Workspace, uninterrupted, workspace

_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
_IS_SUPERUSER = hasattr(os, "geteuid") and os.geteuid() == 0
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def not_a_file(target: Path) -> str | None:
    """Return what a target is ("a device") if it exists and is neither a file nor a link to one."""
    try:
        mode = target.stat().st_mode
    except OSError:
        return None
    return next((words for is_kind, words in _KINDS if is_kind(mode)), None)


def check_replaceable(target: Path) -> None:
    """Raise FileError if the target is a folder, a pipe, a socket or a device."""
    if kind := not_a_file(target):
        raise FileError(f"{target} is {kind}, and only files are replaced. Give the name of a file")


@contextmanager
def written_whole(target: Path, *, mode: int = 0o666, like: Path | None = None) -> Iterator[Path]:
    """Yield an empty temporary file that takes the target's name if the block ends without an error.

    Args:
        target: the file to write; an existing one is replaced, and its access rights are kept.
        mode: permissions of a new file, before the umask.
        like: a file whose permissions a new one gets instead, as far as the umask lets it.

    Raises:
        FileError: the target exists and is not a file.
        OSError: the file cannot be written; nothing is left behind.
    """
    with written_together([target], mode=mode, like=like) as places:
        yield places[target]


@contextmanager
def written_together(
    targets: Sequence[Path], *, mode: int = 0o666, like: Path | None = None, within: Workspace | None = None
) -> Iterator[Mapping[Path, Path]]:
    """Yield a temporary file for each target; at the end all take their names, after an error none.

    If the process is killed meanwhile, all get them as well or none, once the next one looks into the folder
    (`remove_leftovers`). The arguments and errors are those of `written_whole`; ``within`` is a workspace to
    use for the files of its folder.
    """
    real: dict[Path, Path] = {}
    places: dict[Path, Path] = {}
    spaces = {} if within is None else {within.path.parent: within}
    for target in targets:
        check_replaceable(target)
        real[target] = Path(os.path.realpath(target)) if target.is_symlink() else target
    with _targets_named(places), ExitStack() as opened:
        for number, (target, file) in enumerate(real.items()):
            if file.parent not in spaces:
                try:
                    spaces[file.parent] = opened.enter_context(workspace(file.parent))
                except OSError as error:  # of a hidden folder that nobody has heard of
                    raise OSError(error.errno, error.strerror, str(target)) from error
            places[target] = spaces[file.parent].path / f"{number}.part"
        rights = {place: _create(place, real[target], mode, like) for target, place in places.items()}
        yield places
        for place, final in rights.items():
            with place.open("rb+") as file:
                os.fsync(file.fileno())
            with suppress(OSError):  # a file system without permissions
                place.chmod(final)
        with uninterrupted():
            _rename({real[target]: place for target, place in places.items()}, spaces)
    for folder in {target.parent for target in real.values()}:
        _flush_folder(folder)


def _create(place: Path, target: Path, mode: int, like: Path | None) -> int:
    """Make an empty file that its owner may write, and return the permissions that it gets at the end."""
    model = next((each.stat() for each in (target, like) if each is not None and each.exists()), None)
    if model is not None:
        mode = stat.S_IMODE(model.st_mode)
    replaces = target.exists()
    allowed = mode if replaces else mode & 0o666
    os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, allowed | 0o600))
    created = place.stat()
    if (
        model is not None
        and (replaces or _IS_SUPERUSER)
        and (model.st_uid, model.st_gid) != (created.st_uid, created.st_gid)
    ):
        with suppress(OSError):  # only the superuser may give files away
            os.chown(place, model.st_uid, model.st_gid)
    return allowed if replaces else stat.S_IMODE(created.st_mode) & allowed


def _rename(places: Mapping[Path, Path], spaces: Mapping[Path, Workspace]) -> None:
    """Let every file take its name; if one cannot, the others are taken back."""
    if len(places) == 1:
        [(target, place)] = places.items()
        os.replace(place, target)
        return
    former = {target: place.with_name(f"{place.name}.former") for target, place in places.items()}
    begun: list[Path] = []
    for folder, space in spaces.items():
        space.announce(
            {place.name: target.name for target, place in places.items() if target.parent == folder}
        )
    try:
        for target, place in places.items():
            begun.append(target)
            if target.exists():
                _keep(target, former[target])
            os.replace(place, target)
    except BaseException:
        for space in spaces.values():
            space.withdraw()
        for target in begun:
            _take_back(target, places[target], former[target])
        raise
    for space in spaces.values():
        space.withdraw()


def _take_back(target: Path, place: Path, former: Path) -> None:
    if former.exists():
        os.replace(former, target)
        former.unlink(missing_ok=True)  # two names of one file: the renaming did nothing
    elif not place.exists():
        target.unlink(missing_ok=True)


def _keep(file: Path, name: Path) -> None:
    """Give a file a second name, or copy it where there are no such links; it is never without a name."""
    try:
        os.link(file, name)
    except OSError:
        shutil.copy2(file, name)


def _flush_folder(folder: Path) -> None:
    """Bring a folder's names to the disk, where it can be opened for that."""
    with suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


@contextmanager
def _targets_named(places: Mapping[Path, Path]) -> Iterator[None]:
    """Let errors of the disk name the target, and not the temporary file that nobody has heard of."""
    try:
        yield
    except OSError as error:
        names = {str(place): target for target, place in places.items()}
        name = names.get(os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "")
        if name is None and error.filename is None and error.errno in _DISK_ERRORS:
            name = next(iter(places))
        if name is None:
            raise
        raise OSError(error.errno, error.strerror, str(name)) from error


def write_whole(content: str | bytes, target: Path, *, mode: int = 0o666, like: Path | None = None) -> None:
    """Write text (as UTF-8) or bytes as `written_whole` does."""
    with written_whole(target, mode=mode, like=like) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(content: Any, target: Path, *, mode: int = 0o666) -> None:
    """Write indented JSON as `written_whole` does.

    Raises:
        ValueError: a number is not finite; no file is written.
        OSError: the file cannot be written.
    """
    write_whole(json.dumps(content, indent=1, allow_nan=False) + "\n", target, mode=mode)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
