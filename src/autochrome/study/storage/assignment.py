"""The order of a rater's stages and slots: balanced, and not predictable.

Which unit comes next is a query (`Ledger.choose_unit`), since it depends on what others have judged. Random
choices are keyed on the study's seed and secret, the rater and the trial: whoever has the study's folder can
reproduce them, and nobody else can predict them.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

from autochrome.study.records import Stage


def keyed(seed: int, *key: object) -> Random:
    """Return a random generator that depends only on the seed and the key."""
    return Random("/".join(map(str, (seed, *key))))


def stages(practice: int, trials: int, vigilance: int, rng: Random) -> list[Stage]:
    """Return the stage of each of a rater's trials: practice, then the test with vigilance trials among it.

    The test is divided into as many stretches as there are vigilance trials; each has one, at a random place.
    """
    length = trials + vigilance
    edges = [i * length // vigilance for i in range(vigilance + 1)] if vigilance else []
    watched = {rng.randrange(low, high) for low, high in pairwise(edges)}
    test = [Stage.VIGILANCE if place in watched else Stage.TEST for place in range(length)]
    return [Stage.PRACTICE] * practice + test


def choose_order(before: Counter[int], stock: Counter[int], rng: Random) -> tuple[int, ...]:
    """Choose the slot of each version: ``order[slot]`` is the version's index.

    The first version goes into the slot of the rater's `stock` where it was least often ``before``, when this
    unit was shown to others. Ties are drawn in proportion to the stock, so that what the rater has seen does
    not reveal what follows. The other versions are in random order.
    """
    possible = [slot for slot in stock if stock[slot] > 0]
    least = min(before[slot] for slot in possible)
    places = [slot for slot in possible if before[slot] == least]
    place = rng.choices(places, [stock[slot] for slot in places])[0]
    others = list(range(1, len(stock)))
    rng.shuffle(others)
    others.insert(place, 0)
    return tuple(others)


def stock(slots: int, trials: int, used: Counter[int], rng: Random) -> Counter[int]:
    """Count how often a rater is still to see the first version in each slot.

    Over all ``trials`` of a stage each slot comes equally often; the remainder is drawn, always in the same
    way if ``rng`` is keyed on rater and stage.
    """
    spread = Counter({slot: trials // slots for slot in range(slots)})
    spread.update(rng.sample(range(slots), trials % slots))
    return Counter({slot: spread[slot] - used[slot] for slot in range(slots)})
