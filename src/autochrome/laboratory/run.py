"""One comparison under way: the photos, the systems, their results, and processes to share the work.

Every section of the report is handed the same `Run` and asks it for what it needs: the true photos, the
systems' results as they lie in files, and the models themselves where there are some.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from autochrome.errors import EvaluationError, LaboratoryError, SizeError
from autochrome.evaluation.scores import Pair, load_rgb, match_files
from autochrome.io.photo import Photo, read_photo
from autochrome.metrics.sizing import Compared, Protocol
from autochrome.pipeline.painter import Painter
from autochrome.pipeline.settings import ColorizeSettings

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
"""Is told what is being done, how many photos of it are done, and how many there are."""


def available_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def silent(label: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class System:
    """What is compared: a model with its settings, or a folder of somebody's results.

    Attributes:
        name: what the report calls it.
        model: its name in the registry; None for a folder of somebody's results.
        folder: where its results lie, below it a folder for each sample where there are several.
        samples: folders, one for each sample; ``(folder,)`` where there is one.
        asked: how the model is asked; of a model that draws, ``samples`` and ``seed`` are the run's.
        weights: where the model's weights come from, if not from the package.
    """

    name: str
    model: str | None
    folder: Path
    samples: tuple[Path, ...]
    asked: ColorizeSettings = field(default_factory=ColorizeSettings)
    weights: str | None = None


@dataclass(frozen=True)
class LabSettings:
    """What a person may choose for a whole comparison."""

    samples: int = 8
    """Of each photo, by each model that draws."""
    subset: int = 60
    """Photos of the costly sections, evenly spaced over the names."""
    seed: int = 0
    """Of the draws, of the random baseline and of the resamples."""
    protocol: str = "native"
    """At which size photos are compared: `autochrome.metrics.sizing.Protocol`."""
    replicates: int = 1000
    """Bootstrap resamples of every interval."""
    workers: int = 1
    """Processes that share the photos; with 1 all is done in this one."""
    device: str = "auto"
    """Where the models run."""
    labeled: Path | None = None
    """Shards or a folder of photos whose names carry their class, for interpretability."""
    labeled_photos: int = 400
    """Of these, at most."""
    vgg16: Path | None = None
    """State dict of a VGG-16, which then judges beside the bundled classifier."""
    synsets: Path | None = None
    """WordNet ids of its classes."""


@dataclass
class Run:
    """Everything a section may ask for; `close` it, or use it as a context manager.

    Attributes:
        references: folder of the true photos.
        pairs: name and file of each true photo that takes part, by name; their ``results`` are empty.
        systems: in the order of the report.
        out: folder of all that the comparison writes.
        settings: what was chosen.
        progress: is told how far the work has come.
        figures: every section's figures as plain values for ``scores.json``, by the section's name; a section
            puts its own here (its tables are there in any case).
    """

    references: Path
    pairs: list[Pair]
    systems: list[System]
    out: Path
    settings: LabSettings = field(default_factory=LabSettings)
    progress: Progress = silent
    figures: dict[str, Any] = field(default_factory=dict)
    _files: dict[Path, dict[str, Path]] = field(default_factory=dict, init=False, repr=False)
    _painters: dict[tuple[str, str | None], Painter] = field(default_factory=dict, init=False, repr=False)
    _pool: ProcessPoolExecutor | None = field(default=None, init=False, repr=False)
    _found: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes, leaving undone what they have not begun, and let go of the models."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        self._painters.clear()

    @property
    def names(self) -> list[str]:
        """The photos' names, sorted."""
        return [pair.name for pair in self.pairs]

    def spread(self, count: int) -> list[str]:
        """At most so many names, evenly spaced from the first to the last."""
        count = min(count, len(self.pairs))
        return [
            self.pairs[i].name for i in sorted({round(i) for i in np.linspace(0, len(self.pairs) - 1, count)})
        ]

    @property
    def subset(self) -> list[str]:
        """The photos of the costly sections: ``settings.subset`` of them, evenly spaced."""
        return self.spread(self.settings.subset)

    def system(self, name: str) -> System:
        """The system of that name."""
        return next(system for system in self.systems if system.name == name)

    def painter(self, system: System) -> Painter | None:
        """The system's model, loaded once; None for a folder of results.

        Raises:
            UnknownModelError, WeightsError: see `autochrome.models.registry.create_model`.
        """
        if system.model is None:
            return None
        key = system.model, system.weights
        if key not in self._painters:
            self._painters[key] = Painter(system.model, weights=system.weights, device=self.settings.device)
        return self._painters[key]

    def asked(self, system: System, samples: int = 1) -> ColorizeSettings:
        """How a system is asked about a photo: as the person said, with the run's seed where it draws."""
        return replace(system.asked, samples=samples, seed=self.settings.seed)

    def photo(self, name: str) -> Photo:
        """The true photo as its file holds it."""
        return read_photo(self._reference(name))

    def truth(self, name: str) -> Compared:
        """The true photo at the size of comparison: sRGB in [0, 1], "1 3 h w"."""
        path = self._reference(name)
        rgb = load_rgb(path)
        return self._fit(rgb, (rgb.shape[-2], rgb.shape[-1]), path)

    def result(self, system: System, name: str, sample: int = 0) -> Compared:
        """A system's result from its file, at the size of comparison: sRGB in [0, 1], "1 3 h w".

        Raises:
            EvaluationError: the file is missing, unreadable, or of another size than its reference.
        """
        path = self.result_path(system, name, sample)
        return self._fit(load_rgb(path), self.photo(name).size, path)

    def result_path(self, system: System, name: str, sample: int = 0) -> Path:
        """The file of a system's result."""
        folder = system.samples[sample]
        if folder not in self._files:
            pairs = match_files(self.references, [folder], names=["result"], photos=len(self.pairs))
            self._files[folder] = {pair.name: pair.results["result"] for pair in pairs}
        return self._files[folder][name]

    def once(self, make: Callable[[Run], T]) -> T:
        """What a function makes of this run: made at the first call, kept for the sections that follow."""
        if make not in self._found:
            self._found[make] = make(self)
        return self._found[make]

    def map(self, label: str, work: Callable[[Run, str], T], names: Sequence[str] | None = None) -> list[T]:
        """Do the same for each of many photos, shared among the processes, and tell how far it has come.

        Args:
            label: what is being done, for `progress`.
            work: is called with a run and a photo's name. With several processes it is called in one of them,
                with a copy of this run, so it must be a function of a module (or a `functools.partial` of
                one) and return plain values or numpy arrays.
            names: the photos; all of them by default.

        Returns:
            What the calls returned, in the order of the names.

        Raises:
            LaboratoryError: a process has died.
        """
        names = self.names if names is None else names
        found: list[T] = []
        self.progress(label, 0, len(names))
        for result in self._results(work, names):
            found.append(result)
            self.progress(label, len(found), len(names))
        return found

    def _results(self, work: Callable[[Run, str], T], names: Sequence[str]) -> Any:
        if self.settings.workers == 1 or len(names) < 2:
            return (work(self, name) for name in names)
        return self._shared(work, names)

    def _shared(self, work: Callable[[Run, str], T], names: Sequence[str]) -> Any:
        if self._pool is None:
            # Not forked: a forked child would hold torch's and libvips' locks, but not their threads.
            context = get_context("spawn")
            self._pool = ProcessPoolExecutor(self.settings.workers, context, _begin, (self,))
        with _few_threads(self.settings.workers):  # the first task starts the processes
            futures = [self._pool.submit(_do, work, name) for name in names]
        try:
            for future in futures:
                yield future.result()
        except BrokenProcessPool as error:
            raise LaboratoryError(
                "a process ended in the middle of its work, most likely for want of memory; what is done is"
                " kept: give the command again with --workers 1"
            ) from error
        finally:
            for future in futures:
                future.cancel()

    def _reference(self, name: str) -> Path:
        return self.pairs[self.names.index(name)].reference

    def _fit(self, rgb: torch.Tensor, reference: tuple[int, int], path: Path) -> Compared:
        try:
            return Protocol.parse(self.settings.protocol).apply(rgb, reference)
        except SizeError as error:
            raise EvaluationError(f"{path} {error}") from error

    def __getstate__(self) -> dict[str, Any]:
        """What a process is given: neither models nor processes nor a screen."""
        return {**self.__dict__, "progress": silent, "_painters": {}, "_pool": None, "_found": {}}


_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")

_run: Run | None = None  # of a process that shares the work


def _begin(run: Run) -> None:
    global _run
    _run = run
    torch.set_num_threads(_threads(run.settings.workers))


def _threads(workers: int) -> int:
    """Of each process: what is shared out already gains nothing by being shared out again within."""
    return max(1, available_cores() // workers)


@contextmanager
def _few_threads(workers: int) -> Iterator[None]:
    """Let processes that are started meanwhile have their share of threads.

    The linear algebra of numpy reads its number from the environment when it is loaded, before anything of
    ours could set it; more threads than cores wait for each other, at many times the cost.
    """
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(_threads(workers))))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _do(work: Callable[[Run, str], T], name: str) -> T:
    assert _run is not None
    return work(_run, name)
