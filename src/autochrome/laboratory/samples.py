"""Measurements of every sample in a run's files, made once for the sections that use them."""

from __future__ import annotations

from dataclasses import dataclass

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


@once_per_run
def measure(run: Run) -> tuple[dict[str, SampleMeasures], Float[Tensor, "photos 2 bins"]]:
    """Read and measure every result: return the figures of each system, and the true photos' histograms."""
    photos = run.map("measuring samples", measure_photo)

    def stacked(name: str, which: int) -> Tensor:
        return torch.stack([photo[name][which] for photo in photos])

    systems = {}
    for system in run.systems:
        errors = stacked(system.name, 0).unbind(1)
        histograms = stacked(system.name, 1)
        systems[system.name] = SampleMeasures(dict(zip(ERRORS, errors, strict=True)), histograms)
    return systems, stacked("", 1)[:, 0]


Figures = tuple[Float64[Tensor, "3 n"], Float64[Tensor, "n 2 bins"]]
"""`ERRORS` of a system's samples of one photo, and their histograms."""


@torch.inference_mode()
def measure_photo(run: Run, name: str) -> dict[str, Figures]:
    """Return the figures of one photo by the systems' names; those of the photo itself have an empty name."""
    truth = run.truth(name)
    figures = {"": (torch.zeros(3, 1, dtype=torch.float64), chroma_histogram(LAB.split(truth)[1]))}
    for system in run.systems:
        rgb = torch.cat([run.result(system, name, k) for k in range(len(system.samples))])
        errors = sample_errors(rgb, truth)
        table = torch.stack([errors[key].double() for key in ERRORS])
        figures[system.name] = table, chroma_histogram(LAB.split(rgb)[1])
    return figures
