"""What every system is: a ``Colorizer`` with a ``ModelSpec``, answering with ``Samples``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autochrome.models.spec import ModelSpec

__all__ = ["Batch", "Colorizer", "Guide", "HasBackbone", "HasDistribution", "ModelSpec", "Samples"]

Guide = Callable[[Float[Tensor, "b q h w"]], Float[Tensor, "b q h w"]]
"""What a person asks for, as a map from predicted logits to wanted logits (vibrance, bias, hints)."""


@dataclass
class Samples:
    """Colorizations of a batch of luma, at the model's own output resolution."""

    chroma: Float[Tensor, "b n 2 h w"]
    """``n`` answers for each luma, in the ranges of the colour space's chroma."""
    space: str
    """Name of that space, as `autochrome.color.spaces.get_space` takes it."""
    log_prob: Float[Tensor, "b n"] | None = None
    """Log-probability of each answer, where the model draws from a distribution over whole photos."""
    uncertainty: Float[Tensor, "b 1 h w"] | None = None
    """Entropy of the colour at each place in nats, where the model knows it."""
    logits: Float[Tensor, "b q h w"] | None = None
    """The distribution over the model's bins that was decoded, as unnormalised log-probabilities."""


@dataclass
class Batch:
    """A batch of training photos in a model's colour space."""

    luma: Float[Tensor, "b 1 h w"]
    """What the model sees: it may be degraded (grain, blur, fading) where the chroma is not."""
    chroma: Float[Tensor, "b 2 h w"]
    """The truth, at full resolution."""


class Colorizer(nn.Module):
    """A system that colours luma."""

    spec: ModelSpec

    def sample(
        self,
        luma: Float[Tensor, "b 1 h w"],
        *,
        n: int = 1,
        temperature: float | None = None,
        generator: torch.Generator | None = None,
    ) -> Samples:
        """Draw ``n`` colorizations of each luma.

        Args:
            luma: range of the model's colour space; sides are multiples of ``spec.multiple_of``.
            n: answers for each luma.
            temperature: how boldly the model decides, its own default if None.
            generator: source of randomness, on the CPU, so that a seed gives one picture on every device.
        """
        raise NotImplementedError

    def _require_multiples(self, luma: Float[Tensor, "b 1 h w"]) -> None:
        unit = self.spec.multiple_of
        if luma.shape[2] % unit or luma.shape[3] % unit:
            sides = f"{luma.shape[2]} x {luma.shape[3]}"
            raise ValueError(f"{self.spec.name} needs luma sides that are multiples of {unit}, not {sides}")

    def training_losses(self, batch: Batch) -> dict[str, Tensor]:
        """The losses of one batch (scalars); ``loss`` is minimised, the others are logged."""
        raise NotImplementedError


@runtime_checkable
class HasDistribution(Protocol):
    """A colorizer whose answer is a distribution over colour bins: predict once, decode in many ways."""

    spec: ModelSpec
    prior: Float[Tensor, " q"]
    """Smoothed marginal distribution of the bins in the training photos, sums to 1."""

    def predict(self, luma: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b q h w"]:
        """Logits over the bins at the model's output resolution."""
        ...

    def decode(
        self,
        logits: Float[Tensor, "b q h w"],
        *,
        temperature: float | None = None,
        guides: Sequence[Guide] = (),
    ) -> Samples:
        """One colorization from logits, after the guides have changed them."""
        ...


@runtime_checkable
class HasBackbone(Protocol):
    """A colorizer whose first part can start from a network that was trained on something else."""

    spec: ModelSpec

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Initialise that part from a state dict.

        Raises:
            ValueError: it is of another network; the message begins with "not ".
        """
        ...
