"""The sampler's benchmark counts what it says, and runs."""

from __future__ import annotations

import pytest

import benchmarks.pixcolor_sampler as benchmark
from autochrome.models.pixcolor.pixelcnn import PixelCNN, PixelCNNConfig

TINY = PixelCNNConfig(maps=4, blocks=1, head=4, condition=2, kernel=3)


def test_floor_of_the_papers_size() -> None:
    """By hand: 3x5 of 64x128, down, 1x3 with a quarter of its last tap off, 1x1; twice 64x128 features."""
    block = 122_880 + 16_384 + 22_528 + 3_072 + 16_384
    first, head = 4 * 7 * 2 * 64 + 3 * 2 * 64 + 32, 49_152 + 49_152
    assert benchmark.floor_macs(PixelCNN()) == 784 * (10 * block + first + head)


def test_it_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(benchmark, "SIZES", {"tiny": TINY})
    monkeypatch.setattr(benchmark, "best_rate", lambda: 1e9)
    monkeypatch.setattr(benchmark, "PASSES", {1: 1})
    monkeypatch.setattr(benchmark, "COUNTS", (1, 2))
    monkeypatch.setattr(benchmark, "draw_times", lambda net: [0.5, 0.6])
    monkeypatch.setattr(benchmark, "compare", lambda net, batch, passes: (2.0, 300.0, 100.0))
    monkeypatch.setattr(benchmark, "floor_macs", lambda net: 400e6)
    benchmark.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["tiny", "1", "2.000", "300", "150", "100", "50", "400", "20%"]
    assert lines[-1].split() == ["tiny", "2", "0.600", "0.300", "1.2"]


def test_draw_times_are_one_for_each_count() -> None:
    assert all(seconds > 0 for seconds in benchmark.draw_times(PixelCNN(TINY), (1, 2), side=2))


def test_both_samplers_are_timed() -> None:
    assert all(seconds > 0 for seconds in benchmark.compare(PixelCNN(TINY), 1, 1, side=2))
