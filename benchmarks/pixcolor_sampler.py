"""Drawing chroma from PixColor's PixelCNN: cached against naive, and against the number of draws.

    python -m benchmarks.pixcolor_sampler        (or: make bench)

Random weights, the paper's 28x28 grid, the compact and the paper's size. The naive sampler's time is that of
a few of its full passes times the 28 * 28 * 2 that it takes: in double precision, which gives the cached
sampler's draws, and in single precision, which the network was trained in.

The floor is what the multiply-adds that no mask switches off would take, each once per pixel, at the rate of
a large matrix product in double precision. The cached sampler's vertical convolutions need fewer, which
counts in its favor.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np
import torch
from torch import nn

from autochrome.models.pixcolor.compact import PIXELCNN
from autochrome.models.pixcolor.pixelcnn import HorizontalConv, PixelCNN, PixelCNNConfig
from autochrome.models.pixcolor.sampler import draw
from benchmarks.timing import best_time, machine

SIZES = {"compact": PIXELCNN, "paper": PixelCNNConfig()}
SIDE = 28
PASSES = {1: 10, 16: 2}
"""Timed passes of the naive sampler for each batch."""
COUNTS = (1, 2, 4, 8, 16, 32)


def floor_macs(net: PixelCNN, side: int = SIDE) -> int:
    """Return the multiply-adds of one draw on a square grid: each unmasked weight, once per pixel."""
    live = 0
    for module in net.modules():
        if isinstance(module, HorizontalConv):
            live += int(module.mask.sum())
        elif isinstance(module, nn.Conv2d):
            live += module.weight.numel()
    return live * side**2


def best_rate(size: int = 1536) -> float:
    """Return the multiply-adds per second of a large matrix product in double precision."""
    a = np.random.default_rng(0).normal(size=(size, size))
    return size**3 / best_time(lambda: a @ a, 4)


@torch.no_grad()
def pass_time(net: PixelCNN, batch: int, passes: int, dtype: torch.dtype, side: int = SIDE) -> float:
    """Return the mean seconds of a pass of the whole network, after one to warm up."""
    net = net.to(dtype)
    bins = torch.zeros(batch, 2, side, side, dtype=torch.int64)
    condition = torch.randn(batch, net.config.condition, side, side, dtype=dtype)
    net(bins, condition)
    start = perf_counter()
    for _ in range(passes):
        net(bins, condition)
    return (perf_counter() - start) / passes


def compare(net: PixelCNN, batch: int, passes: int, side: int = SIDE) -> tuple[float, float, float]:
    """Return the seconds of one draw of each of a batch of photos: cached, naive in double and in single."""
    condition = torch.randn(batch, net.config.condition, side, side)
    cached = best_time(lambda: draw(net, condition), 3 if batch == 1 else 2)
    double, single = (
        2 * side**2 * pass_time(net, batch, passes, dtype, side) for dtype in (torch.float64, torch.float32)
    )
    return cached, double, single


def draw_times(net: PixelCNN, counts: tuple[int, ...] = COUNTS, side: int = SIDE) -> list[float]:
    """Return the seconds for each number of draws of one photo."""
    condition = torch.randn(1, net.config.condition, side, side)
    return [best_time(lambda n=n: draw(net, condition, n=n), 3 if n < 8 else 2) for n in counts]


def main() -> None:
    """Print both tables."""
    torch.manual_seed(0)
    rate = best_rate()
    print(f"{machine()}, numpy {np.__version__}: {rate / 1e9:.0f} G multiply-adds/s in double precision")
    print(f"{'PixelCNN':8} {'batch':>5} {'cached s':>9} {'naive s':>9} {'times':>6} {'single s':>9} "
          f"{'times':>6} {'M MACs':>7} {'of floor':>8}")  # fmt: skip
    networks = {name: PixelCNN(config).eval() for name, config in SIZES.items()}
    for name, net in networks.items():
        for batch, passes in PASSES.items():
            cached, double, single = compare(net, batch, passes)
            macs = batch * floor_macs(net)
            print(f"{name:8} {batch:5} {cached:9.3f} {double:9.0f} {double / cached:6.0f} {single:9.0f} "
                  f"{single / cached:6.0f} {macs / 1e6:7.0f} {macs / rate / cached:8.0%}",
                  flush=True)  # fmt: skip
    print("naive: double precision (the same draws) and single; the mean of "
          + ", ".join(f"{passes} passes at batch {batch}" for batch, passes in PASSES.items())
          + f", times {2 * SIDE**2}\n")  # fmt: skip
    print(f"{'PixelCNN':8} {'draws':>5} {'seconds':>9} {'per draw':>9} {'times one':>9}")
    for name, net in networks.items():
        seconds = draw_times(net)
        for n, total in zip(COUNTS, seconds, strict=True):
            print(f"{name:8} {n:5} {total:9.3f} {total / n:9.3f} {total / seconds[0]:9.1f}", flush=True)


if __name__ == "__main__":
    main()
