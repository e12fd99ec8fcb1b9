"""The hypercolumns' benchmark computes what it says, and runs; memory in the paper's size is bounded."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch

import benchmarks.hypercolumns as benchmark
from autochrome.models.lrac.compact import CompactNetwork
from autochrome.models.lrac.paper import STRIDES, WIDTHS
from autochrome.nn.compact import CompactSize, CompactTrunk
from autochrome.nn.hypercolumns import random_locations, sample_columns
from benchmarks.timing import in_own_process


def tiny(outputs: Mapping[str, int]) -> CompactNetwork:
    size = CompactSize(widths=(4, 4, 8, 8, 8), blocks=(0, 0, 0, 0, 0), decoder=(8, 4, 4))
    return CompactNetwork(outputs, CompactTrunk(size), hidden=8)


@pytest.fixture
def only_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "NETWORKS", {"tiny": tiny})
    monkeypatch.setattr(benchmark, "TRAINED", {"tiny": (2, 32)})
    monkeypatch.setattr(benchmark, "INFERENCE_SIDE", 64)


@pytest.mark.parametrize(
    ("side", "mode", "gradients", "megabytes"),
    [
        (256, "sparse", True, 12.7),  # "13 MB per image", section 3.5
        (256, "dense 1", False, 3255.0),
        (256, "dense 2", True, 1627.5),  # "1.7 GB for 256 x 256": at half the resolution
        (512, "dense 4", False, 813.8),
    ],
)
def test_columns_of_the_papers_network(side: int, mode: str, gradients: bool, megabytes: float) -> None:
    """papers.md: 3.26 GB and 1.63 GB; 12.7 MB are the paper's 13."""
    places = benchmark.places(mode, side)
    found = benchmark.column_megabytes(12_417, places, gradients=gradients)
    assert found == pytest.approx(megabytes, abs=0.05)
    assert benchmark.channels("paper") == 12_417


def test_sparse_columns_take_at_most_13_megabytes_a_photo() -> None:
    """As they are in memory, with their gradients."""
    maps = [
        torch.rand(1, width, 32 // s, 32 // s, requires_grad=True)
        for width, s in zip(WIDTHS, STRIDES, strict=True)
    ]
    columns = sample_columns(maps, STRIDES, random_locations(1, benchmark.LOCATIONS, (32, 32)))
    columns.retain_grad()
    columns.sum().backward()
    assert columns.grad is not None
    assert 12e6 < columns.untyped_storage().nbytes() + columns.grad.untyped_storage().nbytes() < 13e6


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("mode", ["trunk", "sparse", "dense 4", "columns 4"])
def test_what_is_measured(only_tiny: None, mode: str, training: bool) -> None:
    found = benchmark.measure("tiny", mode, 2, 32, training=training, repeats=1)
    assert found["seconds"] > 0
    assert found["peak"] > 50  # torch alone takes more
    places = {"trunk": 0, "sparse": 128, "dense 4": 0, "columns 4": 64}[mode]
    channels = 1 + 4 + 4 + 8 + 8 + 8 + 8 + 4 + 4
    wanted = benchmark.column_megabytes(channels, places, gradients=training)
    assert found["columns"] == pytest.approx(wanted)


def test_all_ways_answer_alike(only_tiny: None) -> None:
    network = tiny(benchmark.OUTPUTS).eval()
    gray = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        (dense,) = benchmark.answer(network, "dense 4", gray)
        (columns,) = benchmark.answer(network, "columns 4", gray)
        (sparse,) = benchmark.answer(network, "sparse", gray)
    assert dense.shape == (1, 64, 16, 16)
    assert sparse.shape == (1, 64, 128)
    torch.testing.assert_close(dense, columns, rtol=1e-4, atol=1e-4)


def test_the_tables(
    only_tiny: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def found(_: object, name: str, mode: str, batch: int, side: int, **__: object) -> dict[str, float]:
        assert name == "tiny"
        return {"seconds": 0.5, "peak": 100.0 * batch, "columns": side / 10}

    monkeypatch.setattr(benchmark, "in_own_process", found)
    benchmark.report(1, training=False)
    lines = capsys.readouterr().out.splitlines()[2:]
    assert len(lines) == len(benchmark.INFERENCE)
    assert lines[2].split() == ["tiny", "dense", "4", "64", "0.50", "100", "0.1", "6.4"]  # 49 x 256 x 4 B
    benchmark.report(1, training=True)
    lines = capsys.readouterr().out.splitlines()[2:]
    assert lines[1].split() == ["tiny", "sparse", "32", "4.00", "200", "0.1", "3.2"]  # 49 x 128 x 8 B


def test_rows_run_in_a_process_of_their_own() -> None:
    found = in_own_process(benchmark.measure, "compact", "sparse", 1, 32, repeats=1)
    assert set(found) == {"seconds", "peak", "columns"}


@pytest.mark.slow
def test_dense_inference_in_the_papers_size_takes_less_than_4_gigabytes() -> None:
    """A photo of 512 x 512 at stride 4, libraries and 588 MB of weights included; the columns are 814 MB."""
    found = in_own_process(benchmark.measure, "paper", "dense 4", 1, 512, repeats=1)
    assert 588 < found["peak"] < 4000
    assert found["columns"] == 0
