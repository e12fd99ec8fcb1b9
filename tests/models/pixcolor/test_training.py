"""How CompactPixColor learns: its losses, what is trained, and what a run keeps."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from autochrome.engine.ema import WeightAverage
from autochrome.engine.loop import train
from autochrome.engine.recipe import load_recipe
from autochrome.models.base import Batch
from autochrome.models.pixcolor.compact import CompactPixColor
from autochrome.models.weights import load_weights, resolve_weights, save_weights
from tests.data.made_photos import write_folder
from tests.engine.tiny_run import differences, write_recipe
from tests.models.pixcolor.made_model import (
    NEUTRAL,
    borrowing,
    cell_means,
    gray_batch,
    photos,
    set_logits,
    tiny,
    trained_parts,
    training_networks,
)


@pytest.fixture
def model() -> CompactPixColor:
    return tiny()


# Losses --------------------------------------------------------------------------------------------


def test_cross_entropy_equals_torch_s_on_given_logits(model: CompactPixColor) -> None:
    """Section 3.1: cross-entropy per pixel, the mean over pixels and over Cr and Cb."""
    batch = photos(2)
    logits = torch.randn(2, 2, 32, 7, 14)
    set_logits(model, lambda bins: logits)
    losses = model.colorization_losses(batch)
    reduced = cell_means(batch.chroma, 7, 14)
    bins = ((reduced * 255 + 4) / 8).floor().long()  # (Cb, Cr)
    own = [F.cross_entropy(logits[:, 0], bins[:, 1]), F.cross_entropy(logits[:, 1], bins[:, 0])]
    torch.testing.assert_close(losses["loss"], torch.stack(own).mean())
    torch.testing.assert_close(losses["bits_per_dim"], torch.stack(own).mean() / math.log(2))
    assert losses["kept"] == 1


def test_uniform_predictions_cost_5_bits(model: CompactPixColor) -> None:
    """32 bins."""
    set_logits(model, lambda bins: torch.zeros(len(bins), 2, 32, *bins.shape[2:]))
    losses = model.colorization_losses(photos())
    assert losses["bits_per_dim"].item() == pytest.approx(5)
    assert losses["loss"].item() == pytest.approx(math.log(32))


def right_with(logit: float) -> Callable[[Tensor], Tensor]:
    """Logits that favor the true bins of the first photo, and no bins of the others."""

    def answer(bins: Tensor) -> Tensor:
        logits = logit * F.one_hot(bins, 32).movedim(-1, 2).float()
        logits[1:] = 0
        return logits

    return answer


def test_photos_below_the_colorness_threshold_teach_nothing() -> None:
    batch = photos(2)
    batch.chroma[1] = NEUTRAL + 0.9 * 0.05 / math.sqrt(2)  # a distance of .045
    expected = math.log(31 + math.exp(3)) - 3
    for threshold, loss, kept in (
        (0.05, expected, 0.5),
        (0.04, (expected + math.log(32)) / 2, 1.0),
        (0.0, (expected + math.log(32)) / 2, 1.0),
    ):
        model = tiny(colorness_threshold=threshold)
        set_logits(model, right_with(3.0))
        losses = model.colorization_losses(batch)
        assert losses["loss"].item() == pytest.approx(loss, rel=1e-4)
        assert losses["kept"].item() == kept
        # The log tells of all photos.
        bits = (expected + math.log(32)) / 2 / math.log(2)
        assert losses["bits_per_dim"].item() == pytest.approx(bits, rel=1e-4)


def test_a_batch_of_gray_photos_alone_has_loss_and_gradient_0() -> None:
    model = tiny(colorness_threshold=0.05).train()
    losses = model.colorization_losses(gray_batch())
    assert losses["loss"] == 0
    losses["loss"].backward()
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_teacher_forcing_needs_one_pass(model: CompactPixColor) -> None:
    calls = []
    model.pixelcnn.register_forward_hook(lambda *_: calls.append(1))
    model.colorization_losses(photos())
    assert len(calls) == 1


def test_refinement_loss_is_l1_in_bytes_on_the_true_low_resolution_chroma() -> None:
    """Section 3.2: the input is a downsampling of the truth. Without jitter and untrained, bilinear."""
    model = tiny(part="refinement", jitter=0.0).train()
    chroma = 0.2 + 0.6 * torch.rand(2, 2, 64, 32)
    losses = model.training_losses(Batch(torch.rand(2, 1, 64, 32), chroma))
    truth = chroma.reshape(2, 2, 16, 4, 8, 4).mean((3, 5))  # refinement ends at stride 4
    plain = F.interpolate(cell_means(chroma, 14, 7), (16, 8), mode="bilinear", align_corners=False)
    expected = 255 * (plain - truth).abs().mean()
    torch.testing.assert_close(losses["bilinear"], expected)
    torch.testing.assert_close(losses["loss"], expected)


def test_refinement_is_trained_with_jitter() -> None:
    model = tiny(part="refinement", jitter=0.1)
    seen = []
    model.refinement.register_forward_pre_hook(lambda _, args: seen.append(args[1]))
    chroma = torch.full((1, 2, 64, 64), 0.5)
    model.training_losses(Batch(torch.rand(1, 1, 64, 64), chroma))
    noise = seen[0] - 0.5
    assert noise.std() > 0.04
    assert noise.abs().max() <= 0.1 + 1e-6


def test_blotches_and_casts_are_added_too() -> None:
    model = tiny(part="refinement", jitter=0.0, blotches=0.1, casts=0.2)
    seen, doubts = [], []
    model.refinement.register_forward_pre_hook(lambda _, args: seen.append(args[1]))
    model.refinement.register_forward_pre_hook(lambda _, args: doubts.append(args[2]))
    model.training_losses(Batch(torch.rand(4, 1, 64, 64), torch.full((4, 2, 64, 64), 0.5)))
    noise = seen[0] - 0.5
    blotched = noise.amax((2, 3)) - noise.amin((2, 3))
    assert blotched.min() > 0 and blotched.max() <= 0.2 + 1e-6
    assert 0.1 < noise.abs().max() <= 0.3 + 1e-6
    assert (doubts[0] == 1).all()


def test_the_part_decides_which_losses() -> None:
    batch = photos(2, 16, 16)
    assert set(tiny().training_losses(batch)) == {"loss", "bits_per_dim", "kept"}
    assert set(tiny(part="refinement").training_losses(batch)) == {"loss", "bilinear"}


# What is trained -----------------------------------------------------------------------------------


def test_colorization_trains_conditioning_and_pixelcnn_and_a_trunk_of_its_own() -> None:
    model = tiny().train()
    assert trained_parts(model) == training_networks(model) == {"trunk", "conditioning", "pixelcnn"}


def test_refinement_trains_alone() -> None:
    model = tiny(part="refinement").train()
    assert trained_parts(model) == training_networks(model) == {"refinement"}


def test_a_borrowed_trunk_is_not_trained() -> None:
    model = borrowing()
    model.train()
    assert trained_parts(model) == training_networks(model) == {"conditioning", "pixelcnn"}
    model.training_losses(photos())["loss"].backward()
    assert all(p.grad is None for p in model.trunk.parameters())
    assert all(p.grad is not None for p in model.conditioning.parameters())


@pytest.mark.parametrize("part", ["colorization", "refinement", "ranker"])
def test_evaluation_mode_is_everyone_s(part: str) -> None:
    assert not any(module.training for module in tiny(part=part).train().eval().modules())


@pytest.mark.parametrize(
    ("make", "part", "moving"),
    [
        (tiny, "colorization", {"bin_means", "bin_counts", "trunk", "conditioning", "pixelcnn"}),
        (borrowing, "colorization", {"bin_means", "bin_counts", "conditioning", "pixelcnn"}),
        (tiny, "refinement", {"refinement"}),
        (tiny, "ranker", {"ranker"}),
    ],
)
def test_a_step_changes_what_is_trained_and_no_statistics_of_the_others(
    make: Callable[..., CompactPixColor], part: str, moving: set[str]
) -> None:
    model = make(part=part).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(2):
        optimizer.zero_grad()
        model.training_losses(photos(2, 32, 32))["loss"].backward()
        optimizer.step()
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert {key.split(".")[0] for key in changed} == moving


def test_a_few_steps_lower_the_loss() -> None:
    model = tiny(colorness_threshold=0.0).train()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    batch = photos(4)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = model.training_losses(batch)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(math.log(32), rel=0.2)
    assert losses[-1] < 0.8 * losses[0]


# Weights, averages, resuming -----------------------------------------------------------------------


def trained() -> CompactPixColor:
    """A model that has seen photos, so that its buffers hold something."""
    model = tiny()
    model.train()
    for _ in range(2):
        model.colorization_losses(photos(3, 32, 32))
    model.eval()
    return model


def test_shipped_weights_keep_the_means_and_counts_exactly(tmp_path: Path) -> None:
    """Parameters are halved to float16, which would move a mean by up to 1/16 of a byte."""
    model, other = trained(), tiny()
    save_weights(model, tmp_path / "model.safetensors", half=True)
    load_weights(other, resolve_weights(tmp_path / "model.safetensors"))
    assert torch.equal(other.bin_means, model.bin_means)
    assert not torch.equal(model.bin_means, model.bin_means.half().float())
    assert torch.equal(other.bin_counts, model.bin_counts)
    assert other.bin_counts.dtype == torch.int64
    assert model.bin_counts.sum() == 2 * 2 * 3 * 7 * 7  # two batches of three, two channels
    head = "head.2.weight"
    halved = model.pixelcnn.state_dict()[head].half().float()
    assert torch.equal(other.pixelcnn.state_dict()[head], halved)
    luma = torch.rand(1, 1, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(other.encode(luma), model.encode(luma), rtol=1e-2, atol=1e-2)


def test_what_is_saved_is_no_more_than_needed() -> None:
    """Masks and inputs follow from the configuration."""
    assert not any("mask" in key or key.endswith("pixelcnn.inputs") for key in tiny().state_dict())


def test_an_average_copies_counts_and_averages_means() -> None:
    model = tiny().train()
    average = WeightAverage(model, 0.9)
    model.colorization_losses(photos(3))
    average.update(model)
    assert torch.equal(average.average["bin_counts"], model.bin_counts)
    with average.applied_to(model):
        assert model.bin_counts.sum() == 2 * 3 * 7 * 14
    # After the first update the decay is 2/11.
    start = model.bins.centers().expand(2, -1)
    torch.testing.assert_close(average.average["bin_means"], start + (model.bin_means - start) * 9 / 11)


def test_a_resumed_model_goes_on_counting_exactly() -> None:
    straight = tiny().train()
    batches = [photos(2) for _ in range(4)]
    for batch in batches[:2]:
        straight.colorization_losses(batch)
    resumed = tiny().train()
    resumed.load_state_dict(copy.deepcopy(straight.state_dict()))
    for batch in batches[2:]:
        straight.colorization_losses(batch)
        resumed.colorization_losses(batch)
    assert torch.equal(resumed.bin_means, straight.bin_means)
    assert torch.equal(resumed.bin_counts, straight.bin_counts)


@pytest.mark.parametrize(
    "options",
    [
        "{}",
        "{condition_dropout: 0.5}",
        "{part: refinement, jitter_varies: true, blotches: 0.1, casts: 0.05}",
    ],
)
def test_a_run_that_was_stopped_equals_an_unbroken_one(options: str, tmp_path: Path) -> None:
    """Weights, averages, means and counts, bit for bit; with the noise of refinement."""
    recipe = write_recipe(tmp_path / "tiny.yaml", write_folder(tmp_path / "photos"))
    overrides = ["model.name=pixcolor.test", f"model.options={options}", "schedule.kind=constant"]
    overrides += ["trainer.steps=4", "validation.size=16"]
    unbroken = train(load_recipe(recipe, overrides), tmp_path / "unbroken")
    first = train(load_recipe(recipe, [*overrides, "trainer.steps=2"]), tmp_path / "broken")
    second = train(load_recipe(recipe, overrides), tmp_path / "broken", resume=True)
    assert first.losses + second.losses == unbroken.losses
    assert len(set(unbroken.losses)) == 4
    assert differences(tmp_path / "unbroken", tmp_path / "broken") == []
    saved = load_file(tmp_path / "unbroken" / "model.safetensors")
    photos_seen = 0 if "refinement" in options else 4 * 4
    assert saved["bin_counts"].sum() == 2 * photos_seen * 7 * 7  # crops of 32
