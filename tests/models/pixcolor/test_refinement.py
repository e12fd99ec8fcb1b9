"""The refinement network: Table 2 of Guadarrama and others 2017, row by row."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.models.pixcolor.refinement import NEUTRAL, PaperRefinement, jitter

# Table 2 of arXiv:1705.07208, 'Refinement Network', from top to bottom: (kernel, stride, maps).
TABLE_2 = [
    *[(3, 2, 64)],
    *[(3, 1, 128), (3, 2, 128)],
    *[(3, 1, 256), (3, 2, 256)],
    *[(3, 1, 512), (3, 1, 512)],
    *[(3, 1, 256)],
    *[(3, 2, 512), (3, 1, 512), (3, 2, 512), (3, 1, 512)],
    *[(5, 1, 1024)],
    *[(3, 1, 512)],
    *[(3, 1, 128), (3, 1, 128)],
    *[(3, 1, 64), (3, 1, 64)],
    *[(3, 1, 32), (3, 1, 32)],
    *[(1, 1, 2)],
]

# What each row reads, by the reading of Iizuka's branches: the global branch starts from the low-level 512
# maps, the fusion reads 256 + 512.
WIDTHS_IN = [
    3,
    64,
    128,
    128,
    256,
    256,
    512,
    512,
    512,
    512,
    512,
    512,
    512,
    1024,
    768,
    128,
    128,
    64,
    64,
    32,
    32,
]


@pytest.fixture(scope="module")
def paper_net() -> PaperRefinement:
    torch.manual_seed(2017)
    return PaperRefinement().eval()


def inputs(height: int, width: int, *, batch: int = 1, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    luma = torch.rand(batch, 1, height, width, generator=generator)
    return luma, torch.rand(batch, 2, height // 8, width // 8, generator=generator)


def convolutions(net: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]


# The network ---------------------------------------------------------------------------------------


def test_rows() -> None:
    with torch.device("meta"):
        found = convolutions(PaperRefinement())
    assert [(c.kernel_size[0], c.stride[0], c.out_channels) for c in found] == TABLE_2
    assert [c.in_channels for c in found] == WIDTHS_IN
    # Only the two that stand for fully connected layers go unpadded.
    assert [c.padding[0] for c in found] == [1] * 12 + [0, 0] + [1] * 6 + [0]


def test_parameter_count() -> None:
    with torch.device("meta"):
        net = PaperRefinement()
    weights = sum(k * k * i * o for (k, _, o), i in zip(TABLE_2, WIDTHS_IN, strict=True))
    norms = sum(2 * o for _, _, o in TABLE_2[:-1])
    assert sum(p.numel() for p in net.parameters()) == weights + norms + 2 == 34_272_002


def test_batchnorm_and_relu_after_every_row_but_the_last() -> None:
    with torch.device("meta"):
        net = PaperRefinement()
    kinds = [type(m) for m in net.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.ReLU)]
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * (len(TABLE_2) - 1) + [nn.Conv2d]


@pytest.mark.parametrize(
    ("height", "width", "shape"),
    [(224, 224, (1, 1)), (224, 304, (1, 4)), (256, 256, (2, 2)), (200, 200, (1, 1)), (192, 256, (1, 2))],
)
def test_global_map(height: int, width: int, shape: tuple[int, int]) -> None:
    # 224/32 = 7 -> 3 -> 1; 304/32 = 9.5, rounded up 10 -> 6 -> 4; 192/32 = 6 is first extended to 7.
    with torch.device("meta"):
        net = PaperRefinement().eval()
        low = torch.empty(1, 512, height // 8, width // 8)
        assert net.global_map(low).shape == (1, 512, *shape)


def test_global_map_repeats_its_border_below_200_pixels(paper_net: PaperRefinement) -> None:
    low = torch.rand(1, 512, 24, 28, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        map_32 = paper_net.global_level(low)
        assert map_32.shape[2:] == (6, 7)
        expected = paper_net.global_valid(torch.cat((map_32, map_32[:, :, -1:]), 2))
        torch.testing.assert_close(paper_net.global_map(low), expected)


def test_global_vector_is_the_mean_seen_everywhere() -> None:
    torch.manual_seed(0)
    net = PaperRefinement().eval()
    seen = []
    net.fusion.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    net.global_valid.register_forward_hook(lambda _, args, out: seen.append(out))
    with torch.no_grad():
        net(*inputs(224, 256))
    vectors, fused = seen
    assert vectors.shape == (1, 512, 1, 2)
    assert fused.shape == (1, 768, 28, 32)
    expected = vectors.mean((2, 3))[:, :, None, None].expand(1, 512, 28, 32)
    torch.testing.assert_close(fused[:, 256:], expected)
    assert fused[:, 256:].std(1).min() > 0


def test_input_is_luma_and_bilinear_chroma(paper_net: PaperRefinement) -> None:
    luma, chroma = inputs(64, 96)
    seen = []
    hook = paper_net.low_level.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        paper_net(luma, chroma)
    hook.remove()
    expected = F.interpolate(chroma, (64, 96), mode="bilinear", align_corners=False)
    torch.testing.assert_close(seen[0], torch.cat((luma - 0.5, expected - 128 / 255), 1))


def test_decoder_sizes(paper_net: PaperRefinement) -> None:
    sizes = []
    hooks = [
        rows.register_forward_hook(lambda _, args, out: sizes.append(tuple(out.shape)))
        for rows in paper_net.decoder
    ]
    with torch.no_grad():
        answer = paper_net(*inputs(192, 256))
    for hook in hooks:
        hook.remove()
    assert sizes == [(1, 64, 48, 64), (1, 32, 192, 256)]
    assert answer.shape == (1, 2, 192, 256)


def test_initialization_keeps_the_scale_of_its_input() -> None:
    torch.manual_seed(0)
    for conv in convolutions(PaperRefinement())[:-1]:
        fan_in = conv.in_channels * conv.kernel_size[0] ** 2
        assert conv.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.05)


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(0)
    net = PaperRefinement()
    luma, chroma = inputs(32, 48, batch=2)
    chroma.requires_grad_()
    net(luma, chroma).square().sum().backward()
    assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert chroma.grad is not None and chroma.grad.any()


def test_answer_is_float32_under_autocast(paper_net: PaperRefinement) -> None:
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert paper_net(*inputs(16, 16)).dtype == torch.float32


# Training ------------------------------------------------------------------------------------------


def test_jitter_is_uniform_within_its_width() -> None:
    torch.manual_seed(1)
    chroma = torch.full((4, 2, 100, 100), NEUTRAL)
    noise = jitter(chroma, 4 / 255) - chroma
    assert noise.abs().max() <= 4 / 255 + 1e-6
    assert noise.abs().max() > 0.99 * 4 / 255
    assert noise.mean().item() == pytest.approx(0, abs=1e-4)
    # The variance of a uniform distribution over 2w is w^2/3.
    assert noise.std().item() == pytest.approx(4 / 255 / 3**0.5, rel=0.01)
    assert not torch.equal(noise[:, 0], noise[:, 1])
    torch.testing.assert_close(jitter(chroma, 0.0), chroma)


def test_jitter_follows_the_global_seed() -> None:
    chroma = torch.rand(1, 2, 3, 4)
    first, other = jitter(chroma, 0.1), jitter(chroma, 0.1)
    torch.manual_seed(9)
    again = jitter(chroma, 0.1)
    torch.manual_seed(9)
    assert torch.equal(jitter(chroma, 0.1), again)
    assert not torch.equal(first, other)
