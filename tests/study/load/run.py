"""A load test: raters who all answer at once, a server that is killed meanwhile, and no vote lost or doubled.

    python -m tests.study.load.run [--raters 200] [--kills 2] [--database URL] [--protocol two-afc]

Draws small pictures, builds a study in a temporary folder, starts `autochrome study serve` and lets raters
do whole sessions on loopback, with a few more raters than the study admits. At random moments the server is
killed with SIGKILL and restarted. At the end the database is compared with what the raters sent and received
(`tests.study.load.promises`); the exit code is 1 if a promise is broken. A study in a given database is
deleted from it at the end.

Raters answer as soon as they have the pictures, without waiting for displays of one second, so a latency is
mostly the time in the queue of all raters. `--think 5` lets each wait about as long as people do. Raters and
server share the processor; processor time is reported for both (not for PostgreSQL).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import numpy as np

from autochrome.io.photo import Photo, write_photo
from autochrome.laboratory.processes import available_cores
from autochrome.study.design import Design
from autochrome.study.records import TRUTH, Protocol
from autochrome.study.storage.building import build_study
from autochrome.study.storage.folder import DATABASE_FILE
from autochrome.study.storage.schema import Database
from autochrome.study.storage.store import DATABASE_VARIABLE, Study
from tests.study.load.http_raters import HttpRater, Journal, Recognition
from tests.study.load.promises import Balance, Stored, broken_promises, forget
from tests.study.load.server import Server
from tests.study.simulation import Crowd, SimulatedRater

RATES = {TRUTH: 0.9, "vivid": 0.45, "pale": 0.25, "wrong": 0.1, "brown": 0.05}
"""How often each version is taken for true."""
SYSTEMS = {Protocol.QUESTIONNAIRE: ("vivid", "pale", "wrong", "brown")}
TOO_MANY = 20
"""One rater in this many is one too many for the study."""
PROMISES = ("lost", "doubled", "altered", "made up")
"""Counted in every report; other broken promises only if there are any."""
SHOWN = 20
"""Broken promises that are printed in full."""


@dataclass(frozen=True)
class Load:
    """What is tried.

    Attributes:
        raters: places in the study.
        trials: test trials of a rater; practice and vigilance come on top.
        kills: how often the server is killed.
        think: mean seconds that a rater waits before a vote.
        workers: processes of the server.
        limit: seconds after which it is given up.
    """

    protocol: Protocol = Protocol.TWO_AFC
    raters: int = 200
    trials: int = 12
    kills: int = 2
    size: int = 64
    think: float = 0.0
    workers: int = 1
    limit: float = 600.0
    seed: int = 0


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        design: of the study.
        journal: of the raters.
        stored: what the database holds.
        broken: promises that were not kept.
        wall: seconds from the first request to the last answer.
        away: seconds from each kill until the server answered again.
        killed_at: how many votes were acknowledged at each kill.
        memory: the server's peak, in MB (`Server.memory`).
        server_seconds, raters_seconds: of processor time.
    """

    design: Design
    journal: Journal
    stored: Stored
    broken: list[str]
    wall: float
    away: list[float]
    killed_at: list[int]
    memory: float
    server_seconds: float
    raters_seconds: float


def draw_study(load: Load, folder: Path) -> Design:
    """Photos and what systems made of them, and a design in which every rater is needed."""
    timed = load.protocol in (Protocol.TWO_AFC, Protocol.TURING)
    practice, vigilance = (2 if timed else 0), (0 if load.protocol is Protocol.QUESTIONNAIRE else 1)
    systems = SYSTEMS.get(load.protocol, ("vivid", "wrong"))
    pictures = load.trials if load.protocol is Protocol.QUESTIONNAIRE else 4 * load.trials
    for number in range(pictures + practice + vigilance):
        for name, pixels in draw(number, load.size).items():
            if name in (TRUTH, *systems):
                (folder / name).mkdir(parents=True, exist_ok=True)
                write_photo(Photo(pixels), folder / name / f"{number:04}.png")
    units = pictures * (1 if load.protocol in (Protocol.QUESTIONNAIRE, Protocol.PREFERENCE) else len(systems))
    return Design.model_validate(
        {
            "protocol": load.protocol,
            "title": "Load",
            "references": folder / TRUTH,
            "systems": {name: folder / name for name in systems},
            "pictures": pictures,
            "raters": max(1, load.raters * load.trials // units),
            "trials": load.trials,
            "practice": practice,
            "vigilance": vigilance,
            "size": load.size,
            "seed": load.seed,
            "max_raters": load.raters,
        }
    )


def draw(number: int, side: int) -> dict[str, np.ndarray]:
    """A picture with grain, the true one, and how systems may have colored it."""
    rng = np.random.default_rng(number)
    y, x = np.mgrid[:side, :side] / side
    waves = [np.sin(rng.uniform(2, 9) * x + rng.uniform(2, 9) * y + rng.uniform(0, 6)) for _ in range(3)]
    truth = 128 + 70 * np.stack(waves, -1) + rng.normal(0, 5, (side, side, 1))
    gray = truth.mean(-1, keepdims=True)
    color = truth - gray
    made = {
        TRUTH: truth,
        "vivid": gray + 1.3 * color,
        "pale": gray + 0.4 * color,
        "wrong": gray + color[..., ::-1],
        "brown": gray + np.array([14, 0, -14]),
    }
    return {name: pixels.clip(0, 255).astype(np.uint8) for name, pixels in made.items()}


def run(load: Load, folder: Path, database: str | None = None) -> Outcome:
    """Build the study in a folder, load it, and look into its database.

    Args:
        load: what is tried.
        folder: an empty one.
        database: URL; None for the study's own SQLite.
    """
    study = build_study(draw_study(load, folder / "drawn"), folder / "study", database=database)
    kept = Database(database or study.folder / DATABASE_FILE)
    server = Server(study.folder, folder / "server.log", database, load.workers)
    try:
        return _run(load, study, server, kept)
    finally:
        server.kill()
        study.close()
        if database:
            forget(kept, study.id)
        kept.close()


def _run(load: Load, study: Study, server: Server, kept: Database) -> Outcome:
    journal, killed_at, away = Journal(), [], []
    before = process_time()
    server.start()
    begun = perf_counter()
    try:
        asyncio.run(_all_at_once(load, study, server, journal, killed_at, away))
    except TimeoutError:
        journal.complaints.append(f"complaint: not all raters came to an end in {load.limit:g} s")
    wall = perf_counter() - begun
    server.stop()
    raters_seconds = process_time() - before
    if len(away) < load.kills:
        journal.complaints.append(f"complaint: only {len(away)} kills, for the raters were done before")
    if "Traceback" in server.log.read_text():
        journal.complaints.append(f"complaint: the server failed:\n{server.log.read_text()[-3000:]}")
    stored = Stored.read(kept, study.id)
    broken = broken_promises(journal, stored, study.design.total)
    return Outcome(
        study.design,
        journal,
        stored,
        broken,
        wall,
        away,
        killed_at,
        server.memory,
        server.seconds,
        raters_seconds,
    )


async def _all_at_once(
    load: Load, study: Study, server: Server, journal: Journal, killed_at: list[int], away: list[float]
) -> None:
    recognition, crowd = Recognition(study), Crowd(RATES)
    exposure = float(study.design.exposure_ms) if study.design.timed else 0.0
    raters = [
        HttpRater(
            server.address,
            SimulatedRater(crowd, number + 1, load.seed, exposure),
            recognition,
            journal,
            load.think,
        )
        for number in range(load.raters + load.raters // TOO_MANY)
    ]
    killer = asyncio.create_task(_kill(load, study.design, server, journal, killed_at, away))
    try:
        async with asyncio.timeout(load.limit):
            await asyncio.gather(*(rater.session() for rater in raters))
    finally:
        killer.cancel()
        await asyncio.gather(killer, return_exceptions=True)


async def _kill(
    load: Load, design: Design, server: Server, journal: Journal, killed_at: list[int], away: list[float]
) -> None:
    """Kill the server at random moments of the run, all through it."""
    rng = random.Random(load.seed)
    expected = load.raters * design.total
    for moment in sorted(rng.uniform(0.05, 0.95) for _ in range(load.kills)):
        while len(journal.acknowledged) < moment * expected:
            await asyncio.sleep(0.005)
        await asyncio.sleep(rng.uniform(0, 0.05))
        killed_at.append(len(journal.acknowledged))
        begun = perf_counter()
        server.kill()
        await asyncio.to_thread(server.start)
        away.append(perf_counter() - begun)


def report(load: Load, outcome: Outcome, kind: str) -> str:
    """The figures as text."""
    journal, balance = outcome.journal, Balance.of(outcome.stored)
    design, votes = outcome.design, len(journal.acknowledged)
    there = max(outcome.wall - sum(outcome.away), 1e-9)
    lines = [
        f"{load.protocol} in {kind}: {load.raters} raters at once, {design.total} trials each, pictures of"
        f" {load.size} px, {load.workers} server process(es), {available_cores()} core(s) for all",
        f"raters     {len(journal.finished)} finished, {journal.full} were told that the study is full",
        f"votes      {votes} in {outcome.wall:.1f} s: {votes / outcome.wall:.0f} a second"
        f" ({votes / there:.0f} while the server was there)",
        f"kills      {len(outcome.away)}, after {_list(outcome.killed_at)} votes; away for"
        f" {_list(f'{seconds:.1f}' for seconds in outcome.away)} s;"
        f" {journal.broken.total()} requests broke off and were sent again",
        f"failures   {dict(journal.failures) or 'none'} (answers of status 500 and up)",
        f"processor  server {outcome.server_seconds:.1f} s, raters {outcome.raters_seconds:.1f} s",
        f"memory     {outcome.memory:.0f} MB (the server's peak)",
        f"balance    {balance.fewest} to {balance.most} votes a unit; orders in a unit {balance.order:.2f} as"
        f" uneven as drawn ones; slots differ by {balance.rater_order} at most in a rater",
        f"{'':<11}" + "".join(f"{head:>10}" for head in ("requests", "p50 ms", "p95 ms", "p99 ms", "max ms")),
    ]
    for what, seconds in journal.seconds.items():
        lines.append(f"{what:<11}{len(seconds):>10}" + "".join(f"{1000 * s:>10.1f}" for s in spread(seconds)))
    counts = Counter(text.partition(":")[0] for text in outcome.broken)
    counts.update(dict.fromkeys(PROMISES, 0))
    lines.append("promises   " + ", ".join(f"{what} {count}" for what, count in counts.items()))
    return "\n".join([*lines, *outcome.broken[:SHOWN]])


def _list(items: Iterable[object]) -> str:
    return ", ".join(map(str, items)) or "0"


def spread(seconds: Sequence[float]) -> list[float]:
    """Median, 95th and 99th percentile, and the longest."""
    if len(seconds) < 2:
        return list(seconds) * 4
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return [cuts[49], cuts[94], cuts[98], max(seconds)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print the figures, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.study.load.run", description=(__doc__ or "").splitlines()[0]
    )
    standard = Load()
    parser.add_argument("--protocol", type=Protocol, choices=list(Protocol), default=standard.protocol)
    for name, kind, help in (
        ("raters", int, "places in the study"),
        ("trials", int, "test trials of each; practice and attention checks come on top"),
        ("kills", int, "how often the server is killed"),
        ("size", int, "pixels along a side of a picture"),
        ("think", float, "mean seconds before a vote; people take about 5"),
        ("workers", int, "processes of the server"),
        ("limit", float, "seconds after which it is given up"),
        ("seed", int, "of the votes and of the moments of the kills"),
    ):
        default = getattr(standard, name)
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"{help} ({default})")
    parser.add_argument("--database", metavar="URL", help="PostgreSQL to keep the votes in (SQLite)")
    values = vars(parser.parse_args(arguments))
    database = values.pop("database")
    load = Load(**values)
    os.environ.pop(DATABASE_VARIABLE, None)  # the option alone counts
    with tempfile.TemporaryDirectory(prefix="study-load-") as folder:
        outcome = run(load, Path(folder), database)
    print(report(load, outcome, "PostgreSQL" if database else "SQLite"))
    return 1 if outcome.broken else 0


if __name__ == "__main__":
    sys.exit(main())
