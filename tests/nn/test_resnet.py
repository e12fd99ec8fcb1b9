"""ResNet-101 to conv4: torchvision's names and shapes, and what each bottleneck computes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.nn.resnet import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Bottleneck,
    ResNet101Conv4,
    normalized,
)

# Bottlenecks and inner maps of the four layers, table 1 of He and others 2016 (arXiv:1512.03385).
DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
MAPS = (64, 128, 256, 512)


def names_and_shapes(depth: int = 101) -> dict[str, tuple[int, ...]]:
    """What a torchvision ``resnet`` state dict holds, in its order."""
    found: dict[str, tuple[int, ...]] = {"conv1.weight": (64, 3, 7, 7)} | norm("bn1", 64)
    width_in = 64
    for number, (count, maps) in enumerate(zip(DEPTHS[depth], MAPS, strict=True), 1):
        for block in range(count):
            at = f"layer{number}.{block}"
            found |= {f"{at}.conv1.weight": (maps, width_in, 1, 1)} | norm(f"{at}.bn1", maps)
            found |= {f"{at}.conv2.weight": (maps, maps, 3, 3)} | norm(f"{at}.bn2", maps)
            found |= {f"{at}.conv3.weight": (4 * maps, maps, 1, 1)} | norm(f"{at}.bn3", 4 * maps)
            if block == 0:
                found |= {f"{at}.downsample.0.weight": (4 * maps, width_in, 1, 1)}
                found |= norm(f"{at}.downsample.1", 4 * maps)
            width_in = 4 * maps
    return found | {"fc.weight": (1000, 2048), "fc.bias": (1000,)}


def norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    values = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{value}": (width,) for value in values} | {f"{name}.num_batches_tracked": ()}


def made_state(depth: int = 101) -> dict[str, Tensor]:
    """A state dict of numbers that tell places apart; its last layer is left empty, as nothing reads it."""
    generator = torch.Generator().manual_seed(depth)
    state = {}
    for key, shape in names_and_shapes(depth).items():
        if key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(7)
        elif key.startswith(("layer4.", "fc.")):
            state[key] = torch.empty(shape)
        elif len(shape) == 4:
            fan_in = shape[1] * shape[2] * shape[3]
            state[key] = torch.randn(shape, generator=generator) * fan_in**-0.5
        else:
            state[key] = 0.75 + 0.5 * torch.rand(shape, generator=generator)
    return state


def without_initialization() -> ResNet101Conv4:
    """The network, zero everywhere: initializing 27M parameters takes seconds."""
    with torch.device("meta"):
        net = ResNet101Conv4()
    net.to_empty(device="cpu")
    with torch.no_grad():
        for value in net.state_dict().values():
            value.zero_()
    return net.eval()


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return made_state()


@pytest.fixture
def net() -> ResNet101Conv4:
    return without_initialization()


def on_meta() -> ResNet101Conv4:
    with torch.device("meta"):
        return ResNet101Conv4().eval()


# Names, shapes, sizes ------------------------------------------------------------------------------


def test_names_and_shapes_are_torchvision_s_up_to_conv4() -> None:
    ours = {key: tuple(value.shape) for key, value in on_meta().state_dict().items()}
    theirs = names_and_shapes()
    assert ours == {key: theirs[key] for key in theirs if not key.startswith(("layer4.", "fc."))}


def test_27535424_parameters() -> None:
    """papers.md: 27.54M."""
    assert sum(p.numel() for p in on_meta().parameters()) == 27_535_424


@pytest.mark.parametrize(("side", "millions"), [(224, 22_250), (256, 29_061)])
def test_multiply_adds(side: int, millions: int) -> None:
    """papers.md: 22.25G at 224 and 29.06G at 256. With strides in the 1x1 convolutions it were 22.13G."""
    total = 0

    def count(layer: nn.Conv2d, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        total += output.numel() * layer.weight[0].numel()

    net = on_meta()
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    net(torch.empty(1, 3, side, side, device="meta"))
    assert round(total / 1e6) == millions


@pytest.mark.parametrize(("height", "width"), [(224, 224), (256, 384), (8, 16)])
def test_stride_8_without_a_max_pool(height: int, width: int) -> None:
    """Table 2 of Guadarrama 2017: 112 after the first convolution, then strides 2, 2, 1."""
    net = on_meta()
    sizes = []
    for layer in (net.bn1, net.layer1, net.layer2, net.layer3):
        layer.register_forward_hook(lambda _m, _i, output: sizes.append(tuple(output.shape[1:])))
    net(torch.empty(1, 3, height, width, device="meta"))
    assert sizes == [
        (maps, height // stride, width // stride) for maps, stride in ((64, 2), (256, 4), (512, 8), (1024, 8))
    ]
    assert not any(isinstance(layer, nn.MaxPool2d) for layer in net.modules())
    assert net.width == 1024


def test_strides_and_dilations() -> None:
    """The first bottleneck of a layer has its stride, in the 3x3; conv4 is dilated by 2 throughout."""
    net = on_meta()
    for layer, stride, dilation in ((net.layer1, 2, 1), (net.layer2, 2, 1), (net.layer3, 1, 2)):
        for number, block in enumerate(layer):
            assert isinstance(block, Bottleneck)
            own = stride if number == 0 else 1
            assert block.conv1.stride == block.conv3.stride == (1, 1)
            assert block.conv2.stride == (own, own)
            assert block.conv2.dilation == block.conv2.padding == (dilation, dilation)
            assert (block.downsample is not None) == (number == 0)
            if block.downsample is not None:
                assert block.downsample.get_submodule("0").stride == (own, own)


# What is computed ----------------------------------------------------------------------------------


def normalize(x: Tensor, state: Mapping[str, Tensor], name: str) -> Tensor:
    mean, var, gain, bias = (
        state[f"{name}.{value}"][:, None, None] for value in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (var + 1e-5).sqrt() * gain + bias


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize(("width_in", "stride"), [(6, 1), (6, 2), (12, 1), (12, 2)])
def test_a_bottleneck_by_hand(width_in: int, stride: int, dilation: int) -> None:
    """He and others 2016, figure 5, with the stride in the 3x3, taps gathered one by one."""
    block = Bottleneck(width_in, 3, stride=stride, dilation=dilation).eval()
    state = block.state_dict()
    for value in state.values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape) + 0.5 * (value.ndim == 1))
    x = torch.randn(2, width_in, 8, 10)

    def pointwise(features: Tensor, name: str) -> Tensor:
        return torch.einsum("oi,bihw->bohw", state[f"{name}.weight"][:, :, 0, 0], features)

    y = normalize(pointwise(x, "conv1"), state, "bn1").clamp_min(0)
    padded = F.pad(y, [dilation] * 4)
    y = torch.zeros(2, 3, 8, 10)
    for i in range(3):
        for j in range(3):
            tap = padded[:, :, i * dilation : i * dilation + 8, j * dilation : j * dilation + 10]
            y += torch.einsum("oi,bihw->bohw", state["conv2.weight"][:, :, i, j], tap)
    y = normalize(y[:, :, ::stride, ::stride], state, "bn2").clamp_min(0)
    y = normalize(pointwise(y, "conv3"), state, "bn3")
    around = x
    if stride > 1 or width_in != 12:
        around = normalize(pointwise(x[:, :, ::stride, ::stride], "downsample.0"), state, "downsample.1")
    torch.testing.assert_close(block(x), (y + around).clamp_min(0), rtol=1e-4, atol=1e-4)


def test_the_stem_reads_the_loaded_weights(net: ResNet101Conv4, state: dict[str, Tensor]) -> None:
    net.load_torchvision(state)
    x = torch.randn(1, 3, 16, 24)
    seen = []
    net.layer1.register_forward_pre_hook(lambda _, args: seen.append(args[0].clone()))
    with torch.no_grad():
        net(x)
    stem = normalize(F.conv2d(x, state["conv1.weight"], stride=2, padding=3), state, "bn1").clamp_min(0)
    torch.testing.assert_close(seen[0], stem, rtol=1e-4, atol=1e-4)


def test_gray_photos_are_normalized_as_rgb() -> None:
    luma = torch.rand(2, 1, 4, 6)
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    torch.testing.assert_close(normalized(luma), (luma.expand(-1, 3, -1, -1) - mean) / std)
    # torchvision's constants, in the order of RGB
    assert (IMAGENET_MEAN, IMAGENET_STD) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


# Weights of others ---------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "backbone.", "module.backbone.", "Scale."])
def test_weights_are_found_behind_a_prefix(
    net: ResNet101Conv4, state: dict[str, Tensor], prefix: str
) -> None:
    """torchvision's ``deeplabv3_resnet101`` has the ResNet as ``backbone.``, and heads beside it."""
    heads = {"classifier.0.convs.0.0.weight": torch.zeros(1), "aux_classifier.4.bias": torch.zeros(1)}
    net.load_torchvision({prefix + key: value for key, value in state.items()} | heads)
    for key, value in net.state_dict().items():
        assert torch.equal(value, state[key]), key


def test_counts_of_batches_may_be_missing(net: ResNet101Conv4, state: dict[str, Tensor]) -> None:
    """torchvision's first files, of before the counts, hold none."""
    net.load_torchvision({k: v for k, v in state.items() if not k.endswith("num_batches_tracked")})
    assert torch.equal(net.conv1.weight, state["conv1.weight"])
    assert net.bn1.num_batches_tracked == 0


def test_half_precision_is_widened(net: ResNet101Conv4, state: dict[str, Tensor]) -> None:
    net.load_torchvision({k: v.half() if v.is_floating_point() else v for k, v in state.items()})
    assert net.conv1.weight.dtype == torch.float32
    assert torch.equal(net.conv1.weight, state["conv1.weight"].half().float())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"layer3.22.bn3.running_var": None},
            "layer3.22.bn3.running_var should have shape (1024,), found nothing",
        ),
        ({"conv1.weight": None}, "conv1.weight should have shape (64, 3, 7, 7), found nothing"),
        (  # a ResNet-C or -D has three convolutions there
            {"conv1.weight": None, "conv1.0.weight": (32, 3, 3, 3)},
            "conv1.weight should have shape (64, 3, 7, 7), found nothing",
        ),
        ({"conv1.weight": (64, 1, 7, 7)}, "should have shape (64, 3, 7, 7), found shape (64, 1, 7, 7)"),
        (  # ResNeXt
            {"layer2.0.conv2.weight": (128, 4, 3, 3)},
            "layer2.0.conv2.weight should have shape (128, 128, 3, 3), found shape (128, 4, 3, 3)",
        ),
        ({"layer1.0.se.fc1.weight": (16, 256, 1, 1)}, "one has no layer1.0.se.fc1.weight"),
        ({"layer1.0.conv1.weight": None}, "no name in it ends with layer1.0.conv1.weight"),
        (
            {"ema.layer1.0.conv1.weight": (64, 64, 1, 1)},
            "it holds 2 networks, see layer1.0.conv1.weight, ema.layer1.0.conv1.weight",
        ),
    ],
)
def test_other_networks_are_refused_and_change_nothing(
    net: ResNet101Conv4,
    state: dict[str, Tensor],
    changes: dict[str, tuple[int, ...] | None],
    message: str,
) -> None:
    wrong = {key: value for key, value in state.items() if key not in changes}
    wrong |= {key: torch.ones(shape) for key, shape in changes.items() if shape is not None}
    with pytest.raises(ValueError, match=r"^not a ResNet-101 state dict: .*; give torchvision's") as caught:
        net.load_torchvision(wrong)
    assert message in str(caught.value)
    assert not any(value.any() for value in net.state_dict().values())


@pytest.mark.parametrize(
    ("depth", "message"),
    [
        (50, "layer3.6.conv1.weight should have shape (256, 1024, 1, 1), found nothing"),
        # All that a ResNet-101 has is in a ResNet-152 too.
        (152, "one has no layer2.4.conv1.weight"),
    ],
)
def test_other_depths_are_refused(net: ResNet101Conv4, depth: int, message: str) -> None:
    other = {key: torch.empty(shape, device="meta") for key, shape in names_and_shapes(depth).items()}
    with pytest.raises(ValueError) as caught:
        net.load_torchvision(other)
    assert message in str(caught.value)


def test_a_state_dict_of_something_else() -> None:
    with pytest.raises(ValueError, match=r"^not a ResNet-101 state dict: no name in it ends with"):
        on_meta().load_torchvision({"features.0.weight": torch.zeros(64, 3, 3, 3)})
