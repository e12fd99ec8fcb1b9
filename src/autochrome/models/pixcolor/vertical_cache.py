"""The PixelCNN's vertical stack for the sampler: every row of chroma goes through every layer once.

A layer keeps the rows of its input that its kernel reaches, unrolled, so that its new row is one matrix product
over all draws. Layouts are (batch, width, maps): what a kernel reaches in a row is then one run of memory.

Sigmoids are taken as tanh: sigmoid(b) = (1 + tanh(b / 2)) / 2. The first half is in the weights that make b, the
second in those that take the gate's output; both are exact, being powers of 2.
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import as_strided
from torch import Tensor

from autochrome.models.pixcolor.pixelcnn import GatedBlock, PixelCNN, VerticalConv


class VerticalCache:
    """What the rows above tell the horizontal stack.

    Args:
        net: the network.
        photos: photos in the batch.
        n: draws of each.
        width: pixels in a row of chroma.
        dtype: precision.
    """

    def __init__(self, net: PixelCNN, photos: int, n: int, width: int, dtype: type) -> None:
        self.first = _RowConv(net.vertical, photos * n, width, dtype)
        self.layers = [_Layer(block, photos, n, width, dtype) for block in gated_blocks(net)]
        for layer in self.layers[1:]:
            layer.conv.weight *= 0.5

    def advance(self, x: ndarray, condition: ndarray) -> list[ndarray]:
        """Take in a finished row.

        Args:
            x: the row's chroma as the network takes it, (batch, width, 2).
            condition: the photos' features in that row, (photos * width, c).

        Returns:
            What every block tells the row below, without the bias, (batch, width, 2 maps).
        """
        self.first.row[:] = x
        v = self.first().reshape(self.layers[0].conv.row.shape)
        told = []
        for layer in self.layers:
            layer.conv.row[:] = v
            told.append(layer.tell())
            if layer is not self.layers[-1]:
                v = layer.gate(condition)
        return told


class _Layer:
    """A gated block's vertical half."""

    def __init__(self, block: GatedBlock, photos: int, n: int, width: int, dtype: type) -> None:
        maps2 = block.vertical.out_channels
        halved = np.repeat([1.0, 0.5], maps2 // 2)
        self.conv = _RowConv(block.vertical, photos * n, width, dtype)
        self.conv.weight *= halved
        self.conv.bias *= halved
        # What goes down has not passed the gate: the halves are undone.
        self.down = (to_array(block.down.weight).T / halved[:, None]).astype(dtype)
        self.condition = (to_array(block.vertical_condition.weight).T * halved).astype(dtype)
        self.shape = (photos, n, width, maps2)
        self.told = np.empty((photos * n, width, maps2), dtype)

    def tell(self) -> ndarray:
        self.y = self.conv()
        np.dot(self.y, self.down, out=self.told.reshape(self.y.shape))
        return self.told

    def gate(self, condition: ndarray) -> ndarray:
        photos, n, width, maps2 = self.shape
        y = self.y.reshape(self.shape)
        y += (condition @ self.condition).reshape(photos, 1, width, maps2)
        np.tanh(y, out=y)
        a, b = np.split(y.reshape(photos * n, width, maps2), 2, axis=2)
        b += 1
        a *= b
        return a


class _RowConv:
    """A vertical convolution that is given one row after the other.

    Attributes:
        row: where the next row's input goes, (batch, width, maps in).
    """

    def __init__(self, conv: VerticalConv, batch: int, width: int, dtype: type) -> None:
        maps_in, (rows, kernel) = conv.in_channels, conv.kernel_size
        weight = conv.weight.detach().double().cpu().permute(2, 3, 1, 0)
        self.weight = weight.reshape(-1, conv.out_channels).numpy().astype(dtype)
        self.bias = to_array(conv.bias).astype(dtype)
        margin = kernel // 2
        padded = np.zeros((batch, width + 2 * margin, maps_in), dtype)
        self.row = padded[:, margin : margin + width]
        reach = padded.strides[0], padded.strides[1], padded.itemsize
        self.reach = as_strided(padded, (batch, width, kernel * maps_in), reach, writeable=False)
        # Twice the rows that are needed, so that they seldom have to be moved to the front.
        self.rows, self.last = rows, rows - 2
        self.unrolled = np.zeros((batch, width, 2 * rows, kernel * maps_in), dtype)
        self.out = np.empty((batch * width, conv.out_channels), dtype)

    def __call__(self) -> ndarray:
        """The convolution at the row that ``row`` holds, (batch * width, maps out)."""
        kept = self.rows - 1
        if self.last == self.unrolled.shape[2] - 1:
            self.unrolled[:, :, :kept] = self.unrolled[:, :, -kept:]
            self.last = kept - 1
        self.last += 1
        self.unrolled[:, :, self.last] = self.reach
        seen = self.unrolled[:, :, self.last - kept : self.last + 1]
        flat = as_strided(
            seen, (len(self.out), len(self.weight)), (self.unrolled.strides[1], self.unrolled.itemsize)
        )
        np.dot(flat, self.weight, out=self.out)
        self.out += self.bias
        return self.out


def gated_blocks(net: PixelCNN) -> list[GatedBlock]:
    """The blocks with their type, which a ``ModuleList`` does not know."""
    return [block for block in net.blocks if isinstance(block, GatedBlock)]


def to_array(parameter: Tensor | None) -> ndarray:
    """A bias, or the matrix (out, in) of a 1x1 convolution, in double precision."""
    assert parameter is not None
    return parameter.detach().double().cpu().squeeze((2, 3) if parameter.ndim == 4 else ()).numpy()
