"""Time and memory of coloring one photo with the shipped weights, end to end.

    python -m benchmarks.colorize [--repeats N]        (or: make bench)

For a 256 px, a 12-megapixel and a 100-megapixel gray JPEG it prints the seconds spent reading, predicting,
painting and writing, how many times decoding and encoding alone the whole costs, and the peak memory. Every
size runs in a process of its own, so that memory is its own; times are medians over the repeats. The photo is
scikit-image's camera picture, enlarged, with grain, so that JPEG has as much to code as in a scanned photo.

A second table is of the whole command with PixColor and four samples, contact sheet and loading of the
weights included, in a process in which Python's imports are done.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.timing import in_own_process, machine, peak_memory

SIZES = {"256 px": (256, 256), "12 MP": (3000, 4000), "100 MP": (8660, 11548)}
SAMPLED_SIZES = {"512 px": (512, 512), "12 MP": (3000, 4000)}
SAMPLES = 4
GRAIN = 3.0
"""Standard deviation of the grain, in levels of 255."""


@dataclass(frozen=True)
class Timing:
    """Seconds of one photo's way; ``codec`` is decoding the gray and encoding the colored JPEG alone."""

    read: float
    predict: float
    paint: float
    write: float
    codec: float

    @property
    def total(self) -> float:
        """Read, predict, paint and write."""
        return self.read + self.predict + self.paint + self.write


def make_photo(height: int, width: int, path: Path) -> None:
    """Write the enlarged camera picture as a gray JPEG (quality 92)."""
    import pyvips
    import skimage.data

    camera = pyvips.Image.new_from_array(skimage.data.camera())
    enlarged = camera.resize(width / camera.width, vscale=height / camera.height)
    grain = pyvips.Image.gaussnoise(width, height, sigma=GRAIN, mean=0, seed=1)
    (enlarged + grain).cast("uchar").jpegsave(str(path), Q=92)


def measure(photo_path: Path, repeats: int) -> list[Timing]:
    """Color a photo several times, after one run to warm up."""
    import pyvips

    from autochrome.io.photo import read_photo, write_photo
    from autochrome.pipeline.painter import Painter

    painter = Painter()
    result = photo_path.with_suffix(".colorized.jpg")
    plain = photo_path.with_suffix(".plain.jpg")
    timings = []
    for _ in range(repeats + 1):  # the first warms up and is left out
        moments = [perf_counter()]
        photo = read_photo(photo_path)
        moments.append(perf_counter())
        prediction = painter.predict(photo)
        moments.append(perf_counter())
        colored = painter.paint(prediction)
        moments.append(perf_counter())
        write_photo(colored, result, provenance=colored.provenance)
        moments.append(perf_counter())
        del photo, prediction, colored
        start = perf_counter()
        pyvips.Image.new_from_file(str(photo_path)).copy_memory()
        decoded = perf_counter() - start
        in_memory = pyvips.Image.new_from_file(str(result)).copy_memory()
        start = perf_counter()
        in_memory.jpegsave(str(plain), Q=92)
        encoded = perf_counter() - start
        del in_memory
        steps = [after - before for before, after in pairwise(moments)]
        timings.append(Timing(*steps, codec=decoded + encoded))
    return timings[1:]


def measure_command(photo_path: Path, repeats: int) -> list[float]:
    """Return the seconds of ``autochrome colorize --model pixcolor --samples 4``, after one to warm up."""
    from autochrome.cli.main import main as autochrome

    arguments = ["colorize", str(photo_path), "--model", "pixcolor", "--samples", str(SAMPLES), "--overwrite"]
    seconds = []
    for _ in range(repeats + 1):
        start = perf_counter()
        autochrome(arguments, standalone_mode=False)
        seconds.append(perf_counter() - start)
    return seconds[1:]


def measure_memory(photo_path: Path) -> float:
    """Return the peak memory, in MiB, of this process, which colors the photo once and does nothing else."""
    import autochrome
    from autochrome.io.photo import write_photo

    colored = autochrome.colorize(photo_path)
    write_photo(colored, photo_path.with_suffix(".once.jpg"), provenance=colored.provenance)
    return peak_memory() / 1024**2


def report(repeats: int) -> None:
    """Run every size and print the table."""
    print(machine())
    print(f"{'photo':8} {'read':>8} {'predict':>8} {'paint':>8} {'write':>8} {'total s':>8} "
          f"{'codec s':>8} {'ratio':>6} {'peak MB':>8}")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for name, (height, width) in SIZES.items():
            photo = Path(folder) / f"{height}.jpg"
            make_photo(height, width, photo)
            runs = repeats if name != "100 MP" else min(repeats, 2)
            timings = in_own_process(measure, photo, runs)
            memory = in_own_process(measure_memory, photo)
            columns = [
                median(getattr(t, key) for t in timings) for key in ("read", "predict", "paint", "write")
            ]
            total, codec = median(t.total for t in timings), median(t.codec for t in timings)
            print(f"{name:8} " + " ".join(f"{value:8.3f}" for value in columns)
                  + f" {total:8.3f} {codec:8.3f} {total / codec:6.2f} {memory:8.0f}", flush=True)  # fmt: skip


def report_samples(repeats: int) -> None:
    """Time the command with several samples and print its table."""
    print(f"\n{f'pixcolor, {SAMPLES} samples':20} {'command s':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for name, (height, width) in SAMPLED_SIZES.items():
            photo = Path(folder) / f"{height}.jpg"
            make_photo(height, width, photo)
            print(f"{name:20} {median(in_own_process(measure_command, photo, repeats)):10.2f}", flush=True)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    report(repeats)
    report_samples(repeats)


if __name__ == "__main__":
    main()
