"""LRAC's hypercolumns: dense inference against stride, and training at sparse places against all places.

    python -m benchmarks.hypercolumns        (or: make bench)

Random weights, the paper's and the compact network with the head of hue and chroma, every row in a process of
its own, whose peak memory includes the libraries. Seconds are the best of a few runs after one to warm up.

Inference: one photo of 512 x 512. "trunk" makes the layers alone; "columns 4" makes the hypercolumns
themselves at every fourth pixel and gives them to the head, which "dense 4" does without making them.

Training: forward and backward pass without the optimizer's step. The compact network's trunk learns along,
which lrac.compact borrows as it is. "trunk" is without hypercolumns, its loss a sum over all layers; "sparse"
is 128 places of each photo, "dense" and "columns" are every fourth pixel.

MB of columns are those of one photo, in training with their gradients: as computed, and as they were given to
h_fc1 and came back from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.models.lrac.compact import CompactNetwork
from autochrome.models.lrac.paper import PaperNetwork
from autochrome.models.shared_trunk import make_trunk
from autochrome.nn.hypercolumns import HypercolumnHead, random_locations
from benchmarks.timing import best_time, in_own_process, machine, peak_memory, repeats


def compact_network(outputs: dict[str, int]) -> CompactNetwork:
    """Return the network of lrac.compact over a trunk that learns along."""
    return CompactNetwork(outputs, make_trunk("lite0", own=True))


NETWORKS: dict[str, Callable[[dict[str, int]], PaperNetwork | CompactNetwork]] = {
    "compact": compact_network,
    "paper": PaperNetwork,
}
OUTPUTS = {"hue_chroma": 64}
INFERENCE_SIDE = 512
INFERENCE = ("trunk", "dense 8", "dense 4", "dense 2", "dense 1", "columns 4")
TRAINING = ("trunk", "sparse", "dense 4", "columns 4")
TRAINED = {"compact": (16, 128), "paper": (2, 256)}
"""Photos in a batch, and their side in pixels."""
LOCATIONS = 128
MB = 10**6


def dense_columns(
    maps: Sequence[Tensor], strides: Sequence[int], stride: int, size: tuple[int, int]
) -> Tensor:
    """Return the columns "b c h w" on the grid of ``HypercolumnHead.dense``, which avoids making them.

    4 B x channels x points: 814 MB for the paper's network, a photo of 512 pixels and stride 4.
    """
    height, width = (-(-side // stride) for side in size)
    columns = []
    for layer, own in zip(maps, strides, strict=True):
        if own <= stride:
            columns.append(F.avg_pool2d(layer, stride // own, ceil_mode=True))
        else:
            layer = F.interpolate(layer, scale_factor=own // stride, mode="bilinear", align_corners=False)
            columns.append(layer[:, :, :height, :width])
    return torch.cat(columns, 1)


def answer(network: PaperNetwork | CompactNetwork, mode: str, gray: Tensor) -> list[Tensor]:
    """Return the layers, or the outputs, for a batch of photos; the mode is a row's name."""
    maps = network.maps(gray)
    head, size = network.head, (gray.shape[2], gray.shape[3])
    way, _, stride = mode.partition(" ")
    if way == "trunk":
        return maps
    if way == "sparse":
        return list(head.at(maps, random_locations(len(gray), LOCATIONS, size)).values())
    if way == "dense":
        return list(head.dense(maps, int(stride), size).values())
    return over_columns(head, dense_columns(maps, network.strides, int(stride), size))


def over_columns(head: HypercolumnHead, columns: Tensor) -> list[Tensor]:
    """Apply the head at every place of explicit columns "b c h w"."""
    hidden = head.h_fc1(columns.movedim(1, -1)).relu_()
    return [layer(hidden).movedim(-1, 1) for layer in head.outputs.values()]


def channels(name: str) -> int:
    """Return the channels of a network's hypercolumn."""
    with torch.device("meta"):
        return sum(NETWORKS[name](OUTPUTS).widths)


def column_megabytes(channels: int, places: int, *, gradients: bool) -> float:
    """Return the MB of one photo's columns in single precision, with their gradients if requested."""
    return channels * places * 4 * (2 if gradients else 1) / MB


def places(mode: str, side: int) -> int:
    """Return the number of places that have a column."""
    way, _, stride = mode.partition(" ")
    return {"trunk": 0, "sparse": LOCATIONS}.get(way, (side // int(stride or 1)) ** 2)


def measure(
    name: str, mode: str, batch: int, side: int, *, training: bool = False, repeats: int = 2
) -> dict[str, float]:
    """Return the seconds of a batch, and in MB the process's peak memory and the columns of one photo."""
    torch.manual_seed(0)
    network = NETWORKS[name](OUTPUTS).train(training)
    # Cells whose channels lie side by side are read and written at sparse places without copying the layer.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    gray = torch.rand(batch, 1, side, side)
    columns: list[int] = []

    def watch(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        columns.append(given[0].nbytes)
        if given[0].requires_grad:
            given[0].register_hook(lambda gradient: columns.append(gradient.nbytes))

    def run() -> None:
        columns.clear()
        with torch.set_grad_enabled(training):
            answers = answer(network, mode, gray)
        if training:
            network.zero_grad()
            torch.stack([measured.square().sum() for measured in answers]).sum().backward()

    network.head.h_fc1.register_forward_pre_hook(watch)
    seconds = best_time(run, repeats)
    return {"seconds": seconds, "peak": peak_memory() / MB, "columns": sum(columns) / batch / MB}


def report(times: int, *, training: bool) -> None:
    """Print the table of inference or of training; every row is measured ``times`` times."""
    what, speed = ("training", "photos/s") if training else ("inference", "seconds")
    print(f"\n{what:9} {'way':9} {'photo':>6} {speed:>8} {'peak MB':>8} {'columns MB':>11} {'measured':>9}")
    for name in NETWORKS:
        batch, side = TRAINED[name] if training else (1, INFERENCE_SIDE)
        for mode in TRAINING if training else INFERENCE:
            measured = in_own_process(measure, name, mode, batch, side, training=training, repeats=times)
            columns = column_megabytes(channels(name), places(mode, side), gradients=training)
            shown = batch / measured["seconds"] if training else measured["seconds"]
            print(f"{name:9} {mode:9} {side:6} {shown:8.2f} {measured['peak']:8.0f} "
                  f"{columns:11.1f} {measured['columns']:9.1f}", flush=True)  # fmt: skip


def main() -> None:
    """Parse the command line and print both tables."""
    times = repeats(__doc__, 2)
    print(machine())
    report(times, training=False)
    report(times, training=True)


if __name__ == "__main__":
    main()
