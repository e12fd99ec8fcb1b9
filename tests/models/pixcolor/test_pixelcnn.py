"""The colorization network: what each logit sees, its size, and that it is a distribution."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor, nn

from autochrome.color.bins import ChromaBins
from autochrome.models.pixcolor.pixelcnn import (
    GatedBlock,
    HorizontalConv,
    PixelCNN,
    PixelCNNConfig,
    VerticalConv,
    gate,
    shift_down,
)


def lively(config: PixelCNNConfig) -> PixelCNN:
    """A network whose every weight matters, in double precision."""
    torch.manual_seed(0)
    net = PixelCNN(config).double()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.4)
    return net


def small(*, blocks: int = 2, maps: int = 8, kernel: int = 5, first_kernel: int = 7) -> PixelCNNConfig:
    return PixelCNNConfig(
        maps=maps,
        blocks=blocks,
        kernel=kernel,
        first_kernel=first_kernel,
        head=16,
        condition=3,
        input_gain=8.0,
    )


@torch.no_grad()
def influence(net: PixelCNN, height: int, width: int) -> Tensor:
    """Which logits move when a bin changes: [bin, logits], places in the order of the factorization."""
    places = height * width * 2
    condition = torch.randn(1, net.config.condition, height, width, dtype=torch.float64)
    bins = torch.randint(0, 32, (1, 2, height, width))
    # The batch holds the bins as they are, then with each place changed in turn.
    order = bins.permute(0, 2, 3, 1).flatten().repeat(places + 1, 1)
    order[1:].diagonal().add_(16).remainder_(32)
    changed = order.unflatten(1, (height, width, 2)).permute(0, 3, 1, 2)
    logits = net(changed, condition.expand(places + 1, -1, -1, -1)).permute(0, 3, 4, 1, 2).flatten(1, 3)
    return (logits[1:] - logits[:1]).abs().amax(-1) > 1e-11


@pytest.mark.parametrize(("height", "width"), [(4, 5), (6, 3), (1, 7), (7, 1)])
def test_every_logit_sees_what_came_before_and_nothing_else(height: int, width: int) -> None:
    """Causality and no blind spot at once, for every pixel and both channels.

    Cb_i changes nothing at or before i, Cr_i changes Cb_i and what comes later. And all that came before is
    seen, the pixels above and to the right too, where the first PixelCNN was blind.
    """
    seen = influence(lively(small(blocks=3)), height, width)
    assert torch.equal(seen, torch.ones_like(seen).triu(1))


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_causal_whatever_the_kernels(kernel: int) -> None:
    seen = influence(lively(small(kernel=kernel, first_kernel=kernel)), 4, 4)
    assert not seen.tril().any()
    assert seen.diagonal(1).all()


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_the_last_layer_sees_from_the_row_above_to_as_far_as_the_kernels_reach(blocks: int) -> None:
    """No receptive-field defect: if own rows were masked in every layer, layer n would begin n rows above.

    Only the last block may tell the horizontal stack what is above. Its first row is one above, the 7x7
    kernel adds 3 to that and every 5x5 kernel 2.
    """
    net = lively(small(blocks=blocks))
    for block in list(net.blocks)[:-1]:
        assert isinstance(block, GatedBlock)
        nn.init.zeros_(block.down.weight)
    height = 7 + 2 * blocks
    seen = influence(net, height, 2).reshape(height, 4, height, 4).any(3).any(1)
    farthest = 1 + 3 + 2 * blocks
    expected = torch.ones(height, height, dtype=torch.bool).triu(0).tril(farthest)
    assert torch.equal(seen, expected)


def test_ten_layers_still_see_the_pixels_directly_above() -> None:
    net = lively(small(blocks=10))
    for block in list(net.blocks)[:-1]:
        assert isinstance(block, GatedBlock)
        nn.init.zeros_(block.down.weight)
    seen = influence(net, 3, 3).reshape(3, 3, 2, 3, 3, 2)
    assert seen[0, :, :, 1].all()


# Sizes --------------------------------------------------------------------------------------------


def test_live_weights_of_the_papers_size() -> None:
    """Table 2 without the taps that a mask holds at 0: counted by hand."""
    net = PixelCNN()
    masked = sum(int((m.mask == 0).sum()) for m in net.modules() if isinstance(m, HorizontalConv))
    total = sum(p.numel() for p in net.parameters())
    first = (4 * 7 * 2 * 64 + 64) + (3 * 2 * 64 + 32 + 64)
    vertical, down = 3 * 5 * 64 * 128 + 128, 128 * 128 + 128
    horizontal, output = 2 * 64 * 128 + (64 * 64 + 64 * 32) + 128, 64 * 64 * 3 // 4 + 64
    head = 64 * 1024 * 3 // 4 + 1024 + 1024 * 64 * 3 // 4 + 64
    conditions = 2 * 64 * 128
    assert total - masked == first + 10 * (vertical + down + horizontal + output + conditions) + head
    assert total - masked == 1_920_480


def test_nominal_parameters_are_those_of_full_kernels() -> None:
    """papers.md, section 3: 2.81M, with the conditioning's 1x1 2.97M, the masked taps counted."""
    net = PixelCNN()
    nominal = 0
    for module in net.modules():
        if not isinstance(module, nn.Conv2d):
            continue
        rows, kernel = module.weight.shape[2:]
        full = kernel if isinstance(module, VerticalConv) else 2 * kernel - 1
        live = rows * kernel
        nominal += module.weight.numel() // live * (full * full if isinstance(module, VerticalConv) else full)
        nominal += 0 if module.bias is None else module.bias.numel()
    conditions = sum(p.numel() for name, p in net.named_parameters() if "condition" in name)
    assert nominal == 2_970_176
    assert nominal - conditions == 2_806_336


# Parts --------------------------------------------------------------------------------------------


def test_logits_come_with_cr_first() -> None:
    net = PixelCNN(small())
    last = net.head[-1]
    assert isinstance(last, HorizontalConv) and last.bias is not None
    nn.init.zeros_(last.weight)
    last.bias.data = torch.arange(64.0)
    logits = net(torch.zeros(1, 2, 2, 2, dtype=torch.int64), torch.zeros(1, 3, 2, 2))
    assert logits.shape == (1, 2, 32, 2, 2)
    assert torch.equal(logits[0, :, :, 1, 0].flatten(), torch.arange(64.0))


def test_gate_is_tanh_of_one_half_times_sigmoid_of_the_other() -> None:
    # tanh(.5) sigmoid(-1) and tanh(-2) sigmoid(3), by an independent calculator.
    x = torch.tensor([0.5, -2.0, -1.0, 3.0]).reshape(1, 4, 1, 1)
    assert gate(x).flatten().tolist() == pytest.approx([0.1242825, -0.9183077], abs=1e-6)


def test_shift_down_moves_rows_and_begins_with_zeros() -> None:
    x = torch.arange(1.0, 7).reshape(1, 1, 3, 2)
    assert shift_down(x).flatten().tolist() == [0, 0, 1, 2, 3, 4]


def test_masks_of_the_center_tap() -> None:
    """Rows are outputs, columns inputs; A: Cr sees nothing, Cb sees Cr. B: Cr sees Cr, Cb sees both."""
    a, b = HorizontalConv(2, 4, 5, "A"), HorizontalConv(4, 4, 5, "B")
    assert a.mask[:, :, 0, -1].tolist() == [[0, 0], [0, 0], [1, 0], [1, 0]]
    assert b.mask[:, :, 0, -1].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]
    assert a.mask[..., :-1].all() and b.mask[..., :-1].all()
    gated = HorizontalConv(2, 4, 5, "B", gated=True)
    assert gated.mask[:, :, 0, -1].tolist() == [[1, 0], [1, 1], [1, 0], [1, 1]]


def test_the_photos_features_enter_both_gates() -> None:
    torch.manual_seed(0)
    block = GatedBlock(4, 3, 2)
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    nn.init.eye_(block.output.weight[:, :, 0, 0])
    for conv in (block.vertical_condition, block.horizontal_condition):
        nn.init.normal_(conv.weight)
    h, condition = torch.randn(1, 4, 3, 3), torch.randn(1, 2, 3, 3)
    v_next, h_next = block(torch.randn(1, 4, 3, 3), h, condition)
    torch.testing.assert_close(v_next, gate(block.vertical_condition(condition)))
    torch.testing.assert_close(h_next, h + gate(block.horizontal_condition(condition)))


def test_inputs_are_around_neutral() -> None:
    """A bin that is centered on neutral is 0; the outermost ones are half away, times the gain."""
    net = PixelCNN(PixelCNNConfig(bins=ChromaBins(shift=4), maps=4, blocks=1, head=4, input_gain=2.0))
    assert net.inputs[16].abs() < 1e-6
    assert net.inputs.min().item() == pytest.approx(-2 * 128 / 255)


# The distribution ---------------------------------------------------------------------------------


def test_likelihoods_of_all_grids_sum_to_one() -> None:
    net = lively(PixelCNNConfig(bins=ChromaBins(count=2), maps=4, blocks=1, head=8, condition=3))
    every = torch.tensor(list(product((0, 1), repeat=4))).reshape(16, 2, 1, 2)
    condition = torch.randn(1, 3, 1, 2, dtype=torch.float64).expand(16, -1, -1, -1)
    probability = net.log_prob(every, condition).exp().detach()
    assert probability.sum().item() == pytest.approx(1, abs=1e-6)
    assert probability.std() > 1e-3


def test_log_prob_is_the_sum_of_the_cross_entropies() -> None:
    net = lively(small())
    bins = torch.randint(0, 32, (2, 2, 3, 4))
    condition = torch.randn(2, 3, 3, 4, dtype=torch.float64)
    logits = net(bins, condition)
    by_hand = torch.zeros(2, dtype=torch.float64)
    for b, c, i, j in product(range(2), range(2), range(3), range(4)):
        by_hand[b] += logits[b, c, :, i, j].log_softmax(0)[bins[b, c, i, j]]
    torch.testing.assert_close(net.log_prob(bins, condition), by_hand)
