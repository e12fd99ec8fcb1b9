"""The PixelCNN's vertical stack for the sampler: every row of chroma goes through every layer once.

A layer keeps the rows of its input that its kernel reaches, so that its new row is a few matrix products
over all draws. Along the row, convolutions are Toom and Cook's (known as Winograd's in neural networks:
Lavin and Gray 2016, arXiv:1509.09308), which take 8 multiplications for 4 outputs of 5 taps, where the
plain sum takes 20. In double precision they cost no accuracy that matters.

Sigmoids are taken as tanh: sigmoid(b) = (1 + tanh(b / 2)) / 2. The first half is in the weights that make
b, the second in those that take the gate's output; both are exact, being powers of 2.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import as_strided
from torch import Tensor

from autochrome.models.pixcolor.pixelcnn import GatedBlock, PixelCNN, VerticalConv

POINTS = (0, 1, -1, 1 / 2, -1 / 2, 2, -2, 1 / 3, -1 / 3, 3, -3)
"""Where Toom-Cook's polynomials are evaluated, besides infinity."""


class VerticalCache:
    """What the rows above tell the horizontal stack.

    Args:
        net: the network.
        photos: photos in the batch.
        n: draws of each.
        width: pixels in a row of chroma.
    """

    def __init__(self, net: PixelCNN, photos: int, n: int, width: int) -> None:
        blocks = gated_blocks(net)
        self.first = _RowConv(net.vertical, _Room(net.vertical, photos * n, width))
        self.bias = to_array(net.vertical.bias)
        room = _Room(blocks[0].vertical, photos * n, width)
        self.layers = [_Layer(block, photos, n, room, is_first=block is blocks[0]) for block in blocks]

    def advance(self, x: ndarray, condition: ndarray) -> Iterator[ndarray]:
        """Take in a finished row.

        Args:
            x: the row's chroma as the network takes it, (width, batch, 2).
            condition: the photos' features in that row, (width * photos, c).

        Returns:
            What every block tells the row below, without biases, (2 maps, width * batch) in ``gate_order``;
            computed when it is asked for, and valid until the next block's is.
        """
        v = self.first(x)
        v += self.bias
        for layer in self.layers:
            y = layer.conv(v)
            yield layer.tell(y)
            if layer is not self.layers[-1]:
                v = layer.gate(y, condition)


class _Layer:
    """A gated block's vertical half."""

    def __init__(self, block: GatedBlock, photos: int, n: int, room: _Room, *, is_first: bool) -> None:
        maps2 = block.vertical.out_channels
        halved = np.repeat([1.0, 0.5], maps2 // 2)
        self.conv = _RowConv(block.vertical, room)
        self.conv.weight *= halved if is_first else halved / 2
        self.bias = to_array(block.vertical.bias) * halved
        # What goes down has not passed the gate: the halves are undone, and then those of the next gate done.
        order, scale = gate_order(maps2)
        self.down = to_array(block.down.weight)[order] * scale[:, None] / halved
        self.condition = to_array(block.vertical_condition.weight).T * halved
        self.shape, self.told = (room.width, photos, n, maps2), room.told

    def tell(self, y: ndarray) -> ndarray:
        """What goes down of the convolution's output without its bias, (2 maps, width * batch)."""
        # One product: as a stack of matrices it would be as many as the row is wide.
        return np.matmul(self.down, y.reshape(-1, y.shape[2]).T, out=self.told)

    def gate(self, y: ndarray, condition: ndarray) -> ndarray:
        """The next layer's input, twice as large."""
        width, photos, _, maps2 = self.shape
        split = y.reshape(self.shape)
        split += (condition @ self.condition + self.bias).reshape(width, photos, 1, maps2)
        np.tanh(y, out=y)
        a, b = y[..., : maps2 // 2], y[..., maps2 // 2 :]
        b += 1
        a *= b
        return a


class _Room:
    """Where a convolution works; those of one size take turns, so that less memory is gone through.

    Args:
        conv: a convolution of that size.
        batch: draws of all photos.
        width: pixels in a row of chroma.
    """

    def __init__(self, conv: VerticalConv, batch: int, width: int) -> None:
        maps_in, maps_out, kernel = conv.in_channels, conv.out_channels, conv.kernel_size[1]
        self.step = max(2, 9 - kernel)
        self.points, self.tiles = self.step + kernel - 1, -(-width // self.step)
        self.width, self.batch = width, batch
        self.padded = np.zeros((self.step * self.tiles + kernel - 1, batch, maps_in))
        stride = self.padded.strides[0]
        windows = (self.tiles, self.points, batch * maps_in)
        self.windows = as_strided(self.padded, windows, (self.step * stride, stride, self.padded.itemsize))
        self.transformed = np.empty(windows)
        self.products = np.empty((self.points, self.tiles * batch, maps_out))
        self.out = np.empty((self.tiles, self.step, batch * maps_out))
        self.told = np.empty((maps_out, width * batch))


class _RowConv:
    """A vertical convolution that is given one row after the other; without bias."""

    def __init__(self, conv: VerticalConv, room: _Room) -> None:
        maps_in, (rows, kernel) = conv.in_channels, conv.kernel_size
        evaluate, self.interpolate, self.spread = toom_cook(room.step, kernel)
        weight = conv.weight.detach().double().cpu().permute(3, 0, 2, 1).reshape(kernel, -1).numpy()
        # Laid out by columns, which BLAS takes better for few rows.
        weight = (evaluate @ weight).reshape(room.points, conv.out_channels, rows * maps_in)
        self.weight = weight.swapaxes(1, 2)
        self.room, self.margin, self.rows, self.last = room, kernel // 2, rows, rows - 2
        # Twice the rows that are needed, so that they seldom have to be moved to the front.
        self.memory = np.zeros((room.points, room.tiles * room.batch, 2 * rows, maps_in))

    def __call__(self, x: ndarray) -> ndarray:
        """The convolution at a new row (width, batch, maps in), as (width, batch, maps out)."""
        room, kept = self.room, self.rows - 1
        if self.last == self.memory.shape[2] - 1:
            self.memory[:, :, :kept] = self.memory[:, :, self.memory.shape[2] - kept :]
            self.last = kept - 1
        self.last += 1
        room.padded[self.margin : self.margin + room.width] = x
        np.matmul(self.spread, room.windows, out=room.transformed)
        points, places, _, maps_in = self.memory.shape
        new = self.memory[:, :, self.last].reshape(points, room.tiles, room.batch, maps_in)
        new[:] = room.transformed.reshape(room.tiles, points, room.batch, maps_in).swapaxes(0, 1)
        strides = (*self.memory.strides[:2], self.memory.itemsize)
        seen = as_strided(
            self.memory[:, :, self.last - kept :], (points, places, self.rows * maps_in), strides
        )
        np.matmul(seen, self.weight, out=room.products)
        products = room.products.reshape(points, room.tiles, -1).swapaxes(0, 1)
        np.matmul(self.interpolate, products, out=room.out)
        return room.out.reshape(room.tiles * room.step, room.batch, -1)[: room.width]


def toom_cook(outputs: int, kernel: int) -> tuple[ndarray, ndarray, ndarray]:
    """Matrices G, A and B with ``A ((G g) * (B d))`` the ``outputs`` sums of a kernel ``g`` along ``d``.

    Toom and Cook's product of two polynomials, transposed: G evaluates at ``POINTS``, B is the transposed
    interpolation.

    Returns:
        G (points, kernel), A (outputs, points), B (points, points), with outputs + kernel - 1 points.
    """
    points = outputs + kernel - 1

    def evaluate(terms: int) -> ndarray:
        # At infinity a polynomial is its highest coefficient.
        return np.vstack((np.vander(POINTS[: points - 1], terms, increasing=True), np.eye(terms)[-1:]))

    return evaluate(kernel), evaluate(outputs).T.copy(), np.linalg.inv(evaluate(points)).T.copy()


def gate_order(maps2: int) -> tuple[ndarray, ndarray]:
    """The order (Cr: a, b; Cb: a, b) of what enters a horizontal gate, and what it is scaled by there."""
    a_cr, a_cb, b_cr, b_cb = np.arange(maps2).reshape(4, -1)
    return np.concatenate((a_cr, b_cr, a_cb, b_cb)), np.tile(np.repeat([1.0, 0.5], maps2 // 4), 2)


def gated_blocks(net: PixelCNN) -> list[GatedBlock]:
    """The blocks with their type, which a ``ModuleList`` does not know."""
    return [block for block in net.blocks if isinstance(block, GatedBlock)]


def to_array(parameter: Tensor | None) -> ndarray:
    """A bias, or the matrix (out, in) of a 1x1 convolution, in double precision."""
    assert parameter is not None
    return parameter.detach().double().cpu().squeeze((2, 3) if parameter.ndim == 4 else ()).numpy()
