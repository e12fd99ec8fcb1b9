"""What every system is: a ``Colorizer`` with a ``ModelSpec`` that answers with ``Samples``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from autochrome.models.spec import ModelSpec
from autochrome.types import RGB, Chroma, ChromaLogits, Luma

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
    logits: ChromaLogits | None = None
    """The distribution over the model's bins that was decoded, as unnormalized log-probabilities."""


@dataclass(frozen=True)
class KnownColors:
    """Colors that a person knows, as a model that draws takes them."""

    lab: Float[Tensor, "k 3"]
    """The colors, in CIE units."""
    weights: Float[Tensor, "k h w"]
    """How much each decides at every place of a grid over the luma, in [0, 1]; at most 1 for all together."""


@dataclass
class Batch:
    """A batch of training photos in a model's color space."""

    luma: Luma
    """What the model sees: it may be degraded (grain, blur, fading) where the chroma is not."""
    chroma: Chroma
    """The truth, at full resolution."""
    rgb: RGB | None = None
    """The truth as sRGB in [0, 1], for models that learn several color spaces at once."""


class Colorizer(nn.Module):
    """A system that colors luma.

    Methods that only some systems have raise ``NotImplementedError`` in the others; ``spec.can`` says which.
    """

    spec: ModelSpec
    options: Mapping[str, str | int | bool | list[int]] = {}
    """The factory's arguments that decide what parameters there are; saved with the weights."""

    def sample(
        self,
        luma: Luma,
        *,
        n: int = 1,
        temperature: float | None = None,
        generator: torch.Generator | None = None,
    ) -> Samples:
        """Make ``n`` colorizations of each luma.

        Args:
            luma: range of the model's color space; sides are multiples of ``spec.multiple_of``.
            n: answers for each luma.
            temperature: how boldly the model decides, its own default if None.
            generator: source of randomness, on the CPU, so that a seed gives one picture on every device.

        Raises:
            ValueError: ``n`` or the temperature is out of the model's range, or the sides are no multiples.
        """
        raise NotImplementedError

    def features(self, luma: Luma) -> list[Float[Tensor, "b c hi wi"]]:
        """Return the trunk's maps in the order in which it computes them; each has its own stride.

        Of models with the capability "features".
        """
        raise NotImplementedError

    # Training -------------------------------------------------------------------------------------

    adversarial: bool = False
    """Whether it is trained against a discriminator, as an ``AdversarialColorizer``."""

    def training_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of one batch (scalars); ``loss`` is minimized, the others are logged."""
        raise NotImplementedError

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Initialize the network's first part from one that was trained on something else.

        Of models with the capability "backbone".

        Raises:
            ValueError: the state dict is of another network; the message begins with "not ".
        """
        raise NotImplementedError

    def balance(self, images: Iterable[Float[Tensor, "_b 1 _h _w"]]) -> None:
        """Bring the layers of a backbone just loaded to one scale, from batches of luma; most need nothing.

        Raises:
            ValueError: there are no images, or a layer is zero on all of them.
        """

    def set_prior(self, counts: Float[Tensor, " q"]) -> None:
        """Take the color statistics of the training photos. Of models with the capability "prior"."""
        raise NotImplementedError

    def start_warnings(self) -> list[str]:
        """Return what is wrong with the training's settings, in so far as it shows before the first step."""
        return []

    def _require_multiples(self, luma: Luma) -> None:
        unit = self.spec.multiple_of
        if luma.shape[2] % unit or luma.shape[3] % unit:
            sides = f"{luma.shape[2]} x {luma.shape[3]}"
            raise ValueError(f"{self.spec.name} needs luma sides that are multiples of {unit}, not {sides}")

    def _require_one(self, n: int) -> None:
        if n != 1:
            raise ValueError(
                f"{self.spec.name} has one answer for a photo, not {n}; colorize --samples varies it"
            )

    def _checked_temperature(self, n: int, temperature: float | None) -> float:
        """Return the temperature (the default for None) if it and the number of samples are in range."""
        if n < 1:
            raise ValueError(f"the number of samples is at least 1, not {n}")
        t = self.spec.defaults["temperature"] if temperature is None else temperature
        if not 0 <= t <= 1:
            raise ValueError(f"temperature must lie within 0 and 1, not {t:g}")
        return t


class DistributionColorizer(Colorizer):
    """A colorizer that predicts a distribution over color bins: predict once, decode in many ways.

    The bins of a place form one or more axes, each a distribution of its own: CIC has one of 313 ab bins,
    LRAC one of hue and one of chroma.
    """

    prior: Float[Tensor, " q"]
    """Smoothed marginal distribution of the bins in the training photos; sums to 1 within every axis."""

    @property
    @abstractmethod
    def axes(self) -> tuple[slice, ...]:
        """The bins of each axis, in order and without gaps."""

    @abstractmethod
    def predict(self, luma: Luma) -> ChromaLogits:
        """Return logits over the bins at the model's output resolution.

        Raises:
            ValueError: height or width is not a multiple of ``spec.multiple_of``.
        """

    def decode(
        self,
        logits: ChromaLogits,
        *,
        temperature: float | None = None,
        guides: Sequence[Guide] = (),
    ) -> Samples:
        """Return one colorization of logits, after the guides have changed them in turn.

        Args:
            logits: as ``predict`` gives them.
            temperature: 0 decides for the mode; the model's default if None.
            guides: maps from logits to logits, such as ``autochrome.guidance.Vibrance``.
        """
        for guide in guides:
            logits = guide(logits)
        return self.decide(logits, self.spec.defaults["temperature"] if temperature is None else temperature)

    @abstractmethod
    def decide(self, logits: ChromaLogits, temperature: float) -> Samples:
        """Return the colorization of guided logits; its ``uncertainty`` is theirs, before the temperature."""

    @abstractmethod
    def log_kernel(self, lab: Float[Tensor, "n 3"], width: float) -> Float[Tensor, "n q"]:
        """Return the log of a Gaussian kernel between colors and the bins of every axis.

        Args:
            lab: the colors, in CIE units; L* counts where the bins' colors depend on it.
            width: standard deviation of the kernel, in CIE units.

        Returns:
            At most 0, which is where the bin holds the color; added to logits it draws them there.
        """

    @abstractmethod
    def histogram(self, lab: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " q"]:
        """Return the mean distribution of true colors over the bins; sums to 1 within every axis."""

    def sample(self, luma: Luma, *, n: int = 1, generator: object = None, **how: Any) -> Samples:
        """Predict and decode; ``n`` must be 1, the generator is not used, ``how`` is as of ``decode``."""
        self._require_one(n)
        return self.decode(self.predict(luma), **how)


class SamplingColorizer(Colorizer):
    """A colorizer that draws its answers at random, as many as requested: draw, then finish."""

    tone_curves: Float[Tensor, "2 256"]
    """With the capability "tone_curves": the curve of each chroma channel over [0, 1], through which its
    samples pass (`autochrome.models.tone_curves`)."""
    curve_neutral: float
    """Where gray lies on that scale; the curves leave it there."""

    @abstractmethod
    def draw(
        self,
        luma: Luma,
        *,
        n: int = 1,
        temperature: float | None = None,
        generator: torch.Generator | None = None,
    ) -> Samples:
        """Draw ``n`` samples of each luma, on the model's own grid; arguments as of ``sample``."""

    def finish(
        self, luma: Luma, drawn: Float[Tensor, "b 2 h2 w2"], *, refine: bool = True
    ) -> Float[Tensor, "b 2 h3 w3"]:
        """Return a drawn sample of each luma as it is shown.

        Args:
            luma: what was drawn for.
            drawn: chroma as ``draw`` gives it.
            refine: bring it to the luma's size, if the model can; otherwise it stays on its grid.
        """
        return drawn

    def sample(
        self,
        luma: Luma,
        *,
        n: int = 1,
        temperature: float | None = None,
        generator: torch.Generator | None = None,
        **how: Any,
    ) -> Samples:
        """Draw and finish ``n`` samples of each luma; ``how`` are more arguments of the model's ``draw``."""
        drawn = self.draw(luma, n=n, temperature=temperature, generator=generator, **how)
        chroma = self.finish(luma.repeat_interleave(n, 0), drawn.chroma.flatten(0, 1))
        return Samples(chroma.unflatten(0, (-1, n)), drawn.space, log_prob=drawn.log_prob)

    def rank(self, luma: Luma, drawn: Float[Tensor, "b n 2 h2 w2"]) -> Float[Tensor, "b n"]:
        """Score samples on any grid, higher being more plausible. Of models with the capability "rank"."""
        raise NotImplementedError

    def draws_for_curves(
        self, luma: Luma, generator: torch.Generator | None = None
    ) -> Sequence[Callable[[], Float[Tensor, "b 2 h w"]]]:
        """Draw once for each luma, at the model's own settings. Of models with the capability "tone_curves".

        Returns:
            Functions that give these draws in [0, 1] under the present curves: as they are drawn and, where
            the model changes their colors afterwards, as they end. Curves are fitted to the first output and
            refined on each later one.
        """
        raise NotImplementedError

    def truth_for_curves(self, chroma: Chroma) -> Float[Tensor, "b 2 h2 w2"]:
        """Return true chroma on the grid and the scale of ``draws_for_curves``."""
        raise NotImplementedError


class AdversarialColorizer(SamplingColorizer):
    """A colorizer that learns against a discriminator; the engine decides which of the two takes a step."""

    @abstractmethod
    def make_discriminator(self) -> nn.Module:
        """Return a new discriminator, which is trained and kept in checkpoints but not shipped."""

    @abstractmethod
    def discriminator_losses(self, discriminator: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the discriminator's losses (scalars); ``loss`` is minimized over its parameters."""

    @abstractmethod
    def generator_losses(self, discriminator: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the colorizer's own losses (scalars); ``loss`` is minimized over its parameters."""

    @abstractmethod
    def constrain(self, discriminator: nn.Module) -> None:
        """Bring the discriminator's parameters into the objective's limits, after each of its steps."""


def log_probabilities(logits: ChromaLogits, axes: Sequence[slice]) -> ChromaLogits:
    """Return the logits normalized within every axis of bins."""
    return torch.cat([logits[:, axis].log_softmax(1) for axis in axes], 1)
