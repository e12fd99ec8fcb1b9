"""Learning Representations for Automatic Colorization. ECCV 2016, arXiv:1603.06668.

Gustav Larsson, Michael Maire, Gregory Shakhnarovich.

Section or equation -> name here
    3, f: X -> Y                                        ``LRAC.predict``
    3.2, output spaces and their losses                 ``outputs``
    3.3, from a histogram to a color; chromatic fading ``LRAC.decode``, ``outputs.Operators``
    3.4, histogram transfer, the bias b                 ``autochrome.guidance``
    3.5, VGG-16-Gray, h_fc1, initialization             ``paper``, ``balancing``
    3.5, sparse hypercolumns, 128 places of a photo     ``training_losses``, ``autochrome.nn.hypercolumns``
    5, uncertainty: entropy of hue times chroma         ``Samples.uncertainty``
``compact`` is ours: the same head over the layers of a network that a laptop runs.
What departs from the paper, and why: docs/papers/lrac.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.spaces import HUE_CHROMA
from autochrome.models.base import Batch, Colorizer, Guide, ModelSpec, Samples
from autochrome.models.lrac.balancing import balance
from autochrome.models.lrac.compact import CompactNetwork
from autochrome.models.lrac.outputs import PAPER_OPERATORS, LossSettings, Operators, Output, create_output
from autochrome.models.lrac.paper import PaperNetwork
from autochrome.nn.compact import CompactSize
from autochrome.nn.hypercolumns import HypercolumnHead, random_locations

STRIDE = 4
"""Pixels between the places of dense inference, as in the released code."""

HUE_CHROMA_OUTPUT = "hue_chroma"
ALL_OUTPUTS = (HUE_CHROMA_OUTPUT, "lab", "lab_joint", "lab_l2")


@dataclass(frozen=True)
class TrainingSettings:
    """The constants of section 3.5, and what is trained."""

    locations: int = 128
    """Random places of a photo that are learned from; 0 takes all, at the stride of inference."""
    window: int = 1
    """R of equation 2: side of the region whose colors are the target."""
    hue_weight: float = 5.0
    """lambda_H of equation 3."""
    fade_extremes: bool = False
    """Weigh the chroma term less in dark and bright places; see ``outputs.LossSettings``."""
    freeze_trunk: bool = False
    """Train the head alone."""

    def losses(self) -> LossSettings:
        """What concerns the losses."""
        return LossSettings(self.window, self.hue_weight, self.fade_extremes)


class Network(Protocol):
    """A trunk with its hypercolumn head."""

    widths: tuple[int, ...]
    strides: tuple[int, ...]
    head: HypercolumnHead

    def maps(self, gray: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """Layers of the hypercolumn, from (R+G+B)/3 in [0, 1]."""
        ...

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Initialize the trunk from a state dict."""
        ...


class HypercolumnColorizer(Colorizer):
    """What the histogram and the regression variants share: the network, its training, its outputs.

    Args:
        spec: as registered.
        network: trunk and head; the head has the outputs below.
        outputs: names of the output spaces that are trained, all at the same places.
        output: the one that answers.
        settings: of the training.
    """

    def __init__(
        self,
        spec: ModelSpec,
        network: nn.Module,
        outputs: Sequence[str],
        output: str,
        settings: TrainingSettings,
    ) -> None:
        super().__init__()
        if output not in outputs:
            raise ValueError(f"{spec.name} has no output {output!r}; choose one of: {', '.join(outputs)}")
        self.spec = spec
        self.network: Any = network
        self.settings = settings
        self.outputs = {name: create_output(name, settings.losses()) for name in outputs}
        self.output: Output = self.outputs[output]
        for name, space in self.outputs.items():
            if space.axes:
                # In double precision: many millions of places are added up.
                self.register_buffer(f"counts_{name}", torch.zeros(space.channels, dtype=torch.float64))
        if settings.freeze_trunk:
            network.requires_grad_(False)
            self.network.head.requires_grad_(True)

    def train(self, mode: bool = True) -> HypercolumnColorizer:
        """A frozen trunk stays in evaluation mode, so that its statistics stay."""
        super().train(mode)
        if self.settings.freeze_trunk:
            self.network.eval()
            self.network.head.train(mode)
        return self

    def features(self, luma: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """Layers of the hypercolumn, the photo itself first, from (R+G+B)/3 in [0, 1]."""
        self._require_multiples(luma)
        return self.network.maps(luma)

    def predict(self, luma: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b q h4 w4"]:
        """What the output's layer says at the center of every 4x4 pixels: logits, or a and b over 25.

        Args:
            luma: (R+G+B)/3 in [0, 1].

        Raises:
            ValueError: height or width is not a multiple of ``spec.multiple_of``.
        """
        maps = self.features(luma)
        size = (luma.shape[2], luma.shape[3])
        return self.network.head.dense(maps, STRIDE, size, only=[self.output.name])[self.output.name].float()

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Initialize the trunk: the paper's from a VGG-16, ours from a CIC trained from scratch.

        Raises:
            ValueError: the state dict is of another network.
        """
        self.network.load_backbone(state)

    def balance(self, images: Iterable[Float[Tensor, "_b 1 _h _w"]]) -> None:
        """Bring the layers of a pre-trained VGG-16 to one scale (section 3.5); ours are normalized as it is.

        Args:
            images: batches of (R+G+B)/3 in [0, 1].

        Raises:
            ValueError: there are none, or a layer is zero on all of them.
        """
        if isinstance(self.network, PaperNetwork):
            balance(self.network, images)

    # Training -------------------------------------------------------------------------------------

    def training_losses(self, batch: Batch) -> dict[str, Tensor]:
        """The losses of all outputs, at the same random places of each photo (section 3.5).

        Returns:
            ``loss``, their sum, which is minimized, and each under its output's name.
        """
        rgb = HUE_CHROMA.merge(batch.luma, batch.chroma) if batch.rgb is None else batch.rgb
        maps = self.network.maps(batch.luma)
        if self.settings.locations:
            size = (rgb.shape[2], rgb.shape[3])
            places = random_locations(len(rgb), self.settings.locations, size, device=rgb.device)
            answers = self.network.head.at(maps, places)
            truth = colors_at(rgb, places, self.settings.window)
        else:
            answers = self.network.head.dense(maps, STRIDE, (rgb.shape[2], rgb.shape[3]))
            truth = F.avg_pool2d(rgb, STRIDE)
        losses: dict[str, Tensor] = {}
        for name, output in self.outputs.items():
            losses[name] = output.loss(answers[name].float(), truth)["loss"]
            if self.training and output.axes:
                seen = truth if truth.ndim < 5 else truth.flatten(2)
                self.get_buffer(f"counts_{name}").add_(output.counts(seen).double())
        return {"loss": torch.stack(list(losses.values())).sum(), **losses}


class LRAC(HypercolumnColorizer):
    """Predicts histograms of color at every fourth pixel, from (R+G+B)/3 in [0, 1].

    Attributes:
        operators: from histograms to values, where ``decode`` is told no others; the paper's.
        fading: likewise, whether chroma fades where hues disagree.
    """

    operators = PAPER_OPERATORS
    fading = True

    @property
    def prior(self) -> Float[Tensor, " q"]:
        """Histogram of the training photos' colors; sums to 1 within every axis, uniform when untrained."""
        return self.output.prior(self.get_buffer(f"counts_{self.output.name}")).float()

    @property
    def axes(self) -> tuple[slice, ...]:
        """Hue and chroma; a and b; or one of both."""
        return self.output.axes

    def decode(
        self,
        logits: Float[Tensor, "b q h w"],
        *,
        temperature: float | None = None,
        guides: Sequence[Guide] = (),
        operators: Operators | None = None,
        fading: bool | None = None,
    ) -> Samples:
        """One color for every place (section 3.3), after every guide has changed the logits in turn.

        Args:
            logits: as ``predict`` gives them.
            temperature: what they are divided by; the model's own if None, 1 in the paper.
            guides: maps from logits to logits.
            operators: from histograms to values; the attribute's if None.
            fading: whether chroma fades where hues disagree; the attribute's if None.

        Returns:
            Hue and chroma, or a and b, as ``space`` says (one sample), with the uncertainty in nats and the
            changed logits.
        """
        for guide in guides:
            logits = guide(logits)
        t = self.spec.defaults["temperature"] if temperature is None else temperature
        chroma = self.output.decode(
            logits,
            temperature=t,
            operators=operators or self.operators,
            fading=self.fading if fading is None else fading,
        )
        return Samples(
            chroma[:, None],
            self.output.space,
            uncertainty=self.output.uncertainty(logits),
            logits=logits,
        )

    def sample(
        self,
        luma: Float[Tensor, "b 1 h w"],
        *,
        n: int = 1,
        temperature: float | None = None,
        generator: torch.Generator | None = None,
        guides: Sequence[Guide] = (),
    ) -> Samples:
        """Color luma: predict and decode.

        Args:
            luma: (R+G+B)/3 in [0, 1], sides multiples of ``spec.multiple_of``.
            n: must be 1: several colorizations come from rotated biases (`autochrome.guidance`).
            temperature: as in ``decode``.
            generator: not used: nothing is drawn at random.
            guides: as in ``decode``.

        Raises:
            ValueError: ``n`` is not 1, or the sides are no multiples.
        """
        _require_one(self.spec, n)
        return self.decode(self.predict(luma), temperature=temperature, guides=guides)

    def closeness(self, lab: Float[Tensor, "n 3"], width: float) -> Float[Tensor, "n q"]:
        """How near the bins of every axis lie to colors; see ``HasDistribution``."""
        return self.output.closeness(lab, width)

    def histogram(self, lab: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " q"]:
        """Histogram of true colors; sums to 1 within every axis."""
        return self.output.histogram(lab)


class RegressionLRAC(HypercolumnColorizer):
    """Predicts a and b themselves (Lab with L2, equation 1): one color, and no doubt about it."""

    def sample(
        self,
        luma: Float[Tensor, "b 1 h w"],
        *,
        n: int = 1,
        temperature: float | None = None,
        generator: torch.Generator | None = None,
    ) -> Samples:
        """Color luma; arguments and errors as of ``LRAC.sample``, temperature and generator not used."""
        _require_one(self.spec, n)
        return Samples(self.output.decode(self.predict(luma))[:, None], self.output.space)


def _require_one(spec: ModelSpec, n: int) -> None:
    if n != 1:
        raise ValueError(f"{spec.name} has one answer for a photo, not {n}; colorize --samples biases it")


def colors_at(rgb: Float[Tensor, "b 3 h w"], places: Tensor, window: int) -> Float[Tensor, "b 3 n *window"]:
    """Colors of pixels (y, x), or with a window of all pixels about them, the border repeated."""
    reach = window // 2
    padded = F.pad(rgb, (reach,) * 4, mode="replicate") if reach else rgb
    photo = torch.arange(len(rgb), device=rgb.device)
    if not reach:
        y, x = places.unbind(2)
        return padded.permute(0, 2, 3, 1)[photo[:, None], y, x].transpose(1, 2)
    steps = torch.arange(window, device=rgb.device)
    y = places[..., 0, None, None] + steps[:, None]
    x = places[..., 1, None, None] + steps
    return padded.permute(0, 2, 3, 1)[photo[:, None, None, None], y, x].permute(0, 4, 1, 2, 3)


# Factories ----------------------------------------------------------------------------------------


def paper(spec: ModelSpec, *, output: str = HUE_CHROMA_OUTPUT, **options: Any) -> HypercolumnColorizer:
    """The paper's network with one output, as each of its variants was trained.

    Args:
        spec: as registered.
        output: "hue_chroma" (the paper's choice), "lab", "lab_joint" or "lab_l2".
        options: fields of ``TrainingSettings``.
    """
    return _colorizer(spec, PaperNetwork, (output,), output, options)


def compact(spec: ModelSpec, *, output: str = HUE_CHROMA_OUTPUT, **options: Any) -> HypercolumnColorizer:
    """Our network of at most 10M parameters with all four outputs; ``output`` answers.

    Args:
        spec: as registered.
        output: as of ``paper``.
        options: fields of ``TrainingSettings``.
    """
    return _colorizer(spec, CompactNetwork, ALL_OUTPUTS, output, options)


def tiny(spec: ModelSpec, *, output: str = HUE_CHROMA_OUTPUT, **options: Any) -> HypercolumnColorizer:
    """A compact network of a few thousand parameters, for tests; arguments as of ``compact``."""
    size = CompactSize(widths=(8, 8, 16, 16, 16), blocks=(0, 1, 0, 0, 0), decoder=(16, 8, 8))

    def network(channels: Mapping[str, int]) -> CompactNetwork:
        return CompactNetwork(channels, size, hidden=16)

    return _colorizer(spec, network, ALL_OUTPUTS, output, options)


def _colorizer(
    spec: ModelSpec, network: Any, outputs: Sequence[str], output: str, options: Mapping[str, Any]
) -> HypercolumnColorizer:
    known = {field.name for field in fields(TrainingSettings)}
    if unknown := sorted(set(options) - known):
        raise TypeError(
            f"{spec.name} has no option {unknown[0]!r}; it has output, {', '.join(sorted(known))}"
        )
    channels = {name: create_output(name).channels for name in outputs if name in ALL_OUTPUTS}
    kind = RegressionLRAC if output == "lab_l2" else LRAC
    return kind(spec, network(channels), outputs, output, TrainingSettings(**options))
