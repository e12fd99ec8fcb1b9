"""VGG-16's weights over one channel: torchvision's and timm's names, and the same answers to gray photos."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from autochrome.nn.resnet import IMAGENET_MEAN, IMAGENET_STD
from autochrome.nn.vgg import (
    VGG16_FEATURES,
    VGG16_WIDTHS,
    gray_filter,
    vgg16_convolutions,
    vgg16_fully_connected,
)

# Configuration D of table 1 of Simonyan and Zisserman 2014; "M" is a max pool.
CONFIGURATION_D = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")


def made_convolutions() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(16)
    state, before = {}, 3
    for place, width in zip(VGG16_FEATURES, VGG16_WIDTHS, strict=True):
        state[f"features.{place}.weight"] = torch.randn(width, before, 3, 3, generator=generator) * 0.05
        state[f"features.{place}.bias"] = torch.randn(width, generator=generator) * 0.05
        before = width
    return state


def on_meta(*, timm: bool) -> dict[str, Tensor]:
    """fc6 and fc7 with torchvision's names and shapes, or timm's, without their 119M numbers."""
    names = ("pre_logits.fc1", "pre_logits.fc2") if timm else ("classifier.0", "classifier.3")
    shapes = ((4096, 512, 7, 7), (4096, 4096, 1, 1)) if timm else ((4096, 25088), (4096, 4096))
    weights = {
        f"{name}.weight": torch.empty(shape, device="meta") for name, shape in zip(names, shapes, strict=True)
    }
    return weights | {f"{name}.bias": torch.empty(4096, device="meta") for name in names}


def test_places_follow_the_configuration() -> None:
    """torchvision's ``features`` counts each convolution, its ReLU and each max pool."""
    places, widths, place = [], [], 0
    for entry in CONFIGURATION_D:
        if isinstance(entry, int):
            places.append(place)
            widths.append(entry)
        place += 2 if isinstance(entry, int) else 1
    assert tuple(places) == VGG16_FEATURES
    assert tuple(widths) == VGG16_WIDTHS


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (1.0, 0.4488), (0.01, 0.5)])
def test_one_channel_answers_to_gray_photos_as_three_do(gain: float, offset: float) -> None:
    """Without padding, exactly: Caffe's gray levels, those less their mean, and L - 50."""
    weight, bias = torch.randn(8, 3, 3, 3) * 0.1, torch.randn(8)
    gray = torch.rand(2, 1, 9, 10)
    mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    theirs = F.conv2d((gray.expand(-1, 3, -1, -1) - mean) / std, weight, bias)
    ours = F.conv2d((gray - offset) / gain, *gray_filter(weight, bias, gain=gain, offset=offset))
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_thirteen_convolutions_are_found() -> None:
    state = made_convolutions()
    found = vgg16_convolutions(state, gain=1.0, offset=0.0)
    assert [tuple(weight.shape[:2]) for weight, _ in found] == list(
        zip(VGG16_WIDTHS, (1, *VGG16_WIDTHS), strict=False)
    )
    for place, (weight, bias) in list(zip(VGG16_FEATURES, found, strict=True))[1:]:
        assert torch.equal(weight, state[f"features.{place}.weight"])
        assert torch.equal(bias, state[f"features.{place}.bias"])


@pytest.mark.parametrize("timm", [False, True])
def test_fully_connected_layers_become_convolutions(timm: bool) -> None:
    found = vgg16_fully_connected(on_meta(timm=timm))
    assert [tuple(weight.shape) for weight, _ in found] == [(4096, 512, 7, 7), (4096, 4096, 1, 1)]
    assert [tuple(bias.shape) for _, bias in found] == [(4096,), (4096,)]


@pytest.mark.parametrize(
    ("key", "shape", "message"),
    [
        (
            "classifier.0.weight",
            None,
            "classifier.0.weight should have shape (4096, 25088), found nothing",
        ),
        ("classifier.3.bias", None, "classifier.3.bias should have shape (4096,), found nothing"),
        ("classifier.0.weight", (4096, 9216), "found shape (4096, 9216)"),  # AlexNet's
        ("classifier.3.weight", (4096, 4096, 3, 3), "found shape (4096, 4096, 3, 3)"),
    ],
)
def test_other_classifiers_are_refused(key: str, shape: tuple[int, ...] | None, message: str) -> None:
    state = {k: v for k, v in on_meta(timm=False).items() if k != key}
    state |= {} if shape is None else {key: torch.empty(shape, device="meta")}
    with pytest.raises(ValueError, match=r"^not a VGG-16 state dict: .*; give torchvision's") as caught:
        vgg16_fully_connected(state)
    assert message in str(caught.value)


def test_other_features_are_refused() -> None:
    state = made_convolutions()
    state["features.7.weight"] = torch.zeros(128)  # a BatchNorm's, in a vgg16_bn
    with pytest.raises(ValueError, match=r"^not a VGG-16 state dict: features\.7\.weight should have shape"):
        vgg16_convolutions(state, gain=1.0, offset=0.0)
