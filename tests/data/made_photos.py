"""Photos made for tests, small and each unlike the others."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pyvips


def encode(pixels: np.ndarray, suffix: str = ".png") -> bytes:
    """An 8-bit picture (h, w, bands) as a file's content."""
    content = pyvips.Image.new_from_array(np.ascontiguousarray(pixels)).write_to_buffer(suffix)
    assert isinstance(content, bytes)
    return content


def landscape(number: int, height: int = 40, width: int = 48) -> np.ndarray:
    """Bright and blue above a horizon, dark and orange below: the luma tells the color."""
    rng = np.random.default_rng(number)
    horizon = rng.integers(height // 4, 3 * height // 4)
    photo = np.empty((height, width, 3))
    photo[:horizon] = (150, 190, 250)
    photo[horizon:] = (130, 60, 10)
    return (photo + rng.normal(0, 6, (height, width, 1))).clip(0, 255).astype(np.uint8)


def write_folder(folder: Path, count: int = 8) -> Path:
    """A folder of landscapes."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number:03d}.png").write_bytes(encode(landscape(number)))
    return folder


def write_shard(path: Path, contents: dict[str, bytes]) -> Path:
    """A tar shard of named files."""
    with tarfile.open(path, "w") as tar:
        for name, content in contents.items():
            file = path.with_name("member")
            file.write_bytes(content)
            tar.add(file, arcname=name)
            file.unlink()
    return path
