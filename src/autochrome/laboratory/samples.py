"""Measurements of every sample in a run's files, made once for the sections that use them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from autochrome.color.spaces import LAB
from autochrome.laboratory.run import Run, once_per_run
from autochrome.metrics.distribution import chroma_histogram
from autochrome.metrics.diversity import sample_errors

ERRORS = ("psnr", "auc", "ciede2000")


@dataclass(frozen=True, eq=False)
class SampleMeasures:
    """Figures of all samples of all photos by one system.

    Attributes:
        errors: PSNR in dB, AuC in percent and mean CIEDE2000, by the names of `ERRORS`; PSNR is infinite if a
            sample equals the truth.
        histograms: of a and of b, in pixels (`autochrome.metrics.distribution.chroma_histogram`).
    """

    errors: dict[str, Float[Tensor, "photos n"]]
    histograms: Float[Tensor, "photos n 2 bins"]


@dataclass(frozen=True, eq=False)
class Measurements:
    """Figures of every system, by its name, and the histograms of the true photos."""

    systems: dict[str, SampleMeasures]
    truth: Float[Tensor, "photos 2 bins"]


@once_per_run
def measure(run: Run) -> Measurements:
    """Read and measure every result."""
    photos = run.map("measuring samples", measure_photo)
    truth = torch.from_numpy(np.stack([photo[""][1] for photo in photos]))[:, 0]
    systems = {}
    for system in run.systems:
        errors = torch.from_numpy(np.stack([photo[system.name][0] for photo in photos]))
        histograms = torch.from_numpy(np.stack([photo[system.name][1] for photo in photos]))
        systems[system.name] = SampleMeasures(dict(zip(ERRORS, errors.unbind(1), strict=True)), histograms)
    return Measurements(systems, truth)


Figures = tuple[Float64[np.ndarray, "3 n"], Float64[np.ndarray, "n 2 bins"]]
"""`ERRORS` of a system's samples of one photo, and their histograms."""


@torch.inference_mode()
def measure_photo(run: Run, name: str) -> dict[str, Figures]:
    """Return the figures of one photo by the systems' names; those of the photo itself have an empty name."""
    truth = run.truth(name)
    figures = {"": (np.zeros((3, 1)), chroma_histogram(LAB.split(truth)[1]).numpy())}
    for system in run.systems:
        rgb = torch.cat([run.result(system, name, k) for k in range(len(system.samples))])
        errors = sample_errors(rgb, truth)
        table = torch.stack([errors[key].double() for key in ERRORS]).numpy()
        figures[system.name] = table, chroma_histogram(LAB.split(rgb)[1]).numpy()
    return figures
