"""Reliability of probabilities, temperature scaling, and ranks of the truth among samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from autochrome.metrics.reliability import (
    CONFIDENCE_EDGES,
    PROBABILITY_EDGES,
    TEMPERATURES,
    best_temperature,
    calibration_error,
    expected_coverage,
    loss_at,
    misplaced_mass,
    overconfidence,
    rank_histogram,
    rank_unevenness,
    reliability_curve,
    reliability_sums,
    temperature_losses,
    truth_coverage,
    truth_ranks,
)

EDGES = (0.0, 0.25, 0.5, 0.75, 1.0)


def test_sums_by_hand() -> None:
    probability = torch.tensor([0.1, 0.2, 0.25, 0.6, 1.0])
    happened = torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0])
    weight = torch.tensor([1.0, 1.0, 2.0, 4.0, 1.0])
    sums = reliability_sums(probability, happened, EDGES, weight)
    # .25 is the lower edge of the second bin, 1 the upper one of the last.
    assert torch.allclose(sums[0], torch.tensor([2.0, 2.0, 4.0, 1.0], dtype=torch.float64))
    assert torch.allclose(sums[1], torch.tensor([0.3, 0.5, 2.4, 1.0], dtype=torch.float64))
    assert torch.allclose(sums[2], torch.tensor([1.0, 0.0, 4.0, 1.0], dtype=torch.float64))
    curve = reliability_curve(sums)
    assert torch.allclose(curve[0], torch.tensor([0.15, 0.25, 0.6, 1.0], dtype=torch.float64))
    assert torch.allclose(curve[1], torch.tensor([0.5, 0.0, 1.0, 1.0], dtype=torch.float64))
    # |1 - .3| + |0 - .5| + |4 - 2.4| + 0, over the weights' 9.
    assert float(calibration_error(sums, sums)) == pytest.approx(2.8 / 9)
    assert float(overconfidence(sums)) == pytest.approx((4.2 - 6) / 9)
    assert bool(
        reliability_curve(reliability_sums(probability[:1], happened[:1], EDGES))[:, 1:].isnan().all()
    )


def test_a_calibrated_predictor_has_no_error(generator: torch.Generator) -> None:
    probability = torch.rand(400_000, generator=generator)
    happened = (torch.rand(400_000, generator=generator) < probability).float()
    sums = reliability_sums(probability, happened, CONFIDENCE_EDGES)
    # A bin's frequency has a standard error of at most .5 / sqrt(400,000 / 15) = .003.
    assert float(calibration_error(sums, sums)) < 0.003
    assert abs(float(overconfidence(sums))) < 0.003
    curve = reliability_curve(sums)
    assert torch.allclose(curve[0], curve[1], atol=0.015)


def test_an_overconfident_predictor_has_the_error_that_was_put_in(generator: torch.Generator) -> None:
    # It says p where p^2 is true: E[p - p^2] = 1/2 - 1/3, of one sign in every bin.
    probability = torch.rand(400_000, generator=generator)
    happened = (torch.rand(400_000, generator=generator) < probability.square()).float()
    sums = reliability_sums(probability, happened, CONFIDENCE_EDGES)
    assert float(calibration_error(sums, sums)) == pytest.approx(1 / 6, abs=0.003)
    assert float(overconfidence(sums)) == pytest.approx(1 / 6, abs=0.003)


def test_errors_of_both_signs_do_not_average_out() -> None:
    # Says .9 where half are true and .1 where half are: right on the average, wrong everywhere.
    probability = torch.tensor([0.9, 0.9, 0.1, 0.1])
    happened = torch.tensor([1.0, 0.0, 1.0, 0.0])
    sums = reliability_sums(probability, happened, EDGES)
    assert float(overconfidence(sums)) == pytest.approx(0, abs=1e-7)
    assert float(calibration_error(sums, sums)) == pytest.approx(0.4)


def test_misplaced_mass_is_the_distance_of_the_distributions() -> None:
    # One place, bins .7, .2 and .1, and the second is true: .8 of the mass is not where it should be.
    sums = reliability_sums(torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.0, 1.0, 0.0]), PROBABILITY_EDGES)
    assert float(misplaced_mass(sums, sums)) == pytest.approx(0.8)
    # With the truth shared as predicted there is none.
    same = torch.tensor([0.7, 0.2, 0.1])
    sums = reliability_sums(same, same, PROBABILITY_EDGES)
    assert float(misplaced_mass(sums, sums)) == pytest.approx(0)


def test_signs_that_others_tell_take_chance_away(generator: torch.Generator) -> None:
    def photos(power: float) -> torch.Tensor:
        probability = torch.rand(500, 60, generator=generator)
        happened = (torch.rand(500, 60, generator=generator) < probability**power).float()
        pairs = zip(probability, happened, strict=True)
        return torch.stack([reliability_sums(p, h, EDGES) for p, h in pairs])

    calibrated, too_sure = photos(1.0), photos(2.0)
    # Of 60 predictions chance alone makes an error of several per cent.
    assert float(calibration_error(calibrated, calibrated).mean()) > 0.05
    assert float(calibration_error(calibrated, calibrated.roll(1, 0)).mean()) == pytest.approx(0, abs=0.006)
    assert float(misplaced_mass(calibrated, calibrated.roll(1, 0)).mean()) == pytest.approx(0, abs=0.006)
    # Where many others tell the signs, 1/6 is found as before.
    signs = photos(2.0).sum(0).expand(500, -1, -1)
    assert float(calibration_error(too_sure, signs).mean()) == pytest.approx(1 / 6, abs=0.006)


def test_bins_of_probability_have_room_for_all() -> None:
    sums = reliability_sums(torch.tensor([0.0, 1e-9, 1.5e-6, 1.0]), torch.zeros(4), PROBABILITY_EDGES)
    assert sums[0, [0, 1, -1]].tolist() == [2, 1, 1]
    assert PROBABILITY_EDGES[1] == pytest.approx(1e-6)
    assert PROBABILITY_EDGES[-1] == 1


def test_losses_are_cross_entropies(generator: torch.Generator) -> None:
    logits = torch.randn(50, 7, generator=generator)
    events = torch.randint(7, (50, 1), generator=generator)
    weight = torch.rand(50, generator=generator)
    losses = temperature_losses(logits, events, torch.ones(50, 1), weight, (0.5, 1.0, 3.0))
    each = [
        torch.nn.functional.cross_entropy(logits / t, events[:, 0], reduction="none") for t in (0.5, 1.0, 3.0)
    ]
    expected = [float(loss @ weight) for loss in each]
    assert losses.tolist() == pytest.approx(expected, rel=1e-5)
    # A truth shared between two events costs the mean of both.
    both = torch.cat([events, (events + 1) % 7], 1)
    halves = torch.full((50, 2), 0.5)
    shared = temperature_losses(logits, both, halves, weight, (1.0,))
    apart = [
        temperature_losses(logits, both[:, k : k + 1], torch.ones(50, 1), weight, (1.0,)) for k in (0, 1)
    ]
    assert float(shared) == pytest.approx(float(apart[0] + apart[1]) / 2, rel=1e-5)


@pytest.mark.parametrize("truth", [0.6, 1.0, 1.9])
def test_the_temperature_that_was_put_in_is_found(truth: float, generator: torch.Generator) -> None:
    logits = 2 * torch.randn(60_000, 9, generator=generator)
    events = torch.multinomial((logits / truth).softmax(1), 1, generator=generator)
    losses = temperature_losses(logits, events, torch.ones(60_000, 1), torch.ones(60_000))
    found = best_temperature(losses)
    assert float(found) == pytest.approx(truth, rel=0.02)
    exact = temperature_losses(logits, events, torch.ones(60_000, 1), torch.ones(60_000), (float(found),))
    assert float(loss_at(losses, found)) == pytest.approx(float(exact), rel=3e-4)


def test_the_least_of_a_parabola_lies_between_the_temperatures() -> None:
    log_t = torch.tensor(TEMPERATURES, dtype=torch.float64).log()
    losses = torch.stack([(log_t - math.log(1.3)) ** 2, (log_t - math.log(0.41)) ** 2, -log_t, log_t])
    found = best_temperature(losses).tolist()
    # The last two fall and rise all the way: the ends come back.
    assert found == pytest.approx([1.3, 0.41, TEMPERATURES[-1], TEMPERATURES[0]])
    wanted = torch.tensor([1.0, 1.1, 2.3, 0.3], dtype=torch.float64)
    expected = [math.log(1.3) ** 2, math.log(1.1 / 0.41) ** 2, -math.log(2.3), math.log(0.3)]
    assert loss_at(losses, wanted).tolist() == pytest.approx(expected)


def test_ranks_by_hand(generator: torch.Generator) -> None:
    samples = torch.tensor([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [4.0, 4.0, 4.0]])
    truth = torch.tensor([0.5, 3.0, 9.0])
    ranks = truth_ranks(samples, truth, generator)
    assert ranks.tolist() == [0, 2, 3]
    histogram = rank_histogram(ranks, 3)
    assert histogram.tolist() == [1, 0, 1, 1]
    assert float(truth_coverage(histogram)) == pytest.approx(1 / 3)
    # Shares 1/3, 0, 1/3, 1/3 against 1/4 each: |1/12| three times and 1/4, half of the sum.
    assert float(rank_unevenness(histogram, histogram)) == pytest.approx(0.25)
    even = torch.full((4,), 2.0, dtype=torch.float64)
    assert float(rank_unevenness(even, even)) == 0
    # Another set in which the first rank alone is too frequent: + 1/12, - (1/12 + 1/12 - 1/4), halved.
    other = torch.tensor([9.0, 1.0, 1.0, 1.0], dtype=torch.float64)
    assert float(rank_unevenness(histogram, other)) == pytest.approx((1 / 12 + 1 / 4 - 1 / 6) / 2)


def test_equal_values_are_ranked_at_random(generator: torch.Generator) -> None:
    truth = torch.zeros(40_000)
    ranks = truth_ranks(torch.zeros(3, 40_000), truth, generator)
    shares = rank_histogram(ranks, 3) / 40_000
    assert torch.allclose(shares, torch.full((4,), 0.25, dtype=torch.float64), atol=0.01)


@pytest.mark.parametrize(("spread", "side"), [(1.0, 0), (0.5, -1), (2.0, 1)])
def test_exchangeable_samples_give_even_ranks(spread: float, side: int, generator: torch.Generator) -> None:
    samples = spread * torch.randn(8, 60_000, generator=generator)
    histogram = rank_histogram(truth_ranks(samples, torch.randn(60_000, generator=generator), generator), 8)
    covered, expected = float(truth_coverage(histogram)), expected_coverage(8)
    if side == 0:
        assert covered == pytest.approx(expected, abs=0.01)
        assert float(rank_unevenness(histogram, histogram)) < 0.01
    else:
        assert (
            np.sign(covered - expected) == side
        )  # narrow samples miss the truth, wide ones hold it too often
        assert float(rank_unevenness(histogram, histogram)) > 0.1
