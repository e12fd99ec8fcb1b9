from __future__ import annotations

import pytest

from autochrome.engine.recipe import ScheduleRecipe
from autochrome.engine.schedule import learning_rate_factor


def test_cosine_goes_from_one_over_the_middle_to_its_end() -> None:
    schedule = ScheduleRecipe("cosine", warmup=0, end=0.1)
    factors = [learning_rate_factor(step, 101, schedule) for step in range(101)]
    assert factors[0] == 1
    assert factors[50] == pytest.approx(0.55)
    assert factors[100] == pytest.approx(0.1)
    assert factors == sorted(factors, reverse=True)


def test_step_drops_after_every_so_many_steps() -> None:
    # The released solver.prototxt: x 0.1 after each 225,000 steps.
    schedule = ScheduleRecipe("step", warmup=0, every=225_000, factor=0.1)
    found = [learning_rate_factor(s, 500_000, schedule) for s in (0, 224_999, 225_000, 449_999, 450_000)]
    assert found == pytest.approx([1, 1, 0.1, 0.1, 0.01])


def test_drops_at_given_steps() -> None:
    schedule = ScheduleRecipe("step", warmup=0, every=1, at=(10, 15), factor=0.1)
    rates = [learning_rate_factor(step, 20, schedule) for step in (0, 9, 10, 14, 15, 19)]
    assert rates == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_warmup_is_linear_and_ends_at_its_last_step() -> None:
    schedule = ScheduleRecipe("constant", warmup=4)
    assert [learning_rate_factor(s, 10, schedule) for s in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]


@pytest.mark.parametrize("kind", ["cosine", "constant", "step"])
def test_a_single_step_is_taken_at_full_rate(kind: str) -> None:
    assert learning_rate_factor(0, 1, ScheduleRecipe(kind, warmup=0)) == 1  # type: ignore[arg-type]
