"""What every system is: a ``Colorizer`` with a ``ModelSpec``, answering with ``Samples``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autochrome.models.spec import ModelSpec

__all__ = [
    "Adversarial",
    "Batch",
    "Colorizer",
    "Guide",
    "HasBackbone",
    "HasBalancing",
    "HasCalibration",
    "HasDistribution",
    "HasFeatures",
    "HasOptions",
    "ModelSpec",
    "Samples",
    "log_probabilities",
]

Guide = Callable[[Float[Tensor, "b q h w"]], Float[Tensor, "b q h w"]]
"""What a person asks for, as a map from predicted logits to wanted logits (vibrance, bias, hints)."""


@dataclass
class Samples:
    """Colorizations of a batch of luma, at the model's own output resolution."""

    chroma: Float[Tensor, "b n 2 h w"]
    """``n`` answers for each luma, in the ranges of the color space's chroma."""
    space: str
    """Name of that space, as `autochrome.color.spaces.get_space` takes it."""
    log_prob: Float[Tensor, "b n"] | None = None
    """Log-probability of each answer, where the model draws from a distribution over whole photos."""
    uncertainty: Float[Tensor, "b 1 h w"] | None = None
    """Entropy of the color at each place in nats, where the model knows it."""
    logits: Float[Tensor, "b q h w"] | None = None
    """The distribution over the model's bins that was decoded, as unnormalized log-probabilities."""


@dataclass
class Batch:
    """A batch of training photos in a model's color space."""

    luma: Float[Tensor, "b 1 h w"]
    """What the model sees: it may be degraded (grain, blur, fading) where the chroma is not."""
    chroma: Float[Tensor, "b 2 h w"]
    """The truth, at full resolution."""
    rgb: Float[Tensor, "b 3 h w"] | None = None
    """The truth as sRGB in [0, 1], for models that learn several color spaces at once."""


class Colorizer(nn.Module):
    """A system that colors luma."""

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
            luma: range of the model's color space; sides are multiples of ``spec.multiple_of``.
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
        """The losses of one batch (scalars); ``loss`` is minimized, the others are logged."""
        raise NotImplementedError


@runtime_checkable
class HasDistribution(Protocol):
    """A colorizer whose answer is a distribution over color bins: predict once, decode in many ways.

    The bins of a place form one or more axes, each a distribution of its own: CIC has one of 313 ab bins,
    LRAC one of hue and one of chroma.
    """

    spec: ModelSpec
    prior: Float[Tensor, " q"]
    """Smoothed marginal distribution of the bins in the training photos; sums to 1 within every axis."""

    @property
    def axes(self) -> tuple[slice, ...]:
        """The bins of each axis, in order and without gaps."""
        ...

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

    def closeness(self, lab: Float[Tensor, "n 3"], width: float) -> Float[Tensor, "n q"]:
        """How near the bins of every axis lie to colors, as the logarithm of a Gaussian kernel.

        Args:
            lab: the colors, in CIE units; L* counts where the bins' colors depend on it.
            width: standard deviation of the kernel, in CIE units.

        Returns:
            At most 0, which is where the bin holds the color; added to logits it draws them there.
        """
        ...

    def histogram(self, lab: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " q"]:
        """The true colors of photos as a mean distribution over the bins; sums to 1 within every axis."""
        ...


def log_probabilities(logits: Float[Tensor, "b q h w"], axes: Sequence[slice]) -> Float[Tensor, "b q h w"]:
    """Logits, normalized within every axis of bins."""
    return torch.cat([logits[:, axis].log_softmax(1) for axis in axes], 1)


@runtime_checkable
class HasFeatures(Protocol):
    """A colorizer whose trunk can be asked for its features, as a representation of the photo."""

    spec: ModelSpec

    def features(self, luma: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """Maps of the trunk, in the order in which it computes them; each layer has its own stride."""
        ...


@runtime_checkable
class HasBalancing(Protocol):
    """A colorizer whose pre-trained layers are brought to one scale on photos before training."""

    def balance(self, images: Iterable[Float[Tensor, "_b 1 _h _w"]]) -> None:
        """Do so, from batches of luma.

        Raises:
            ValueError: there are none, or a layer is zero on all of them.
        """
        ...


@runtime_checkable
class HasCalibration(Protocol):
    """A colorizer whose draws pass through tone curves, which can be fitted to photos after training."""

    spec: ModelSpec
    calibration: Float[Tensor, "2 256"]
    """The curve of each chroma channel (`autochrome.models.calibration`), over [0, 1]."""
    curve_neutral: float
    """Where gray lies on that scale; the curves leave it there."""

    def draws_to_calibrate(
        self, luma: Float[Tensor, "b 1 h w"], generator: torch.Generator | None = None
    ) -> Sequence[Callable[[], Float[Tensor, "b 2 h w"]]]:
        """Draw once for each photo, at the model's own settings, without any curve.

        Returns:
            What shows these draws under the model's curves, in [0, 1]: once, or at several places on their
            way to the picture. The curves are fitted to the first, and are bettered by each further one.

        Raises:
            ValueError: as it is built, the model's draws pass through no curve.
        """
        ...

    def truth_to_calibrate(self, chroma: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h2 w2"]:
        """The true chroma on the grid and the scale of what is shown of the draws."""
        ...


@runtime_checkable
class HasBackbone(Protocol):
    """A colorizer whose first part can start from a network that was trained on something else."""

    spec: ModelSpec

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Initialize that part from a state dict.

        Raises:
            ValueError: it is of another network; the message begins with "not ".
        """
        ...


@runtime_checkable
class Adversarial(Protocol):
    """A colorizer that learns against a discriminator; which of the two takes a step when is the engine's."""

    spec: ModelSpec

    @property
    def adversarial(self) -> bool:
        """False where, as it is set, it learns without one, by its ``training_losses``."""
        ...

    def make_discriminator(self) -> nn.Module:
        """The opponent, newly initialized. It is trained and kept in checkpoints, but does not ship."""
        ...

    def discriminator_losses(self, discriminator: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The discriminator's losses of a batch (scalars); ``loss`` is minimized over its parameters."""
        ...

    def generator_losses(self, discriminator: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The colorizer's own losses of a batch (scalars); ``loss`` is minimized over its parameters."""
        ...

    def constrain(self, discriminator: nn.Module) -> None:
        """What the objective demands of the discriminator's parameters, after each of its steps."""
        ...


@runtime_checkable
class HasOptions(Protocol):
    """A colorizer whose factory builds several networks; which one, the file of its weights tells."""

    spec: ModelSpec

    @property
    def options(self) -> Mapping[str, str | int | float | bool | list[int]]:
        """Those arguments of the factory that decide what parameters there are, and none of its training."""
        ...
