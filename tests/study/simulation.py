"""Simulated raters with known rates: they try the statistics, plan a study and load the server.

A rater takes a picture for the true one with a probability that is logistic in the system, the photo and the
rater: some photos are easy whoever paints them, some raters see more. The rates of a `Crowd` are those over
new photos and new attentive raters, whatever its other settings; its intercepts are solved for that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float, Int

from autochrome.study.records import RANDOM, TRUTH, Judgment, Protocol, Stage, Trial, Vote
from autochrome.study.statistics.columns import Columns
from autochrome.study.statistics.power import Question

PICTURE_SD = 0.5
"""Standard deviation of a photo's logit. With 5 raters a photo it makes a design effect of 1.2, which is that
of PixColor's printed errors (`autochrome.study.statistics.published`)."""
_NORMAL = NormalDist()
_VIGILANCE_PICTURES = 40
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(80)


@dataclass(frozen=True)
class Crowd:
    """Photos and raters that votes are drawn from.

    Attributes:
        rates: of each version, the share of votes that take it for true (questionnaire: that do not mark it).
            In a preference, the system of the higher rate is the better one. An oracle's second phase
            needs a rate for NAME.oracle.
        picture_sd: spread of the logit over photos.
        shared: share of that variance that all systems have in common: photos that are easy for any.
        rater_sd: spread of the logit over raters: their skill.
        first_bias: added to the logit of what is shown first, taken from what is shown second.
        lapse: share of answers that are given by chance.
        inattentive: share of raters who answer everything by chance; they are outside of the rates.
        caught: share of random-color pictures that an attentive rater recognizes (CIC: 96%).
    """

    rates: Mapping[str, float]
    picture_sd: float = PICTURE_SD
    shared: float = 0.5
    rater_sd: float = 0.3
    first_bias: float = 0.0
    lapse: float = 0.0
    inattentive: float = 0.0
    caught: float = 0.96

    @cached_property
    def _solved(self) -> dict[str, float]:
        return {}

    def intercept(self, name: str) -> float:
        """Logit of a version, for an average photo and rater, that gives its rate."""
        if name not in self._solved:
            rates = {RANDOM: 1 - self.caught, **self.rates}
            if name not in rates:
                raise ValueError(f"the crowd has no rate for {name}; it has {', '.join(self.rates)}")
            self._solved[name] = self._solve(name, rates[name])
        return self._solved[name]

    def _solve(self, name: str, rate: float) -> float:
        from scipy.optimize import root_scalar

        least = self.lapse / 2
        if not least < rate < 1 - least:
            raise ValueError(
                f"raters who lapse on {self.lapse:.0%} of trials cannot take {name} for true at a rate of"
                f" {rate:.3f}; give one between {least:.3f} and {1 - least:.3f}"
            )
        sd = float(np.hypot(self.picture_sd, self.rater_sd))

        def excess(intercept: float) -> float:
            sides = [self._mean(np.array([intercept + sign * self.first_bias]), sd)[0] for sign in (-1, 1)]
            return float(np.mean(sides)) - rate

        return float(root_scalar(excess, bracket=(-40, 40)).root)

    def _mean(self, middle: Float[np.ndarray, "*s"], sd: float) -> Float[np.ndarray, "*s"]:
        """Rate over normal effects of a standard deviation, by Gauss-Hermite quadrature."""
        rates = self.rate_at(middle[..., None] + sd * _NODES)
        return (rates * _WEIGHTS).sum(-1) / _WEIGHTS.sum()

    def variance_over_pictures(self, system: str) -> float:
        """Variance over photos of the rate of an average rater, to whom nothing is shown first."""
        rates = self.rate_at(self.intercept(system) + self.picture_sd * _NODES)
        weights = _WEIGHTS / _WEIGHTS.sum()
        return float((weights * rates**2).sum() - (weights * rates).sum() ** 2)

    def rate_at(self, logit: Float[np.ndarray, "*s"]) -> Float[np.ndarray, "*s"]:
        """Share of answers at a logit that take the picture for true, lapses included."""
        from scipy.special import expit

        return self.lapse / 2 + (1 - self.lapse) * expit(logit)

    def draw(self, layout: Layout, studies: int, generator: np.random.Generator) -> Drawn:
        """Votes of attentive raters in so many studies of one layout."""
        common, own = np.sqrt(self.shared) * self.picture_sd, np.sqrt(1 - self.shared) * self.picture_sd
        of_picture = common * generator.standard_normal((studies, layout.pictures, 1))
        of_picture = of_picture + own * generator.standard_normal(
            (studies, layout.pictures, len(layout.systems))
        )
        of_rater = self.rater_sd * generator.standard_normal((studies, layout.raters))
        bias = np.where(layout.first, self.first_bias, -self.first_bias)
        middle = np.array([self.intercept(name) for name in layout.systems])[layout.system]
        logit = middle + bias + of_picture[:, layout.picture, layout.system] + of_rater[:, layout.rater]
        success = generator.random(logit.shape) < self.rate_at(logit)
        return Drawn(success.astype(float), of_rater)

    def rates_by(
        self, system: str, of_rater: Float[np.ndarray, "studies raters"]
    ) -> Float[np.ndarray, "studies raters"]:
        """Rates of given raters over new photos, half of them shown first."""
        middle = self.intercept(system) + of_rater
        sides = [self._mean(middle + sign * self.first_bias, self.picture_sd) for sign in (-1, 1)]
        return (sides[0] + sides[1]) / 2


@dataclass(frozen=True, eq=False)
class Layout:
    """Who judges what: entry k of every array belongs to vote k.

    Attributes:
        picture, rater, system: numbers from 0.
        first: the version stands in the first slot.
        systems: their names.
    """

    picture: Int[np.ndarray, " votes"]
    rater: Int[np.ndarray, " votes"]
    system: Int[np.ndarray, " votes"]
    first: Bool[np.ndarray, " votes"]
    systems: tuple[str, ...]

    @property
    def pictures(self) -> int:
        """How many photos there are."""
        return int(self.picture.max()) + 1

    @property
    def raters(self) -> int:
        """How many raters there are."""
        return int(self.rater.max()) + 1


@dataclass(frozen=True, eq=False)
class Drawn:
    """Votes that were drawn (1: taken for true), and the raters' effects behind them."""

    success: Float[np.ndarray, "studies votes"]
    of_rater: Float[np.ndarray, "studies raters"]

    def columns(self, layout: Layout, votes: Bool[np.ndarray, " votes"]) -> list[Columns]:
        """Some of the votes of each study as columns."""
        return [Columns(row, layout.picture[votes], layout.rater[votes]) for row in self.success[:, votes]]


def pairs_layout(
    systems: tuple[str, ...], *, pictures: int, raters: int, trials: int, seed: int = 0
) -> Layout:
    """Every system judged by ``raters`` raters on every photo; each rater sees ``trials`` photos, each once.

    A rater's systems alternate, as the server deals them.
    """
    generator = np.random.default_rng(seed)
    kinds = len(systems)
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    of_round = -(-pictures // trials)
    for number in range(kinds * raters):
        # A round shows every photo once, with system (photo + round) mod kinds: neighbors have all systems.
        blocks = [np.arange(a, min(a + kinds, pictures)) for a in range(0, pictures, kinds)]
        order = np.concatenate(
            [generator.permutation(blocks[index]) for index in generator.permutation(len(blocks))]
        )
        rater = number * of_round + np.arange(pictures) // trials
        parts.append((order, rater, (order + number) % kinds))
    picture, rater, system = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Layout(picture, rater, system, generator.random(len(picture)) < 0.5, systems)


def questionnaire_layout(systems: tuple[str, ...], *, questions: int, raters: int, seed: int = 0) -> Layout:
    """Every rater judges every version of every photo, the true ones among them."""
    generator = np.random.default_rng(seed)
    versions = (TRUTH, *systems)
    shape = (raters, questions, len(versions))
    rater, picture, system = (index.ravel() for index in np.indices(shape))
    slots = generator.permuted(np.broadcast_to(np.arange(len(versions)), shape), axis=2)
    return Layout(picture, rater, system, slots.ravel() == 0, versions)


def simulate(crowd: Crowd, layout: Layout, *, vigilance: int = 0, seed: int = 0) -> list[Judgment]:
    """Verdicts of one study, inattentive raters and vigilance trials included.

    Args:
        crowd: who votes, and how.
        layout: who judges what.
        vigilance: trials with random colors of each rater.
        seed: of all draws.
    """
    generator = np.random.default_rng(seed)
    success = crowd.draw(layout, 1, generator).success[0] > 0
    asleep = generator.random(layout.raters) < crowd.inattentive
    by_chance = generator.random(len(success)) < 0.5
    success = np.where(asleep[layout.rater], by_chance, success)
    found = [
        Judgment(
            rater=int(layout.rater[k]) + 1,
            picture=f"picture{layout.picture[k]:05d}",
            system=layout.systems[layout.system[k]],
            success=bool(success[k]),
            first=bool(layout.first[k]),
        )
        for k in range(len(success))
    ]
    fooled = generator.random((layout.raters, vigilance)) < np.where(asleep, 0.5, 1 - crowd.caught)[:, None]
    first = generator.random((layout.raters, vigilance)) < 0.5
    for rater, trial in np.ndindex(layout.raters, vigilance):
        name = f"vigilance{(rater * vigilance + trial) % _VIGILANCE_PICTURES:02d}"
        seen, taken = bool(first[rater, trial]), bool(fooled[rater, trial])
        found.append(Judgment(rater + 1, name, RANDOM, taken, Stage.VIGILANCE, first=seen))
    return found


def simulate_preferences(
    crowd: Crowd, *, pictures: int, raters: int, trials: int, seed: int = 0
) -> list[Judgment]:
    """Verdicts of a preference study of all pairs of a crowd's systems: ``raters`` votes a photo and pair."""
    pairs = list(combinations(crowd.rates, 2))
    names = tuple(str(number) for number in range(len(pairs)))
    layout = pairs_layout(names, pictures=pictures, raters=raters, trials=trials, seed=seed)
    found = []
    for k in range(len(layout.picture)):
        system, rival = pairs[layout.system[k]]
        picture, rater = f"picture{layout.picture[k]:05d}", int(layout.rater[k]) + 1
        first = bool(layout.first[k])
        person = SimulatedRater(crowd, rater, seed)
        preferred = person.prefers(picture, system, rival, first=first)
        found.append(Judgment(rater, picture, system, preferred, rival=rival, first=first))
    return found


@dataclass(frozen=True)
class SimulatedRater:
    """One rater of a crowd, who can answer the trials of a real study.

    The same seed, number and trial give the same vote, in whichever process and order.

    Attributes:
        crowd: who they are one of.
        number: which one.
        seed: of the crowd.
        exposure_ms: for how long they say that each picture was shown; 0 where it is not timed.
        slip: share of trials whose display they say was not as designed.
    """

    crowd: Crowd
    number: int
    seed: int = 0
    exposure_ms: float = 1000.0
    slip: float = 0.0

    @property
    def inattentive(self) -> bool:
        """Answers by chance alone."""
        return self._chance("asleep") < self.crowd.inattentive

    def answer(self, protocol: Protocol, trial: Trial) -> Vote:
        """The vote on a trial of any protocol."""
        versions, picture = trial.unit.versions, trial.unit.picture
        first = trial.order[0]
        if protocol is Protocol.QUESTIONNAIRE:
            poor = [
                slot
                for slot in range(len(versions))
                if not self.takes_for_true(picture, trial.shown(slot), first=slot == 0)
            ]
            return self._vote(trial, tuple(poor))
        if protocol is Protocol.PREFERENCE:
            wins = self.prefers(picture, versions[0], versions[1], first=first == 0)
            return self._vote(trial, (trial.order.index(0 if wins else 1),))
        fooled = self.takes_for_true(picture, versions[1], first=first == 1)
        named = fooled if protocol is Protocol.TURING else not fooled
        return self._vote(trial, (trial.order.index(1 if named else 0),))

    def takes_for_true(self, picture: str, system: str, *, first: bool) -> bool:
        """Take a version of a photo for the true one, or not."""
        bias = self.crowd.first_bias if first else -self.crowd.first_bias
        skill = self.crowd.rater_sd * self._normal("skill", self.number)
        return self._decide(self._quality(picture, system) + skill + bias, "true", picture, system)

    def prefers(self, picture: str, system: str, rival: str, *, first: bool) -> bool:
        """Prefer a system's version of a photo to its rival's, or not."""
        bias = self.crowd.first_bias if first else -self.crowd.first_bias
        better = self._quality(picture, system) - self._quality(picture, rival)
        return self._decide(better + bias, "better", picture, system, rival)

    def _quality(self, picture: str, system: str) -> float:
        crowd = self.crowd
        common = np.sqrt(crowd.shared) * self._normal("picture", picture)
        own = np.sqrt(1 - crowd.shared) * self._normal("picture", picture, system)
        return crowd.intercept(system) + crowd.picture_sd * float(common + own)

    def _decide(self, logit: float, *key: str) -> bool:
        rate = 0.5 if self.inattentive else float(self.crowd.rate_at(np.array([logit]))[0])
        return self._chance(*key) < rate

    def _vote(self, trial: Trial, chosen: tuple[int, ...]) -> Vote:
        slipped = self._chance("slip", trial.unit.id) < self.slip
        shown = self.exposure_ms + (500.0 if slipped else 0.0)
        timed = (shown,) * len(trial.order) if self.exposure_ms else ()
        return Vote(chosen, timed, 300.0 + 1200.0 * self._chance("haste", trial.unit.id), slipped)

    def _chance(self, *key: str | int) -> float:
        """Uniform in (0, 1), of this rater alone."""
        return _uniform(self.seed, "rater", self.number, *key)

    def _normal(self, *key: str | int) -> float:
        return _NORMAL.inv_cdf(_uniform(self.seed, *key))


def _uniform(*key: str | int) -> float:
    """A number in (0, 1) that depends on the key alone."""
    bits = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:6], "big")
    return (bits + 0.5) / 2**48


def simulated_power(
    question: Question, raters: int, pictures: int, *, studies: int = 1000, seed: int = 0
) -> float:
    """Share of simulated studies that find the difference, by the t test over pictures.

    Raters differ by nothing but chance, as in the formula; pictures' effects are logistic.
    """
    from scipy import stats

    rates = {"system": question.rate, "rival": question.rate + question.difference}
    # One spread serves both systems: that of the mean of their rates.
    spread = picture_sd(sum(rates.values()) / 2, question.correlation)
    crowd = Crowd(rates, picture_sd=spread, shared=question.shared if question.paired else 0.0, rater_sd=0.0)
    layout = pairs_layout(tuple(rates), pictures=pictures, raters=raters, trials=pictures, seed=seed)
    drawn = crowd.draw(layout, studies, np.random.default_rng(seed))
    shares = []
    for number in range(2):
        own = drawn.columns(layout, layout.system == number)
        shares.append(np.stack([np.bincount(study.picture, study.success) for study in own]) / raters)
    test = stats.ttest_rel if question.paired else stats.ttest_ind
    _, p = test(*shares, axis=1)
    return float(np.mean(np.asarray(p) < question.alpha))


def picture_sd(rate: float, correlation: float) -> float:
    """Standard deviation of the logit over pictures that gives two votes on one picture a correlation."""
    from scipy.optimize import root_scalar

    if correlation == 0:
        return 0.0

    def excess(sd: float) -> float:
        return vote_correlation(rate, sd) - correlation

    return float(root_scalar(excess, bracket=(1e-6, 20)).root)


def vote_correlation(rate: float, picture_sd: float) -> float:
    """Correlation of two votes on one picture whose logit has a standard deviation over pictures."""
    crowd = Crowd({"system": rate}, picture_sd=picture_sd, rater_sd=0.0)
    return crowd.variance_over_pictures("system") / (rate * (1 - rate))
