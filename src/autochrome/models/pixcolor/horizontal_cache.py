"""The PixelCNN's horizontal stack for the sampler: a pixel goes through every layer once for Cr, once for Cb.

At one pixel the layers have to be run in turn, and each is little work, so that what counts is how many
array operations a layer takes. What does not wait for the layer below is therefore summed beforehand for
all layers at once, in ``base``: biases, the features of the photo and the rows above (once per row), the
pixels to the left (once per pixel), and, for the Cb half, what it takes from the Cr half (once per pixel).
Between two layers the state is (h, g): the stack's h before the layer, and its gate's output g, whose 1x1
and residual are still to be done. They are linear, and done with the next layer's convolution:

    (h', a', b') = (h, g) [[1, C], [O, O C]] + base    h' = h + g O, (a', b') = h' C
    g' = tanh(a') (1 + tanh(b'))                       b' at half its size, O halved: see ``vertical_cache``

Draws lie along the last axis, and the weights are transposed: h, g, a and b are then each one piece of
memory, which takes a third to a half of the time where there are many draws.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat

import numpy as np
from numpy import ndarray

from autochrome.models.pixcolor.pixelcnn import GatedBlock, HorizontalConv, PixelCNN
from autochrome.models.pixcolor.vertical_cache import gate_order, gated_blocks, to_array

CR, CB = 0, 1


class HorizontalCache:
    """Logits of one pixel after the other, for all draws at once.

    For a row: ``begin_row``; then for each pixel ``cr_logits``, ``cb_logits`` and ``finish``, in turn.

    Args:
        net: the network.
        photos: photos in the batch.
        n: draws of each.
        width: pixels in a row of chroma.
    """

    def __init__(self, net: PixelCNN, photos: int, n: int, width: int) -> None:
        q, batch = net.config.maps // 2, photos * n
        kernels = [_Kernel(block) for block in gated_blocks(net)]
        layers = len(kernels)
        self.q, self.layers, self.shape = q, layers, (width, photos, n)
        self.first = _First(net.horizontal, batch, width)
        self.head = _Head(net, batch)

        steps = [_Step(*pair) for pair in zip([None, *kernels], [*kernels, None], strict=True)]
        self.weights = [
            [_transposed(step.own[c][:, : q if step is steps[-1] else 3 * q], batch) for step in steps]
            for c in (CR, CB)
        ]
        self.cross = _transposed(np.stack([step.cross for step in steps]), batch)
        self.past = _transposed(np.stack([kernel.past for kernel in kernels]), batch)
        self.condition = [kernel.condition for kernel in kernels]
        constant = np.stack([step.constant for step in steps], 1)
        self.bias = [kernel.bias + constant[:, layer, q:].ravel() for layer, kernel in enumerate(kernels)]
        self.down_bias = [kernel.down_bias for kernel in kernels]

        # (Cr and Cb, width, layers and the head, (h, a, b), batch).
        self.base = np.zeros((2, width, layers + 1, 3 * q, batch))
        self.h_base = constant[:, None, :, :q, None]
        self.base[..., :q, :] = self.h_base
        # (h, g) before each layer; the last third is room for the gate's b.
        self.states = np.zeros((2, layers + 1, 3 * q, batch))
        self.top = np.empty((2, q, batch))
        self.reach = self.past.shape[2]
        self.history = np.zeros((layers, self.reach + width * 2 * q, batch))
        self.from_left = np.empty((layers, 4 * q, batch))
        self.from_cr = np.empty((layers + 1, 3 * q, batch))
        # Views of what belongs to a pixel: to make them anew in every row takes as long as to use them.
        both = (layers, 2, -1, batch)  # Cr and Cb
        starts = [2 * q * j for j in range(width)]
        self.left = [self.history[:, k : k + self.reach] for k in starts]
        ends = [k + self.reach for k in starts]
        self.own = [self.history[:, k : k + 2 * q].reshape(both).swapaxes(0, 1) for k in ends]
        self.gates = [self.base[:, j, :-1, q:] for j in range(width)]
        self.gates_from_left = self.from_left.reshape(both).swapaxes(0, 1)
        self.runs = [[self._view_layers(channel, j) for channel in (CR, CB)] for j in range(width)]

    def _view_layers(self, channel: int, j: int) -> list[tuple[ndarray, ...]]:
        """What ``_run`` works with."""
        q, states, base = self.q, self.states[channel], self.base[channel, j]
        weights = self.weights[channel]
        views = [
            (weight, before[: 2 * q], here, term, here[q:], here[q : 2 * q], here[2 * q :])
            for weight, before, here, term in zip(
                weights[:-1], states[:-1], states[1:], base[:-1], strict=True
            )
        ]
        return [*views, (weights[-1], states[-1, : 2 * q], self.top[channel], base[-1, :q])]

    def begin_row(self, told: Iterable[ndarray] | None, condition: ndarray) -> None:
        """Begin a row.

        Args:
            told: what the row above says, from ``VerticalCache.advance``; None in the first row.
            condition: the photos' features in this row, (width * photos, c).
        """
        q, (width, photos, n) = self.q, self.shape
        self.base[CB, ..., :q, :] = self.h_base[CB]
        base = self.base.reshape(2, width, self.layers + 1, 3 * q, photos, n)[:, :, :, q:]
        for layer, above in enumerate(repeat(None, self.layers) if told is None else told):
            bias = self.bias[layer] if above is None else self.bias[layer] + self.down_bias[layer]
            features = self.condition[layer] @ condition.T
            features += bias[:, None]
            features = features.reshape(2, 2 * q, width, photos, 1).swapaxes(1, 2)
            if above is None:
                base[:, :, layer] = features
            else:
                above = above.reshape(2, 2 * q, width, photos, n).swapaxes(1, 2)
                np.add(above, features, out=base[:, :, layer])

    def cr_logits(self, j: int) -> ndarray:
        """Logits of Cr at pixel ``j``, (k, batch); valid until the next pixel's."""
        q = self.q
        np.matmul(self.past, self.left[j], out=self.from_left)
        np.add(self.gates[j], self.gates_from_left, out=self.gates[j])
        h = self.first.from_left(j)
        self.states[CR, 0, :q] = h[:q]
        self.states[CB, 0, :q] = h[q:]
        _run(self.runs[j][CR])
        return self.head.cr_logits(self.top[CR])

    def cb_logits(self, j: int, cr: ndarray) -> ndarray:
        """Logits of Cb at pixel ``j`` given its Cr (batch,) as the network takes it, (k, batch)."""
        q = self.q
        self.states[CB, 0, :q] += self.first.cr_cb * cr
        np.matmul(self.cross, self.states[CR, :, : 2 * q], out=self.from_cr)
        base = self.base[CB, j]
        np.add(base, self.from_cr, out=base)
        _run(self.runs[j][CB])
        return self.head.cb_logits(self.top[CB])

    def finish(self, j: int, x: ndarray) -> None:
        """Leave pixel ``j``, which now has the chroma ``x`` (2, batch) as the network takes it."""
        self.first.history[self.first.reach + 2 * j :][:2] = x
        # The state after a layer holds the h that the layer was given.
        self.own[j][:] = self.states[:, 1:, : self.q]


def _run(layers: list[tuple[ndarray, ...]]) -> None:
    """All layers of one half at one pixel: the module's equations."""
    dot, add, multiply, tanh = np.dot, np.add, np.multiply, np.tanh
    for weight, state, out, base, gates, a, b in layers[:-1]:
        dot(weight, state, out)
        add(out, base, out)
        tanh(gates, gates)
        multiply(a, b, b)
        add(a, b, a)
    weight, state, out, base = layers[-1]
    dot(weight, state, out)
    add(out, base, out)


class _Kernel:
    """A gated block's horizontal half as matrices (in, out), gates in ``gate_order``."""

    def __init__(self, block: GatedBlock) -> None:
        order, scale = gate_order(block.horizontal.out_channels)
        q = len(order) // 4
        weight = taps(block.horizontal)[:, :, order] * scale
        self.past = weight[:-1].reshape(-1, 4 * q)
        center = weight[-1]
        self.cr_cr, self.cr_cb, self.cb_cb = center[:q, : 2 * q], center[:q, 2 * q :], center[q:, 2 * q :]
        output = taps(block.output)[0] / 2
        self.out_cr_cr, self.out_cr_cb, self.out_cb_cb = output[:q, :q], output[:q, q:], output[q:, q:]
        self.out_bias = to_array(block.output.bias)
        self.bias = to_array(block.horizontal.bias)[order] * scale
        # The vertical convolution's own bias comes down with the rest.
        down_bias = to_array(block.down.bias) + to_array(block.down.weight) @ to_array(block.vertical.bias)
        self.down_bias = down_bias[order] * scale
        self.condition = to_array(block.horizontal_condition.weight)[order] * scale[:, None]


class _Step:
    """From (h, g) of one layer to (h, a, b) of the next; before the first g is 0, after the last a and b are.

    Attributes:
        own: what a half takes from itself, for Cr and for Cb, (2q, 3q).
        cross: what the Cb half takes from the Cr half.
        constant: what the biases of the 1x1 add, (Cr and Cb, 3q).
    """

    def __init__(self, before: _Kernel | None, here: _Kernel | None) -> None:
        q = len((before or here).out_bias) // 2  # type: ignore[union-attr]
        o_rr, o_rb, o_bb, bias = np.zeros((q, q)), np.zeros((q, q)), np.zeros((q, q)), np.zeros(2 * q)
        c_rr, c_rb, c_bb = np.zeros((3, q, 2 * q))
        if before:
            o_rr, o_rb, o_bb, bias = before.out_cr_cr, before.out_cr_cb, before.out_cb_cb, before.out_bias
        if here:
            c_rr, c_rb, c_bb = here.cr_cr, here.cr_cb, here.cb_cb
        one, zero = np.eye(q), np.zeros((q, q))
        self.own = (
            np.block([[one, c_rr], [o_rr, o_rr @ c_rr]]),
            np.block([[one, c_bb], [o_bb, o_bb @ c_bb]]),
        )
        self.cross = np.block([[zero, c_rb], [o_rb, o_rr @ c_rb + o_rb @ c_bb]])
        r, b = bias[:q], bias[q:]
        self.constant = np.stack((np.r_[r, r @ c_rr], np.r_[b, r @ c_rb + b @ c_bb]))


class _First:
    """The first (A) convolution's horizontal half."""

    def __init__(self, conv: HorizontalConv, batch: int, width: int) -> None:
        weight = taps(conv)
        self.past = _transposed(weight[:-1].reshape(-1, weight.shape[2]), batch)
        self.cr_cb = weight[-1, 0, weight.shape[2] // 2 :, None]
        self.bias = to_array(conv.bias)[:, None]
        self.reach = self.past.shape[1]
        self.history = np.zeros((self.reach + 2 * width, batch))

    def from_left(self, j: int) -> ndarray:
        """What the pixels to the left give, (maps, batch)."""
        h = np.dot(self.past, self.history[2 * j : 2 * j + self.reach])
        h += self.bias
        return h


class _Head:
    """The two 1x1 convolutions before the logits.

    What the Cr half of either feeds is computed for both halves at once.
    """

    def __init__(self, net: PixelCNN, batch: int) -> None:
        hidden, logits = (layer for layer in net.head if isinstance(layer, HorizontalConv))
        w1, w2 = taps(hidden)[0], taps(logits)[0]
        q, e, k = len(w1) // 2, len(w2) // 2, w2.shape[1] // 2
        self.e, self.k = e, k
        self.cr_hidden, self.cb_hidden = _transposed(w1[:q], batch), _transposed(w1[q:, e:], batch)
        self.cr_out, self.cb_out = _transposed(w2[:e], batch), _transposed(w2[e:, k:], batch)
        # Each draw has a copy, as broadcasting takes longer than reading them.
        self.bias = np.repeat(to_array(hidden.bias)[:, None], batch, 1)
        self.out_bias = np.repeat(to_array(logits.bias)[:, None], batch, 1)
        self.both_hidden, self.both_logits = np.empty((2 * e, batch)), np.empty((2 * k, batch))
        self.hidden, self.logits = np.empty((e, batch)), np.empty((k, batch))

    def cr_logits(self, top: ndarray) -> ndarray:
        """Logits from the Cr half of the stack."""
        np.dot(self.cr_hidden, top, out=self.both_hidden)
        self.both_hidden += self.bias
        np.maximum(self.both_hidden[: self.e], 0, out=self.hidden)
        np.dot(self.cr_out, self.hidden, out=self.both_logits)
        self.both_logits += self.out_bias
        return self.both_logits[: self.k]

    def cb_logits(self, top: ndarray) -> ndarray:
        """Logits from the Cb half of the stack, after ``cr_logits``."""
        np.dot(self.cb_hidden, top, out=self.hidden)
        self.hidden += self.both_hidden[self.e :]
        np.maximum(self.hidden, 0, out=self.hidden)
        np.dot(self.cb_out, self.hidden, out=self.logits)
        self.logits += self.both_logits[self.k :]
        return self.logits


def _transposed(weight: ndarray, batch: int) -> ndarray:
    """Weights (..., in, out) as (..., out, in), laid out in memory as BLAS takes them best for a batch."""
    weight = np.ascontiguousarray(weight)
    return np.ascontiguousarray(weight.swapaxes(-1, -2)) if batch == 1 else weight.swapaxes(-1, -2)


def taps(conv: HorizontalConv) -> ndarray:
    """A horizontal kernel as a matrix (in, out) for each tap from left to right, in double precision."""
    return conv.masked_weight().detach().double().cpu()[:, :, 0].permute(2, 1, 0).contiguous().numpy()
