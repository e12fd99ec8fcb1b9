"""The speed benchmark of the conditional GAN measures what it says, and runs."""

from __future__ import annotations

import pytest
import torch

import benchmarks.cgan_speed as benchmark
from autochrome.engine.adversarial import AdversarialTask
from autochrome.engine.recipe import AdversaryRecipe
from autochrome.models.base import Batch, Colorizer
from autochrome.models.registry import create_model
from autochrome.pipeline.painter import Painter
from benchmarks.timing import in_own_process
from tests.drawing_model import WholeDrawing


def test_a_step_moves_both_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """One to warm up and one that is timed: four updates, each network moved by two of them."""
    turns: list[str] = []
    before: list[dict[str, torch.Tensor]] = []
    tasks: list[AdversarialTask] = []

    class Watched(AdversarialTask):
        def __init__(self, colorizer: Colorizer, adversary: AdversaryRecipe) -> None:
            super().__init__(colorizer, adversary)
            before.append({name: p.detach().clone() for name, p in self.named_parameters()})
            tasks.append(self)

        def after_update(self, phase: str) -> None:
            super().after_update(phase)
            turns.append(phase)

    monkeypatch.setattr(benchmark, "AdversarialTask", Watched)
    found = benchmark.measure_training("cgan.test", 4, "bf16-mixed", repeats=1)
    assert turns == ["discriminator", "generator"] * 2
    moved = {name for name, p in tasks[0].named_parameters() if not torch.equal(p, before[0][name])}
    assert {name.split(".")[0] for name in moved} == {"colorizer", "discriminator"}
    assert found["seconds"] > 0
    assert found["photos"] == 8, "two batches of 4"
    assert found["peak"] > 50  # torch alone takes more


def test_without_a_discriminator_a_step_takes_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    class Alone(WholeDrawing):
        """One number to learn; it would not let a discriminator be made."""

        def __init__(self) -> None:
            super().__init__()
            self.color = torch.nn.Parameter(torch.zeros(()))

        def training_losses(self, batch: Batch) -> dict[str, torch.Tensor]:
            return {"loss": (batch.chroma - self.color).square().mean()}

    model = Alone()
    monkeypatch.setattr(benchmark, "create_model", lambda name, pretrained: model)
    assert benchmark.measure_training("alone", 4, "32-true", repeats=1)["photos"] == 4
    assert model.color != 0


def test_the_generator_is_timed_at_its_working_size(monkeypatch: pytest.MonkeyPatch) -> None:
    model = create_model("cgan.test")
    seen: list[tuple[torch.Size, int]] = []

    def sample(luma: torch.Tensor, *, n: int) -> None:
        seen.append((luma.shape, n))

    monkeypatch.setattr(model, "sample", sample)
    benchmark.sample_time(Painter(model, device="cpu"), 4, 1)
    assert seen == [(torch.Size([1, 1, 16, 16]), 4)] * 2


def test_both_tables(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(benchmark, "MODELS", ("cgan.test",))
    monkeypatch.setattr(benchmark, "COUNTS", (1, 4))
    monkeypatch.setattr(benchmark, "colorize_time", lambda painter, samples, repeats: samples / 8)
    monkeypatch.setattr(benchmark, "sample_time", lambda painter, samples, repeats: samples / 80)
    benchmark.report_photos(1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["cgan.test", "16", "4", "0.500", "2.00", "0.050", "20.00"]
    monkeypatch.setattr(benchmark, "TRAINING", (("cgan.test", 8, "32-true"),))
    monkeypatch.setattr(
        benchmark, "in_own_process", lambda *row: {"seconds": 0.5, "photos": 16.0, "peak": 400.0}
    )
    benchmark.report_training(1)
    row = capsys.readouterr().out.splitlines()[-1]
    assert row.split() == ["cgan.test", "16", "8", "32-true", "0.50", "32.0", "400"]


def test_a_row_runs_in_a_process_of_its_own() -> None:
    found = in_own_process(benchmark.measure_training, "cgan.test", 2, "32-true", 1)
    assert set(found) == {"seconds", "photos", "peak"}


def test_the_photo_is_gray_and_of_the_size_that_is_said() -> None:
    assert benchmark.camera().pixels.shape == (512, 512, 1)
    assert benchmark.colorize_time(Painter("cgan.test", device="cpu"), 2, 1) > 0
