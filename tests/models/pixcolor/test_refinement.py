"""The refinement networks: Table 2 of Guadarrama and others 2017 row by row, and the compact one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.color.upsampling import upsample_bilinear
from autochrome.models.pixcolor.refinement import (
    JITTER,
    NEUTRAL,
    CompactRefinement,
    PaperRefinement,
    RefinementSize,
    blotches,
    jitter,
    refinement_loss,
    training_hints,
    weigh_cells,
)

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

COMPACT = RefinementSize(widths=(8, 12, 16))

NETWORKS = {"paper": PaperRefinement, "compact": CompactRefinement}


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


# The paper's ---------------------------------------------------------------------------------------


def test_paper_rows() -> None:
    with torch.device("meta"):
        found = convolutions(PaperRefinement())
    assert [(c.kernel_size[0], c.stride[0], c.out_channels) for c in found] == TABLE_2
    assert [c.in_channels for c in found] == WIDTHS_IN
    # Only the two that stand for fully connected layers go unpadded.
    assert [c.padding[0] for c in found] == [1] * 12 + [0, 0] + [1] * 6 + [0]


def test_paper_parameter_count() -> None:
    with torch.device("meta"):
        net = PaperRefinement()
    weights = sum(k * k * i * o for (k, _, o), i in zip(TABLE_2, WIDTHS_IN, strict=True))
    norms = sum(2 * o for _, _, o in TABLE_2[:-1])
    assert sum(p.numel() for p in net.parameters()) == weights + norms + 2 == 34_272_002


def test_paper_batchnorm_and_relu_after_every_row_but_the_last() -> None:
    with torch.device("meta"):
        net = PaperRefinement()
    kinds = [type(m) for m in net.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.ReLU)]
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * (len(TABLE_2) - 1) + [nn.Conv2d]


@pytest.mark.parametrize(
    ("height", "width", "shape"),
    [(224, 224, (1, 1)), (224, 304, (1, 4)), (256, 256, (2, 2)), (200, 200, (1, 1)), (192, 256, (1, 2))],
)
def test_paper_global_map(height: int, width: int, shape: tuple[int, int]) -> None:
    # 224/32 = 7 -> 3 -> 1; 304/32 = 9.5, rounded up 10 -> 6 -> 4; 192/32 = 6 is first extended to 7.
    with torch.device("meta"):
        net = PaperRefinement().eval()
        low = torch.empty(1, 512, height // 8, width // 8)
        assert net.global_map(low).shape == (1, 512, *shape)


def test_paper_global_map_repeats_its_border_below_200_pixels(paper_net: PaperRefinement) -> None:
    low = torch.rand(1, 512, 24, 28, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        map_32 = paper_net.global_level(low)
        assert map_32.shape[2:] == (6, 7)
        expected = paper_net.global_valid(torch.cat((map_32, map_32[:, :, -1:]), 2))
        torch.testing.assert_close(paper_net.global_map(low), expected)


def test_paper_global_vector_is_the_mean_seen_everywhere() -> None:
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


def test_paper_input_is_luma_and_bilinear_chroma(paper_net: PaperRefinement) -> None:
    luma, chroma = inputs(64, 96)
    seen = []
    hook = paper_net.low_level.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        paper_net(luma, chroma)
    hook.remove()
    expected = F.interpolate(chroma, (64, 96), mode="bilinear", align_corners=False)
    torch.testing.assert_close(seen[0], torch.cat((luma - 0.5, expected - 128 / 255), 1))


def test_paper_decoder_sizes(paper_net: PaperRefinement) -> None:
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


def test_paper_initialization_keeps_the_scale_of_its_input() -> None:
    torch.manual_seed(0)
    for conv in convolutions(PaperRefinement())[:-1]:
        fan_in = conv.in_channels * conv.kernel_size[0] ** 2
        assert conv.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.05)


# The compact one -----------------------------------------------------------------------------------


def test_compact_parameter_count() -> None:
    assert sum(p.numel() for p in CompactRefinement().parameters()) == 671_788


@pytest.mark.parametrize(("height", "width"), [(64, 64), (40, 72), (8, 8)])
def test_compact_starts_as_bilinear_upsampling(height: int, width: int) -> None:
    luma, chroma = inputs(height, width, batch=2)
    answer = CompactRefinement().eval()(luma, chroma)
    assert answer.dtype == torch.float32
    torch.testing.assert_close(answer, upsample_bilinear(chroma, (height, width)), rtol=0, atol=0)


def test_compact_answer_follows_the_luma_once_trained() -> None:
    net = perturbed(CompactRefinement(COMPACT))
    luma, chroma = inputs(64, 64)
    with torch.no_grad():
        base = net(luma, chroma)
        luma[0, 0, 33, 20] += 1
        moved = (net(luma, chroma) - base).abs().amax(1)[0] > 0
    assert moved[33, 20]
    assert moved.any(0).any() and not moved[:, 63].any(), "one pixel of luma has a bounded reach"


def test_compact_answer_is_the_same_alone_and_in_a_batch() -> None:
    net = perturbed(CompactRefinement(COMPACT))
    luma, chroma = inputs(32, 48, batch=3)
    with torch.no_grad():
        torch.testing.assert_close(net(luma, chroma)[1:2], net(luma[1:2], chroma[1:2]))


def test_cells_are_weighed_row_by_row() -> None:
    chroma = torch.rand(1, 2, 3, 4, generator=torch.Generator().manual_seed(1))
    base = upsample_bilinear(chroma, (24, 32))
    padded = F.pad(chroma, (1, 1, 1, 1), mode="replicate")
    for cell in range(9):
        weights = torch.zeros(1, 9, 24, 32)
        weights[:, cell] = 1
        row, column = divmod(cell, 3)
        neighbor = padded[:, :, row : row + 3, column : column + 4]
        expected = F.interpolate(neighbor, scale_factor=8, mode="nearest") - base
        torch.testing.assert_close(weigh_cells(weights, chroma, base), expected)


def test_weighing_leaves_one_color_alone() -> None:
    chroma = torch.tensor([0.3, 0.6])[None, :, None, None].expand(1, 2, 2, 3)
    base = upsample_bilinear(chroma, (16, 24))
    moved = weigh_cells(torch.randn(1, 9, 16, 24, generator=torch.Generator().manual_seed(0)), chroma, base)
    torch.testing.assert_close(moved, torch.zeros_like(base))


def perturbed(net: CompactRefinement) -> CompactRefinement:
    torch.manual_seed(5)
    nn.init.normal_(net.head.weight, std=0.1)
    return net.eval()


# Both ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("luma_size", "chroma_size", "words"),
    [
        ((60, 64), (8, 8), "multiples of 8, not 64x60.*64x64"),
        ((64, 100), (8, 13), "multiples of 8, not 100x64.*104x64"),
        ((64, 128), (16, 8), "128x64 goes with chroma of 16x8, not 8x16"),
    ],
)
def test_sizes_that_do_not_fit(
    name: str, luma_size: tuple[int, int], chroma_size: tuple[int, int], words: str
) -> None:
    with torch.device("meta"):
        net = NETWORKS[name]()
        with pytest.raises(ValueError, match=words):
            net(torch.empty(1, 1, *luma_size), torch.empty(1, 2, *chroma_size))


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_reach_every_parameter(name: str) -> None:
    torch.manual_seed(0)
    net = NETWORKS[name]()
    if isinstance(net, CompactRefinement):
        nn.init.normal_(net.head.weight, std=0.1)  # behind a zero layer nothing would move yet
        for module in net.modules():  # nor in a residual block whose last gain is 0
            if isinstance(module, nn.BatchNorm2d):
                nn.init.ones_(module.weight)
    luma, chroma = inputs(32, 48, batch=2)
    chroma.requires_grad_()
    net(luma, chroma).square().sum().backward()
    assert [n for n, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert chroma.grad is not None and chroma.grad.any()


@pytest.mark.parametrize("name", NETWORKS)
def test_answer_is_float32_under_autocast(name: str) -> None:
    net = NETWORKS[name]().eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert net(*inputs(16, 16)).dtype == torch.float32


# Training ------------------------------------------------------------------------------------------


def test_jitter_is_uniform_within_its_width() -> None:
    torch.manual_seed(1)
    chroma = torch.full((4, 2, 100, 100), NEUTRAL)
    noise = jitter(chroma) - chroma
    assert noise.abs().max() <= 4 / 255 + 1e-6
    assert noise.abs().max() > 0.99 * 4 / 255
    assert noise.mean().item() == pytest.approx(0, abs=1e-4)
    # The variance of a uniform distribution over 2w is w^2/3.
    assert noise.std().item() == pytest.approx(4 / 255 / 3**0.5, rel=0.01)
    assert not torch.equal(noise[:, 0], noise[:, 1])
    torch.testing.assert_close(jitter(chroma, 0.0), chroma)


def test_jitter_follows_the_global_seed() -> None:
    chroma = torch.rand(1, 2, 3, 4)
    first, other = jitter(chroma), jitter(chroma)
    torch.manual_seed(9)
    again = jitter(chroma)
    torch.manual_seed(9)
    assert torch.equal(jitter(chroma), again)
    assert not torch.equal(first, other)


def test_blotches_are_smooth_noise_within_their_width() -> None:
    torch.manual_seed(2)
    chroma = torch.full((8, 2, 40, 56), NEUTRAL)
    noise = blotches(chroma, 0.1) - chroma
    assert noise.abs().max() <= 0.1 + 1e-6
    assert noise.abs().max() > 0.09
    assert noise.mean().item() == pytest.approx(0, abs=5e-3)
    # Between places four apart it is bilinear: a step is at most a quarter of the way from one to the next.
    assert noise.diff(dim=3).abs().max() <= 0.2 / 4 + 1e-6
    assert not torch.equal(noise[:, 0], noise[:, 1])
    assert blotches(torch.rand(1, 2, 3, 5), 0.0).shape == (1, 2, 3, 5)


def test_doubt_changes_what_the_compact_network_does() -> None:
    torch.manual_seed(0)
    net = CompactRefinement(COMPACT).eval()
    nn.init.normal_(net.head.weight, std=0.05)
    luma, chroma = inputs(16, 16)
    certain = net(luma, chroma, torch.zeros(len(luma)))
    torch.testing.assert_close(net(luma, chroma), certain)
    assert (net(luma, chroma, torch.ones(len(luma))) - certain).abs().max() > 1e-4


def test_training_hints_are_cell_means() -> None:
    truth = torch.zeros(1, 2, 16, 8)
    truth[0, 0, 3, 5] = 0.64  # 1/64 of the upper cell of Cb
    truth[0, 1, 8:] = 0.5
    hints = training_hints(truth, 0.0)
    torch.testing.assert_close(hints, torch.tensor([[[[0.01], [0.0]], [[0.0], [0.5]]]]))
    assert 0 < (training_hints(truth) - hints).abs().max() <= JITTER


def test_refinement_loss() -> None:
    predicted = torch.tensor([[[[0.5, 0.7]], [[0.1, 0.4]]]])
    truth = torch.tensor([[[[0.4, 0.7]], [[0.3, 0.3]]]])
    # (.1 + 0 + .2 + .1) / 4
    assert refinement_loss(predicted, truth).item() == pytest.approx(0.1)


def discs(count: int, side: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures of one disc: it is darker than its ground, and has another color."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    center = (0.3 + 0.4 * torch.rand(count, 2, 1, 1, generator=generator)) * side
    inside = (rows - center[:, :1]) ** 2 + (columns - center[:, 1:]) ** 2 < (side / 4) ** 2
    colors = 0.2 + 0.6 * torch.rand(2, count, 2, 1, 1, generator=generator)
    return 0.8 - 0.5 * inside.float(), torch.where(inside, colors[0], colors[1])


def test_compact_learns_to_beat_bilinear_upsampling() -> None:
    torch.manual_seed(0)
    luma, truth = discs(16, 32, seed=1)
    net = CompactRefinement(COMPACT)
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)
    for _ in range(60):
        optimizer.zero_grad()
        refinement_loss(net(luma, training_hints(truth)), truth).backward()
        optimizer.step()
    hints = training_hints(truth, 0.0)
    with torch.no_grad():
        refined = refinement_loss(net.eval()(luma, hints), truth).item()
    assert refined < 0.8 * refinement_loss(upsample_bilinear(hints, (32, 32)), truth).item()
