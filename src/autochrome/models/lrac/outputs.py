"""What LRAC predicts: the output spaces of Larsson, Maire and Shakhnarovich 2016, sections 3.2 and 3.3.

Section or equation -> name here
    3.2, L_reg (equation 1), L2 in Lab            ``LabL2``
    3.2, L_hist (equation 2), the KL-divergence   ``divergence``
    3.2, Lab, K = 32, a and b as marginals        ``LabMarginals``
    3.2, Lab, K = 16 x 16, a and b jointly        ``LabJoint``
    3.2, L_hue/chroma (equation 3), K = 32        ``HueChroma``
    3.2, R, lambda_H                              ``LRACSettings``
    3.3, sample, mode, median, expectation        ``Decoding``
    3.3, chromatic fading, eta                    ``HueChroma.decode``, ``Decoding.eta``
What the bins are and how the operators work is in ``color.histogram_bins`` and ``color.decoding``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor

from autochrome.color.decoding import (
    chromatic_fading,
    circular_expectation,
    entropy,
    expectation,
    hue_of,
    median,
    mode,
    sample,
)
from autochrome.color.gamut import fit_chroma
from autochrome.color.histogram_bins import AxisBins, gaussian_quantile_bins, uniform_bins
from autochrome.color.spaces import HUE_CHROMA, LAB, ColorSpace, rgb_to_lab
from autochrome.models.lrac.decoding import PAPER_DECODING, Decoding
from autochrome.models.lrac.histogram_loss import divergence, targets
from autochrome.models.lrac.settings import LRACSettings
from autochrome.types import Chroma, ChromaLogits

K = 32
"""Bins of an axis."""
SIGMA = 25.0
"""Width of the Gaussian whose quantiles bin a and b, in CIE units; the unit of `LabL2`'s outputs too."""

Logits = Float[Tensor, "b q *places"]
"""At any places: a dense map "b q h w" or a list "b q n"."""
Truth = Float[Tensor, "b 3 *truth"]
"""sRGB in [0, 1] at the same places. Those of a list may each have the window of `LRACSettings` about them:
"b 3 n r r"."""

GRAYISH = 0.01
"""Chroma (0 to 1) below which a color does not tell how many CIE units its chroma has."""


class Output(ABC):
    """An output space: how many channels the network gives, what they are trained to be, and what they mean.

    Attributes:
        name: as `create_output` takes it.
        space: color space of what ``decode`` gives.
        channels: of the network's last layer.
    """

    name: str
    space: str
    channels: int

    def __init__(self, settings: LRACSettings | None = None) -> None:
        self.settings = settings or LRACSettings()

    @abstractmethod
    def loss(self, logits: Logits, rgb: Truth) -> dict[str, Tensor]:
        """The loss against true colors.

        Returns:
            Scalars, each a mean over all places: ``loss``, to be minimized, and its parts, in nats.
        """

    @abstractmethod
    def decode(self, logits: ChromaLogits, how: Decoding = PAPER_DECODING) -> Chroma:
        """Return the color of every place, as chroma of ``space``."""


class Histograms(Output):
    """Colors as histograms over one or two axes of bins.

    Attributes:
        bins: of an axis.
        axes: the channels of each histogram.
    """

    bins: AxisBins
    axes: tuple[slice, ...]

    @abstractmethod
    def encode(self, rgb: Float[Tensor, "b 3 *places"]) -> Int[Tensor, "b axes *places"]:
        """The true bin on every axis."""

    def divergences(self, logits: Logits, rgb: Truth) -> list[Float[Tensor, "b *places"]]:
        """Equation 2 of every axis at every place."""
        dense = logits.ndim == 4
        truth = self.encode(rgb).unbind(1)
        return [
            divergence(logits[:, axis], targets(bins, axis.stop - axis.start, self.settings.window, dense))
            for axis, bins in zip(self.axes, truth, strict=True)
        ]

    def uncertainty(self, logits: ChromaLogits) -> Float[Tensor, "b 1 h w"]:
        """Return how uncertain the color of every place is, in nats."""
        return torch.stack([entropy(logits[:, axis]) for axis in self.axes]).sum(0)

    @abstractmethod
    def log_kernel(self, lab: Float[Tensor, "n 3"], width: float) -> Float[Tensor, "n q"]:
        """Return a log kernel; see `autochrome.models.base.DistributionColorizer.log_kernel`."""

    def counts(self, rgb: Float[Tensor, "b 3 *places"]) -> Float[Tensor, " q"]:
        """How many of the places fall into each bin, to be added up over photos (hue: their chroma's sum)."""
        pairs = zip(self.axes, self.encode(rgb).unbind(1), strict=True)
        return torch.cat([_count(bins, axis.stop - axis.start) for axis, bins in pairs])

    def histogram(self, lab: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " q"]:
        """The true colors of photos as a distribution; sums to 1 within every axis."""
        return self.normalized(self.counts(LAB.merge(lab[:, :1], lab[:, 1:]).clamp(0, 1)))

    def normalized(self, counts: Float[Tensor, " q"]) -> Float[Tensor, " q"]:
        """Counts as a distribution within every axis; uniform where nothing was counted (hue of gray)."""
        shares = [counts[axis] + 1e-6 for axis in self.axes]
        return torch.cat([share / share.sum() for share in shares])

    def prior(self, counts: Float[Tensor, " q"]) -> Float[Tensor, " q"]:
        """Counts over the training photos as a smoothed distribution within every axis.

        Each bin shares a quarter of its own with either neighbor; no mass is lost at the ends.
        """
        shares = self.normalized(counts)
        return torch.cat([_spread(shares[axis]) for axis in self.axes])


class HueChroma(Histograms):
    """K bins of hue and K of chroma, both uniform in [0, 1] (`autochrome.color.spaces.HUE_CHROMA`)."""

    name = "hue_chroma"
    space = "hue_chroma"
    bins = uniform_bins(K)
    axes = (slice(0, K), slice(K, 2 * K))
    channels = 2 * K

    def encode(self, rgb: Float[Tensor, "b 3 *places"]) -> Int[Tensor, "b 2 *places"]:
        """The true bins of hue and chroma; gray has hue 0, also where a window counts it."""
        return self.bins.encode(_planes(HUE_CHROMA, rgb)[:, 1:])

    def loss(self, logits: Logits, rgb: Truth) -> dict[str, Tensor]:
        """Equation 3: D_KL(y_C || f_C) + lambda_H y_C D_KL(y_H || f_H), y_C the chroma of the place itself.

        Its parts are ``hue`` (with its factor y_C, without lambda_H) and ``chroma``.
        """
        hue, chroma = self.divergences(logits, rgb)
        luma, _, y_c = _planes(HUE_CHROMA, _middle(rgb, logits)).unbind(1)
        if self.settings.fade_extremes:
            chroma = chroma * torch.minimum(3 * luma, 3 * (1 - luma)).clamp(max=1)
        hue_loss, chroma_loss = (y_c * hue).mean(), chroma.mean()
        return {
            "loss": chroma_loss + self.settings.hue_weight * hue_loss,
            "hue": hue_loss,
            "chroma": chroma_loss,
        }

    def decode(self, logits: ChromaLogits, how: Decoding = PAPER_DECODING) -> Chroma:
        """Hue in [0, 1) and chroma in [0, 1]."""
        hues, chromas = (how.probabilities(logits[:, axis]) for axis in self.axes)
        z = circular_expectation(hues)
        hue = hue_of(z) if how.hue == "expectation" else how.point(hues, self.bins, how.hue)
        chroma = how.point(chromas, self.bins, how.chroma)
        if how.fading:
            chroma = chroma * chromatic_fading(z, how.eta)
        return torch.cat((hue, chroma), 1)

    def uncertainty(self, logits: ChromaLogits) -> Float[Tensor, "b 1 h w"]:
        """Entropy of hue in nats times the median chroma before it fades (the paper's figure 9)."""
        hue, chroma = (logits[:, axis].float() for axis in self.axes)
        return entropy(hue) * median(chroma.softmax(1), self.bins)

    def log_kernel(self, lab: Float[Tensor, "n 3"], width: float) -> Float[Tensor, "n q"]:
        """Log of a Gaussian kernel about each color along hue and along chroma, at its own lightness.

        Distances are about those of CIE ab, whose unit ``width`` has. Hue: the chord 2 C_ab sin(d / 2) that
        turning by the angle d draws in the ab plane, so that a color near gray hardly prefers a hue. Chroma:
        its difference times C_ab / C, the number of CIE units that one unit of chroma has there (toward gray,
        where both vanish, 100: that of the primaries).
        """
        # What sRGB holds of the color, so that C and C_ab are of the same one.
        rgb = fit_chroma(lab.T[None, :1, :, None], lab.T[None, 1:, :, None])
        hue, chroma = HUE_CHROMA.split(rgb)[1].permute(1, 2, 3, 0)[:, :, 0]
        cie = rgb_to_lab(rgb)[0, 1:].norm(dim=0)
        centers = self.bins.centers.to(lab)
        chord = 2 * cie * torch.sin(math.pi * (centers - hue))
        along = (centers - chroma) * (cie + 100 * GRAYISH) / (chroma + GRAYISH)
        return torch.cat([_gaussian(distance.square(), width) for distance in (chord, along)], 1)

    def prior(self, counts: Float[Tensor, " q"]) -> Float[Tensor, " q"]:
        """Counts as a smoothed distribution within hue, which is a circle, and within chroma."""
        hue, chroma = self.normalized(counts).split(self.bins.count)
        return torch.cat((_spread(hue, circular=True), _spread(chroma)))

    def counts(self, rgb: Float[Tensor, "b 3 *places"]) -> Float[Tensor, " q"]:
        """How many places fall into each bin of chroma, and the sum of chroma in each bin of hue.

        Gray places have no hue and would count as red; by their chroma they count as in equation 3. Less
        than half a step of 8 bits is rounding and counts as gray.
        """
        hue, chroma = self.encode(rgb).unbind(1)
        y_c = _planes(HUE_CHROMA, rgb)[:, 2]
        weight = torch.where(y_c < 0.5 / 255, 0, y_c)
        return torch.cat((_count(hue, K, weight), _count(chroma, K)))


class LabMarginals(Histograms):
    """K bins of a and K of b, Gaussian quantiles in CIE units."""

    name = "lab"
    space = "lab"
    bins = gaussian_quantile_bins(K, SIGMA)
    axes = (slice(0, K), slice(K, 2 * K))
    channels = 2 * K

    def encode(self, rgb: Float[Tensor, "b 3 *places"]) -> Int[Tensor, "b 2 *places"]:
        """The true bins of a and b."""
        return self.bins.encode(_planes(LAB, rgb)[:, 1:])

    def loss(self, logits: Logits, rgb: Truth) -> dict[str, Tensor]:
        """The sum of equation 2 over both axes; its parts are ``a`` and ``b``."""
        a, b = (axis.mean() for axis in self.divergences(logits, rgb))
        return {"loss": a + b, "a": a, "b": b}

    def decode(self, logits: ChromaLogits, how: Decoding = PAPER_DECODING) -> Chroma:
        """Return a and b in CIE units; each for itself. Nothing fades."""
        shares = (how.probabilities(logits[:, axis]) for axis in self.axes)
        return torch.cat([how.point(p, self.bins, how.ab) for p in shares], 1)

    def log_kernel(self, lab: Float[Tensor, "n 3"], width: float) -> Float[Tensor, "n q"]:
        """Log of a Gaussian kernel of standard deviation ``width``, in CIE units, along a and along b."""
        distance = lab[:, 1:, None] - self.bins.centers.to(lab)
        return _gaussian(distance.square(), width).flatten(1)


class LabJoint(Histograms):
    """16 x 16 bins of a and b together, a grid of Gaussian quantiles; bin 16 i + j has a in i and b in j."""

    name = "lab_joint"
    space = "lab"
    bins = gaussian_quantile_bins(16, SIGMA)
    axes = (slice(0, 16**2),)
    channels = 16**2
    centers = torch.cartesian_prod(bins.centers, bins.centers)

    def encode(self, rgb: Float[Tensor, "b 3 *places"]) -> Int[Tensor, "b 1 *places"]:
        """The true bin."""
        a, b = self.bins.encode(_planes(LAB, rgb)[:, 1:]).split(1, dim=1)
        return self.bins.count * a + b

    def loss(self, logits: Logits, rgb: Truth) -> dict[str, Tensor]:
        """Equation 2."""
        return {"loss": self.divergences(logits, rgb)[0].mean()}

    def decode(self, logits: ChromaLogits, how: Decoding = PAPER_DECODING) -> Chroma:
        """Return a and b in CIE units, decided together; the median takes either's marginal."""
        shares = how.probabilities(logits)
        match how.ab:
            case "sample":
                return sample(shares, self.centers, how.generator)
            case "mode":
                return mode(shares, self.centers)
            case "expectation":
                return expectation(shares, self.centers)
            case "median":
                grid = shares.unflatten(1, (self.bins.count, self.bins.count))
                marginals = (grid.sum(2), grid.sum(1))
                return torch.cat([how.point(p, self.bins, "median") for p in marginals], 1)

    def log_kernel(self, lab: Float[Tensor, "n 3"], width: float) -> Float[Tensor, "n q"]:
        """Log of a Gaussian kernel of standard deviation ``width``, in CIE units, in the ab plane."""
        return _gaussian(torch.cdist(lab[:, 1:], self.centers.to(lab)).square(), width)

    def prior(self, counts: Float[Tensor, " q"]) -> Float[Tensor, " q"]:
        """Counts as a distribution, smoothed along a and along b."""
        grid = self.normalized(counts).unflatten(0, (self.bins.count, self.bins.count))
        return _spread(_spread(grid).mT).mT.flatten()


class LabL2(Output):
    """a and b themselves, in units of 25 CIE units, so that the network's outputs are of order 1."""

    name = "lab_l2"
    space = "lab"
    channels = 2

    def loss(self, logits: Logits, rgb: Truth) -> dict[str, Tensor]:
        """Equation 1, ||f - y||^2, of a / 25 and b / 25: its gradients are then of the histograms' size."""
        ab = _planes(LAB, _middle(rgb, logits))[:, 1:]
        return {"loss": (logits - ab / SIGMA).square().sum(1).mean()}

    def decode(self, logits: ChromaLogits, how: Decoding = PAPER_DECODING) -> Chroma:
        """Return a and b in CIE units; there is nothing to choose."""
        return logits.float() * SIGMA


def _planes(space: ColorSpace, rgb: Float[Tensor, "b 3 *places"]) -> Float[Tensor, "b 3 *places"]:
    """Luma and chroma of colors at any places."""
    return torch.cat(space.split(rgb.reshape(len(rgb), 3, -1, 1)), 1).reshape(rgb.shape)


def _middle(rgb: Truth, logits: Tensor) -> Float[Tensor, "b 3 *places"]:
    """The colors of the places themselves, where each may come with its window."""
    return rgb if rgb.ndim == logits.ndim else rgb[..., rgb.shape[-2] // 2, rgb.shape[-1] // 2]


def _gaussian(squared: Float[Tensor, "*n k"], width: float) -> Float[Tensor, "*n k"]:
    """Log of a Gaussian of distances, 0 at the nearest bin."""
    return (squared.amin(-1, keepdim=True) - squared) / (2 * width**2)


def _spread(shares: Float[Tensor, "*n k"], *, circular: bool = False) -> Float[Tensor, "*n k"]:
    """Every bin's mass, half of it kept and a quarter given to either neighbor; none is lost at the ends."""
    ends = (shares[..., -1:], shares[..., :1]) if circular else (shares[..., :1], shares[..., -1:])
    padded = torch.cat((ends[0], shares, ends[1]), -1)
    return padded[..., 1:-1] / 2 + (padded[..., :-2] + padded[..., 2:]) / 4


def _count(
    bins: Int[Tensor, "*places"], count: int, weight: Float[Tensor, "*places"] | None = None
) -> Float[Tensor, " k"]:
    # Weights in double precision: in single, a sum stops growing after some millions of places.
    weights = None if weight is None else weight.double().flatten()
    return torch.bincount(bins.flatten(), weights, count).float()


_OUTPUTS: Mapping[str, type[HueChroma | LabMarginals | LabJoint | LabL2]] = {
    output.name: output for output in (HueChroma, LabMarginals, LabJoint, LabL2)
}
OUTPUT_NAMES = tuple(_OUTPUTS)
"""What `create_output` knows."""


def create_output(name: str, settings: LRACSettings | None = None) -> Output:
    """Return an output space, with the paper's number of bins.

    Args:
        name: "hue_chroma" (64 channels), "lab" (64), "lab_joint" (256) or "lab_l2" (2).
        settings: the constants of its loss; the paper's if None.

    Raises:
        ValueError: no output has that name.
    """
    if name not in _OUTPUTS:
        raise ValueError(f"no output is called {name!r}; choose one of: {', '.join(OUTPUT_NAMES)}")
    return _OUTPUTS[name](settings)
