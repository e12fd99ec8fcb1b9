from __future__ import annotations

import sys

import pytest
import torch
from torch import Tensor

from benchmarks import trunk_speed


def test_networks_take_turns_and_the_first_two_rounds_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now, order = [0.0], []
    monkeypatch.setattr(trunk_speed.time, "perf_counter", lambda: now[0])

    def network(name: str, durations: list[float]) -> trunk_speed.Network:
        left = iter(durations)

        def run(_: Tensor) -> None:
            order.append(name)
            now[0] += next(left)

        return run

    networks = {"a": network("a", [90, 80, 1, 2, 9]), "b": network("b", [70, 60, 4, 4, 5])}
    assert trunk_speed.seconds(networks, torch.zeros(1), 3) == {"a": 2, "b": 4}
    assert order == ["a", "b"] * 5


def test_the_ratio_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["trunk_speed", "--size", "64"])
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    shapes = []

    def seconds(networks: dict[str, trunk_speed.Network], luma: Tensor, runs: int) -> dict[str, float]:
        shapes.append(luma.shape)
        for network in networks.values():
            network(luma)
        return dict(zip(networks, (0.05, 0.1, 0.08), strict=True))

    monkeypatch.setattr(trunk_speed, "seconds", seconds)
    trunk_speed.main()
    assert shapes == [(1, 1, 64, 64)]
    assert capsys.readouterr().out.splitlines()[-1].split()[-1] == "0.50"
