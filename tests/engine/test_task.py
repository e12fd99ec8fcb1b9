from __future__ import annotations

import pytest
import torch

from autochrome.color.spaces import get_space
from autochrome.data.augment import LumaFaults
from autochrome.data.mounts import Mounts
from autochrome.engine.task import TrainingTask
from autochrome.models.registry import create_model

FAULTS = LumaFaults(blur=1.0, grain=1.0, fading=1.0)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(1)


@pytest.fixture
def rgb() -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)


def test_batches_hold_luma_and_chroma_of_the_models_space(rgb: torch.Tensor) -> None:
    task = TrainingTask(create_model("cic.test", pretrained=False))
    luma, chroma = get_space("lab").split(rgb / 255)
    batch = task.prepare(rgb, seeded())
    torch.testing.assert_close(batch.luma, luma)
    torch.testing.assert_close(batch.chroma, chroma)


def test_faults_touch_the_luma_alone(rgb: torch.Tensor) -> None:
    colorizer = create_model("cic.test", pretrained=False)
    clean = TrainingTask(colorizer).prepare(rgb, seeded())
    faulty = TrainingTask(colorizer, FAULTS).prepare(rgb, seeded())
    assert (faulty.luma - clean.luma).abs().mean() > 3
    assert torch.equal(faulty.chroma, clean.chroma)


def test_faults_are_as_strong_in_every_space(rgb: torch.Tensor) -> None:
    task = TrainingTask(create_model("cic.test", pretrained=False), FAULTS)
    task.space = get_space("ycbcr")  # luma in [0, 1]
    luma = task.prepare(rgb, seeded()).luma
    clean = task.space.split(rgb / 255)[0]
    assert 0.03 < (luma - clean).abs().mean() < 0.4
    assert luma.min() >= 0 and luma.max() <= 1


def test_film_changes_the_luma_alone(rgb: torch.Tensor) -> None:
    colorizer = create_model("cic.test", pretrained=False)
    film = LumaFaults(blur=0.0, grain=0.0, fading=0.0, film=1.0)
    clean = TrainingTask(colorizer).prepare(rgb, seeded())
    exposed = TrainingTask(colorizer, film).prepare(rgb, seeded())
    assert (exposed.luma - clean.luma).abs().mean() > 1
    assert torch.equal(exposed.chroma, clean.chroma)


def test_what_covers_a_photo_is_gray_in_the_truth_as_well(rgb: torch.Tensor) -> None:
    mounts = Mounts(border=0.0, oval=1.0, card=0.0)
    task = TrainingTask(create_model("cic.test", pretrained=False), None, mounts)
    batch = task.prepare(rgb, seeded())
    luma, chroma = get_space("lab").split(rgb / 255)
    corner, middle = (..., 0, 0), (..., 16, 16)
    torch.testing.assert_close(batch.chroma[corner], torch.zeros(2, 2), atol=0.01, rtol=0)
    assert batch.rgb is not None and (batch.rgb[corner] == batch.rgb[corner][:, :1]).all()
    torch.testing.assert_close(batch.chroma[middle], chroma[middle])
    torch.testing.assert_close(batch.luma[middle], luma[middle])


def test_the_loss_is_the_models_own(rgb: torch.Tensor) -> None:
    task = TrainingTask(create_model("cic.test", pretrained=False).train())
    losses = task(task.prepare(rgb, seeded()))
    assert {"loss", "cross_entropy", "rebalanced", "entropy"} <= set(losses)
    losses["loss"].backward()
    assert all(p.grad is not None for p in task.parameters())
