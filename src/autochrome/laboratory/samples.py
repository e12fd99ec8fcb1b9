"""What is measured once of every answer in a run's files, for the sections that ask for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from autochrome.color.spaces import LAB
from autochrome.laboratory.run import Run
from autochrome.metrics.distribution import chroma_histogram
from autochrome.metrics.diversity import sample_errors

ERRORS = ("psnr", "auc", "ciede2000")


@dataclass(frozen=True, eq=False)
class Answers:
    """Figures of all of a system's answers to all photos.

    Attributes:
        errors: PSNR in dB, AuC in percent and mean CIEDE2000, under the names of `ERRORS`; PSNR is infinite
            where an answer equals the truth.
        histograms: of a and of b, in pixels (`autochrome.metrics.distribution.chroma_histogram`).
    """

    errors: dict[str, Float[Tensor, "photos n"]]
    histograms: Float[Tensor, "photos n 2 bins"]


@dataclass(frozen=True, eq=False)
class Measured:
    """Figures of every system's answers, by the system's name, and the histograms of the true photos."""

    systems: dict[str, Answers]
    truth: Float[Tensor, "photos 2 bins"]


def measure(run: Run) -> Measured:
    """Read every result and measure it; to be asked for by ``run.once(measure)``."""
    found = run.map("measuring samples", measure_photo)
    truth = torch.from_numpy(np.stack([photo[""][1] for photo in found]))[:, 0]
    systems = {}
    for system in run.systems:
        errors = torch.from_numpy(np.stack([photo[system.name][0] for photo in found]))
        histograms = torch.from_numpy(np.stack([photo[system.name][1] for photo in found]))
        systems[system.name] = Answers(dict(zip(ERRORS, errors.unbind(1), strict=True)), histograms)
    return Measured(systems, truth)


Figures = tuple[Float64[np.ndarray, "3 n"], Float64[np.ndarray, "n 2 bins"]]
"""`ERRORS` of a system's answers to one photo, and their histograms."""


@torch.inference_mode()
def measure_photo(run: Run, name: str) -> dict[str, Figures]:
    """The figures of one photo: by the systems' names, and those of the photo itself under an empty name."""
    truth = run.truth(name)
    found = {"": (np.zeros((3, 1)), chroma_histogram(LAB.split(truth)[1]).numpy())}
    for system in run.systems:
        rgb = torch.cat([run.result(system, name, k) for k in range(len(system.samples))])
        errors = sample_errors(rgb, truth)
        table = torch.stack([errors[key].double() for key in ERRORS]).numpy()
        found[system.name] = table, chroma_histogram(LAB.split(rgb)[1]).numpy()
    return found
