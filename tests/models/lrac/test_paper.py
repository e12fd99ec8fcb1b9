"""The network of section 3.5 of Larsson 2016, layer by layer; no test fills its 147M parameters but one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.models.lrac.paper import LAYERS, STRIDES, WIDTHS, PaperNetwork
from autochrome.nn.hypercolumns import sample_columns
from autochrome.nn.resnet import IMAGENET_MEAN, IMAGENET_STD
from autochrome.nn.vgg import VGG16_FEATURES

# Output channels of the four variants of section 4.
OUTPUTS = {"hue_chroma": 64, "lab": 64, "lab_joint": 256, "lab_l2": 2}
NARROW = (1, 2, 2, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 8, 7)


def on_meta(output: str = "hue_chroma") -> PaperNetwork:
    """Shapes without numbers: as much as counting needs."""
    with torch.device("meta"):
        return PaperNetwork({output: OUTPUTS[output]})


def narrow() -> PaperNetwork:
    return PaperNetwork({"hue_chroma": 4}, widths=NARROW, hidden=6)


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


# Shapes --------------------------------------------------------------------------------------------


def test_147041024_parameters_with_hue_and_chroma() -> None:
    """The released file holds 588,203,256 bytes: as many floats, and some names."""
    net = on_meta()
    assert parameters(net) == 147_041_024
    assert parameters(net) * 4 < 588_203_256 < parameters(net) * 4 + 2**16


@pytest.mark.parametrize(
    ("output", "count"),
    [
        ("hue_chroma", 12_781_632),  # 12.78M
        ("lab", 12_781_632),
        ("lab_joint", 12_978_432),  # 12.98M
        ("lab_l2", 12_718_082),  # 12.72M
    ],
)
def test_parameters_of_the_heads(output: str, count: int) -> None:
    """12,417 x 1024 and 1024, and the output's."""
    head = on_meta(output).head
    assert parameters(head) == count == 12_417 * 1024 + 1024 + 1025 * OUTPUTS[output]


def test_the_hypercolumn_has_12417_channels_in_16_layers() -> None:
    assert len(LAYERS) == len(WIDTHS) == len(STRIDES) == 16
    assert sum(WIDTHS) == 12_417 == 1 + 64 * 2 + 128 * 2 + 256 * 3 + 512 * 3 + 512 * 3 + 4096 * 2


@pytest.mark.parametrize(("height", "width"), [(256, 256), (96, 160)])
def test_maps_have_the_widths_and_strides(height: int, width: int) -> None:
    maps = on_meta().maps(torch.empty(2, 1, height, width, device="meta"))
    assert [tuple(layer.shape) for layer in maps] == [
        (2, channels, height // stride, width // stride)
        for channels, stride in zip(WIDTHS, STRIDES, strict=True)
    ]


def test_layers_are_vgg_s() -> None:
    """3x3 with padding 1; fc6 7x7 with padding 3, fc7 1x1 (autocolorize.prototxt); no batch normalization."""
    net = on_meta()
    kernels = {"fc6": 7, "fc7": 1}
    assert tuple(net.layers) == LAYERS[1:]
    for name, layer in net.layers.items():
        side = kernels.get(name, 3)
        assert isinstance(layer, nn.Conv2d)
        assert layer.kernel_size == (side, side)
        assert layer.padding == (side // 2, side // 2)
        assert layer.stride == layer.dilation == (1, 1)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in net.modules())


def test_multiply_adds_of_the_trunk() -> None:
    """papers.md: 19.97G for the convolutions and 7.65G for fc6 and fc7 at 256 x 256."""
    total: dict[bool, int] = {False: 0, True: 0}

    def count(layer: nn.Conv2d, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        total[layer.out_channels == 4096] += output.numel() * layer.weight[0].numel()

    net = on_meta()
    for layer in net.layers.values():
        layer.register_forward_hook(count)
    net.maps(torch.empty(1, 1, 256, 256, device="meta"))
    assert round(total[False] / 1e9, 2) == 19.97
    assert round(total[True] / 1e9, 2) == 7.65


# What is computed ----------------------------------------------------------------------------------


def test_maps_by_hand() -> None:
    """ReLU after each layer, a max pool before the first of each block and before fc6."""
    net = narrow().eval()
    gray = torch.rand(2, 1, 64, 96)
    found = net.maps(gray)
    torch.testing.assert_close(found[0], gray)
    x = gray
    for name, layer, ours in zip(LAYERS[1:], net.layers.values(), found[1:], strict=True):
        if name in ("conv2_1", "conv3_1", "conv4_1", "conv5_1", "fc6"):
            x = x.unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5))
        weight = layer.get_parameter("weight")
        x = F.conv2d(x, weight, layer.get_parameter("bias"), padding=weight.shape[2] // 2).clamp_min(0)
        torch.testing.assert_close(ours, x)


def test_dropout_of_one_half_after_fc6_and_fc7_in_training() -> None:
    """fc7 and the hypercolumn both read what fc6's leaves; what it keeps is doubled."""
    net = narrow()
    gray = torch.rand(1, 1, 256, 256)
    settled = net.eval().maps(gray)
    dropped = net.train().maps(gray)
    for before, after in zip(settled[:-2], dropped[:-2], strict=True):
        torch.testing.assert_close(after, before)
    fc6 = dropped[-2]
    kept = fc6 > 0
    assert 0.4 < kept.sum() / (settled[-2] > 0).sum() < 0.6
    torch.testing.assert_close(fc6[kept], 2 * settled[-2][kept])
    fc7 = F.relu(net.layers["fc7"](fc6))
    torch.testing.assert_close(dropped[-1][dropped[-1] > 0], 2 * fc7[dropped[-1] > 0])
    assert 0.3 < (dropped[-1] > 0).sum() / (fc7 > 0).sum() < 0.7


def test_the_head_reads_the_maps() -> None:
    net = narrow().eval()
    gray = torch.rand(2, 1, 64, 96)
    maps = net.maps(gray)
    places = torch.tensor([[[3, 5], [60, 90]]]).expand(2, -1, -1)
    hidden = F.relu(net.head.h_fc1(sample_columns(maps, STRIDES, places)))
    wanted = net.head.outputs["hue_chroma"](hidden).transpose(1, 2)
    torch.testing.assert_close(net.head.at(maps, places)["hue_chroma"], wanted)
    assert net.head.dense(maps, 4, (64, 96))["hue_chroma"].shape == (2, 4, 16, 24)


# Initialization from VGG-16 ------------------------------------------------------------------------


@pytest.fixture
def vgg16() -> dict[str, Tensor]:
    """torchvision's keys and shapes, values that tell places apart; fc6 is an outer product, quickly made."""
    generator = torch.Generator().manual_seed(16)
    state: dict[str, Tensor] = {"classifier.6.bias": torch.zeros(1000)}
    before = 3
    for place, width in zip(VGG16_FEATURES, WIDTHS[1:-2], strict=True):
        spread = (2 / (9 * before)) ** 0.5
        state[f"features.{place}.weight"] = torch.randn(width, before, 3, 3, generator=generator) * spread
        state[f"features.{place}.bias"] = torch.randn(width, generator=generator) * 0.05
        before = width
    for name, width in (("classifier.0", 25088), ("classifier.3", 4096)):
        out, inputs = (torch.randn(length, generator=generator) for length in (4096, width))
        state[f"{name}.weight"] = torch.outer(out, inputs / width**0.5)
        state[f"{name}.bias"] = torch.randn(4096, generator=generator) * 0.05
    return state


def vgg16_answers(state: dict[str, Tensor], normalized: Tensor) -> list[Tensor]:
    """VGG-16 from framed, normalized RGB: its convolutions after their ReLU, and fc6, fc7 of a 7x7 pool5."""
    x = F.relu(F.conv2d(normalized, state["features.0.weight"], state["features.0.bias"]))
    found = [x]
    for place in VGG16_FEATURES[1:]:
        if place in (5, 10, 17, 24):
            x = F.max_pool2d(x, 2)
        x = F.relu(F.conv2d(x, state[f"features.{place}.weight"], state[f"features.{place}.bias"], padding=1))
        found.append(x)
    x = F.max_pool2d(x, 2).flatten(1)
    for name in ("classifier.0", "classifier.3"):
        x = F.relu(F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"]))
        found.append(x[:, :, None, None])
    return found


def test_all_layers_answer_to_a_gray_photo_as_vgg_s_do(vgg16: dict[str, Tensor]) -> None:
    """Where the surroundings are alike: ours sees a black frame, so VGG is given one.

    fc6 and fc7 are compared in the middle of a 224 x 224 photo, where fc6 sees all of pool5.
    """
    with torch.device("meta"):
        net = PaperNetwork({"lab_l2": 2}).eval()
    net.layers.to_empty(device="cpu")
    net.load_backbone(vgg16)
    gray = torch.rand(1, 1, 224, 224)
    frame = F.pad(gray, [1] * 4).expand(-1, 3, -1, -1)
    mean, std = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    with torch.no_grad():
        theirs = vgg16_answers(vgg16, (frame - mean) / std)
        ours = net.maps(gray)[1:]
    for name, found, wanted in zip(LAYERS[1:], ours, theirs, strict=True):
        found = found[:, :, 3:4, 3:4] if name.startswith("fc") else found
        assert wanted.std() > 0.1, name
        difference = (found - wanted).abs().max() / wanted.abs().max()
        assert difference < 1e-4, name


def test_other_networks_are_refused_and_change_nothing() -> None:
    net = narrow()
    before = [p.clone() for p in net.parameters()]
    state = {"features.0.weight": torch.zeros(64, 3, 3, 3)}
    with pytest.raises(ValueError, match=r"^not a VGG-16 state dict: features\.0\.bias should have shape"):
        net.load_backbone(state)
    for ours, old in zip(net.parameters(), before, strict=True):
        assert torch.equal(ours, old)
