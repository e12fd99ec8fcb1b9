"""The trunks to compare: their layers, batch norms and scales."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float16
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from autochrome.errors import ProbeError
from autochrome.models.base import Colorizer
from autochrome.models.registry import create_model

TRAINED, RANDOM = "colorization", "random"
"""The two initializations that the papers compare."""

NORM_PHOTOS = 512
"""Approximate number of photos to re-estimate a network's batch norms on."""


@dataclass(frozen=True)
class LayerGroup:
    """Layers whose features are used together."""

    name: str
    """As ``parse_layers`` reads it: ``3``, ``3+4``, ``all``."""
    layers: tuple[int, ...]
    """Indices into the result of ``Colorizer.features``."""


def make_trunk(name: str, *, weights: str | None = None, random: bool = False, seed: int = 0) -> Colorizer:
    """Build a colorizer whose features can be probed.

    Args:
        name: in the registry.
        weights: source of weights to use instead of the bundled ones.
        random: keep the random initialization.
        seed: of the initialization; the global generator is left unchanged.

    Raises:
        ProbeError: the model does not expose features.
        UnknownModelError, WeightsError: see `create_model`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = create_model(name, weights=None if random else weights, pretrained=not random)
    if "features" not in model.spec.can:
        raise ProbeError(f"{model.spec.name} does not expose features; try --model cic or --model lrac")
    return model


def map_shapes(model: Colorizer, size: int) -> list[tuple[int, int, int]]:
    """Return channels, height and width of every layer's map for a square luma.

    Raises:
        ProbeError: the size does not fit the model.
    """
    unit = model.spec.multiple_of
    if size % unit:
        near = max(unit, round(size / unit) * unit)
        raise ProbeError(f"{model.spec.name} needs a size that is a multiple of {unit}, such as {near}")
    device = next(model.parameters()).device
    with torch.inference_mode():
        maps = model.features(torch.zeros(1, 1, size, size, device=device))
    return [(m.shape[1], m.shape[2], m.shape[3]) for m in maps]


def parse_layers(text: str, count: int) -> list[LayerGroup]:
    """Parse groups of layers: numbers, joined by ``+`` if they are used together; ``each`` and ``all``.

    ``0,4,3+4`` are three groups; ``each`` is every layer separately, ``all`` is all layers together.

    Raises:
        ProbeError: a layer does not exist; the message lists the layers.
    """
    groups: list[LayerGroup] = []
    for word in (word.strip() for word in text.split(",")):
        if word == "each":
            groups += [LayerGroup(str(layer), (layer,)) for layer in range(count)]
        elif word == "all":
            groups.append(LayerGroup("all", tuple(range(count))))
        else:
            layers = tuple(_layer(part, count) for part in word.split("+"))
            groups.append(LayerGroup("+".join(map(str, layers)), layers))
    return list(dict.fromkeys(groups))


def _layer(text: str, count: int) -> int:
    if not re.fullmatch("[0-9]{1,4}", text.strip()) or int(text) >= count:
        raise ProbeError(
            f"layer {text.strip()!r} does not exist: the trunk has 0 to {count - 1}; "
            "give each, all, or numbers such as 2,4 or 2+4"
        )
    return int(text)


def batches(luma: Float[Tensor, "n 1 s s"], model: nn.Module, size: int = 64) -> Iterator[Tensor]:
    """Yield the photos in their order, as float32 on the model's device."""
    device = next(model.parameters()).device
    for chunk in luma.split(size):
        yield chunk.to(device, torch.float32).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def update_norms(
    module: nn.Module, luma: Float[Tensor, "n 1 s s"], forward: Callable[[Tensor], object] | None = None
) -> None:
    """Set the statistics of all batch norms to those of the photos; leave the module in evaluation mode.

    With its initial statistics (mean 0, variance 1) the signal of a random trunk would vanish from layer to
    layer, and running averages lag behind the parameters of a trunk trained for a few hundred steps.

    Args:
        module: a trunk, or a network that contains one.
        luma: a few hundred training photos of all classes.
        forward: runs the module on a batch, as ``features`` of a trunk does; by default the module is called.
    """
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    module.eval()  # no dropout
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
        norm.train()
    for batch in batches(luma, module):
        if len(batch) > 1:
            (forward or module)(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def subsample(luma: Float16[Tensor, "n 1 s s"], count: int) -> Float16[Tensor, "m 1 s s"]:
    """Return about ``count`` photos, evenly spaced over a set that may be sorted by class."""
    return luma[:: max(1, len(luma) // count)]


@torch.inference_mode()
def balancing(model: Colorizer, luma: Float[Tensor, "n 1 s s"]) -> list[float]:
    """Return the factor of every layer that makes its second moment over the photos 1 (LRAC, section 3.5)."""
    sums: list[float] = []
    for batch in batches(luma, model):
        moments = [float(m.float().square().mean()) * len(batch) for m in model.features(batch)]
        sums = [a + b for a, b in zip(sums or [0.0] * len(moments), moments, strict=True)]
    return [(total / len(luma)) ** -0.5 if total > 0 else 1.0 for total in sums]
