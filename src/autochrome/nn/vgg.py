"""VGG-16's weights for networks that see one channel (Simonyan and Zisserman 2014, arXiv:1409.1556)."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from autochrome.nn.resnet import IMAGENET_MEAN, IMAGENET_STD

VGG16_FEATURES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
"""Places of the 13 convolutions in ``features`` of torchvision's and timm's VGG-16."""

VGG16_WIDTHS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
"""Their channels."""

_OF_TIMM = {"pre_logits.fc1": "classifier.0", "pre_logits.fc2": "classifier.3", "head.fc": "classifier.6"}

Filter = tuple[Float[Tensor, "out in_ *kernel"], Float[Tensor, " out"]]


def vgg16_convolutions(state: Mapping[str, Tensor], *, gain: float, offset: float) -> list[Filter]:
    """The filters of VGG-16's 13 convolutions, the first of them for one channel.

    The first answers to a gray photo, where the padding does not reach, as VGG's own does to that photo in
    RGB; see ``gray_filter``, also for ``gain`` and ``offset``.

    Args:
        state: a torchvision or timm ``vgg16`` state dict: keys ``features.<n>.weight`` and ``.bias``.
        gain: see ``gray_filter``.
        offset: see ``gray_filter``.

    Raises:
        ValueError: tensors are missing or have other shapes (a ``vgg16_bn``, another network); the message
            begins with "not ".
    """
    widths_in = (3, *VGG16_WIDTHS)
    found = [
        _filter(state, f"features.{place}", (width, width_in, 3, 3))
        for place, width, width_in in zip(VGG16_FEATURES, VGG16_WIDTHS, widths_in, strict=False)
    ]
    return [gray_filter(*found[0], gain=gain, offset=offset), *found[1:]]


def vgg16_fully_connected(state: Mapping[str, Tensor]) -> list[Filter]:
    """fc6 and fc7 of VGG-16 as convolutions of 7x7 and 1x1.

    Raises:
        ValueError: as in ``vgg16_convolutions``.
    """
    state = in_torchvision_names(state)
    # torchvision flattens fc6's inputs by channel, row and column.
    (weight6, bias6), (weight7, bias7) = (
        _filter(state, f"classifier.{place}", (4096, width)) for place, width in ((0, 512 * 7 * 7), (3, 4096))
    )
    return [(weight6.unflatten(1, (512, 7, 7)), bias6), (weight7[:, :, None, None], bias7)]


def in_torchvision_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return torchvision's keys and shapes; timm names layers otherwise and has convolutions at the end."""
    renamed = {}
    for key, value in state.items():
        layer, _, kind = key.rpartition(".")
        if layer in _OF_TIMM:
            key, value = f"{_OF_TIMM[layer]}.{kind}", value.flatten(1) if kind == "weight" else value
        renamed[key] = value
    return renamed


def gray_filter(
    weight: Float[Tensor, "out 3 k k"], bias: Float[Tensor, " out"], *, gain: float, offset: float
) -> Filter:
    """A filter over RGB, normalized as ImageNet's networks take it, as one over a single channel.

    The filters over R, G and B are summed, each divided by its channel's deviation: the average over colors
    and its rescaling in one.

    Args:
        weight: over ``(rgb - mean) / std``.
        bias: its bias.
        gain: gray level in [0, 1] for each unit of the single channel; 1/100 for CIE L.
        offset: gray level where the single channel is 0; 0.5 for L - 50.
    """
    weight, bias = weight.float(), bias.float()
    mean, std = (weight.new_tensor(values)[None, :, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    shift = (weight * (offset - mean) / std).sum((1, 2, 3))
    return gain * (weight / std).sum(1, keepdim=True), bias + shift


def _filter(state: Mapping[str, Tensor], name: str, shape: tuple[int, ...]) -> Filter:
    for kind, wanted in (("weight", shape), ("bias", shape[:1])):
        key = f"{name}.{kind}"
        if key not in state or tuple(state[key].shape) != wanted:
            found = f"shape {tuple(state[key].shape)}" if key in state else "nothing"
            raise ValueError(
                f"not a VGG-16 state dict: {key} should have shape {wanted}, found {found}; "
                "give torchvision's or timm's vgg16 (the one without batch normalization)"
            )
    return state[f"{name}.weight"], state[f"{name}.bias"]
