"""A disk that fills up while a photo is written, in every format."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from autochrome.errors import PhotoError
from autochrome.io import encoding
from autochrome.io.photo import Photo, read_photo, write_photo
from autochrome.io.saving import FORMATS, can_write
from tests.full_disk import disk_of

WRITABLE = [name for name in FORMATS if can_write(name)]
ROOM = 16_000


@pytest.fixture(scope="module")
def noise() -> Photo:
    """A photo that no format packs into the room."""
    rng = np.random.default_rng(0)
    return Photo(
        rng.integers(0, 256, (160, 200, 3), np.uint8), metadata={"exif": b"", "iptc": b"\x1c\x02\x78\0\0"}
    )


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of 24 kB, which only the superuser can make."""
    if os.geteuid() != 0:
        pytest.skip("only the superuser mounts disks; the tests with a limit of files go on")
    place = tmp_path_factory.mktemp("disk")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", place], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


def check(error: PhotoError, path: Path, reason: str) -> None:
    assert error.problem == f"could not be written: {reason}"
    assert str(error).count(reason) == 1 and str(path) in str(error)
    assert ".part" not in str(error) and "vips" not in str(error).lower() and "\n" not in str(error)


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("format", WRITABLE)
def test_a_limit_of_files(format: str, existing: bool, noise: Photo, tmp_path: Path) -> None:
    path = tmp_path / f"a.{format}"
    if existing:
        path.write_bytes(b"older")
    with disk_of(ROOM), pytest.raises(PhotoError) as caught:
        write_photo(noise, path, format=format, quality=100)
    check(caught.value, path, "File too large")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"older"] * existing


@pytest.mark.parametrize("format", WRITABLE)
def test_a_disk_that_is_full(format: str, noise: Photo, small_disk: Path) -> None:
    path = small_disk / f"a.{format}"
    with pytest.raises(PhotoError) as caught:
        write_photo(noise, path, format=format, quality=100)
    check(caught.value, path, "No space left on device")
    assert list(small_disk.iterdir()) == []
    write_photo(Photo(np.ascontiguousarray(noise.pixels[:20, :20])), path, format=format)
    assert read_photo(path).size == (20, 20)
    path.unlink()


def test_the_last_bytes_count_too(noise: Photo, tmp_path: Path) -> None:
    """What is added to a TIFF at its end, and what the buffers hold when it is closed."""
    path = tmp_path / "a.tiff"
    write_photo(noise, path)
    size = path.stat().st_size
    path.unlink()
    for room in (size - 1, size - 100):
        with disk_of(room), pytest.raises(PhotoError, match="File too large"):
            write_photo(noise, path)
        assert list(tmp_path.iterdir()) == []
    with disk_of(size):
        write_photo(noise, path)


def test_an_interrupt_while_libvips_waits_for_us(noise: Photo, tmp_path: Path) -> None:
    """Python runs the handler within libvips' call: the interrupt comes out as itself."""

    class Sink(encoding._Sink):
        def _write(self, chunk: object) -> int:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "_Sink", Sink)
        with pytest.raises(KeyboardInterrupt):
            write_photo(noise, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
