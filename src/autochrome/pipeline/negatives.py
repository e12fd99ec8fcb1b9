"""Negatives and pictures like them (radiographs) are told from photos by what the shared trunk sees in them.

A linear probe compares the trunk's features of a picture with those of its inverse: of a photo the positive
looks more like the photos that the trunk knows. It was fitted by ``python -m reproduce.negatives`` to one
trunk, which ``negative_probe.json`` names by its digest; with any other nothing is said.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autochrome.color.conversion import lightness_of_gray
from autochrome.color.lightness import rounded
from autochrome.color.tones import gray_of_lightness
from autochrome.nn.pretrained import PretrainedTrunk
from autochrome.types import Luma

NEGATIVE = (
    "its tones look inverted, as those of a negative or an x-ray; colors of such pictures mean nothing. "
    "Invert a negative first"
)
PROBE_FILE = Path(__file__).with_name("negative_probe.json")
SEEN_AT = 128
"""Shorter side of the picture that is probed, in pixels: the working size of the models."""


@dataclass(frozen=True)
class Probe:
    """What is fitted.

    Attributes:
        trunk: digest of the trunk that it was fitted to.
        weights: of the difference of `features` between a picture and its inverse.
        threshold: the score below minus which a picture is a negative.
    """

    trunk: str
    weights: tuple[float, ...]
    threshold: float


@cache
def read_probe() -> Probe:
    """Return the probe that is shipped."""
    values = json.loads(PROBE_FILE.read_text(encoding="utf-8"))
    return Probe(values["trunk"], tuple(values["weights"]), values["threshold"])


def find_trunk(model: nn.Module) -> PretrainedTrunk | None:
    """Return the model's trunk that is identified by its digest, if it has one."""
    trunks = (module for module in model.modules() if isinstance(module, PretrainedTrunk))
    return next((trunk for trunk in trunks if trunk.identity), None)


def features(trunk: PretrainedTrunk, lightness: Luma) -> Float[Tensor, " n"]:
    """Return means and deviations of the encoder's map of stride 16, and means of that of stride 32."""
    _, _, middle, coarsest, *_ = trunk.maps(((lightness - 50) / 50).to(next(trunk.parameters()).device))
    middle = middle.float()
    parts = (middle.mean((2, 3)), middle.std((2, 3)), coarsest.float().mean((2, 3)))
    return torch.cat([part[0] for part in parts]).cpu()


def difference(trunk: PretrainedTrunk, lightness: Luma) -> Float[Tensor, " n"]:
    """Return the features of a picture, L* "1 1 h w" as models see it, less those of its inverse."""
    inverse = rounded(lightness_of_gray(1 - gray_of_lightness(lightness)))
    return features(trunk, rounded(lightness)) - features(trunk, inverse)


def is_negative(model: nn.Module, lightness: Luma) -> bool:
    """Return whether a picture is a negative, as far as the model's trunk can tell.

    Args:
        model: any; without the trunk of the probe the answer is no.
        lightness: L* "1 1 h w" as models see it.
    """
    trunk, probe = find_trunk(model), read_probe()
    if trunk is None or trunk.identity != probe.trunk:
        return False
    score = float(difference(trunk, lightness) @ torch.tensor(probe.weights))
    return score < -probe.threshold
