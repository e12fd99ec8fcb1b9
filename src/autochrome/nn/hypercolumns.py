"""Hypercolumns: what all layers of a network say of one place (Larsson 2016, section 3.5; Hariharan 2015).

Layers are feature maps "b c hi wi" of strides 1, 2, 4, ...; cell i of a layer of stride s covers the pixels
[i s, (i + 1) s), so that its center lies at pixel i s + (s - 1) / 2. Photos whose sides are no multiples of a
stride have maps of ceil(side / s) cells.

A column over all layers of the paper's network has 12,417 channels. In training a few places of each photo
have one (``sample_columns``, ``HypercolumnHead.at``). At inference every place needs the head's answer, and
``HypercolumnHead.dense`` gives it without making columns: the first linear layer is split by layers, and
each part works at its own layer's resolution before its answer is resized, which is the same function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

BAND = 2**22
"""Numbers of the hidden layer that dense inference holds at once: 16 MB in single precision."""


# Sparse -------------------------------------------------------------------------------------------


def random_locations(
    batch: int, count: int, size: tuple[int, int], *, device: torch.device | str | None = None
) -> Int[Tensor, "b n 2"]:
    """Random pixels (y, x) of every photo, with repetition; the paper takes 128 of each.

    Args:
        batch: photos.
        count: pixels of each.
        size: height and width of the photos.
        device: where the answer goes.
    """
    sides = torch.tensor(size)
    # Drawn on the CPU, so that a seed gives the same places on every device.
    return (torch.rand(batch, count, 2) * sides).long().minimum(sides - 1).to(device)


def sample_columns(
    maps: Sequence[Float[Tensor, "b _c _hi _wi"]],
    strides: Sequence[int],
    locations: Float[Tensor, "b n 2"] | Int[Tensor, "b n 2"],
) -> Float[Tensor, "b n c"]:
    """Hypercolumns at places: all layers' features there, interpolated bilinearly between four cells.

    Their gradients go to the same four cells of each layer. Beyond the centers of the outer cells a layer
    continues as it is there. Fastest with maps in ``torch.channels_last``, which are not copied.

    Args:
        maps: features of each layer.
        strides: stride of each layer; 1 for the photo itself.
        locations: (y, x) in pixels, whole numbers being the pixels' centers; no gradient reaches them.

    Returns:
        Channels of all layers, in their order.
    """
    found = [
        _interpolate(layer, (locations - (stride - 1) / 2) / stride)
        for layer, stride in zip(maps, strides, strict=True)
    ]
    return torch.cat(found, 2)


def _interpolate(layer: Float[Tensor, "b c hi wi"], places: Float[Tensor, "b n 2"]) -> Float[Tensor, "b n c"]:
    """Features at places in units of cells.

    A bag of four weighted rows is what ``F.embedding_bag`` sums: with its gradient three times as fast on a
    CPU as ``F.grid_sample``, and unlike gathers it writes no four-fold column.
    """
    batch, channels, height, width = layer.shape
    last = places.new_tensor([height - 1, width - 1])
    places = places.detach().clamp_min(0).minimum(last)
    first = places.floor().minimum((last - 1).clamp_min(0))
    down, right = (places - first).unbind(-1)
    up, left = 1 - down, 1 - right
    weights = torch.stack([up * left, up * right, down * left, down * right], -1)
    (y0, x0), (y1, x1) = first.long().unbind(-1), (first + 1).minimum(last).long().unbind(-1)
    cells = torch.stack([y0 * width + x0, y0 * width + x1, y1 * width + x0, y1 * width + x1], -1)
    photo = torch.arange(batch, device=layer.device)[:, None, None] * (height * width)
    rows = layer.permute(0, 2, 3, 1).reshape(-1, channels)
    columns = F.embedding_bag(
        (cells + photo).flatten(0, 1),
        rows,
        mode="sum",
        per_sample_weights=weights.to(layer.dtype).flatten(0, 1),
    )
    return columns.view(batch, -1, channels)


# The head -----------------------------------------------------------------------------------------


class HypercolumnHead(nn.Module):
    """h_fc1 with its ReLU, and one linear layer for each output, over hypercolumns.

    All weights start after Glorot and Bengio ("Xavier", uniform), all biases at 0 (section 4).

    Args:
        widths: channels of each layer.
        strides: stride of each layer.
        hidden: channels of h_fc1; 1024 in the paper.
        outputs: channels of each output by its name.
    """

    def __init__(
        self, widths: Sequence[int], strides: Sequence[int], hidden: int, outputs: Mapping[str, int]
    ) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.strides = tuple(strides)
        self.h_fc1 = nn.Linear(sum(widths), hidden)
        self.outputs = nn.ModuleDict({name: nn.Linear(hidden, width) for name, width in outputs.items()})
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def at(
        self,
        maps: Sequence[Float[Tensor, "b _c _hi _wi"]],
        locations: Float[Tensor, "b n 2"] | Int[Tensor, "b n 2"],
    ) -> dict[str, Float[Tensor, "b _q n"]]:
        """Every output at places only, as training needs it; arguments as of ``sample_columns``."""
        hidden = F.relu(self.h_fc1(sample_columns(maps, self.strides, locations)), inplace=True)
        return {name: layer(hidden).transpose(1, 2) for name, layer in self.outputs.items()}

    def dense(
        self,
        maps: Sequence[Float[Tensor, "b _c _hi _wi"]],
        stride: int,
        size: tuple[int, int],
        *,
        only: Sequence[str] | None = None,
    ) -> dict[str, Float[Tensor, "b _q _h _w"]]:
        """Every output on a grid: each point is the center of a cell of ``stride`` x ``stride`` pixels.

        Layers finer than the grid are averaged over a cell, as in the released code; coarser ones are
        interpolated between their cells as in ``at``. On a grid of stride 1 the answer is that of ``at``.
        For the paper's network, a photo of 512 pixels and stride 4, this takes about 100 MB beyond the maps,
        where the columns would take 814 MB.

        Args:
            maps: features of each layer, of ceil(side / its stride) cells.
            stride: pixels from one point to the next: a multiple or a divisor of every layer's stride.
            size: height and width of the photo.
            only: names of the outputs that are wanted; all if None.

        Returns:
            Outputs of ceil(height / stride) x ceil(width / stride) points.
        """
        height, width = (-(-side // stride) for side in size)
        fine, coarse = self._project(maps, stride)
        step = max(1, BAND // (maps[0].shape[0] * self.h_fc1.out_features * width))
        bands: dict[str, list[Tensor]] = {name: [] for name in (only or self.outputs)}
        for first in range(0, height, step):
            rows = range(first, min(first + step, height))
            hidden = F.relu(self._sum_band(fine, coarse, rows, width), inplace=True)
            for name, found in bands.items():
                weight, bias = (self.outputs[name].get_parameter(kind) for kind in ("weight", "bias"))
                found.append(F.conv2d(hidden, weight[:, :, None, None], bias))
        return {name: torch.cat(found, 2) for name, found in bands.items()}

    def _project(
        self, maps: Sequence[Tensor], stride: int
    ) -> tuple[list[tuple[Tensor, Tensor]], dict[int, Tensor]]:
        """Finer layers at the grid's resolution with their parts of h_fc1; coarser ones' answers by ratio."""
        fine: list[tuple[Tensor, Tensor]] = []
        coarse: dict[int, Tensor] = {}
        parts = self.h_fc1.weight.split(self.widths, 1)
        for layer, own, part in zip(maps, self.strides, parts, strict=True):
            if own <= stride:
                # Blocks at the lower and right edge may be smaller.
                averaged = F.avg_pool2d(layer, stride // own, ceil_mode=True) if own < stride else layer
                fine.append((averaged, part))
                continue
            ratio = own // stride
            if ratio not in coarse:
                coarse[ratio] = part.new_zeros(layer.shape[0], len(part), *layer.shape[2:])
            _add_product(coarse[ratio], part, layer)
        return fine, coarse

    def _sum_band(
        self,
        fine: Sequence[tuple[Tensor, Tensor]],
        coarse: Mapping[int, Tensor],
        rows: range,
        width: int,
    ) -> Float[Tensor, "b hidden r w"]:
        """h_fc1 before its ReLU on some rows of the grid."""
        batch = (fine[0][0] if fine else next(iter(coarse.values()))).shape[0]
        total = self.h_fc1.bias[:, None, None].expand(batch, -1, len(rows), width)
        total = total.clone(memory_format=torch.contiguous_format)
        for ratio, answer in coarse.items():
            _add_enlarged(total, answer, ratio, rows)
        for layer, part in fine:
            _add_product(total, part, layer[:, :, rows.start : rows.stop])
        return total


def _add_product(
    total: Float[Tensor, "b d h w"], weight: Float[Tensor, "d c"], layer: Float[Tensor, "b c h w"]
) -> None:
    """Add a 1x1 convolution of a layer, in whatever order its numbers lie, to a contiguous sum."""
    # In the sum's precision, where a mixed-precision trunk gives less.
    total.flatten(2).baddbmm_(weight.expand(len(layer), -1, -1), layer.flatten(2).to(total.dtype))


def _add_enlarged(
    total: Float[Tensor, "b d r w"], answer: Float[Tensor, "b d hi wi"], ratio: int, rows: range
) -> None:
    """Add some rows of an answer, enlarged by a whole factor, to a contiguous sum.

    Bilinear and half-pixel aligned. Across, the resizing is a matrix product, which on a CPU is several times
    as fast as ``F.interpolate`` and needs no memory for what is added.
    """
    above, below, share = _neighbors(rows, ratio, answer.shape[2], answer)
    band = torch.lerp(answer[:, :, above], answer[:, :, below], share[:, None])
    left, right, share = _neighbors(range(total.shape[3]), ratio, answer.shape[3], answer)
    cells = torch.arange(answer.shape[3], device=answer.device)[:, None]
    across = (cells == left) * (1 - share) + (cells == right) * share
    total.flatten(1, 2).baddbmm_(band.flatten(1, 2), across.expand(len(answer), -1, -1))


def _neighbors(points: range, ratio: int, cells: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cells on both sides of points of a grid finer by a whole factor, and the share of the second."""
    places = torch.arange(points.start, points.stop, device=like.device)
    places = ((places + 0.5) / ratio - 0.5).clamp(0, cells - 1)
    first = places.floor().long()
    return first, (first + 1).clamp_max(cells - 1), (places - first).to(like.dtype)
