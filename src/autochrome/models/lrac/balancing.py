"""Balanced hypercolumns (section 3.5; its appendix A.1 is not in the text that we follow)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from autochrome.models.lrac.paper import LAYERS, PaperNetwork


@torch.no_grad()
def balance(network: PaperNetwork, images: Iterable[Float[Tensor, "_b 1 _h _w"]]) -> Float[Tensor, "15"]:
    """Scale every layer to unit second moment over gray photos: E[x^2] = 1.

    A layer's filters and bias are multiplied by m = 1 / sqrt(E[x^2]), and the next one's filters divided by
    it. ReLU and max pooling let a positive factor through, so that each layer says the same in another unit.
    The data layer has no parameters and stays as it is. Do it before training a head, which reads the new
    units.

    Args:
        network: changed in place.
        images: batches of gray photos as ``PaperNetwork.maps`` takes them; batches need not be alike.

    Returns:
        The factor m of each layer from conv1_1 to fc7: what they give now is m times what they gave.

    Raises:
        ValueError: there are no images, or a layer is zero (or not finite) on all of them; nothing is changed
            then.
    """
    factors = 1 / _second_moments(network, images).sqrt()
    for name, factor in zip(LAYERS[1:], factors.tolist(), strict=True):
        if not 0 < factor < float("inf"):
            raise ValueError(f"{name} cannot be balanced: it is zero or not finite on all of these images")
    before = 1.0
    for layer, factor in zip(network.layers.values(), factors.tolist(), strict=True):
        layer.get_parameter("weight").mul_(factor / before)
        layer.get_parameter("bias").mul_(factor)
        before = factor
    return factors


def _second_moments(
    network: PaperNetwork, images: Iterable[Float[Tensor, "_b 1 _h _w"]]
) -> Float[Tensor, "15"]:
    """Mean square of each layer over all images, channels and places, without dropout."""
    training = network.training
    network.eval()
    total, count = torch.zeros(len(LAYERS) - 1, dtype=torch.float64), 0
    for gray in images:
        squares = [layer.square().mean(dtype=torch.float64).cpu() for layer in network.maps(gray)[1:]]
        total += torch.stack(squares) * gray.numel()
        count += gray.numel()
    network.train(training)
    if not count:
        raise ValueError("there are no images to balance the layers on")
    return total / count
