"""The conditioning network of Guadarrama and others 2017, Table 2."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
from torch import Tensor, nn

from autochrome.models.pixcolor.conditioning import GradientMultiplier, PaperConditioning
from autochrome.nn.resnet import normalized


def on_meta() -> PaperConditioning:
    """Shapes without numbers: as much as counting needs."""
    with torch.device("meta"):
        return PaperConditioning().eval()


def shallow(**multiplier: float | int) -> PaperConditioning:
    """The paper's network with one bottleneck a layer, so that it runs in no time."""
    net = on_meta()
    for layer in (net.backbone.layer1, net.backbone.layer2, net.backbone.layer3):
        del layer[1:]
    net.to_empty(device="cpu")
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    net.multiplier = GradientMultiplier(**multiplier)  # type: ignore[arg-type]
    return net


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


# The network ---------------------------------------------------------------------------------------


def test_parameter_counts() -> None:
    """papers.md: backbone 27.54M, adaptation .664M: three 3x3 (1024 -> 64 -> 64 -> 64), each with a norm."""
    net = on_meta()
    assert parameters(net.backbone) == 27_535_424
    assert parameters(net.adaptation) == 9 * 64 * (1024 + 64 + 64) + 3 * 2 * 64 == 663_936
    assert parameters(net) == 28_199_360


def test_adaptation_rows() -> None:
    """Table 2: "3x Conv2D, 3x3, stride 1, 64"; our norm and ReLU after each."""
    layers = [m for m in on_meta().adaptation.modules() if not list(m.children())]
    assert [type(m) for m in layers] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * 3
    for conv in layers[::3]:
        assert isinstance(conv, nn.Conv2d)
        assert (conv.kernel_size, conv.stride, conv.padding) == ((3, 3), (1, 1), (1, 1))
        assert (conv.out_channels, conv.bias) == (64, None)


def test_adaptation_costs_half_a_billion_multiplications() -> None:
    """papers.md: .52G at 224."""
    convs = [m for m in on_meta().adaptation.modules() if isinstance(m, nn.Conv2d)]
    assert sum(28 * 28 * conv.weight.numel() for conv in convs) == 520_224_768


@pytest.mark.parametrize(
    ("height", "width", "grid"), [(224, 224, (28, 28)), (224, 336, (28, 42)), (8, 24, (1, 3))]
)
def test_features_have_stride_8(height: int, width: int, grid: tuple[int, int]) -> None:
    net = on_meta()
    assert net(torch.empty(2, 1, height, width, device="meta")).shape == (2, 64, *grid)


def test_reads_luma_as_a_gray_photo() -> None:
    net = shallow().eval()
    seen = []
    net.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    luma = torch.rand(1, 1, 16, 24)
    with torch.no_grad():
        features = net(luma)
        expected = net.adaptation(net.backbone(normalized(luma)))
    torch.testing.assert_close(seen[0], normalized(luma))
    assert torch.equal(features, expected)
    assert (features >= 0).all()
    assert features.std() > 0


# The gradient multiplier ---------------------------------------------------------------------------


def gradients(multiplier: GradientMultiplier, passes: int) -> list[float]:
    """What reaches the input of each of several training passes, of a gradient of 1."""
    found = []
    for _ in range(passes):
        x = torch.ones(2, 3, requires_grad=True)
        multiplier(x).sum().backward()
        assert x.grad is not None
        assert (x.grad == x.grad[0, 0]).all()
        found.append(x.grad[0, 0].item())
    return found


def test_the_multiplier_is_engaged_at_its_step() -> None:
    """Steps count from 0: the steps 0, 1, 2 come before step 3."""
    assert gradients(GradientMultiplier(0.0, 1.0, at=3), 5) == [0, 0, 0, 1, 1]
    assert gradients(GradientMultiplier(1.0, 0.25, at=2), 4) == [1, 1, 0.25, 0.25]
    assert gradients(GradientMultiplier(0.0, 0.5, at=0), 2) == [0.5, 0.5]


def test_the_multiplier_s_defaults_are_the_paper_s() -> None:
    """Table 2: 100,000 steps; 0 and 1 are our reading."""
    multiplier, built = GradientMultiplier(), on_meta().multiplier
    assert (built.before, built.after, built.at) == (multiplier.before, multiplier.after, multiplier.at)
    assert gradients(multiplier, 1) == [0]
    multiplier.passes.fill_(99_999)
    assert gradients(multiplier, 2) == [0, 1]


def test_the_multiplier_hands_values_through() -> None:
    multiplier = GradientMultiplier(0.0, 1.0, at=1)
    x = torch.randn(3, 4)
    assert torch.equal(multiplier(x), x)
    assert torch.equal(multiplier.eval()(x), x)


def test_inference_is_not_counted() -> None:
    multiplier = GradientMultiplier(at=2).eval()
    multiplier(torch.zeros(1))
    assert multiplier.passes == 0
    multiplier.train()
    for _ in range(3):
        multiplier(torch.zeros(1))
    assert multiplier.passes == 3


def test_the_count_is_state_so_that_a_resumed_run_goes_on_counting() -> None:
    first = GradientMultiplier(0.0, 1.0, at=3)
    assert gradients(first, 2) == [0, 0]
    state = first.state_dict()
    assert {key: value.dtype for key, value in state.items()} == {"passes": torch.int64}
    second = GradientMultiplier(0.0, 1.0, at=3)
    second.load_state_dict(state)
    assert gradients(second, 3) == [0, 1, 1]


def test_a_multiplier_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="at training pass 0 or later, not -1"):
        GradientMultiplier(at=-1)


def test_bf16_gradients_keep_their_type() -> None:
    x = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)
    GradientMultiplier(0.5, 1.0, at=9)(x).sum().backward()
    assert x.grad is not None and x.grad.dtype == torch.bfloat16
    assert x.grad.tolist() == [0.5, 0.5]


def moved(net: nn.Module, names: Iterable[str], before: dict[str, Tensor]) -> bool:
    return any(not torch.equal(net.get_parameter(name), before[name]) for name in names)


def test_the_backbone_waits_for_the_adaptation() -> None:
    """Table 2 in small: the adaptation is trained from the first step on, the ResNet from step 2."""
    net = shallow(before=0.0, after=1.0, at=2).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    names = [name for name, _ in net.named_parameters()]
    backbone = [name for name in names if name.startswith("backbone.")]
    rest = [name for name in names if not name.startswith("backbone.")]
    for step in range(3):
        before = {name: p.detach().clone() for name, p in net.named_parameters()}
        optimizer.zero_grad()
        (net(torch.rand(2, 1, 16, 16)) * torch.rand(64, 2, 2)).sum().backward()
        # Zeros rather than none: several processes average every gradient.
        assert all(p.grad is not None for p in net.parameters())
        optimizer.step()
        assert moved(net, rest, before)
        assert moved(net, backbone, before) == (step == 2)


def test_the_gradient_after_the_step_is_the_plain_one() -> None:
    net = shallow(before=0.0, after=1.0, at=0).train()
    luma = torch.rand(2, 1, 16, 16)
    net(luma).square().sum().backward()
    through = [p.grad.clone() for p in net.parameters() if p.grad is not None]
    net.zero_grad()
    net.adaptation(net.backbone(normalized(luma))).square().sum().backward()
    plain = [p.grad for p in net.parameters() if p.grad is not None]
    assert len(plain) == len(through) == len(list(net.parameters()))
    torch.testing.assert_close(through, plain)
