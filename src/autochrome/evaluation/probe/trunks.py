"""The trunks that are compared, and what must be known of them before their maps are used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float16
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from autochrome.errors import ProbeError
from autochrome.models.base import Colorizer, HasFeatures
from autochrome.models.registry import create_model

TRAINED, RANDOM = "colorization", "random"
"""Names of the two initializations that the papers compare."""

SETTLED_ON = 512
"""Photos, about, that a network's batch norms are settled on."""


@dataclass(frozen=True)
class LayerGroup:
    """Layers that are read together."""

    name: str
    """As ``parse_layers`` reads it: ``3``, ``3+4``, ``all``."""
    layers: tuple[int, ...]
    """Numbers into what ``HasFeatures.features`` gives."""


def make_trunk(name: str, *, weights: str | None = None, random: bool = False, seed: int = 0) -> Colorizer:
    """Build a colorizer whose trunk gives features.

    Args:
        name: of the registry.
        weights: where to take them from instead of the bundled ones.
        random: leave the parameters as they are drawn at the start of training.
        seed: of that draw; the global generator is left as it was.

    Raises:
        ProbeError: that model's trunk gives no features.
        UnknownModelError, WeightsError: see `create_model`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = create_model(name, weights=None if random else weights, pretrained=not random)
    if not isinstance(model, HasFeatures):
        raise ProbeError(f"{model.spec.name} has no trunk that gives features; try --model cic")
    return model


def layers_of(model: Colorizer, luma: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
    """The maps of a model that was made by ``make_trunk``."""
    assert isinstance(model, HasFeatures)
    return model.features(luma)


def map_shapes(model: Colorizer, size: int) -> list[tuple[int, int, int]]:
    """Channels, height and width of every layer's map of a square luma.

    Raises:
        ProbeError: the size does not fit the model.
    """
    unit = model.spec.multiple_of
    if size % unit:
        near = max(unit, round(size / unit) * unit)
        raise ProbeError(f"{model.spec.name} needs a size that is a multiple of {unit}, such as {near}")
    device = next(model.parameters()).device
    with torch.inference_mode():
        maps = layers_of(model, torch.zeros(1, 1, size, size, device=device))
    return [(m.shape[1], m.shape[2], m.shape[3]) for m in maps]


def parse_layers(text: str, count: int) -> list[LayerGroup]:
    """Read which layers to use: numbers, joined by ``+`` where they are read together; ``each`` and ``all``.

    ``0,4,3+4`` are three groups; ``each`` is every layer by itself, ``all`` is every layer at once.

    Raises:
        ProbeError: there is no such layer; the message tells the known ones.
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
    if not text.strip().isdecimal() or int(text) >= count:
        raise ProbeError(
            f"there is no layer {text.strip()!r}: the trunk has 0 to {count - 1}; "
            "give each, all, or numbers such as 2,4 or 2+4"
        )
    return int(text)


def batches(luma: Float[Tensor, "n 1 s s"], model: nn.Module, size: int = 64) -> Iterator[Tensor]:
    """Photos in their order, as float32 on the model's device."""
    device = next(model.parameters()).device
    for chunk in luma.split(size):
        yield chunk.to(device, torch.float32).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def settle_norms(
    module: nn.Module, luma: Float[Tensor, "n 1 s s"], forward: Callable[[Tensor], object] | None = None
) -> None:
    """Set the statistics of all batch norms to those of the photos; the module is left in evaluation mode.

    Two trunks need it. A random one, whose untouched statistics (mean 0, variance 1) would let its signal die
    away from layer to layer: too poor a rival. And one that was just trained for some hundred steps, as its
    running averages lag behind its parameters.

    Args:
        module: a trunk, or a network that holds one.
        luma: the photos to train on; some hundred of them, of all classes, suffice.
        forward: how to pass them through it; the module itself for one that is no trunk.
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


def settle_trunk(model: Colorizer, luma: Float[Tensor, "n 1 s s"]) -> None:
    """Settle the norms of the layers that give the trunk's maps."""
    settle_norms(model, luma, lambda batch: layers_of(model, batch))


def some(luma: Float16[Tensor, "n 1 s s"], count: int) -> Float16[Tensor, "m 1 s s"]:
    """About so many photos, evenly taken out of a set that may lie in the order of its classes."""
    return luma[:: max(1, len(luma) // count)]


@torch.inference_mode()
def balancing(model: Colorizer, luma: Float[Tensor, "n 1 s s"]) -> list[float]:
    """Factor of every layer that brings its second moment over the photos to 1 (LRAC, section 3.5)."""
    sums: list[float] = []
    for batch in batches(luma, model):
        moments = [float(m.float().square().mean()) * len(batch) for m in layers_of(model, batch)]
        sums = [a + b for a, b in zip(sums or [0.0] * len(moments), moments, strict=True)]
    return [(total / len(luma)) ** -0.5 if total > 0 else 1.0 for total in sums]
