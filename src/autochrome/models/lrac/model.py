"""Learning Representations for Automatic Colorization. ECCV 2016, arXiv:1603.06668.

Gustav Larsson, Michael Maire, Gregory Shakhnarovich.

Section or equation -> name here
    3, f: X -> Y                                        ``LRAC.predict``
    3.2, output spaces and their losses                 ``outputs``
    3.3, from a histogram to a color; chromatic fading  ``LRAC.decide``, ``decoding``
    3.4, histogram transfer, the bias b                 ``autochrome.guidance``
    3.5, VGG-16-Gray, h_fc1, initialization             ``paper``
    3.5, sparse hypercolumns, 128 places of a photo     ``training_losses``, ``autochrome.nn.hypercolumns``
    5, uncertainty: entropy of hue times chroma         ``Samples.uncertainty``
``compact`` is ours: the same head over the layers of a network that a laptop runs.
What departs from the paper, and why: docs/papers/lrac.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.spaces import HUE_CHROMA
from autochrome.models.base import Batch, Colorizer, DistributionColorizer, ModelSpec, Samples
from autochrome.models.lrac.decoding import PAPER_DECODING
from autochrome.models.lrac.outputs import Histograms, HueChroma, create_output
from autochrome.models.lrac.paper import PaperNetwork
from autochrome.models.lrac.settings import LRACSettings
from autochrome.nn.hypercolumns import random_locations

STRIDE = 4
"""Pixels between the places of dense inference, as in the released code."""


class HypercolumnColorizer(Colorizer):
    """What the histogram and the regression variants share: the network, its training, its outputs.

    Args:
        spec: as registered.
        network: trunk and head, as ``PaperNetwork``; the head has the outputs below.
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
        settings: LRACSettings,
    ) -> None:
        super().__init__()
        if output not in outputs:
            raise ValueError(f"{spec.name} has no output {output!r}; choose one of: {', '.join(outputs)}")
        self.spec = spec
        self.network: Any = network
        self.settings = settings
        self.outputs = {name: create_output(name, settings) for name in outputs}
        self.output: Any = self.outputs[output]
        for name, space in self.outputs.items():
            if isinstance(space, Histograms):
                # In double precision: many millions of places are added up.
                self.register_buffer(f"counts_{name}", torch.zeros(space.channels, dtype=torch.float64))
        if settings.freeze_trunk:
            network.requires_grad_(False)
            self.network.head.requires_grad_(True)

    def train(self, mode: bool = True) -> HypercolumnColorizer:
        """Set the mode, but of a frozen trunk, whose statistics stay."""
        super().train(mode)
        if self.settings.freeze_trunk:
            self.network.eval()
            self.network.head.train(mode)
        return self

    def features(self, luma: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """Return the layers of the hypercolumn, the photo itself first, from (R+G+B)/3 in [0, 1]."""
        self._require_multiples(luma)
        return self.network.maps(luma)

    def predict(self, luma: Float[Tensor, "b 1 h w"]) -> Float[Tensor, "b q h4 w4"]:
        """Return the output's layer at the center of every 4x4 pixels: logits, or a and b over 25."""
        maps = self.features(luma)
        size = (luma.shape[2], luma.shape[3])
        return self.network.head.dense(maps, STRIDE, size, only=[self.output.name])[self.output.name].float()

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Initialize the trunk: the paper's from a VGG-16, ours from a CIC."""
        self.network.load_backbone(state)

    def balance(self, images: Iterable[Float[Tensor, "_b 1 _h _w"]]) -> None:
        """Bring the layers of a pre-trained VGG-16 to one scale (section 3.5)."""
        self.network.balance(images)

    # Training -------------------------------------------------------------------------------------

    def training_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of all outputs, at the same random places of each photo (section 3.5).

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
            if self.training and isinstance(output, Histograms):
                seen = truth if truth.ndim < 5 else truth.flatten(2)
                self.get_buffer(f"counts_{name}").add_(output.counts(seen).double())
        return {"loss": torch.stack(list(losses.values())).sum(), **losses}


class LRAC(HypercolumnColorizer, DistributionColorizer):
    """Predicts histograms of color at every fourth pixel, from (R+G+B)/3 in [0, 1].

    Attributes:
        decoding: from histograms to values; the paper's, but for the temperature.
    """

    decoding = PAPER_DECODING

    @property
    def prior(self) -> Float[Tensor, " q"]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Histogram of the training photos' colors; sums to 1 within every axis, uniform when untrained."""
        return self.output.prior(self.get_buffer(f"counts_{self.output.name}")).float()

    @property
    def axes(self) -> tuple[slice, ...]:
        """Hue and chroma; a and b; or one of both."""
        return self.output.axes

    def decide(self, logits: Float[Tensor, "b q h w"], temperature: float) -> Samples:
        """Return one color for every place (section 3.3): hue and chroma, or a and b, as ``space`` says.

        The logits are divided by the temperature, which is 1 in the paper.
        """
        chroma = self.output.decode(logits, replace(self.decoding, temperature=temperature))
        return Samples(
            chroma[:, None],
            self.output.space,
            uncertainty=self.output.uncertainty(logits),
            logits=logits,
        )

    def log_kernel(self, lab: Float[Tensor, "n 3"], width: float) -> Float[Tensor, "n q"]:
        """Return the log of a Gaussian kernel between colors and the bins of every axis."""
        return self.output.log_kernel(lab, width)

    def histogram(self, lab: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " q"]:
        """Return the histogram of true colors; sums to 1 within every axis."""
        return self.output.histogram(lab)


class RegressionLRAC(HypercolumnColorizer):
    """Predicts a and b themselves (Lab with L2, equation 1): one color, with no measure of uncertainty."""

    def sample(self, luma: Float[Tensor, "b 1 h w"], *, n: int = 1, **unused: Any) -> Samples:
        """Color luma; ``n`` must be 1, temperature and generator are not used."""
        self._require_one(n)
        return Samples(self.output.decode(self.predict(luma))[:, None], self.output.space)


def colors_at(rgb: Float[Tensor, "b 3 h w"], places: Tensor, window: int) -> Float[Tensor, "b 3 n *window"]:
    """Colors of pixels (y, x), or with a window of all pixels about them, the border repeated."""
    padded = F.pad(rgb, (window // 2,) * 4, mode="replicate")
    photo = torch.arange(len(rgb), device=rgb.device)[:, None, None, None]
    steps = torch.arange(window, device=rgb.device)
    y = places[..., 0, None, None] + steps[:, None]
    x = places[..., 1, None, None] + steps
    colors = padded.permute(0, 2, 3, 1)[photo, y, x].permute(0, 4, 1, 2, 3)
    return colors if window > 1 else colors[..., 0, 0]


# Factory ------------------------------------------------------------------------------------------


def paper(spec: ModelSpec, *, output: str = HueChroma.name, **options: Any) -> HypercolumnColorizer:
    """Return the paper's network with one output, as each of its variants was trained.

    Args:
        spec: as registered.
        output: "hue_chroma" (the paper's choice), "lab", "lab_joint" or "lab_l2".
        options: fields of ``LRACSettings``.
    """
    return make_colorizer(spec, PaperNetwork, (output,), output, options)


def make_colorizer(
    spec: ModelSpec,
    network: Callable[[Mapping[str, int]], nn.Module],
    outputs: Sequence[str],
    output: str,
    options: Mapping[str, Any],
) -> HypercolumnColorizer:
    """Return a colorizer with some outputs, one of which answers.

    Args:
        spec: as registered; of the output "lab_l2" the kind becomes "point".
        network: makes the network, from the channels of each output by its name.
        outputs: names of the outputs that are trained.
        output: the one that answers.
        options: fields of ``LRACSettings``.

    Raises:
        ValueError: there is no such output.
    """
    channels = {name: create_output(name).channels for name in outputs}
    settings = LRACSettings(**options)
    if output == "lab_l2":
        return RegressionLRAC(replace(spec, kind="point"), network(channels), outputs, output, settings)
    return LRAC(spec, network(channels), outputs, output, settings)
