"""Simulated raters who answer a study over HTTP as a browser would, and a journal of all that they sent.

They know pictures by their bytes, as people know them by their look, and vote like `SimulatedRater`. They
have people's habits too: they reload, click twice, and send again what was not acknowledged. Displays are not
waited for: a rater says that each picture was shown for as long as designed.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import httpx

from autochrome.study.records import RANDOM, TRUTH, Stage, Trial, Unit
from autochrome.study.storage.folder import PICTURES, Manifest
from autochrome.study.storage.store import Study
from tests.study.simulation import SimulatedRater

RELOADS = 0.1
"""Share of trials that a rater asks for twice before the vote."""
DOUBLE_CLICKS = 0.1
"""Share of votes that are sent twice at once, with different content."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds before a request is sent again: doubled each time, up to the latter."""
PATIENCE = 30.0
"""Seconds for which an answer is waited for."""


@dataclass
class Sent:
    """A vote as it was sent; `taken` counts the answers that said it was recorded now, not before."""

    token: str
    chosen: tuple[int, ...]
    shown_ms: tuple[float, ...]
    response_ms: float
    taken: int = 0


@dataclass
class Journal:
    """What the raters sent and were told: what the database is held against.

    Attributes:
        enrolled: tokens of those who were let in.
        full: how many were told that the study is full.
        finished: tokens of those who were told that they are done.
        recognized: each trial as the pictures that were fetched tell it.
        votes: all votes sent on each trial.
        acknowledged: trials whose vote was said to be recorded.
        seconds: how long answers took, by kind of request.
        broken: requests that got no answer, by kind; each was sent again.
        failures: answers of the server's failing (status 500 and up), by status; each was asked for again.
        complaints: what should not have happened.
    """

    enrolled: list[str] = field(default_factory=list)
    full: int = 0
    finished: set[str] = field(default_factory=set)
    recognized: dict[str, Trial] = field(default_factory=dict)
    votes: dict[str, list[Sent]] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    broken: Counter[str] = field(default_factory=Counter)
    failures: Counter[int] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)


class Recognition:
    """Tells from the pictures of a trial what they are.

    Raises:
        ValueError: two pictures of the study are alike.
    """

    def __init__(self, study: Study) -> None:
        self.protocol = study.design.protocol
        self._known: dict[str, tuple[str, str]] = {}
        for each in Manifest.read(study.folder).pictures:
            content = (study.folder / PICTURES / each.file).read_bytes()
            if self._known.setdefault(_sha256(content), (each.picture, each.version))[1] != each.version:
                raise ValueError(f"{each.picture}: {each.version} looks like another; draw them apart")
        self._rank = [TRUTH, *study.design.folders(), RANDOM]
        self._pictures = sorted({picture for picture, _ in self._known.values()})

    def trial(self, described: dict[str, Any], pictures: Sequence[bytes]) -> Trial:
        """The trial that a browser was told of, with what its pictures show.

        Raises:
            KeyError: a picture is none of the study.
            ValueError: they are not versions of one photo.
        """
        seen = [self._known[_sha256(content)] for content in pictures]
        (picture,) = {name for name, _ in seen}
        shown = [version for _, version in seen]
        versions = tuple(sorted(shown, key=self._rank.index))
        unit = Unit(self._pictures.index(picture), 1, Stage(described["stage"]), picture, versions)
        order = tuple(versions.index(version) for version in shown)
        return Trial(described["trial"], unit, order, described["number"], described["total"])


class HttpRater:
    """One rater with a browser of their own: at most two connections.

    Args:
        address: of the server.
        person: how they vote.
        recognition: how they see.
        journal: where they write down what happens.
        think: mean seconds before a vote.
    """

    def __init__(
        self,
        address: str,
        person: SimulatedRater,
        recognition: Recognition,
        journal: Journal,
        think: float = 0.0,
    ) -> None:
        self._person, self._recognition, self._journal, self._think = person, recognition, journal, think
        self._random = random.Random(person.number)
        self._client = httpx.AsyncClient(
            base_url=address,
            timeout=PATIENCE,
            trust_env=False,
            verify=False,  # plain HTTP; this spares each client to read the certificates
            limits=httpx.Limits(max_connections=2),
        )

    async def session(self) -> None:
        """Take part from the consent to the end."""
        async with self._client:
            try:
                await self._take_part()
            except (KeyError, ValueError) as error:
                self._complain(f"was stopped by {type(error).__name__}: {error}")

    async def _take_part(self) -> None:
        token = await self._enroll()
        if token is None:
            self._journal.full += 1
            return
        self._journal.enrolled.append(token)
        while True:
            described = (await self._ask("trial", "GET", "/api/trial")).json()
            if described.get("done"):
                self._journal.finished.add(token)
                return
            if self._random.random() < RELOADS:
                again = (await self._ask("trial", "GET", "/api/trial")).json()
                if again != described:
                    self._complain(f"reloaded and had another trial than {described['number']}")
            pictures = [await self._picture(address) for address in described["pictures"]]
            trial = self._recognition.trial(described, pictures)
            self._journal.recognized[trial.id] = trial
            if self._think:
                await asyncio.sleep(self._random.uniform(0, 2 * self._think))
            await self._answer(token, trial)

    async def _enroll(self) -> str | None:
        response = await self._ask("enrollment", "POST", "/api/raters", {"consent": True}, 201, 409)
        return response.cookies["rater"] if response.status_code == 201 else None

    async def _picture(self, address: str) -> bytes:
        return (await self._ask("picture", "GET", address)).content

    async def _answer(self, token: str, trial: Trial) -> None:
        vote = self._person.answer(self._recognition.protocol, trial)
        sent = [Sent(token, vote.chosen, vote.shown_ms, vote.response_ms)]
        if self._random.random() < DOUBLE_CLICKS:
            others = tuple(slot for slot in range(len(trial.order)) if slot not in vote.chosen)[:1]
            sent.append(Sent(token, others or vote.chosen, vote.shown_ms, vote.response_ms + 1))
        self._journal.votes.setdefault(trial.id, []).extend(sent)
        await asyncio.gather(*(self._send(trial.id, each) for each in sent))

    async def _send(self, trial: str, sent: Sent) -> None:
        body = {
            "trial": trial,
            "chosen": sent.chosen,
            "shown_ms": sent.shown_ms,
            "response_ms": sent.response_ms,
        }
        response = await self._ask("vote", "POST", "/api/votes", body, 200, 409)
        if response.json().get("recorded") is not True:
            self._complain(f"had a vote refused: {response.text}")
            return
        sent.taken += response.status_code == 200
        self._journal.acknowledged.add(trial)

    async def _ask(
        self, kind: str, method: str, path: str, body: object = None, *expected: int
    ) -> httpx.Response:
        """Ask until there is an answer.

        Raises:
            ValueError: the answer is none of those expected.
        """
        pause = FIRST_PAUSE
        while True:
            begun = perf_counter()
            try:
                response = await self._client.request(method, path, json=body)
            except httpx.TransportError:
                self._journal.broken[kind] += 1
            else:
                if response.status_code < 500:
                    break
                self._journal.failures[response.status_code] += 1
            await asyncio.sleep(pause * self._random.uniform(0.5, 1.5))
            pause = min(2 * pause, LONGEST_PAUSE)
        self._journal.seconds.setdefault(kind, []).append(perf_counter() - begun)
        if response.status_code not in (expected or (200,)):
            raise ValueError(f"{method} {path}: {response.status_code} {response.text[:200]}")
        return response

    def _complain(self, what: str) -> None:
        self._journal.complaints.append(f"complaint: rater {self._person.number} {what}")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
