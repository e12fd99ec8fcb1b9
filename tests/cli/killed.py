"""Kill a run at random moments, and print the latest state of its ledger and that of an unbroken run.

    python -m tests.cli.killed FOLDER KILLS ARGUMENTS...

FOLDER has the photos in `album`; ARGUMENTS are those of `autochrome colorize`. Every run is a fork of this
process, which has loaded everything and computed nothing, so that a run takes a fraction of a second.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import autochrome.pipeline.painter  # noqa: F401
from autochrome.cli.main import main
from autochrome.pipeline.ledger import NAME, Ledger


def start(*arguments: str) -> int:
    """Start a run, and return its process."""
    process = os.fork()
    if process == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        try:
            main(["colorize", "album", *arguments])
        finally:
            os._exit(0)
    return process


def state(folder: Path) -> dict[str, dict]:
    """Return the latest entries by result, without times."""
    entries = {}
    for entry in Ledger(folder / NAME).latest():
        content = json.loads(entry.line())
        for key in ("time", "seconds"):
            del content[key]
        for file in (content["source"], *content["files"]):
            del file["mtime_ns"]
        entries[entry.result] = content
    return entries


def kill_runs(kills: int, arguments: list[str]) -> None:
    """Run unbroken into `whole`, and again and again into `broken`; print what was killed and both states."""
    began = time.monotonic()
    os.waitpid(start("-o", "whole", *arguments), 0)
    whole = time.monotonic() - began
    chance = random.Random(0)
    hit = 0
    for _ in range(10 * kills):
        for made in Path("broken").glob("*.png"):  # so that there is always work left
            if chance.random() < 0.5:
                made.unlink()
        process = start("-o", "broken", *arguments)
        time.sleep(chance.uniform(0, whole))
        os.kill(process, signal.SIGKILL)
        hit += os.WIFSIGNALED(os.waitpid(process, 0)[1])
        if hit == kills:
            break
    os.waitpid(start("-o", "broken", *arguments), 0)
    print(json.dumps({"hit": hit, "whole": state(Path("whole")), "broken": state(Path("broken"))}))


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    kill_runs(int(sys.argv[2]), sys.argv[3:])
