"""Hypercolumns: where cells lie, sparse against an explicit loop, dense against the columns themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from autochrome.nn import hypercolumns
from autochrome.nn.hypercolumns import HypercolumnHead, random_locations, sample_columns
from benchmarks.hypercolumns import dense_columns

WIDTHS = (1, 3, 4, 5, 7, 6)
STRIDES = (1, 2, 4, 4, 8, 32)
SIZE = (75, 50)  # not square, and no multiples of any stride but 1


def cells(side: int, stride: int) -> int:
    return math.ceil(side / stride)


def made_maps(
    size: tuple[int, int] = SIZE,
    batch: int = 2,
    strides: Sequence[int] = STRIDES,
    dtype: torch.dtype = torch.double,
) -> list[Tensor]:
    return [
        torch.randn(batch, width, cells(size[0], s), cells(size[1], s), dtype=dtype)
        for width, s in zip(WIDTHS, strides, strict=True)
    ]


def made_head(dtype: torch.dtype = torch.double) -> HypercolumnHead:
    head = HypercolumnHead(WIDTHS, STRIDES, 16, {"hue_chroma": 6, "lab": 3}).to(dtype)
    for layer in (head.h_fc1, *head.outputs.values()):
        torch.nn.init.normal_(layer.get_parameter("bias"))
    return head


def bilinear_by_hand(layer: Tensor, y: float, x: float) -> Tensor:
    """Features "c" of one photo's layer "c h w" at a place in cells, one term for each of four cells."""
    height, width = layer.shape[1:]
    y, x = min(max(y, 0.0), height - 1), min(max(x, 0.0), width - 1)
    total = torch.zeros(layer.shape[0], dtype=layer.dtype)
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            weight = (1 - abs(y - row)) * (1 - abs(x - column))
            if weight > 0:
                total += weight * layer[:, row, column]
    return total


# Sparse --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_columns_are_an_explicit_loop_s(memory: torch.memory_format) -> None:
    """Clamped, bilinear over four cells, each of which lies at the center of its block of pixels."""
    maps = [layer.contiguous(memory_format=memory) for layer in made_maps()]
    corners = torch.tensor([[0, 0], [0, 49], [74, 0], [74, 49]]).expand(2, 4, 2)
    locations = torch.cat([corners, random_locations(2, 9, SIZE)], 1)
    columns = sample_columns(maps, STRIDES, locations)
    assert columns.shape == (2, 13, sum(WIDTHS))
    for photo in range(2):
        for place in range(13):
            y, x = locations[photo, place].tolist()
            found = []
            for layer, s in zip(maps, STRIDES, strict=True):
                offset = (s - 1) / 2
                found.append(bilinear_by_hand(layer[photo], (y - offset) / s, (x - offset) / s))
            torch.testing.assert_close(columns[photo, place], torch.cat(found), rtol=1e-5, atol=1e-5)


def test_places_between_pixels_and_beyond_the_photo() -> None:
    maps = made_maps(dtype=torch.float)
    places = torch.tensor([[[10.5, 3.25], [-4.0, 60.0]]]).expand(2, 2, 2)
    columns = sample_columns(maps, STRIDES, places)
    half = maps[0][0, 0, 10:12, 3:5].mean(0)
    torch.testing.assert_close(columns[0, 0, 0], 0.75 * half[0] + 0.25 * half[1])
    torch.testing.assert_close(columns[1, 1, :1], maps[0][1, :, 0, -1])
    torch.testing.assert_close(columns[1, 1, -6:], maps[-1][1, :, 0, -1])


@pytest.mark.parametrize("stride", [1, 2, 4, 8, 16, 32])
def test_a_ramp_is_read_where_it_was(stride: int) -> None:
    """A linear ramp, averaged over the cells of any stride, is itself again away from the photo's edge."""
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(160.0), indexing="ij")
    ramp = (3 * y - 2 * x + 5)[None, None].double()
    layer = F.avg_pool2d(ramp, stride)
    inside = 32 + random_locations(1, 200, (64, 96))
    truth = ramp[0, 0, inside[0, :, 0], inside[0, :, 1]]
    torch.testing.assert_close(sample_columns([layer], [stride], inside)[0, :, 0], truth, rtol=0, atol=1e-3)


def test_gradients_are_the_numerical_ones() -> None:
    places = torch.tensor([[[0.0, 0.0], [19.0, 3.0], [7.3, 4.2], [9.5, 9.5], [9.5, 9.5]]], dtype=torch.double)

    def columns(fine: Tensor, coarse: Tensor) -> Tensor:
        return sample_columns([fine, coarse], [2, 4], places)

    maps = [torch.randn(1, 2, side, side, dtype=torch.double, requires_grad=True) for side in (10, 5)]
    assert torch.autograd.gradcheck(columns, maps)


def test_a_gradient_reaches_four_cells() -> None:
    """Section 3.5: "propagates its gradients to the four closest spatial cells in each layer"."""
    layer = torch.randn(2, 3, 5, 5, requires_grad=True)
    place = torch.tensor([[[7.0, 10.0]], [[19.0, 19.0]]])  # between cells; in the outer half of the last cell
    sample_columns([layer], [4], place).sum().backward()
    assert layer.grad is not None
    # (7 - 1.5) / 4 = 1.375 and (10 - 1.5) / 4 = 2.125
    four = torch.tensor([[0.625 * 0.875, 0.625 * 0.125], [0.375 * 0.875, 0.375 * 0.125]])
    expected = torch.zeros(2, 3, 5, 5)
    expected[0, :, 1:3, 2:4] = four
    expected[1, :, 4, 4] = 1
    torch.testing.assert_close(layer.grad, expected)


def test_random_locations_fill_the_photo_evenly() -> None:
    drawn = random_locations(50, 128, (3, 5))
    assert not drawn.is_floating_point()
    counts = torch.bincount((drawn[..., 0] * 5 + drawn[..., 1]).flatten(), minlength=15)
    # 6400 draws over 15 pixels: 427 with a standard deviation of 20
    assert counts.shape == (15,)
    assert (counts - 427).abs().max() < 80


# The head ------------------------------------------------------------------------------------------


def test_the_head_by_hand() -> None:
    head, maps = made_head(), made_maps()
    locations = random_locations(2, 5, SIZE)
    columns = sample_columns(maps, STRIDES, locations)
    hidden = (columns @ head.h_fc1.weight.T + head.h_fc1.bias).clamp_min(0)
    found = head.at(maps, locations)
    assert list(found) == ["hue_chroma", "lab"]
    for name, layer in head.outputs.items():
        wanted = hidden @ layer.get_parameter("weight").T + layer.get_parameter("bias")
        assert found[name].shape == (2, layer.get_parameter("bias").shape[0], 5)
        torch.testing.assert_close(found[name], wanted.transpose(1, 2))


def test_the_head_starts_after_glorot_and_bengio() -> None:
    """Uniform within sqrt(6 / (fan in + fan out)), biases 0."""
    head = HypercolumnHead((100, 200), (1, 2), 64, {"hue_chroma": 32})
    output = head.outputs["hue_chroma"]
    for layer, fans in ((head.h_fc1, 300 + 64), (output, 64 + 32)):
        weight, bound = layer.get_parameter("weight"), math.sqrt(6 / fans)
        assert 0.98 * bound < weight.abs().max() <= bound
        assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
        assert not layer.get_parameter("bias").any()


@pytest.mark.parametrize("stride", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("size", [SIZE, (64, 96)])
def test_dense_is_the_head_over_explicit_columns(
    stride: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights split by layers and applied before the resizing give the same, in bands of rows too."""
    head, maps = made_head(torch.float), made_maps(size, dtype=torch.float)
    columns = dense_columns(maps, STRIDES, stride, size)
    height, width = (cells(side, stride) for side in size)
    assert columns.shape == (2, sum(WIDTHS), height, width)
    hidden = F.relu(head.h_fc1(columns.movedim(1, -1)))
    for band in (2**22, 2 * 16 * 5 * width):
        monkeypatch.setattr(hypercolumns, "BAND", band)
        found = head.dense(maps, stride, size)
        for name, layer in head.outputs.items():
            wanted = layer(hidden).movedim(-1, 1)
            difference = (found[name] - wanted).abs().max() / wanted.abs().max()
            assert difference < 1e-5
    assert list(head.dense(maps, stride, size, only=["lab"])) == ["lab"]


def test_dense_at_stride_1_is_sparse_everywhere() -> None:
    head, maps = made_head(), made_maps()
    y, x = torch.meshgrid(*(torch.arange(side) for side in SIZE), indexing="ij")
    everywhere = torch.stack([y, x], -1).reshape(1, -1, 2).expand(2, -1, -1).double()
    dense = head.dense(maps, 1, SIZE)
    for name, sparse in head.at(maps, everywhere).items():
        torch.testing.assert_close(dense[name].flatten(2), sparse)


def test_dense_looks_at_the_centers_of_its_cells() -> None:
    """Coarser layers have on the grid what the sparse columns have there, between the pixels."""
    strides = (4, 4, 8, 8, 16, 32)
    head = HypercolumnHead(WIDTHS, strides, 16, {"lab": 3}).double()
    maps = made_maps(strides=strides)
    y, x = torch.meshgrid(*(1.5 + 4.0 * torch.arange(cells(side, 4)) for side in SIZE), indexing="ij")
    centers = torch.stack([y, x], -1).reshape(1, -1, 2).expand(2, -1, -1).double()
    dense = head.dense(maps, 4, SIZE)["lab"].flatten(2)
    torch.testing.assert_close(dense, head.at(maps, centers)["lab"])


def test_finer_layers_are_averaged_over_a_cell() -> None:
    """The released network: average pooling of 4 x 4 from stride 1; at the edge a cell may be smaller."""
    layer = torch.randn(1, 2, 6, 7, dtype=torch.double)
    columns = dense_columns([layer], [1], 4, (6, 7))
    torch.testing.assert_close(columns[..., 0, 0], layer[..., :4, :4].mean((2, 3)))
    torch.testing.assert_close(columns[..., 1, 1], layer[..., 4:, 4:].mean((2, 3)))


def test_dense_gradients_are_those_of_the_columns() -> None:
    head = made_head()
    maps = [layer.requires_grad_() for layer in made_maps((20, 24))]
    head.dense(maps, 4, (20, 24))["lab"].square().sum().backward()
    found = [layer.grad for layer in maps] + [p.grad for p in (head.h_fc1.weight, head.h_fc1.bias)]
    for value in (*maps, *head.parameters()):
        value.grad = None
    hidden = F.relu(head.h_fc1(dense_columns(maps, STRIDES, 4, (20, 24)).movedim(1, -1)))
    head.outputs["lab"](hidden).square().sum().backward()
    wanted = [layer.grad for layer in maps] + [p.grad for p in (head.h_fc1.weight, head.h_fc1.bias)]
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_a_photo_of_one_cell(memory: torch.memory_format) -> None:
    """The sums are taken in place; the bias that they begin with must stay."""
    head, maps = made_head(), [layer.contiguous(memory_format=memory) for layer in made_maps((32, 32), 1)]
    bias = head.h_fc1.bias.clone()
    with torch.no_grad():
        found = head.dense(maps, 32, (32, 32))["lab"]
    hidden = F.relu(head.h_fc1(dense_columns(maps, STRIDES, 32, (32, 32)).movedim(1, -1)))
    torch.testing.assert_close(found, head.outputs["lab"](hidden).movedim(-1, 1))
    assert torch.equal(head.h_fc1.bias, bias)


def test_mixed_precision() -> None:
    """Layers in bfloat16 beside the photo in single precision, as a trunk gives them under autocast."""
    head, maps = made_head(torch.float), made_maps(dtype=torch.float)
    places = random_locations(2, 20, SIZE)
    exact = head.at(maps, places)["lab"], head.dense(maps, 4, SIZE)["lab"]
    mixed = [maps[0], *(layer.bfloat16() for layer in maps[1:])]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = head.at(mixed, places)["lab"], head.dense(mixed, 4, SIZE)["lab"]
    for ours, wanted in zip(found, exact, strict=True):
        assert (ours.float() - wanted).abs().max() < 0.03 * wanted.abs().max()
