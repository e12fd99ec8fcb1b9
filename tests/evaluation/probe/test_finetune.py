"""Fine-tuning on classes that only the luma's pattern tells."""

from __future__ import annotations

import torch

from autochrome.evaluation.probe.finetune import finetune, mirrored
from autochrome.evaluation.probe.fitting import FitSettings
from autochrome.evaluation.probe.trunks import make_trunk, parse_layers


def stripes(n: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Horizontal or vertical stripes, of random phase, under noise: the mean luma tells nothing."""
    labels = torch.arange(n) % 2
    phase = torch.rand(n, 1, generator=generator) * 6.28
    wave = torch.sin(torch.arange(32) * 0.8 + phase)
    planes = torch.where(labels[:, None, None] > 0, wave[:, None, :], wave[:, :, None]).expand(n, 32, 32)
    noise = torch.randn(n, 32, 32, generator=generator)
    return (50 + 20 * planes + 5 * noise)[:, None].half(), labels


def test_a_tiny_trunk_learns_and_stays_as_it_was(generator: torch.Generator) -> None:
    trunk = make_trunk("cic.test", random=True)
    before = {key: value.clone() for key, value in trunk.state_dict().items()}
    luma, labels = stripes(64, generator)
    test, truth = stripes(40, generator)
    [group] = parse_layers("all", 8)
    told: list[int] = []
    settings = FitSettings(steps=30, batch_size=32, lr=5e-3)
    logits = finetune(trunk, group, (luma, labels), test, 2, settings, lambda _, step, __: told.append(step))
    assert (logits.argmax(1) == truth).float().mean() > 0.9
    assert told == list(range(1, 31))
    assert not trunk.training
    assert all(torch.equal(before[key], value) for key, value in trunk.state_dict().items())


def test_planes_of_a_photo_are_mirrored_together() -> None:
    photos = torch.arange(64 * 6.0).view(64, 1, 2, 3)
    one, other = mirrored(photos, photos[:, 0])
    assert torch.equal(one[:, 0], other)
    turned = (one != photos).flatten(1).any(1)
    assert torch.equal(one[turned], photos[turned].flip(3))
    assert 16 < int(turned.sum()) < 48
