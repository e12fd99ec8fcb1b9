"""End runs of `autochrome colorize` at random moments, and look at what is left.

    python -m tests.reliability.kills --kill 1000 --interrupt 200 --terminate 200

Every run colors a small album with the tests' tiny model: by turns one colorization of each photo, with a
ledger, or three without; into an empty folder or over older results. It is a fork of this process, which has
imported everything, and gets its signal at a random moment between its first step and a little after its
usual end. After SIGKILL another run in the folder follows. Counted are

    lost        photos that are not as they were, and older results that were neither kept nor replaced
    half        results that are not byte for byte those of a run that nobody ended, and photos of which
                some results are new and others are old or missing (after the next run, for SIGKILL)
    leftovers   hidden files (after the next run, for SIGKILL)
    hangs       runs that were there 20 s after their signal
    tracebacks  runs that printed one
    codes       runs with another exit code than 0 or that of the signal

`--processes N` adds N runs of `python -m autochrome` with the weights that ship, by turns with SIGINT,
SIGTERM and SIGHUP, which may come while Python starts, while a model is loaded, and while PixColor draws.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

PHOTOS = 5
HANG = 20.0
_SIGNALS = {"kill": "SIGKILL", "interrupt": "SIGINT", "terminate": "SIGTERM", "hangup": "SIGHUP"}


@dataclass
class Tally:
    """What was counted over the runs, and the longest seconds from a signal to the end."""

    runs: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    """Runs that the signal ended, by the signal; the others had come to their end."""
    faults: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)
    longest: dict[str, float] = field(default_factory=dict)

    def fault(self, kind: str, detail: str) -> None:
        """Count a fault."""
        self.faults[kind] += 1
        self.details.append(f"{kind}: {detail}")

    def print(self) -> None:
        """Print one line for each signal, and the faults."""
        for name, count in self.runs.items():
            seconds = f", longest stop {self.longest[name]:.2f} s" if name in self.longest else ""
            print(f"{name}: {count} runs, {self.ended[name]} of them ended by it{seconds}")
        kinds = ("lost", "half", "leftovers", "hangs", "tracebacks", "codes")
        print(", ".join(f"{self.faults[kind]} {kind}" for kind in kinds))
        print(*self.details[:20], sep="\n", end="\n" if self.details else "")


@dataclass(frozen=True)
class Album:
    """A folder of photos, and what its results are to be."""

    folder: Path
    words: list[str]
    photos: dict[str, bytes]
    old: dict[str, str]
    """Digests of older results, by name."""
    new: dict[str, str]
    kept: Path
    """Where the older results lie."""

    @property
    def overwrite(self) -> bool:
        """Whether there are older results."""
        return bool(self.old)

    def prepare(self) -> None:
        """Bring the folder to the state before a run."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.with_suffix(".jsonl").unlink(missing_ok=True)
        self.folder.mkdir()
        for name, content in self.photos.items():
            (self.folder / name).write_bytes(content)
        for name in self.old:
            shutil.copyfile(self.kept / name, self.folder / name)

    def results(self) -> dict[str, str]:
        """Digests of the results that are there, by name."""
        return {name: digest for name, digest in digests(self.folder).items() if name not in self.photos}

    def check_lost(self, tally: Tally, run: str) -> None:
        """Count what is lost, and results that are neither old nor new."""
        for name, content in self.photos.items():
            place = self.folder / name
            if not place.exists() or place.read_bytes() != content:
                tally.fault("lost", f"{run}: the photo {name}")
        found = self.results()
        for name in self.old:
            if name not in found:
                tally.fault("lost", f"{run}: the older {name}")
        for name, digest in found.items():
            if digest not in (self.old.get(name), self.new.get(name)):
                tally.fault("half", f"{run}: {name}")

    def check_whole(self, tally: Tally, run: str) -> None:
        """Count hidden files, and photos whose results do not belong together."""
        hidden = [path.name for path in self.folder.rglob(".*")]
        if hidden:
            tally.fault("leftovers", f"{run}: {', '.join(hidden)}")
        found = self.results()
        for photo in self.photos:
            names = [name for name in self.new if name.startswith(f"{Path(photo).stem}.colorized.")]
            states = {
                "new" if found.get(name) == self.new[name] else "old" if name in found else "none"
                for name in names
            }
            if len(states) > 1:
                tally.fault("half", f"{run}: of {photo} some are {' and some '.join(sorted(states))}")


def digests(folder: Path) -> dict[str, str]:
    """Digests of the files in a folder that are not hidden, by name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".")
    }


def fork(words: list[str], log: Path) -> int:
    """Run the command in a fork of this process, and return its number."""
    number = os.fork()
    if number:
        return number
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_DFL)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    code = 70
    try:
        from autochrome.cli.main import main

        signal.signal(signal.SIGINT, signal.default_int_handler)
        main(words)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(number: int, seconds: float) -> int | None:
    """Return the status of a process that ends within so many seconds: its code, or minus the signal."""
    deadline = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(number, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            return None
        time.sleep(0.002)


def make_albums(root: Path, weights: Path) -> list[Album]:
    """Make the four kinds of runs, and what their results are to be."""
    import numpy as np
    from PIL import Image

    generator = np.random.default_rng(2016)
    first = root / "photos"
    first.mkdir()
    for number in range(PHOTOS):
        ramp = np.add.outer(np.arange(96), np.arange(80)) * (number + 1) % 251
        grain = generator.integers(0, 5, (96, 80))
        Image.fromarray((ramp + grain).astype(np.uint8)).save(
            first / f"{number}.{('png', 'jpg')[number % 2]}"
        )
    photos = {path.name: path.read_bytes() for path in first.iterdir()}
    albums: list[Album] = []
    for samples in ("1", "3"):
        fixed = ["colorize", "--model", "cic.test", "--weights", str(weights), "--samples", samples]
        made: dict[str, Path] = {}
        for kind, more in (("new", []), ("old", ["--saturation", "0.5"])):
            made[kind] = root / f"{kind}-{samples}"
            shutil.copytree(first, made[kind])
            code = wait(fork([*fixed, *more, str(made[kind])], root / "log"), 120)
            assert code == 0, (root / "log").read_text()
        for overwrite in (False, True):
            words = [*fixed, str(root / "album"), *(["--overwrite"] if overwrite else [])]
            words += ["--ledger", str(root / "album.jsonl")] if samples == "1" else []
            new, old = (
                {name: digest for name, digest in digests(made[kind]).items() if name not in photos}
                for kind in ("new", "old")
            )
            albums.append(Album(root / "album", words, photos, old if overwrite else {}, new, made["old"]))
    return albums


def one_run(album: Album, name: str, moment: float, tally: Tally, log: Path) -> None:
    """Let a run begin, send it a signal at that moment, and count what is wrong then."""
    number = getattr(signal, name)
    run = f"{name} after {moment:.3f} s ({' '.join(album.words[6:8] + album.words[9:])})"
    album.prepare()
    process = fork(album.words, log)
    time.sleep(moment)
    os.kill(process, number)
    sent = time.monotonic()
    code = wait(process, HANG)
    tally.runs[name] += 1
    if code is None:
        tally.fault("hangs", run)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    elif code in (-number, 128 + number):
        tally.ended[name] += 1
        if number != signal.SIGKILL:
            tally.longest[name] = max(tally.longest.get(name, 0), time.monotonic() - sent)
    elif code != 0:
        tally.fault("codes", f"{run}: {code}: {log.read_text()[-300:]}")
    if "Traceback" in log.read_text(errors="replace"):
        tally.fault("tracebacks", f"{run}: {log.read_text()[-300:]}")
    album.check_lost(tally, run)
    if number == signal.SIGKILL or code is None:
        again = [word for word in album.words if word != "--overwrite"]
        code = wait(fork(again, log), 120)
        if code != 0:
            tally.fault("half", f"after {run}: {code}: {log.read_text()[-300:]}")
        album.check_lost(tally, f"after {run}")
        if not album.overwrite and album.results() != album.new:
            tally.fault("half", f"after {run}: not all were colored")
    album.check_whole(tally, run)


def end_processes(count: int, seed: int, root: Path, tally: Tally) -> None:
    """End whole processes with the weights that ship, which also load libraries and draw for seconds."""
    import numpy as np
    from PIL import Image

    chance = random.Random(seed)
    folder = root / "large"
    folder.mkdir()
    ramp = np.add.outer(np.arange(3000), np.arange(2000)) // 20
    Image.fromarray(ramp.astype(np.uint8)).save(folder / "a.png")
    before = (folder / "a.png").read_bytes()
    kinds = cycle([["--model", "cic"], ["--model", "pixcolor", "--samples", "4"]])
    names = cycle(("SIGINT", "SIGTERM", "SIGHUP"))
    for words, name, _ in zip(kinds, names, range(count), strict=False):
        number, moment = getattr(signal, name), chance.uniform(0.3, 9)
        run = f"process {name} after {moment:.2f} s ({' '.join(words)})"
        command = [sys.executable, "-m", "autochrome", "colorize", *words, "--overwrite", str(folder)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            time.sleep(moment)
            process.send_signal(number)
            sent = time.monotonic()
            try:
                _, printed = process.communicate(timeout=HANG)
            except subprocess.TimeoutExpired:
                tally.fault("hangs", run)
                process.kill()
                _, printed = process.communicate()
            seconds = time.monotonic() - sent
        label = f"{name} to a process"
        tally.runs[label] += 1
        if process.returncode in (-number, 128 + number):
            tally.ended[label] += 1
            tally.longest[label] = max(tally.longest.get(label, 0), seconds)
        elif process.returncode:
            tally.fault("codes", f"{run}: {process.returncode}: {printed.decode()[-300:]}")
        if b"Traceback" in printed:
            tally.fault("tracebacks", f"{run}: {printed.decode()[-300:]}")
        if (folder / "a.png").read_bytes() != before:
            tally.fault("lost", run)
        if hidden := [path.name for path in folder.rglob(".*")]:
            tally.fault("leftovers", f"{run}: {hidden}")


def main() -> int:
    """Run what the command line says; return the number of faults."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for option in (*_SIGNALS, "processes"):
        parser.add_argument(f"--{option}", type=int, default=0, metavar="N")
    parser.add_argument("--seed", type=int, default=2016)
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no run after so many minutes")
    options = vars(parser.parse_args())
    chance, tally = random.Random(options["seed"]), Tally()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        weights = make_weights(root)
        albums = make_albums(root, weights)
        usual: list[float] = []
        for album in albums:
            album.prepare()
            start = time.monotonic()
            assert wait(fork(album.words, root / "log"), 120) == 0
            usual.append(time.monotonic() - start)
        signals = [full for name, full in _SIGNALS.items() for _ in range(options[name])]
        chance.shuffle(signals)
        for full, (album, seconds) in zip(signals, cycle(zip(albums, usual, strict=True)), strict=False):
            if time.monotonic() - began > 60 * options["minutes"]:
                break
            one_run(album, full, chance.uniform(0, 1.05 * seconds), tally, root / "log")
        end_processes(options["processes"], options["seed"], root, tally)
    tally.print()
    print(f"{sum(tally.runs.values())} runs in {time.monotonic() - began:.0f} s")
    return min(sum(tally.faults.values()), 100)


def make_weights(root: Path) -> Path:
    """Import what every run needs, and write weights of the tests' tiny model.

    That is done in a fork: what this process does itself may start threads, which no fork would have.
    """
    import torch

    import autochrome.cli.colorize
    import autochrome.pipeline.painter
    import autochrome.report.contact_sheet  # noqa: F401
    from autochrome.models.registry import create_model
    from autochrome.models.weights import save_weights

    number = os.fork()
    if not number:
        torch.manual_seed(1)
        model = create_model("cic.test")
        with torch.no_grad():
            model.get_parameter("network.head.weight").mul_(1000)
        save_weights(model, root / "tiny.safetensors")
        os._exit(0)
    assert wait(number, 120) == 0
    return root / "tiny.safetensors"


if __name__ == "__main__":
    sys.exit(main())
