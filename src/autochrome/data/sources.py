"""Sources of photos: a folder of pictures, or tar shards in WebDataset's layout.

Both allow random access by number, so that an epoch is a true permutation and a run can be resumed at any
sample. A shard is a plain tar file whose members are named by a key and an extension (``000-00042.webp``).
"""

from __future__ import annotations

import os
import tarfile
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, runtime_checkable

import numpy as np

from autochrome.errors import DataError, PhotoError
from autochrome.io.folders import is_photo, walk
from autochrome.io.sniff import readable_formats


@runtime_checkable
class PhotoSource(Protocol):
    """Encoded photos by number, from 0."""

    def __len__(self) -> int: ...

    def key(self, index: int) -> str:
        """Return a photo's place for messages: a path, or a shard and its member."""
        ...

    def read(self, index: int) -> bytes:
        """Return the encoded file.

        Raises:
            DataError: it cannot be read.
        """
        ...


class FolderSource:
    """All photos below a folder, sorted, that `find_photos` would find."""

    def __init__(self, folder: Path) -> None:
        self.files = sorted(
            path for path in walk(folder, True, _refuse) if is_photo(path.relative_to(folder))
        )

    def __len__(self) -> int:
        return len(self.files)

    def key(self, index: int) -> str:
        """Return the file's path."""
        return str(self.files[index])

    def read(self, index: int) -> bytes:
        """Return the content of the file."""
        try:
            return self.files[index].read_bytes()
        except OSError as error:
            raise DataError(f"{self.files[index]} cannot be read: {error.strerror}") from error


class ShardSource:
    """All pictures in a list of tar shards, whose members are indexed once and then read directly."""

    def __init__(self, shards: Sequence[Path]) -> None:
        self.shards = list(shards)
        self.members: list[tuple[int, str, int, int]] = []
        for number, shard in enumerate(self.shards):
            self.members += [(number, *place) for place in _photo_members(shard)]
        self._open: dict[tuple[int, int], IO[bytes]] = {}

    def __len__(self) -> int:
        return len(self.members)

    def key(self, index: int) -> str:
        """Return the shard's path and the member's name."""
        shard, name, _, _ = self.members[index]
        return f"{self.shards[shard]}: {name}"

    def read(self, index: int) -> bytes:
        """Return the content of the member."""
        shard, _, offset, size = self.members[index]
        try:
            file = self._file(shard)
            file.seek(offset)
            content = file.read(size)
        except OSError as error:
            raise DataError(f"{self.shards[shard]} cannot be read: {error.strerror}") from error
        if len(content) < size:
            raise DataError(f"{self.key(index)} is truncated: copy the shard again")
        return content

    def _file(self, shard: int) -> IO[bytes]:
        # Forked processes would share the position in the file: each opens its own.
        place = (os.getpid(), shard)
        if place not in self._open:
            self._open[place] = self.shards[shard].open("rb")
        return self._open[place]

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_open": {}}


class JoinedSource:
    """Several sources, concatenated."""

    def __init__(self, sources: Sequence[PhotoSource]) -> None:
        self.sources = list(sources)
        self.starts = [0, *accumulate(len(source) for source in self.sources)]

    def __len__(self) -> int:
        return self.starts[-1]

    def _place(self, index: int) -> tuple[PhotoSource, int]:
        which = bisect_right(self.starts, index) - 1
        return self.sources[which], index - self.starts[which]

    def key(self, index: int) -> str:
        """Return the photo's place."""
        source, within = self._place(index)
        return source.key(within)

    def read(self, index: int) -> bytes:
        """Return the encoded file."""
        source, within = self._place(index)
        return source.read(within)


class ChosenSource:
    """Some photos of a source.

    Args:
        source: all of them.
        numbers: which, in order.
    """

    def __init__(self, source: PhotoSource, numbers: Sequence[int]) -> None:
        self.source, self.numbers = source, list(numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def key(self, index: int) -> str:
        """Return the photo's place."""
        return self.source.key(self.numbers[index])

    def read(self, index: int) -> bytes:
        """Return the encoded file."""
        return self.source.read(self.numbers[index])


def hold_out(sources: Sequence[PhotoSource], count: int) -> tuple[list[PhotoSource], PhotoSource]:
    """Divide photos into those to learn from, source by source, and those held out.

    Args:
        sources: of all photos.
        count: how many to hold out, evenly spaced over all of them; at most a fifth is.
    """
    joined = JoinedSource(sources)
    count = min(count, len(joined) // 5)
    held = {(2 * k + 1) * len(joined) // (2 * count) for k in range(count)}
    kept: list[PhotoSource] = [
        ChosenSource(source, [n for n in range(len(source)) if start + n not in held])
        for source, start in zip(joined.sources, joined.starts, strict=False)
    ]
    return kept, ChosenSource(joined, sorted(held))


def _refuse(_: object, error: PhotoError) -> None:
    raise DataError(str(error)) from error


def _photo_members(shard: Path) -> list[tuple[str, int, int]]:
    """Return name, offset and size of a shard's pictures."""
    try:
        with tarfile.open(shard, "r:") as tar:
            return [
                (member.name, member.offset_data, member.size)
                for member in tar
                if member.isfile() and is_photo(PurePosixPath(member.name))
            ]
    except (OSError, tarfile.TarError) as error:
        raise DataError(
            f"{shard} is not a readable, uncompressed tar shard ({error}): copy or make it again"
        ) from error


def expand_path(place: str | Path) -> Path:
    """Return a path with ``~`` and environment variables such as ``${AUTOCHROME_DATA}`` expanded.

    Raises:
        DataError: it names a variable that is not set.
    """
    path = os.path.expandvars(Path(place).expanduser())
    if "$" in path and not Path(path).exists():
        raise DataError(f"{place} names an environment variable that is not set: export it, or give a path")
    return Path(path)


def open_source(place: str | Path) -> PhotoSource:
    """Open the photos at a path.

    Args:
        place: a tar shard, several shards by a pattern in the name (``train-00[0-6].tar``), a folder of tar
            shards, or a folder of pictures.

    Raises:
        DataError: the place does not exist or holds no photo.
    """
    path = expand_path(place)
    matching = [] if path.exists() else sorted(path.parent.glob(path.name))
    if not path.exists() and not matching:
        raise DataError(f"no photos at {path}: give a folder of pictures or of tar shards")
    shards = matching or ([path] if path.is_file() else sorted(path.glob("*.tar")))
    source: PhotoSource = ShardSource(shards) if shards else FolderSource(path)
    if len(source) == 0:
        raise DataError(f"{path} holds no pictures ({readable_formats()}) and no tar shards of them")
    return source


def choose_photos(places: Sequence[Path], count: int | None, seed: int) -> tuple[JoinedSource, list[int]]:
    """Open several places as one source, and choose photos of it by seed; all, in random order, for None.

    Raises:
        DataError: as `open_source`.
    """
    source = JoinedSource([open_source(place) for place in places])
    return source, np.random.default_rng(seed).permutation(len(source))[:count].tolist()
