"""How often the study's 95% intervals contain the truth, in simulated studies of the papers' sizes.

    python -m tests.study.statistics.coverage [--studies 1000] [--seed 0]

Every study draws new photos and new raters whose true rates are known (`tests.study.simulation`) and is
evaluated by the same code as a real one. "New" photos and raters: the truth is the rate over the populations
that both were drawn from. "The same raters": the truth is the rate of this study's raters over new photos. Of
1000 intervals that contain the truth with a probability of 95%, 93.6-96.4% do so (two standard errors).

Prints Markdown, with the forms that we do not recommend beside those that we do, for comparison.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from scipy import stats

from autochrome.evaluation.markdown import markdown_table
from autochrome.study.records import TRUTH
from autochrome.study.statistics.columns import Columns, cluster_sums
from autochrome.study.statistics.comparisons import measure_difference, sign_flip
from autochrome.study.statistics.intervals import Bootstrap, Bounds, Interval
from autochrome.study.statistics.published import CAO_GENERATED, CAO_TRUE, CIC_TABLE_1, PIXCOLOR_FIGURE_6
from autochrome.study.statistics.questionnaire import crossed_interval
from autochrome.study.statistics.rates import rate_of
from tests.study.simulation import Crowd, Drawn, Layout, pairs_layout, questionnaire_layout
from tests.study.statistics.recomputed import CAO_QUESTIONS, CAO_RATERS, CAO_VERSIONS

BATCH = 250
TWO_STAGE_REPLICATES = 300
FLIPS = 999
NEW, SAME = "new photos, new raters", "new photos, the same raters"


@dataclass(frozen=True)
class Setting:
    """Studies of one kind."""

    name: str
    crowd: Crowd
    layout: Layout


@dataclass(frozen=True)
class Row:
    """An interval's record over all studies of a setting."""

    setting: str
    figure: str
    truth: str
    method: str
    coverage: float
    width: float


@dataclass(frozen=True)
class Found:
    """One study's interval of one figure, and the true value."""

    figure: str
    truth: str
    method: str
    bounds: Bounds
    aim: float


def pairs_setting(
    name: str, rates: dict[str, float], pictures: int, raters: int, trials: int, *, rater_sd: float
) -> Setting:
    """Studies in which one generated picture at a time is judged."""
    layout = pairs_layout(tuple(rates), pictures=pictures, raters=raters, trials=trials)
    count = len(np.unique(layout.rater))
    title = (
        f"{name}: {pictures} photos x {raters} raters, {trials} trials each ({count} raters, sd {rater_sd:g})"
    )
    return Setting(title, Crowd(rates, rater_sd=rater_sd), layout)


def settings() -> list[Setting]:
    """Studies of the papers' sizes, and two that are harder."""
    pixcolor = {row.name: row.rate / 100 for row in PIXCOLOR_FIGURE_6[:4]}
    cic = {row.name: row.rate / 100 for row in CIC_TABLE_1}
    found = [
        pairs_setting("PixColor", pixcolor, 500, 5, 50, rater_sd=0.3),
        pairs_setting("PixColor", pixcolor, 500, 5, 50, rater_sd=0.6),
        pairs_setting("CIC", cic, 250, 10, 40, rater_sd=0.3),
        pairs_setting("One system", {"A": 0.333}, 500, 5, 50, rater_sd=0.0),
        pairs_setting("One system", {"A": 0.333}, 500, 5, 50, rater_sd=0.3),
        pairs_setting("One system", {"A": 0.333}, 500, 5, 50, rater_sd=0.6),
        pairs_setting("Small", {"A": 0.333, "B": 0.25}, 40, 5, 20, rater_sd=0.3),
    ]
    made = [f"sample {k + 1}" for k in range(CAO_VERSIONS)]
    rates = {TRUTH: CAO_TRUE / 100} | dict.fromkeys(made, CAO_GENERATED / 100)
    layout = questionnaire_layout(tuple(made), questions=CAO_QUESTIONS, raters=CAO_RATERS)
    whole = pairs_setting("PixColor", pixcolor, 500, 5, 50, rater_sd=0.3)
    found.append(
        Setting(f"A third of the votes missing; {whole.name}", whole.crowd, thinned(whole.layout, 0.33))
    )
    for rater_sd in (0.3, 0.6):
        # On the logit's scale 1 from photo to photo makes percentages with Cao's deviation of some 19 points.
        crowd = Crowd(rates, picture_sd=1.0, rater_sd=rater_sd)
        found.append(Setting(f"Cao: 20 photos x 5 versions x 80 raters (sd {rater_sd:g})", crowd, layout))
    return found


def thinned(layout: Layout, share: float) -> Layout:
    """A layout without a share of its votes, at random: photos have unequal numbers of them."""
    kept = np.random.default_rng(0).random(len(layout.picture)) >= share
    parts = (layout.picture, layout.rater, layout.system, layout.first)
    picture, rater, system, first = (part[kept] for part in parts)
    return Layout(picture, rater, system, first, layout.systems)


def ends(interval: Interval) -> Bounds:
    """An interval's ends."""
    return interval.low, interval.high


def of_rate(name: str, columns: Columns, aim: float, own: float, seed: int) -> Iterator[Found]:
    """Intervals of one system's rate. ``own``: the rate of the study's raters."""
    found = rate_of(name, columns, Bootstrap(seed=seed))
    nested = two_stage(columns, seed)
    yield Found(name, NEW, "pictures and raters, t", ends(found.interval), aim)
    yield Found(name, NEW, "bootstrap over pictures", ends(found.over_pictures), aim)
    yield Found(name, NEW, "binomial (CIC)", ends(found.binomial), aim)
    yield Found(name, NEW, "two-stage bootstrap", nested, aim)
    yield Found(name, SAME, "bootstrap over pictures", ends(found.over_pictures), own)
    yield Found(name, SAME, "two-stage bootstrap", nested, own)


def two_stage(columns: Columns, seed: int) -> Bounds:
    """Percentile bootstrap over pictures, then over the votes on each: what we decided against."""
    generator = np.random.default_rng(seed)
    above = cluster_sums(columns.success, columns.picture)
    votes = np.bincount(columns.picture)
    drawn = generator.integers(0, len(above), (TWO_STAGE_REPLICATES, len(above)))
    again = generator.binomial(votes[drawn], (above / votes)[drawn]).sum(1) / votes[drawn].sum(1)
    low, high = np.quantile(again, [0.025, 0.975]).tolist()
    return low, high


def of_difference(name: str, columns: Columns, second: np.ndarray, aim: float, seed: int) -> Iterator[Found]:
    """Intervals of the difference of two rates."""
    found = measure_difference(columns, second, Bootstrap(seed=seed))
    yield Found(name, NEW, "pictures and raters, t", ends(found.interval), aim)
    yield Found(name, NEW, "bootstrap over pictures", ends(found.over_pictures), aim)


def batch_of_pairs(setting: Setting, drawn: Drawn, seed: int) -> Iterator[Found]:
    """The last system's rate, and its difference from the first, in each study."""
    layout, crowd = setting.layout, setting.crowd
    last = len(layout.systems) - 1
    name, first = layout.systems[last], layout.systems[0]
    votes = layout.system == last
    raters, counts = np.unique(layout.rater[votes], return_counts=True)
    own = crowd.rates_by(name, drawn.of_rater[:, raters]) @ counts / counts.sum()
    rate, gap = crowd.rates[name], crowd.rates[name] - crowd.rates[first]
    for study, columns in enumerate(drawn.columns(layout, votes)):
        yield from of_rate(f"rate {rate:.1%}", columns, rate, own[study], seed)
    if last:
        both = np.intersect1d(layout.picture[votes], layout.picture[layout.system == 0])
        either = (votes | (layout.system == 0)) & np.isin(layout.picture, both)
        second = layout.system[either] == 0
        for columns in drawn.columns(layout, either):
            yield from of_difference(f"difference {gap:+.1%}", columns, second, gap, seed)


def batch_of_questionnaires(setting: Setting, drawn: Drawn, seed: int) -> Iterator[Found]:
    """Rates of the truth and of everything generated, and their difference, in each study."""
    layout, rates = setting.layout, setting.crowd.rates
    made = layout.system > 0
    every = np.ones(len(made), dtype=bool)
    for name, votes, system in (("true", ~made, TRUTH), ("generated", made, layout.systems[1])):
        own = setting.crowd.rates_by(system, drawn.of_rater).mean(1)
        for study, columns in enumerate(drawn.columns(layout, votes)):
            title = f"rate of {name} {rates[system]:.1%}"
            yield from of_rate(title, columns, rates[system], own[study], seed)
    gap = rates[TRUTH] - rates[layout.systems[1]]
    name = f"difference {gap:+.1%}"
    welch = welch_bounds(setting, drawn)
    for study, columns in enumerate(drawn.columns(layout, every)):
        yield from of_difference(name, columns, made, gap, seed)
        crossed = crossed_interval(columns, made, Bootstrap(seed=seed))
        yield Found(name, NEW, "crossed bootstrap", ends(crossed), gap)
        yield Found(name, NEW, "Welch over pictures", (welch[study, 0], welch[study, 1]), gap)


def welch_bounds(setting: Setting, drawn: Drawn) -> np.ndarray:
    """Welch's interval over the percentages of 20 true and 80 generated pictures, one row a study."""
    layout = setting.layout
    cell = layout.picture * len(layout.systems) + layout.system
    shares = np.stack([cluster_sums(row, cell) for row in drawn.success]) / np.bincount(cell)
    system = np.arange(shares.shape[1]) % len(layout.systems)
    test = stats.ttest_ind(shares[:, system == 0], shares[:, system > 0], axis=1, equal_var=False)
    return np.column_stack(test.confidence_interval(0.95))


def measured(setting: Setting, studies: int, seed: int) -> list[Row]:
    """Coverage of every interval of a setting."""
    parts: dict[tuple[str, str, str], list[Found]] = defaultdict(list)
    batch: Callable[[Setting, Drawn, int], Iterator[Found]] = batch_of_pairs
    if TRUTH in setting.layout.systems:
        batch = batch_of_questionnaires
    generator = np.random.default_rng(seed)
    for start in range(0, studies, BATCH):
        drawn = setting.crowd.draw(setting.layout, min(BATCH, studies - start), generator)
        for found in batch(setting, drawn, seed + start):
            parts[found.figure, found.truth, found.method].append(found)
    rows = []
    for key, several in parts.items():
        low, high = np.array([part.bounds for part in several]).T
        aim = np.array([part.aim for part in several])
        held = float(np.mean((low <= aim) & (aim <= high)))
        rows.append(Row(setting.name, *key, held, float(np.mean(high - low))))
    return rows


def false_alarms(studies: int, seed: int, *, rater_sd: float = 0.3) -> float:
    """How often the sign-flip test finds a difference at .05 between systems of one rate."""
    crowd = Crowd({"A": 0.3, "B": 0.3}, rater_sd=rater_sd)
    layout = pairs_layout(("A", "B"), pictures=100, raters=5, trials=40)
    drawn = crowd.draw(layout, studies, np.random.default_rng(seed))
    every = np.ones(len(layout.picture), dtype=bool)
    differences = (
        measure_difference(columns, layout.system == 1, Bootstrap(1)).per_picture
        for columns in drawn.columns(layout, every)
    )
    return float(np.mean([sign_flip(row, flips=FLIPS)[0] < 0.05 for row in differences]))


def table(rows: Sequence[Row]) -> str:
    """Markdown, with a heading for each setting."""
    head = ["figure", "truth", "interval", "contains it", "mean width"]
    parts = []
    for setting, group in groupby(rows, key=lambda row: row.setting):
        cells = [
            (row.figure, row.truth, row.method, f"{row.coverage:.1%}", f"{100 * row.width:.1f}")
            for row in group
        ]
        parts.append(f"### {setting}\n\n{markdown_table(head, cells, numeric_from=3)}")
    return "\n\n".join(parts)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--studies", type=int, default=1000, help="of each setting (default: 1000)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    if arguments.studies < 1:
        parser.error("--studies is at least 1")
    rows = [row for setting in settings() for row in measured(setting, arguments.studies, arguments.seed)]
    print(table(rows))
    share = false_alarms(arguments.studies, arguments.seed)
    print(f"\nSign-flip test of two systems of one rate, 100 photos x 5 raters: p < .05 in {share:.1%}.")


if __name__ == "__main__":
    main()
