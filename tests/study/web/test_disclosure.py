"""What a browser receives before the vote does not tell which picture is the true one.

Everything but the pixels is looked at: JSON, addresses, headers, lengths, the chunks of the PNG, pages. Most
of it is the same for all pictures, byte by byte. What must differ is random, and raters who vote by it alone
are right as often as by tossing a coin. Times are not looked at.
"""

from __future__ import annotations

import random
import re
import secrets
import struct
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from scipy.stats import binom

from autochrome.study.records import TRUTH, Stage
from autochrome.study.storage.store import Study
from tests.study.web.attacker import Somebody, application

Build = Callable[..., Study]
RATERS, TRIALS = 16, 10
KINDS = [
    ("pictures' order", lambda seen: seen.names[0] < seen.names[1]),
    ("reversed names' order", lambda seen: seen.names[0][::-1] < seen.names[1][::-1]),
    ("a byte of the trial", lambda seen: seen.described["trial"][0] < "a"),
    ("the last byte of the trial", lambda seen: seen.described["trial"][-1] < "V"),
    ("the checksum of the trial", lambda seen: crc32(seen.described["trial"].encode()) % 2 == 0),
    ("the checksum of the first name", lambda seen: crc32(seen.names[0].encode()) % 2 == 0),
    ("the number", lambda seen: seen.described["number"] % 2 == 0),
    ("half of the number", lambda seen: seen.described["number"] // 2 % 2 == 0),
    ("the half", lambda seen: seen.described["number"] <= TRIALS // 2),
    ("always the first", lambda seen: True),
]


@dataclass(frozen=True)
class Seen:
    """A trial as a browser receives it, and what it is not told: the stage, and the true picture's slot."""

    described: dict[str, Any]
    heads: list[list[tuple[str, str]]]
    contents: list[bytes]
    stage: Stage
    true_slot: int

    @property
    def names(self) -> list[str]:
        """Addresses of the pictures without what the trial's id says."""
        return [address.rpartition(".")[2] for address in self.described["pictures"]]


def watch(study: Study, raters: int) -> Iterator[Seen]:
    """Whole sessions, each trial as it is before its vote."""
    app = application(study)
    for _ in range(raters):
        somebody = Somebody.enrolled(app)
        with somebody.client:  # keeps one loop, which is quicker
            yield from session(study, somebody)


def session(study: Study, somebody: Somebody) -> Iterator[Seen]:
    rater = study.rater(somebody.token)
    assert rater is not None
    while not (described := somebody.trial()).get("done"):
        answers = [somebody.client.get(address) for address in described["pictures"]]
        trial = study.open_trial(rater, described["trial"])
        assert trial is not None
        yield Seen(
            described,
            [list(answer.headers.multi_items()) for answer in answers],
            [answer.content for answer in answers],
            trial.unit.stage,
            next((slot for slot in range(len(trial.order)) if trial.shown(slot) == TRUTH), 0),
        )
        assert somebody.vote(described).status_code == 200


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Seen]]:
    """Trials of a two-afc study of two systems: two for practice and a check of attention among them.

    What the study draws at random comes from a seed here, so that every run of the tests sees the same.
    """
    from autochrome.study.storage.building import build_study
    from tests.study.load.run import Load, draw_study

    rng = random.Random(2016)
    folder = tmp_path_factory.mktemp("disclosure")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "token_bytes", lambda count=32: rng.randbytes(count))
        patch.setattr(secrets, "token_hex", lambda count=32: rng.randbytes(count).hex())
        patch.setattr(
            secrets,
            "token_urlsafe",
            lambda count=32: urlsafe_b64encode(rng.randbytes(count)).rstrip(b"=").decode(),
        )
        load = Load(raters=RATERS, trials=TRIALS, size=24)
        with build_study(draw_study(load, folder / "drawn"), folder / "study") as study:
            yield list(watch(study, RATERS))


def test_enough_was_seen(seen: list[Seen]) -> None:
    assert len(seen) == RATERS * (TRIALS + 3)
    stages = [each.stage for each in seen]
    assert (stages.count(Stage.PRACTICE), stages.count(Stage.VIGILANCE)) == (2 * RATERS, RATERS)
    assert 0 < sum(each.true_slot for each in seen) < len(seen)


def test_heads_of_pictures_are_all_the_same(seen: list[Seen]) -> None:
    heads = {tuple(head) for each in seen for head in each.heads}
    (head,) = heads
    names = [name for name, _ in head]
    assert names[:3] == ["cache-control", "content-length", "content-type"]
    for telling in (
        "etag",
        "last-modified",
        "content-disposition",
        "content-location",
        "age",
        "accept-ranges",
    ):
        assert telling not in names


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def test_files_differ_in_their_pixels_alone(seen: list[Seen]) -> None:
    forms = set()
    for each in seen:
        for content in each.contents:
            parts = list(chunks(content))
            zlib_head = next(body[:2] for name, body in parts if name == b"IDAT")
            forms.add((*((name, len(body)) for name, body in parts), parts[0][1], zlib_head, len(content)))
    (form,) = forms
    assert [part[0] for part in form[:-3]] == [b"IHDR", b"IDAT", b"IEND"]


def test_what_is_said_of_trials_differs_in_random_words_alone(seen: list[Seen]) -> None:
    plain = set()
    for each in seen:
        said = {
            key: value for key, value in each.described.items() if key not in ("trial", "number", "pictures")
        }
        plain.add((each.stage is Stage.PRACTICE, repr(said)))
        assert re.fullmatch(r"[\w-]{22}", each.described["trial"])
        for slot, address in enumerate(each.described["pictures"]):
            assert re.fullmatch(rf"/media/{each.described['trial']}\.{slot}\.[\w-]{{24}}", address)
    assert len(plain) == 2, "practice says that it is practice; a check of attention looks like a test"
    words = [word for each in seen for word in (each.described["trial"], *each.names)]
    assert len(set(words)) == len(words), "none comes twice"


@pytest.mark.parametrize(("what", "rule"), KINDS, ids=[what for what, _ in KINDS])
def test_raters_who_go_by_anything_but_pixels_toss_a_coin(
    what: str, rule: Callable[[Seen], bool], seen: list[Seen]
) -> None:
    """Within the central 99.9% of a binomial of 1/2; 62 hits in 100 would be outside."""
    right = sum(rule(each) == (each.true_slot == 0) for each in seen)
    low, high = binom.interval(0.999, len(seen), 0.5)
    assert low <= right <= high, f"{what}: {right} of {len(seen)}"
    assert high < 0.62 * len(seen)


def test_no_bit_of_the_random_words_tells(seen: list[Seen]) -> None:
    """Every bit of the trial's id and of both names, as a rater who votes by it: all within what so many
    coins give together (99.9%, by Bonferroni)."""
    words = np.array([list((each.described["trial"] + "".join(each.names)).encode()) for each in seen])
    bits = np.unpackbits(words.astype(np.uint8), axis=1)
    first = np.array([each.true_slot == 0 for each in seen])
    varying = bits[:, (bits.min(0) == 0) & (bits.max(0) == 1)]
    assert varying.shape[1] > 200
    # Characters of base64 have uneven bits, so hits are compared with what the two shares alone would give.
    agree = (varying == first[:, None]).sum(0)
    share, truth = varying.mean(0), first.mean()
    chance = share * truth + (1 - share) * (1 - truth)
    low, high = binom.interval(1 - 0.001 / varying.shape[1], len(seen), chance)
    assert ((low <= agree) & (agree <= high)).all()


def test_asking_in_other_ways_tells_nothing_more(small_study: Build) -> None:
    study = small_study("turing")
    rater = Somebody.enrolled(application(study))
    trial = rater.trial()
    plain = [rater.client.get(address) for address in trial["pictures"]]
    for asked in (
        {"range": "bytes=0-10"},
        {"if-none-match": "*"},
        {"if-modified-since": "Sat, 01 Jan 2050 00:00:00 GMT"},
        {"accept-encoding": "gzip, br, zstd"},
        {"accept": "text/html"},
        {"te": "trailers"},
    ):
        for address, expected in zip(trial["pictures"], plain, strict=True):
            answer = rater.client.get(address, headers=asked)
            assert (answer.status_code, answer.content) == (200, expected.content), asked
            assert answer.headers == expected.headers, asked
    assert len({len(answer.content) for answer in plain}) == 1


def test_the_page_is_the_same_for_all_trials(small_study: Build) -> None:
    study = small_study("turing")
    somebody = Somebody.enrolled(application(study))
    pages = {somebody.client.get("/trial").content for _ in session(study, somebody)}
    assert len(pages) == 1


def test_the_answer_to_a_vote_is_the_same_for_a_check_of_attention(small_study: Build) -> None:
    study = small_study("turing", vigilance=2)
    rater = Somebody.enrolled(application(study))
    said = set()
    while not (trial := rater.trial()).get("done"):
        answer = rater.vote(trial)
        said.add((answer.status_code, answer.text, tuple(answer.headers.multi_items())))
    assert len(said) == 1
    assert '"feedback":null' in next(iter(said))[1]


@pytest.mark.parametrize("protocol", ["questionnaire", "preference"])
def test_the_other_protocols_tell_no_more(protocol: str, small_study: Build) -> None:
    study = small_study(protocol)
    found = list(watch(study, 3))
    assert len({tuple(head) for each in found for head in each.heads}) == 1
    assert len({len(content) for each in found for content in each.contents}) == 1
    names = ("good", "fair", "poor", "bad", TRUTH, "random", "vigilance")
    for each in found:
        said = repr({key: value for key, value in each.described.items() if key not in ("trial", "pictures")})
        assert not [name for name in names if f"'{name}'" in said]
    if protocol == "questionnaire":
        assert len({each.true_slot for each in found}) > 1, "the true photo has no place of its own"
