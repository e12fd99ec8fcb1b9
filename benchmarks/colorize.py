"""Time and memory of coloring one photo with the shipped weights, end to end.

    python -m benchmarks.colorize [--repeats N]        (or: make bench)

For gray JPEGs of three sizes it prints the seconds of each step, how many times decoding and encoding alone
the whole costs, and the peak memory. Every size runs in a process of its own; times are medians over the
repeats. The photo is scikit-image's camera picture, enlarged, with grain, so that JPEG has as much to code as
in a scan.

A second table is of the whole command with PixColor and four samples, contact sheet and loading of the
weights included, in a process in which Python's imports are done.
"""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.timing import in_own_process, machine, peak_memory, repeats

SIZES = {"256 px": (256, 256), "12 MP": (3000, 4000), "100 MP": (8660, 11548)}
SAMPLED_SIZES = {"512 px": (512, 512), "12 MP": (3000, 4000)}
SAMPLES = 4
GRAIN = 3.0
"""Standard deviation of the grain, in levels of 255."""


COLUMNS = ("read", "predict", "paint", "write", "total s", "codec s")
"""Of the first table: seconds of the steps, of all of them, and of decoding and encoding a JPEG alone."""


def make_photo(height: int, width: int, path: Path) -> None:
    """Write the enlarged camera picture as a gray JPEG (quality 92)."""
    import pyvips
    import skimage.data

    camera = pyvips.Image.new_from_array(skimage.data.camera())
    enlarged = camera.resize(width / camera.width, vscale=height / camera.height)
    grain = pyvips.Image.gaussnoise(width, height, sigma=GRAIN, mean=0, seed=1)
    (enlarged + grain).cast("uchar").jpegsave(str(path), Q=92)


def measure(photo_path: Path, times: int) -> list[float]:
    """Color a photo several times, after one run to warm up; return the medians of the `COLUMNS`."""
    import pyvips

    from autochrome.io.photo import read_photo, write_photo
    from autochrome.pipeline.painter import Painter

    painter = Painter()
    result = photo_path.with_suffix(".colorized.jpg")
    plain = photo_path.with_suffix(".plain.jpg")
    rows = []
    for _ in range(times + 1):  # the first warms up and is left out
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
        rows.append([*steps, sum(steps), decoded + encoded])
    return [median(column) for column in zip(*rows[1:], strict=True)]


def measure_command(photo_path: Path, times: int) -> list[float]:
    """Return the seconds of ``autochrome colorize --model pixcolor --samples 4``, after one to warm up."""
    from autochrome.cli.main import main as autochrome

    arguments = ["colorize", str(photo_path), "--model", "pixcolor", "--samples", str(SAMPLES), "--overwrite"]
    seconds = []
    for _ in range(times + 1):
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


def report(times: int) -> None:
    """Run every size and print the first table."""
    print(f"{'photo':8} {' '.join(f'{column:>8}' for column in COLUMNS)} {'ratio':>6} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for name, (height, width) in SIZES.items():
            photo = Path(folder) / f"{height}.jpg"
            make_photo(height, width, photo)
            seconds = in_own_process(measure, photo, times if name != "100 MP" else min(times, 2))
            cells = " ".join(f"{value:8.3f}" for value in seconds)
            *_, total, codec = seconds
            memory = in_own_process(measure_memory, photo)
            print(f"{name:8} {cells} {total / codec:6.2f} {memory:8.0f}", flush=True)


def report_samples(times: int) -> None:
    """Time the command with several samples and print its table."""
    print(f"\n{f'pixcolor, {SAMPLES} samples':20} {'command s':>10}")
    with tempfile.TemporaryDirectory() as folder:
        for name, (height, width) in SAMPLED_SIZES.items():
            photo = Path(folder) / f"{height}.jpg"
            make_photo(height, width, photo)
            print(f"{name:20} {median(in_own_process(measure_command, photo, times)):10.2f}", flush=True)


def main() -> None:
    """Parse the command line and print both tables."""
    times = repeats(__doc__, 5)
    print(machine())
    report(times)
    report_samples(times)


if __name__ == "__main__":
    main()
