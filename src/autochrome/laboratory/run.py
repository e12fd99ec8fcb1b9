"""One comparison: the photos, the systems, their results, and processes to share the work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from autochrome.errors import LaboratoryError
from autochrome.evaluation.files import Pair, match_files, open_photo, sized_rgb
from autochrome.evaluation.intervals import Bootstrap
from autochrome.io.photo import Photo
from autochrome.laboratory.processes import Pool
from autochrome.metrics.sizing import Compared, Sizing
from autochrome.models.registry import model_spec
from autochrome.pipeline.painter import Painter
from autochrome.pipeline.settings import ColorizeSettings
from autochrome.types import Progress, silent

T = TypeVar("T")


@dataclass(frozen=True)
class System:
    """A system to compare: a model with its settings, or a folder of somebody's results.

    Attributes:
        name: what the report calls it.
        model: its name in the registry; None for a folder of somebody's results.
        folder: of its results, with a folder for each sample if there are several.
        samples: the folders of the samples; ``(folder,)`` if there is one.
        settings: of the model; ``samples`` and ``seed`` are the run's.
        weights: source of the model's weights, if not the package.
    """

    name: str
    model: str | None
    folder: Path
    samples: tuple[Path, ...]
    settings: ColorizeSettings = field(default_factory=ColorizeSettings)
    weights: str | None = None

    @property
    def kind(self) -> str:
        """The model's `ModelSpec.kind`, or "results" for a folder."""
        return "results" if self.model is None else model_spec(self.model).kind

    @property
    def has_several(self) -> bool:
        """Whether there are several samples of each photo."""
        return len(self.samples) > 1


@dataclass(frozen=True)
class LabSettings:
    """Settings of a whole comparison."""

    samples: int = 8
    """Per photo, by each model that draws."""
    subset: int = 60
    """Number of photos for the costly sections, evenly spaced over the names."""
    seed: int = 0
    """Of the samples, the random baseline and the resamples."""
    protocol: str = "native"
    """Size at which photos are compared, see `autochrome.metrics.sizing.Sizing`."""
    replicates: int = 1000
    """Bootstrap resamples of every interval."""
    workers: int = 1
    """Number of processes; with 1 everything is done in this one."""
    device: str = "auto"
    """Where the models run."""
    labeled: Path | None = None
    """Shards or a folder of photos whose names carry their class, for interpretability."""
    labeled_photos: int = 400
    """Maximum number of these."""
    vgg16: Path | None = None
    """State dict of a VGG-16, a second classifier for interpretability."""

    @property
    def bootstrap(self) -> Bootstrap:
        """The resamples of every interval."""
        return Bootstrap(self.replicates, self.seed)

    @property
    def sizing(self) -> Sizing:
        """The protocol, parsed."""
        return Sizing.parse(self.protocol)


def once_per_run(compute: Callable[[Run], T]) -> Callable[[Run], T]:
    """Decorate a function of a run to compute its result once and keep it for later sections."""

    @wraps(compute)
    def kept(run: Run) -> T:
        if compute not in run.kept:
            run.kept[compute] = compute(run)
        return run.kept[compute]

    return kept


@dataclass
class Run:
    """Everything a section needs; `close` it, or use it as a context manager.

    Attributes:
        references: folder of the true photos.
        pairs: name and file of each true photo, by name; their ``results`` are empty.
        systems: in the order of the report.
        out: folder that the comparison writes to.
        figures: for ``scores.json``, by the section's name; each section stores its own, beside its tables.
        kept: results of `once_per_run` functions.
    """

    references: Path
    pairs: list[Pair]
    systems: list[System]
    out: Path
    settings: LabSettings = field(default_factory=LabSettings)
    progress: Progress = silent
    figures: dict[str, Any] = field(default_factory=dict)
    kept: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)
    _files: dict[Path, dict[str, Path]] = field(default_factory=dict, init=False, repr=False)
    _painters: dict[tuple[str, str | None], Painter] = field(default_factory=dict, init=False, repr=False)
    _pool: Pool[Run] | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes, dropping the work that they have not begun, and free the models."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        self._painters.clear()

    @property
    def names(self) -> list[str]:
        """The photos' names, sorted."""
        return [pair.name for pair in self.pairs]

    def spread(self, count: int) -> list[str]:
        """Return at most ``count`` names, evenly spaced from the first to the last."""
        count = min(count, len(self.pairs))
        chosen = sorted({round(i) for i in np.linspace(0, len(self.pairs) - 1, count)})
        return [self.pairs[i].name for i in chosen]

    @property
    def subset(self) -> list[str]:
        """The photos of the costly sections: ``settings.subset`` of them, evenly spaced."""
        return self.spread(self.settings.subset)

    def system(self, name: str) -> System:
        """Return the system of that name."""
        return next(system for system in self.systems if system.name == name)

    def several_samples(self) -> list[System]:
        """Return the systems with several samples of each photo.

        Raises:
            LaboratoryError: there are none.
        """
        if several := [system for system in self.systems if system.has_several]:
            return several
        raise LaboratoryError(
            "No system has several samples of a photo: add a model that draws (pixcolor, cgan) with two"
            " samples or more, or a folder of results with a folder for each sample."
        )

    def painter(self, system: System) -> Painter:
        """Return the model of a system that has one, loaded once.

        Raises:
            UnknownModelError, WeightsError: see `autochrome.models.registry.create_model`.
        """
        assert system.model is not None
        key = system.model, system.weights
        if key not in self._painters:
            self._painters[key] = Painter(system.model, weights=system.weights, device=self.settings.device)
        return self._painters[key]

    def settings_of(self, system: System, samples: int = 1) -> ColorizeSettings:
        """Return a system's settings, with the run's seed if it draws."""
        seed = self.settings.seed if system.kind == "samples" else 0
        return replace(system.settings, samples=samples, seed=seed)

    def photo(self, name: str) -> Photo:
        """Return the true photo as its file holds it."""
        return open_photo(self.reference(name))

    def truth(self, name: str) -> Compared:
        """Return the true photo at the size of comparison: sRGB in [0, 1], "1 3 h w"."""
        return sized_rgb(self.photo(name), self.settings.sizing)

    def result(self, system: System, name: str, sample: int = 0) -> Compared:
        """Return a system's result from its file, as `truth` does.

        Raises:
            EvaluationError: the file is missing, unreadable, or of another size than its reference.
        """
        result = open_photo(self.result_path(system, name, sample))
        return sized_rgb(result, self.settings.sizing, self.photo(name).size)

    def result_path(self, system: System, name: str, sample: int = 0) -> Path:
        """Return the file of a system's result."""
        folder = system.samples[sample]
        if folder not in self._files:
            pairs = match_files(self.references, [folder], names=["result"], photos=len(self.pairs))
            self._files[folder] = {pair.name: pair.results["result"] for pair in pairs}
        return self._files[folder][name]

    def map(self, label: str, work: Callable[[Run, str], T], names: Sequence[str] | None = None) -> list[T]:
        """Do the same work for photos, shared among the processes; return the results in their order.

        Args:
            label: what is being done, for `progress`.
            work: called with a run and a photo's name, perhaps in another process with a copy of this run: a
                module's function, or a `functools.partial` of one, whose results can be pickled.
            names: the photos; all of them by default.

        Raises:
            LaboratoryError: a process has died.
        """
        names = self.names if names is None else names
        if self.settings.workers == 1 or len(names) < 2:
            work_done = (work(self, name) for name in names)
        else:
            self._pool = self._pool or Pool(self, self.settings.workers)
            work_done = self._pool.map(work, names)
        results: list[T] = []
        self.progress(label, 0, len(names))
        for result in work_done:
            results.append(result)
            self.progress(label, len(results), len(names))
        return results

    def reference(self, name: str) -> Path:
        """Return the file of a true photo."""
        return self.pairs[self.names.index(name)].reference

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what another process must not share: models, processes, the screen."""
        return {**self.__dict__, "progress": silent, "_painters": {}, "_pool": None, "kept": {}}
