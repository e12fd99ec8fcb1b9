"""What surrounds a photo on its print: borders, mats, letterbox bars; also blank cards without a photo.

All of it is neutral. Models see it in training so that it neither affects the photo's colors nor is colored.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True)
class Mounts:
    """How often training photos are mounted. Each photo gets at most one of the three."""

    border: float = 0.1
    """Probability of a border around the photo, or of bars at two opposite sides."""
    oval: float = 0.02
    """Probability of a mat with an oval opening."""
    card: float = 0.01
    """Probability that the whole photo is replaced by a card of one gray."""
    largest: float = 0.2
    """Largest width of a border as a share of the photo's side, above 0 and below 0.5."""

    def __post_init__(self) -> None:
        for name in ("border", "oval", "card"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a probability, within 0 and 1, not {getattr(self, name)}")
        if self.border + self.oval + self.card > 1:
            raise ValueError("border, oval and card are shares of the photos: together at most 1")
        if not 0 < self.largest < 0.5:
            raise ValueError(f"largest lies between 0 and 0.5, not {self.largest}")


def mount(
    rgb: Float[Tensor, "b 3 h w"], mounts: Mounts, generator: torch.Generator
) -> Float[Tensor, "b 3 h w"]:
    """Cover the outer parts of some photos, each with one gray.

    Args:
        rgb: sRGB in [0, 1].
        mounts: probabilities, and the widths of borders.
        generator: on the CPU, so that a seed gives the same result on every device.

    Returns:
        sRGB in [0, 1], on the photos' device.
    """
    b, _, height, width = rgb.shape
    kinds = torch.rand(b, generator=generator)
    levels = _levels(b, generator)
    covered = []
    for kind in kinds.tolist():
        numbers = torch.rand(6, generator=generator).tolist()
        if kind < mounts.border:
            covered.append(_outside_of_rectangle(height, width, numbers, mounts.largest))
        elif kind < mounts.border + mounts.oval:
            covered.append(_outside_of_oval(height, width, numbers))
        else:
            all_of_it = kind < mounts.border + mounts.oval + mounts.card
            covered.append(torch.full((height, width), all_of_it))
    mask = torch.stack(covered)[:, None].to(rgb.device)
    return torch.where(mask, levels[:, None, None, None].to(rgb), rgb)


def _levels(b: int, generator: torch.Generator) -> Float[Tensor, " b"]:
    """Draw grays in [0, 1]: half of them up to 0.2, a quarter from 0.8, the rest anything."""
    kind, value = torch.rand(b, generator=generator), torch.rand(b, generator=generator)
    return torch.where(kind < 0.5, 0.2 * value, torch.where(kind < 0.75, 1 - 0.2 * value, value))


def _outside_of_rectangle(
    height: int, width: int, numbers: list[float], largest: float
) -> Bool[Tensor, "h w"]:
    kind, *sides, evenness = numbers
    if evenness < 0.5:  # half of the borders have one width all around
        sides = [sides[0]] * 4
    top, bottom, left, right = (largest * side for side in sides)
    if kind < 0.25:
        left = right = 0.0
    elif kind < 0.4:
        top = bottom = 0.0
    mask = torch.ones(height, width, dtype=torch.bool)
    rows = slice(round(top * height), height - round(bottom * height))
    columns = slice(round(left * width), width - round(right * width))
    mask[rows, columns] = False
    return mask


def _outside_of_oval(height: int, width: int, numbers: list[float]) -> Bool[Tensor, "h w"]:
    rows = (torch.arange(height) + 0.5) / height - 0.5
    columns = (torch.arange(width) + 0.5) / width - 0.5
    radii = 0.4 + 0.12 * numbers[0], 0.4 + 0.12 * numbers[1]
    return (rows[:, None] / radii[0]) ** 2 + (columns[None] / radii[1]) ** 2 > 1
