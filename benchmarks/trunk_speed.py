"""Time the network of cic.compact beside the trunk from scratch that earlier releases had.

    python -m benchmarks.trunk_speed [--runs N] [--size N]

The network alone, on one thread, on luma of 128 x 160 px: what it sees of a 256 px photo. The networks take
turns, so that a busy machine slows them alike. The pretrained trunk runs as in the program, with its norms
folded; the trunk from scratch as earlier releases used it, and with its norms folded for comparison.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from statistics import median

import torch
from torch import Tensor

from autochrome.models.base import DistributionColorizer
from autochrome.models.registry import create_model
from autochrome.nn.folding import fold_norms

Network = Callable[[Tensor], object]

PRETRAINED = "pretrained trunk"
SCRATCH = "from-scratch trunk"


def seconds(networks: Mapping[str, Network], luma: Tensor, runs: int) -> dict[str, float]:
    """Return the median seconds of each network, which take turns; two more rounds warm up."""
    times: dict[str, list[float]] = {name: [] for name in networks}
    with torch.inference_mode():
        for run in range(runs + 2):
            for name, network in networks.items():
                start = time.perf_counter()
                network(luma)
                if run >= 2:
                    times[name].append(time.perf_counter() - start)
    return {name: median(values) for name, values in times.items()}


def predictor(trunk: str, *, folded: bool) -> Network:
    """Return the prediction of a cic.compact with random weights, which take as long as any."""
    model = create_model("cic.compact", pretrained=False, trunk=trunk).eval()
    if folded:
        model = fold_norms(model)
    assert isinstance(model, DistributionColorizer)
    return model.predict


def main() -> None:
    """Parse the command line, measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--size", type=int, default=128, help="shorter side of the luma, a multiple of 32")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    luma = torch.rand(1, 1, arguments.size, arguments.size * 5 // 4 // 32 * 32) * 100
    networks = {
        PRETRAINED: predictor("lite0", folded=True),
        SCRATCH: predictor("scratch", folded=False),
        f"{SCRATCH}, folded": predictor("scratch", folded=True),
    }
    times = seconds(networks, luma, arguments.runs)
    print("seconds per 256 px photo, network alone, one thread, medians")
    for name, value in times.items():
        print(f"{name:40s} {value:.4f}")
    print(f"{f'{PRETRAINED} / {SCRATCH}':40s} {times[PRETRAINED] / times[SCRATCH]:.2f}")


if __name__ == "__main__":
    main()
