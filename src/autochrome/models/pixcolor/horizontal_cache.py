"""The PixelCNN's horizontal stack for the sampler: every pixel goes through every layer once for Cr, once for Cb.

At one pixel the layers have to be run in turn, and each is little work, so that what counts is how many array
operations a layer takes. What does not wait for the layer below is therefore summed beforehand for all layers at
once, in ``base``: biases, the features of the photo and the rows above (once per row), the pixels to the left
(once per pixel), and, for the Cb half, what it takes from the Cr half (once per pixel). A layer that is left has
the state (h, g): the stack's h before it and the gate's output g, whose 1x1 and residual are still to be done.
They are linear, and done with the next layer's convolution:

    (h', a', b') = (h, g) [[1, C], [O, O C]] + base    h' = h + g O, (a', b') = h' C
    g' = tanh(a') (1 + tanh(b'))                       b' at half its size, O halved: see ``vertical_cache``
"""

from __future__ import annotations

import numpy as np
from numpy import ndarray

from autochrome.models.pixcolor.pixelcnn import GatedBlock, HorizontalConv, PixelCNN
from autochrome.models.pixcolor.vertical_cache import gated_blocks, to_array


class HorizontalCache:
    """Logits of one pixel after the other, for all draws at once.

    For a row: ``begin_row``; then for each pixel ``cr_logits``, ``cb_logits`` and ``finish``, in turn.

    Args:
        net: the network.
        photos: photos in the batch.
        n: draws of each.
        width: pixels in a row of chroma.
        dtype: precision.
    """

    def __init__(self, net: PixelCNN, photos: int, n: int, width: int, dtype: type) -> None:
        q, batch = net.config.maps // 2, photos * n
        blocks = gated_blocks(net)
        layers = len(blocks)
        self.q, self.layers, self.shape = q, layers, (photos, n, width)
        self.first = _First(net.horizontal, batch, width, dtype)
        self.head = _Head(net, batch, dtype)

        kernels = [_Kernel(block) for block in blocks]
        self.condition = [k.condition.astype(dtype) for k in kernels]
        self.bias = [k.bias.astype(dtype) for k in kernels]
        self.down_bias = [k.down_bias.astype(dtype) for k in kernels]
        self.order = kernels[0].order
        self.scale = kernels[0].scale.astype(dtype)
        self.past = np.stack([k.past for k in kernels]).astype(dtype)
        steps = [_Step(before, here) for before, here in zip([None, *kernels], [*kernels, None], strict=True)]
        # The step after the last layer gives only h.
        cr = [s.cr.astype(dtype) for s in steps[:-1]] + [np.ascontiguousarray(steps[-1].cr[:, :q], dtype)]
        cb = [s.cb.astype(dtype) for s in steps[:-1]] + [np.ascontiguousarray(steps[-1].cb[:, :q], dtype)]
        self.cross = np.stack([s.cross for s in steps]).astype(dtype)
        self.constant = np.stack([s.constant for s in steps]).astype(dtype)  # layers + 1, 2, 3q

        # Of Cr and of Cb: width, layers + 1, batch, 3q.
        self.base = np.zeros((2, width, layers + 1, batch, 3 * q), dtype)
        self.states = np.zeros((2, layers + 1, batch, 3 * q), dtype)
        self.top = np.empty((2, batch, q), dtype)
        self.crossing = np.empty((layers + 1, batch, 3 * q), dtype)
        self.from_left = np.empty((layers, batch, 4 * q), dtype)
        reach = self.past.shape[1]
        self.history = np.zeros((layers, batch, reach + width * 2 * q), dtype)
        self.reach = reach
        self.plans = [[self._plan(c, j, (cr, cb)[c]) for c in (0, 1)] for j in range(width)]

    def _plan(self, channel: int, j: int, weights: list[ndarray]) -> list[tuple[ndarray, ...]]:
        """The operands of every layer's operations at a pixel, as views: making views takes as long as using them."""
        q, plan = self.q, []
        state, base = self.states[channel], self.base[channel, j]
        for layer in range(self.layers):
            out = state[layer + 1]
            plan.append(
                (state[layer, :, : 2 * q], weights[layer], out, base[layer], out[:, q:], out[:, q : 2 * q], out[:, 2 * q :])
            )
        last = (state[-1, :, : 2 * q], weights[-1], self.top[channel], base[-1, :, :q])
        return [*plan, last]

    def begin_row(self, told: list[ndarray] | None, condition: ndarray) -> None:
        """Begin a row.

        Args:
            told: what the row above says, from ``VerticalCache.advance``; none in the first row.
            condition: the photos' features in this row, (photos * width, c).
        """
        q, (photos, n, width) = self.q, self.shape
        self.base[:] = self.constant.transpose(1, 0, 2)[:, None, :, None]
        for layer in range(self.layers):
            features = condition @ self.condition[layer] + self.bias[layer]
            if told is not None:
                features += self.down_bias[layer]
            total = features.reshape(photos, 1, width, 4 * q)
            if told is not None:
                total = total + (told[layer].reshape(photos, n, width, 4 * q)[..., self.order] * self.scale)
            total = np.broadcast_to(total, (photos, n, width, 4 * q)).reshape(photos * n, width, 2, 2 * q)
            self.base[:, :, layer, :, q:] += total.transpose(2, 1, 0, 3)
        self.history[:, :, : self.reach] = 0
        self.first.history[:, : self.first.reach] = 0

    def cr_logits(self, j: int) -> ndarray:
        """Logits of Cr at pixel ``j``, (batch, k)."""
        q, layers = self.q, self.layers
        here = j * 2 * q
        np.matmul(self.history[:, :, here : here + self.reach], self.past, out=self.from_left)
        base = self.base[:, j, :layers, :, q:]
        base[0] += self.from_left[:, :, : 2 * q]
        base[1] += self.from_left[:, :, 2 * q :]
        self.first(j, self.states[0, 0, :, :q], self.states[1, 0, :, :q])
        _run(self.plans[j][0])
        return self.head.cr(self.top[0])

    def cb_logits(self, j: int, x: ndarray) -> ndarray:
        """Logits of Cb at pixel ``j`` given its Cr (batch,), (batch, k)."""
        q = self.q
        self.first.add_cr(x, self.states[1, 0, :, :q])
        np.matmul(self.states[0, :, :, : 2 * q], self.cross, out=self.crossing)
        self.base[1, j] += self.crossing
        _run(self.plans[j][1])
        return self.head.cb(self.top[1])

    def finish(self, j: int, x: ndarray) -> None:
        """Leave pixel ``j``, which now has the chroma ``x`` (batch, 2) as the network takes it."""
        q = self.q
        self.first.history[:, self.first.reach + 2 * j : self.first.reach + 2 * j + 2] = x
        here = self.reach + j * 2 * q
        # The state after layer l holds the h that layer l was given.
        self.history[:, :, here : here + q] = self.states[0, 1:, :, :q]
        self.history[:, :, here + q : here + 2 * q] = self.states[1, 1:, :, :q]


def _run(plan: list[tuple[ndarray, ...]], dot=np.dot, add=np.add, tanh=np.tanh, multiply=np.multiply) -> None:
    """All layers of one half at one pixel."""
    for state, weight, out, base, gates, a, b in plan[:-1]:
        dot(state, weight, out)
        add(out, base, out)
        tanh(gates, gates)
        multiply(a, b, b)
        add(a, b, a)
    state, weight, out, base = plan[-1]
    dot(state, weight, out)
    add(out, base, out)


class _Kernel:
    """A gated block's horizontal half as matrices (in, out), outputs in the order (Cr: a, b; Cb: a, b)."""

    def __init__(self, block: GatedBlock) -> None:
        weight = block.horizontal.masked_weight().detach().double().cpu().numpy()[:, :, 0]
        q = weight.shape[1] // 2
        self.q = q
        a_cr, a_cb, b_cr, b_cb = np.arange(4 * q).reshape(4, q)
        self.order = np.concatenate((a_cr, b_cr, a_cb, b_cb))
        self.scale = np.tile(np.repeat([1.0, 0.5], q), 2)
        weight = weight[self.order] * self.scale[:, None, None]
        self.past = weight[:, :, :-1].transpose(2, 1, 0).reshape(-1, 4 * q)
        centre = weight[:, :, -1].T
        self.cr_to_cr, self.cr_to_cb = centre[:q, : 2 * q], centre[:q, 2 * q :]
        self.cb_to_cb = centre[q:, 2 * q :]
        output = block.output.masked_weight().detach().double().cpu().numpy()[:, :, 0, 0].T / 2
        self.out_cr_to_cr, self.out_cr_to_cb, self.out_cb_to_cb = output[:q, :q], output[:q, q:], output[q:, q:]
        self.out_bias = to_array(block.output.bias)
        self.bias = to_array(block.horizontal.bias)[self.order] * self.scale
        self.down_bias = to_array(block.down.bias)[self.order] * self.scale
        self.condition = to_array(block.horizontal_condition.weight)[self.order].T * self.scale


class _Step:
    """From the state (h, g) after one layer to the next layer's (h, a, b)."""

    def __init__(self, before: _Kernel | None, here: _Kernel | None) -> None:
        q = (before or here).q  # type: ignore[union-attr]
        o_rr, o_rb, o_bb = (before.out_cr_to_cr, before.out_cr_to_cb, before.out_cb_to_cb) if before else np.zeros((3, q, q))
        c_rr, c_rb, c_bb = (here.cr_to_cr, here.cr_to_cb, here.cb_to_cb) if here else np.zeros((3, q, 2 * q))
        bias = before.out_bias if before else np.zeros(2 * q)
        one, zero = np.eye(q), np.zeros((q, q))
        self.cr = np.block([[one, c_rr], [o_rr, o_rr @ c_rr]])
        self.cb = np.block([[one, c_bb], [o_bb, o_bb @ c_bb]])
        self.cross = np.block([[zero, c_rb], [o_rb, o_rr @ c_rb + o_rb @ c_bb]])
        bias_r, bias_b = bias[:q], bias[q:]
        self.constant = np.stack(
            (
                np.concatenate((bias_r, bias_r @ c_rr)),
                np.concatenate((bias_b, bias_r @ c_rb + bias_b @ c_bb)),
            )
        )


class _First:
    """The first (A) convolution's horizontal half."""

    def __init__(self, conv: HorizontalConv, batch: int, width: int, dtype: type) -> None:
        weight = conv.masked_weight().detach().double().cpu().numpy()[:, :, 0]
        self.q = len(weight) // 2
        self.past = weight[:, :, :-1].transpose(2, 1, 0).reshape(-1, len(weight)).astype(dtype)
        self.cr_to_cb = weight[self.q :, 0, -1].astype(dtype)
        self.bias = to_array(conv.bias).astype(dtype)
        self.reach = len(self.past)
        self.history = np.zeros((batch, self.reach + 2 * width), dtype)

    def __call__(self, j: int, h_cr: ndarray, h_cb: ndarray) -> None:
        h = self.history[:, 2 * j : 2 * j + self.reach] @ self.past
        np.add(h[:, : self.q], self.bias[: self.q], out=h_cr)
        np.add(h[:, self.q :], self.bias[self.q :], out=h_cb)

    def add_cr(self, x: ndarray, h_cb: ndarray) -> None:
        h_cb += x[:, None] * self.cr_to_cb


class _Head:
    """The two 1x1 convolutions before the logits."""

    def __init__(self, net: PixelCNN, batch: int, dtype: type) -> None:
        hidden, logits = (layer for layer in net.head if isinstance(layer, HorizontalConv))
        w1 = hidden.masked_weight().detach().double().cpu().numpy()[:, :, 0, 0].T.astype(dtype)
        w2 = logits.masked_weight().detach().double().cpu().numpy()[:, :, 0, 0].T.astype(dtype)
        q, e, k = len(w1) // 2, len(w2) // 2, w2.shape[1] // 2
        self.e, self.k = e, k
        # What the Cr half feeds is computed for both halves at once.
        self.from_cr, self.from_cb = np.ascontiguousarray(w1[:q]), np.ascontiguousarray(w1[q:, e:])
        self.to_both, self.to_cb = np.ascontiguousarray(w2[:e]), np.ascontiguousarray(w2[e:, k:])
        self.bias, self.out_bias = to_array(hidden.bias).astype(dtype), to_array(logits.bias).astype(dtype)
        self.hidden_both = np.empty((batch, 2 * e), dtype)
        self.hidden = np.empty((batch, e), dtype)
        self.logits_both = np.empty((batch, 2 * k), dtype)
        self.logits = np.empty((batch, k), dtype)

    def cr(self, top: ndarray) -> ndarray:
        np.dot(top, self.from_cr, out=self.hidden_both)
        self.hidden_both += self.bias
        np.maximum(self.hidden_both[:, : self.e], 0, out=self.hidden)
        np.dot(self.hidden, self.to_both, out=self.logits_both)
        self.logits_both += self.out_bias
        return self.logits_both[:, : self.k]

    def cb(self, top: ndarray) -> ndarray:
        np.dot(top, self.from_cb, out=self.hidden)
        self.hidden += self.hidden_both[:, self.e :]
        np.maximum(self.hidden, 0, out=self.hidden)
        np.dot(self.hidden, self.to_cb, out=self.logits)
        self.logits += self.logits_both[:, self.k :]
        return self.logits
