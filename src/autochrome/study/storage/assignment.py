"""What comes when and where in front of a rater: stages and slots in balance, and nothing to be foreseen.

Which unit comes next is a query (`Ledger.choose_unit`), for it depends on what others have judged. Whatever
is drawn comes from a generator keyed on the study's seed and its secret, the rater and the trial: who holds
the study's folder can follow it afterwards, and nobody else can foresee it.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

from autochrome.study.records import Stage


def keyed(seed: int, *key: object) -> Random:
    """A generator of its own for each key."""
    return Random("/".join(map(str, (seed, *key))))


def stages(practice: int, trials: int, vigilance: int, rng: Random) -> list[Stage]:
    """For what each of a rater's trials is: practice first, then the test with vigilance strewn into it.

    The test is cut into as many stretches as there are vigilance trials; each has one, at a place drawn for
    it.
    """
    length = trials + vigilance
    edges = [i * length // vigilance for i in range(vigilance + 1)] if vigilance else []
    watched = {rng.randrange(low, high) for low, high in pairwise(edges)}
    test = [Stage.VIGILANCE if place in watched else Stage.TEST for place in range(length)]
    return [Stage.PRACTICE] * practice + test


def choose_order(before: Counter[int], stock: Counter[int], rng: Random) -> tuple[int, ...]:
    """In which slot each version stands: ``order[slot]`` is the version's number.

    Args:
        before: how often the first version stood in each slot when this unit was shown to others.
        stock: how often the rater is still to see the first version in each slot; see `stock`.
        rng: draws the rest.

    Returns:
        The first version in the slot that it had least often in this unit, out of the rater's stock; equal
        slots are drawn in proportion to the stock, so that what the rater saw does not tell what follows.
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
    """How often a rater is still to see the first version in each slot.

    Over all ``trials`` of a stage each slot comes equally often; what does not divide is drawn, always alike
    if ``rng`` is keyed on rater and stage.
    """
    spread = Counter({slot: trials // slots for slot in range(slots)})
    spread.update(rng.sample(range(slots), trials % slots))
    return Counter({slot: spread[slot] - used[slot] for slot in range(slots)})
