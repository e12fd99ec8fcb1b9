"""The comparisons of Cao et al. (2017), figures 6 to 10, on our photos: a figure and a table each.

    python -m benchmarks.cgan_comparisons space DATA        figure 6: YUV against RGB with the L1 term
    python -m benchmarks.cgan_comparisons noise DATA        figure 7: single- against multi-layer noise
    python -m benchmarks.cgan_comparisons condition DATA    figure 8: single- against multi-layer condition
    python -m benchmarks.cgan_comparisons wasserstein DATA  figure 9: GAN against Wasserstein GAN
    python -m benchmarks.cgan_comparisons gallery DATA      figure 10: what one model makes of many photos
    python -m benchmarks.cgan_comparisons all DATA          all of them, each network measured once

DATA holds train-64px and eval-256px. The first four train the two networks that they compare (--steps), both
for as many updates and from one seed, below --runs; finished runs are taken as they are, broken ones go on.
The networks are the paper's with a quarter of its widths, or its own with --full. The gallery shows and
measures a registered model (--model, --weights) and trains nothing.

What is measured, and how, is said in `benchmarks.cgan_measures` and `benchmarks.realism`. Photos are painted
at their full size by the pipeline, with their own L*; so an RGB network lends its colors alone, and how far
its own luma is off is told apart. Prints Markdown with 95% bootstrap intervals over photos, and leaves it
beside the figure in --out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autochrome.errors import (
    CheckpointError,
    DataError,
    RecipeError,
    TrainingError,
    UnknownModelError,
    WeightsError,
)
from autochrome.io.folders import find_photos
from autochrome.models.registry import create_model
from autochrome.pipeline.painter import ColorizeSettings, Painter
from autochrome.report.contact_sheet import Page, write_sheets
from benchmarks import cgan_figures, cgan_runs
from benchmarks.cgan_measures import (
    Colors,
    Compared,
    OfOthers,
    OneByOne,
    Together,
    comparison_table,
    luma_error,
    measure,
)
from benchmarks.cgan_runs import Plan, Run, Variant, finished_run

OTHERS = "colors of other photos"


@dataclass(frozen=True)
class Comparison:
    """Two runs that differ in one thing.

    Attributes:
        figure: the paper's.
        title: what is compared.
        sides: on the left and on the right; by its name in the table and figure.
    """

    figure: int
    title: str
    sides: dict[str, Variant]


COMPARISONS = {
    "space": Comparison(6, "YUV and RGB", {"YUV": cgan_runs.BASELINE, "RGB": cgan_runs.RGB}),
    "noise": Comparison(
        7,
        "single- and multi-layer noise",
        {"single noise": cgan_runs.SINGLE_NOISE, "multi noise": cgan_runs.BASELINE},
    ),
    "condition": Comparison(
        8,
        "single- and multi-layer condition",
        {"single condition": cgan_runs.SINGLE_CONDITION, "multi condition": cgan_runs.BASELINE},
    ),
    "wasserstein": Comparison(9, "GAN and WGAN", {"GAN": cgan_runs.BASELINE, "WGAN": cgan_runs.WGAN}),
}
GALLERY = "gallery"
SMALLEST_SET = 4
"""Photos: two to train the classifier and two to ask it about."""


class Session:
    """One call of the command: what was trained and measured in it is kept, since networks recur.

    Args:
        arguments: of the command line.
        photos: to measure on.
    """

    def __init__(self, arguments: argparse.Namespace, photos: Sequence[Path]) -> None:
        self.photos = photos
        self.out: Path = arguments.out or arguments.runs
        self.settings = ColorizeSettings(samples=arguments.samples, seed=arguments.seed)
        self.statistics: str = arguments.statistics
        self.plan = Plan(
            data=arguments.data,
            folder=arguments.runs,
            widths=cgan_runs.PAPER if arguments.full else cgan_runs.QUARTER,
            steps=arguments.steps,
            wgan_steps=arguments.wgan_steps,
            objective=arguments.objective,
            overrides=tuple(arguments.overrides),
            minutes=arguments.minutes,
        )
        self.runs: dict[str, Run] = {}
        self.found: dict[str, Compared] = {}

    def compare(self, comparison: Comparison) -> None:
        """Train, measure, draw and print one of the paper's comparisons."""
        runs = {title: self._run(variant) for title, variant in comparison.sides.items()}
        painters = {title: Painter(run.model, device="cpu") for title, run in runs.items()}
        systems = {
            title: self._measured(variant.name, self.colors(painters[title], self.settings))
            for title, variant in comparison.sides.items()
        }
        first, second = runs
        systems[OTHERS] = self._others(painters[first])
        table = comparison_table(systems, self._facts(runs), (first, second))
        text = f"{table}\n\n{self._notes(runs)}"
        name = f"figure-{comparison.figure}"
        if comparison.figure == 7:
            sides = {
                title: self.colors(painter, replace(self.settings, samples=cgan_figures.GRID**2))
                for title, painter in painters.items()
            }
            picture = cgan_figures.grids(sides, self.photos)
        else:
            sides = {title: self.colors(painter, self.settings) for title, painter in painters.items()}
            picture = cgan_figures.side_by_side(sides, self.photos)
        self._give(name, f"Figure {comparison.figure}: {comparison.title}", text, picture)

    def gallery(self, model: str, weights: str | None) -> None:
        """Show what one model makes of many photos, and measure it."""
        painter = Painter(create_model(model, weights=weights), device="cpu")
        colors = self.colors(painter, self.settings)
        name = painter.model.spec.name
        systems = {name: measure(colors, self.photos, self._told(name)), OTHERS: self._others(painter)}
        text = f"{comparison_table(systems, {}, None)}\n\n{self._notes({})}"
        picture = cgan_figures.gallery_of(colors, self.photos)
        self._give("figure-10", f"Figure 10: {name}", text, picture)

    def colors(self, painter: Painter, settings: ColorizeSettings) -> Colors:
        """What a network paints, with the statistics that were asked for."""
        kind = Together if self.statistics == "batch" else OneByOne
        return kind(painter, self.photos, settings)

    def _run(self, variant: Variant) -> Run:
        if variant.name not in self.runs:
            self.runs[variant.name] = finished_run(variant, self.plan)
        return self.runs[variant.name]

    def _measured(self, key: str, colors: Colors) -> Compared:
        if key not in self.found:
            self.found[key] = measure(colors, self.photos, self._told(key))
        return self.found[key]

    def _others(self, painter: Painter) -> Compared:
        """At the resolution of the painter's model."""
        spec = painter.model.spec
        key = f"{OTHERS}, {spec.working_size} px, {spec.space}"
        return self._measured(key, OfOthers(painter, self.photos, self.settings))

    def _facts(self, runs: dict[str, Run]) -> dict[str, dict[str, str]]:
        """What is known of the runs, a row each."""
        known = {title: self._facts_of(run) for title, run in runs.items()}
        names = dict.fromkeys(name for facts in known.values() for name in facts)
        return {name: {title: facts.get(name, "") for title, facts in known.items()} for name in names}

    def _facts_of(self, run: Run) -> dict[str, str]:
        facts = {
            "objective": run.objective,
            "parameters of the generator": str(sum(p.numel() for p in run.model.parameters())),
            "updates of the generator": str(run.updates),
            "photos seen by the generator": str(run.photos),
            "photos read in training": str(run.read),
        }
        if run.looks:
            spread = [look.diversity for look in run.looks if look.diversity is not None]
            colorful = [look.colorfulness / look.true_colorfulness for look in run.looks]
            facts["spread in ab, second half of training"] = _range(spread, 1)
            facts["colorfulness, second half of training"] = _range(colorful, 2)
        if run.model.space == "rgb":
            error = luma_error(run.model, self.photos, self.settings.seed)
            facts["mean error of its own luma, of 255"] = f"{error:.1f}"
        return facts

    def _notes(self, runs: dict[str, Run]) -> str:
        widths = {str(run.widths): None for run in runs.values()}
        notes = [f"Widths of generator / discriminator: {each}." for each in widths]
        notes.append(
            f"{len(self.photos)} photos, {self.settings.samples} samples each, seed {self.settings.seed}, "
            f"{self.statistics} statistics. The classifier's error is 50% where it cannot tell generated "
            "colors from true ones. Intervals are over photos: other seeds would train other networks."
        )
        if any(run.looks for run in runs.values()):
            notes.append("Of the second half of training: mean (lowest to highest) on watched photos.")
        return " ".join(notes)

    def _told(self, name: str) -> Callable[[int], None]:
        def progress(done: int) -> None:
            end = "\n" if done == len(self.photos) else ""
            print(f"\r{name}: {done} of {len(self.photos)} photos", end=end, file=sys.stderr, flush=True)

        return progress

    def _give(self, name: str, title: str, text: str, picture: Page) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        write_sheets([picture], self.out / f"{name}.png")
        text = f"### {title}\n\n{text}\n"
        (self.out / f"{name}.md").write_text(text, encoding="utf-8")
        print(text, flush=True)


def _range(values: Sequence[float], digits: int) -> str:
    """``mean (lowest to highest)``."""
    mean, low, high = sum(values) / len(values), min(values), max(values)
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="cgan_comparisons"
    )
    made.add_argument("what", choices=(*COMPARISONS, GALLERY, "all"))
    made.add_argument("data", type=Path, metavar="DATA", help="folder with train-64px and eval-256px")
    made.add_argument("--runs", type=Path, default=Path("runs/cgan-comparisons"), help="folder of the runs")
    made.add_argument("--out", type=Path, help="folder of figures and tables (default: that of the runs)")
    training = made.add_argument_group("training")
    training.add_argument(
        "--steps", type=int, default=2000, help="updates of each generator (default: %(default)s)"
    )
    training.add_argument("--minutes", type=float, help="of a run in this call; the next call goes on")
    training.add_argument("--full", action="store_true", help="the paper's widths instead of a quarter")
    training.add_argument(
        "--objective",
        choices=("gan", "non_saturating"),
        default="gan",
        help="of all runs but the WGAN (default: gan, the paper's)",
    )
    training.add_argument(
        "--wgan-steps",
        type=float,
        default=1.0,
        metavar="X",
        help="updates of the WGAN's generator as a multiple of the GAN's (default: 1). The paper's WGAN read "
        "twice as many photos, at 6 in place of 2 batches an update: 0.67",
    )
    training.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="change the recipe, such as trainer.batch_size=16 or trainer.threads=1",
    )
    measuring = made.add_argument_group("measuring")
    measuring.add_argument("--photos", type=int, help="only the first so many by name")
    measuring.add_argument("--samples", type=int, default=8, help="of each photo (default: 8)")
    measuring.add_argument("--seed", type=int, default=0, help="of the samples")
    measuring.add_argument(
        "--statistics",
        choices=("running", "batch"),
        default="running",
        help="what batch norms normalize with when colors are drawn (default: running, a photo at a time; "
        "the paper: batch)",
    )
    measuring.add_argument("--model", default="cgan", help="of the gallery (default: cgan)")
    measuring.add_argument("--weights", help="of the gallery's model, instead of the shipped ones")
    return made


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and make the comparisons."""
    command = parser()
    arguments = command.parse_args(argv)
    for name in ("steps", "photos", "samples"):
        if getattr(arguments, name) is not None and getattr(arguments, name) < 1:
            command.error(f"--{name} is at least 1")
    folder = arguments.data / "eval-256px"
    if not folder.is_dir():
        command.error(f"{folder} is not a folder of photos")
    photos = sorted(found.path for found in find_photos([folder]))[: arguments.photos]
    if len(photos) < SMALLEST_SET:
        command.error(f"{len(photos)} photos in {folder} are too few: half of them train a classifier")
    session = Session(arguments, photos)
    try:
        for name, comparison in COMPARISONS.items():
            if arguments.what in (name, "all"):
                session.compare(comparison)
        if arguments.what in (GALLERY, "all"):
            session.gallery(arguments.model, arguments.weights)
    except (
        CheckpointError,
        DataError,
        RecipeError,
        TrainingError,
        UnknownModelError,
        ValueError,
        WeightsError,
    ) as error:
        sys.exit(f"cgan_comparisons: {error}")


if __name__ == "__main__":
    main()
