"""Color a folder of malformed files, and look at what became of every one.

    python -m tests.reliability.corpus --mutated 2000 --crafted 300

The folder is made of small pictures in every format that is read, changed at random with a fixed seed (bits,
blocks, numbers, cuts, splices), and of files that were crafted (`tests.reliability.crafted`). One run of
`autochrome colorize` colors it with the tests' tiny model. Counted are

    crashes     a run that a signal ended, or that printed a traceback
    silent      files that have neither a result nor a failure
    unexpected  failures by an exception that nobody thought of
    broken      results that cannot be read again
    changed     files of the folder that are not as they were
    leftovers   hidden files
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from tests.reliability.crafted import craft

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def bases() -> dict[str, list[bytes]]:
    """Whole small pictures, by the ending of their names."""
    ramp = np.add.outer(np.arange(40), np.arange(48)) * 2
    grain = np.random.default_rng(2016).integers(0, 20, (40, 48))
    gray = (ramp + grain).astype(np.uint8)
    color = np.dstack([gray, gray[::-1], 255 - gray])
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "Plate 14", 6
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'

    def pil(pixels: np.ndarray, format: str, mode: str | None = None, **options: object) -> bytes:
        file = io.BytesIO()
        picture = Image.fromarray(pixels)
        (picture.convert(mode) if mode else picture).save(file, format, **options)
        return file.getvalue()

    def tiff(pixels: np.ndarray, **options: object) -> bytes:
        file = io.BytesIO()
        tifffile.imwrite(file, pixels, **options)  # type: ignore[arg-type]
        return file.getvalue()

    deep = gray.astype(np.uint16) * 257
    return {
        "jpg": [
            pil(gray, "JPEG", exif=exif, xmp=xmp, quality=90),
            pil(color, "JPEG", progressive=True, icc_profile=b"\0" * 128),
            pil(color, "JPEG", "CMYK"),
        ],
        "png": [
            pil(gray, "PNG", exif=exif),
            pil(deep, "PNG"),
            pil(color, "PNG", "P"),
            pil(np.dstack([color, gray]), "PNG"),
        ],
        "tif": [
            tiff(gray, photometric="minisblack"),
            tiff(deep, compression="zlib", photometric="minisblack"),
            tiff(color, tile=(16, 16), photometric="rgb"),
            tiff(gray.astype(np.float32) / 255, photometric="minisblack"),
            tiff(np.stack([gray] * 3), bigtiff=True, photometric="minisblack"),
        ],
        "webp": [pil(color, "WEBP"), pil(np.dstack([color, gray]), "WEBP", lossless=True, exif=exif)],
        "avif": [pil(color, "AVIF"), pil(gray, "AVIF", quality=30)],
        "jp2": [pil(color, "JPEG2000"), pil(gray, "JPEG2000")],
        "gif": [pil(gray, "GIF")],
        "bmp": [pil(gray, "BMP"), pil(color, "BMP")],
        "pgm": [pil(gray, "PPM")],
        "ppm": [pil(color, "PPM")],
    }


Mutation = Callable[[bytearray, random.Random], bytearray]


def _flip(content: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.choice((1, 2, 8, 64))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return content


def _number(content: bytearray, chance: random.Random) -> bytearray:
    size, order = chance.choice((1, 2, 4)), chance.choice(("big", "little"))
    at = chance.randrange(min(len(content), chance.choice((64, 256, len(content)))))
    value = chance.choice(_NUMBERS) % (1 << 8 * size)
    content[at : at + size] = value.to_bytes(size, order)  # type: ignore[arg-type]
    return content


def _block(content: bytearray, chance: random.Random) -> bytearray:
    at, size = chance.randrange(len(content)), chance.randrange(1, 64)
    content[at : at + size] = chance.choice((chance.randbytes(size), bytes(size), b"\xff" * size, b""))
    return content


def _insert(content: bytearray, chance: random.Random) -> bytearray:
    at, start = chance.randrange(len(content)), chance.randrange(len(content))
    content[at:at] = content[start : start + chance.randrange(1, 200)]
    return content


def _cut(content: bytearray, chance: random.Random) -> bytearray:
    return content[: chance.randrange(1, len(content))] + bytes(chance.choice((0, 0, 100)))


_MUTATIONS: tuple[Mutation, ...] = (_flip, _flip, _number, _number, _block, _insert, _cut)


def mutate(folder: Path, count: int, seed: int) -> None:
    """Write so many changed pictures."""
    chance = random.Random(seed)
    whole = [(ending, content) for ending, contents in bases().items() for content in contents]
    for number in range(count):
        ending, content = whole[number % len(whole)]
        changed = bytearray(content)
        for _ in range(chance.choice((1, 1, 2, 4))):
            changed = chance.choice(_MUTATIONS)(changed, chance) or bytearray(b"\0")
        if chance.random() < 0.05:  # the beginning of one picture and the end of another
            changed = changed[: len(changed) // 2] + bytearray(chance.choice(whole)[1])[len(changed) // 2 :]
        (folder / f"m{number:05}.{ending}").write_bytes(changed)


@dataclass
class Outcome:
    """What became of the files."""

    files: int
    colored: int
    failed: int
    seconds: float
    peak: int
    """Bytes of memory."""
    faults: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)

    def fault(self, kind: str, detail: str) -> None:
        """Count a fault."""
        self.faults[kind] += 1
        self.details.append(f"{kind}: {detail}")

    def print(self) -> None:
        """Print the counts."""
        print(f"{self.files} files: {self.colored} colorized, {self.failed} failed, each of them named")
        kinds = ("crashes", "silent", "unexpected", "broken", "changed", "leftovers")
        print(", ".join(f"{self.faults[kind]} {kind}" for kind in kinds))
        print(f"{self.seconds:.0f} s, peak memory {self.peak / 1e6:.0f} MB")
        print(*self.details[:20], sep="\n", end="\n" if self.details else "")


def digests(folder: Path) -> dict[str, str]:
    """Digests of the regular files in a folder, by name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if not path.is_symlink() and path.is_file()
    }


def color(folder: Path, out: Path, weights: Path) -> Outcome:
    """Let one run color the folder, and look at what became of every file."""
    from autochrome.cli.console import printable

    before, entries = digests(folder), sorted(folder.iterdir())
    command = [sys.executable, "-m", "autochrome", "colorize", str(folder), "-r", "-o", str(out)]
    began = time.monotonic()
    run = subprocess.run(
        [*command, "--model", "cic.test", "--weights", str(weights)],
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    printed = run.stderr.decode(errors="surrogateescape")
    failed = [line for line in printed.splitlines() if line.startswith("failed: ")]
    results = {path.stem for path in _results(out)}
    outcome = Outcome(len(entries), len(results), len(failed), seconds, peak)
    if run.returncode not in (0, 1) or "Traceback" in printed:
        outcome.fault("crashes", f"exit code {run.returncode}: {printed[-2000:]}")
    named = "\n".join(failed)
    for entry in entries:
        if entry.stem not in results and printable(str(entry)) not in named:
            outcome.fault("silent", str(entry))
    counted = re.search(r"(\d+) failed", printed)
    if failed and (counted is None or int(counted[1]) != len(failed)):
        outcome.fault("silent", f"{len(failed)} failures, but the summary says {counted and counted[0]}")
    for line in filter(lambda line: ": unexpected " in line, failed):
        outcome.fault("unexpected", line)
    _check_folders(folder, before, out, outcome)
    return outcome


def _results(out: Path) -> list[Path]:
    return sorted(path for path in out.rglob("*") if path.is_file() and path.suffix != ".jsonl")


def _check_folders(folder: Path, before: dict[str, str], out: Path, outcome: Outcome) -> None:
    from autochrome.errors import PhotoError
    from autochrome.io.photo import read_photo

    now = digests(folder)
    for name in before:
        if now.get(name) != before[name]:
            outcome.fault("changed", name)
    for path in (*folder.rglob(".autochrome-*"), *out.rglob(".autochrome-*")):
        outcome.fault("leftovers", str(path))
    for path in _results(out):
        try:
            if read_photo(path).pixels.shape[2] != 3:
                outcome.fault("broken", f"{path} has no colors")
        except PhotoError as error:
            outcome.fault("broken", str(error))


def main() -> int:
    """Run what the command line says; return the number of faults."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutated", type=int, default=2000, metavar="N")
    parser.add_argument("--crafted", type=int, default=300, metavar="N")
    parser.add_argument("--seed", type=int, default=2016)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="make the files there, and keep them")
    options = parser.parse_args()
    from tests.reliability.kills import make_weights

    with tempfile.TemporaryDirectory() as name:
        root = options.keep or Path(name)
        folder = root / "malformed"
        folder.mkdir(parents=True)
        mutate(folder, options.mutated, options.seed)
        craft(folder, options.crafted)
        outcome = color(folder, root / "out", make_weights(root))
        outcome.print()
    return min(sum(outcome.faults.values()), 100)


if __name__ == "__main__":
    sys.exit(main())
