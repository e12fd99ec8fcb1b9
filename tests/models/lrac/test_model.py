"""LRAC: from luma to histograms to colors, and its training at random places."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from autochrome.color.lightness import LIGHTNESS_STEP
from autochrome.color.spaces import HUE_CHROMA, rgb_to_lab
from autochrome.engine.loop import train
from autochrome.engine.recipe import load_recipe
from autochrome.models.base import Batch, DistributionColorizer
from autochrome.models.lrac.decoding import Decoding
from autochrome.models.lrac.model import LRAC, RegressionLRAC, colors_at
from autochrome.models.registry import create_model
from autochrome.nn.pretrained import PretrainedTrunk
from tests.data.made_photos import write_folder
from tests.engine.tiny_run import differences, write_recipe


def tiny(**options: Any) -> LRAC:
    torch.manual_seed(0)
    model = create_model("lrac.test", pretrained=False, **options)
    assert isinstance(model, LRAC)
    return model


def batch(count: int = 2, size: int = 64) -> Batch:
    rgb = torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))
    luma, chroma = HUE_CHROMA.split(rgb)
    return Batch(luma, chroma, rgb)


def test_all_outputs_but_one_give_a_distribution() -> None:
    assert isinstance(tiny(), DistributionColorizer)
    regression = create_model("lrac.test", output="lab_l2")
    assert not isinstance(regression, DistributionColorizer)
    assert regression.spec.kind == "point"


@pytest.mark.parametrize(
    ("output", "channels", "axes", "space"),
    [("hue_chroma", 64, 2, "hue_chroma"), ("lab", 64, 2, "lab"), ("lab_joint", 256, 1, "lab")],
)
def test_each_output_answers_at_a_quarter_of_the_resolution(
    output: str, channels: int, axes: int, space: str
) -> None:
    model = tiny(output=output)
    luma = torch.rand(2, 1, 64, 96)
    logits = model.predict(luma)
    assert logits.shape == (2, channels, 16, 24)
    assert len(model.axes) == axes
    samples = model.sample(luma)
    assert samples.space == space
    assert samples.chroma.shape == (2, 1, 2, 16, 24)
    assert samples.uncertainty is not None
    assert samples.uncertainty.shape == (2, 1, 16, 24)
    assert model.prior.shape == (channels,)
    assert model.log_kernel(torch.tensor([[50.0, 20.0, 20.0]]), 10.0).shape == (1, channels)


def test_regression_answers_with_one_color() -> None:
    model = create_model("lrac.test", output="lab_l2")
    assert isinstance(model, RegressionLRAC)
    luma = torch.rand(1, 1, 64, 64)
    samples = model.sample(luma)
    assert (samples.space, samples.uncertainty, samples.logits) == ("lab", None, None)
    torch.testing.assert_close(samples.chroma[:, 0], 25 * model.predict(luma))


def test_fading_and_operators_can_be_chosen() -> None:
    model = tiny()
    logits = 3 * torch.randn(1, 64, 4, 4, generator=torch.Generator().manual_seed(2))
    faded = model.decode(logits).chroma
    model.decoding = Decoding(fading=False)
    assert (model.decode(logits).chroma[:, 0, 1] > faded[:, 0, 1] + 1e-3).any()
    expected = (logits[:, :32].argmax(1) + 0.5) / 32
    model.decoding = Decoding(hue="mode", chroma="mode")
    torch.testing.assert_close(model.decode(logits).chroma[:, 0, 0], expected)


def test_guides_change_the_logits_in_turn() -> None:
    model = tiny()
    logits = torch.randn(1, 64, 4, 4)
    samples = model.decode(logits, guides=[lambda x: x + 1, lambda x: 2 * x])
    assert samples.logits is not None
    torch.testing.assert_close(samples.logits, 2 * (logits + 1))


# Training -----------------------------------------------------------------------------------------


def test_the_loss_is_the_sum_over_outputs_and_reaches_the_whole_network() -> None:
    model = tiny().train()
    losses = model.training_losses(batch())
    parts = [losses[name] for name in ("hue_chroma", "lab", "lab_joint", "lab_l2")]
    torch.testing.assert_close(losses["loss"], torch.stack(parts).sum())
    losses["loss"].backward()
    untouched = [name for name, p in model.named_parameters() if p.grad is None]
    assert untouched == []


def test_the_places_are_random_but_follow_the_seed() -> None:
    model = tiny(locations=16).train()
    values = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        values.append(model.training_losses(batch())["hue_chroma"].item())
    assert values[0] == values[1] != values[2]


def test_all_places_at_the_stride_of_inference() -> None:
    """With ``locations`` 0 the truth is the mean color of 4x4 pixels, the answer that of `predict`."""
    model = tiny(locations=0).eval()
    one = batch(1)
    assert one.rgb is not None
    expected = model.output.loss(model.predict(one.luma), torch.nn.functional.avg_pool2d(one.rgb, 4))["loss"]
    torch.testing.assert_close(model.training_losses(one)["hue_chroma"], expected)


def test_without_the_truth_as_rgb_it_is_put_together() -> None:
    model = tiny(locations=0).eval()
    given = batch(1)
    apart = Batch(given.luma, given.chroma)
    torch.testing.assert_close(
        model.training_losses(apart)["lab"], model.training_losses(given)["lab"], rtol=1e-3, atol=1e-3
    )


def test_colors_at_places_and_windows_about_them() -> None:
    rgb = torch.arange(3 * 4 * 5.0).view(1, 3, 4, 5)
    places = torch.tensor([[[0, 0], [2, 3]]])
    at = colors_at(rgb, places, 1)
    assert at.tolist() == [[[c * 20 + 0.0, c * 20 + 13.0] for c in range(3)]]
    windows = colors_at(rgb, places, 3)
    assert windows.shape == (1, 3, 2, 3, 3)
    assert windows[0, 0, 1].tolist() == [[7, 8, 9], [12, 13, 14], [17, 18, 19]]
    assert windows[0, 0, 0].tolist() == [[0, 0, 1], [0, 0, 1], [5, 5, 6]]  # the border is repeated


def test_windows_train_too() -> None:
    losses = tiny(window=3, locations=8).train().training_losses(batch())
    assert losses["loss"].isfinite()


def test_the_prior_is_counted_in_training_alone() -> None:
    model = tiny()
    uniform = model.prior.clone()
    torch.testing.assert_close(uniform[:32], torch.full((32,), 1 / 32))
    model.training_losses(batch())
    assert torch.equal(model.prior, uniform)
    model.train()
    red = torch.tensor([0.9, 0.2, 0.2])[None, :, None, None].expand(2, 3, 64, 64).contiguous()
    luma, chroma = HUE_CHROMA.split(red)
    model.training_losses(Batch(luma, chroma, red))
    for axis in model.axes:
        torch.testing.assert_close(model.prior[axis].sum(), torch.tensor(1.0))
    assert model.prior[:32].argmax() == 0  # red
    assert model.prior[32:].argmax() == int(0.7 * 32)
    own = model.histogram(rgb_to_lab(red[:1]))
    assert (own[:32].argmax(), own[32:].argmax()) == (0, int(0.7 * 32))


def test_a_frozen_trunk_stays_as_it_is() -> None:
    model = tiny(freeze_trunk=True).train()
    before = {name: value.clone() for name, value in model.network.trunk.state_dict().items()}
    model.training_losses(batch())["loss"].backward()
    trained = {name for name, p in model.named_parameters() if p.grad is not None}
    assert trained == {f"network.head.{name}" for name, _ in model.network.head.named_parameters()}
    for name, value in model.network.trunk.state_dict().items():
        assert torch.equal(value, before[name]), name


def compact(**options: Any) -> LRAC:
    """The shipped kind of network over a small trunk."""
    model = create_model("lrac.compact", pretrained=False, **{"trunk": "test", **options})
    assert isinstance(model, LRAC)
    return model


def test_the_trunk_starts_from_a_compact_cic() -> None:
    cic = create_model("cic.compact", pretrained=False, trunk="test")
    model = compact()
    model.load_backbone(cic.state_dict())
    mine, theirs = model.network.trunk.state_dict(), cic.state_dict()
    assert mine and all(torch.equal(mine[name], theirs[f"network.{name}"]) for name in mine)
    with pytest.raises(ValueError, match=r"^not the weights of a cic\.compact with trunk=test"):
        model.load_backbone({"features.0.weight": torch.zeros(64, 3, 3, 3)})


def test_a_trunk_from_scratch_starts_from_nothing() -> None:
    with pytest.raises(
        ValueError, match=r"^not for a trunk that is trained from scratch: set model\.options"
    ):
        tiny().load_backbone(create_model("cic.test").state_dict())


def test_a_borrowed_trunk_is_neither_trained_nor_moved() -> None:
    model = compact().train()
    before = {name: value.clone() for name, value in model.network.trunk.state_dict().items()}
    model.training_losses(batch())["loss"].backward()
    trained = {name for name, p in model.named_parameters() if p.grad is not None}
    assert trained == {f"network.head.{name}" for name, _ in model.network.head.named_parameters()}
    assert not any(p.requires_grad for p in model.network.trunk.parameters())
    for name, value in model.network.trunk.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_trunk_of_one_s_own_is_trained() -> None:
    model = compact(own_trunk=True).train()
    model.training_losses(batch())["loss"].backward()
    assert [name for name, p in model.network.trunk.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize(
    ("given", "saved"),
    [
        ({}, {"trunk": "test", "own_trunk": False}),
        ({"own_trunk": True}, {"trunk": "test", "own_trunk": True}),
        ({"trunk": "scratch"}, {"trunk": "scratch", "own_trunk": True}),
    ],
)
def test_weights_remember_the_trunk(given: dict[str, Any], saved: dict[str, Any]) -> None:
    model = compact(**given)
    assert model.options == saved
    assert isinstance(model.network.trunk, PretrainedTrunk) is (saved["trunk"] == "test")
    assert all(p.requires_grad for p in model.network.trunk.parameters()) is saved["own_trunk"]
    assert compact(**model.options).state_dict().keys() == model.state_dict().keys()


def test_an_unknown_trunk_is_refused() -> None:
    with pytest.raises(ValueError, match="trunk must be one of lite0, lite1, lite2, test"):
        compact(trunk="vgg16")


@torch.no_grad()
def test_the_column_is_the_photo_and_the_maps_of_the_trunk() -> None:
    """cic.compact saw (L - 50) / 50; of a gray photo that is L* of its gray value."""
    network = compact().eval().network
    seen: list[torch.Tensor] = []
    network.trunk.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    gray = torch.rand(1, 1, 64, 96)
    photo, *maps = network.maps(gray)
    lightness = rgb_to_lab(gray.expand(-1, 3, -1, -1))[:, :1]
    torch.testing.assert_close(photo, lightness / 50 - 1)
    torch.testing.assert_close(50 * seen[0] + 50, lightness, rtol=0, atol=0.51 * LIGHTNESS_STEP)
    assert network.strides == (1, 4, 8, 16, 32, 16, 8, 4)
    assert network.widths == (1, *network.trunk.map_widths)
    assert [layer.shape[1:] for layer in maps] == [
        (width, 64 // stride, 96 // stride)
        for width, stride in zip(network.widths[1:], network.strides[1:], strict=True)
    ]


@pytest.mark.parametrize("options", ["{}", "{freeze_trunk: true}", "{window: 3, locations: 16}"])
def test_a_run_that_was_stopped_equals_an_unbroken_one(options: str, tmp_path: Path) -> None:
    """Weights, averages and counts, bit for bit; with the random places."""
    recipe = write_recipe(tmp_path / "tiny.yaml", write_folder(tmp_path / "photos"))
    overrides = ["model.name=lrac.test", f"model.options={options}", "schedule.kind=constant"]
    overrides += ["trainer.steps=4", "validation.size=32"]
    unbroken = train(load_recipe(recipe, overrides), tmp_path / "unbroken")
    first = train(load_recipe(recipe, [*overrides, "trainer.steps=2"]), tmp_path / "broken")
    second = train(load_recipe(recipe, overrides), tmp_path / "broken", resume=True)
    assert first.losses + second.losses == unbroken.losses
    assert differences(tmp_path / "unbroken", tmp_path / "broken") == []
    model = create_model("lrac.test", weights=tmp_path / "unbroken" / "model.safetensors")
    assert isinstance(model, LRAC)
    assert not torch.allclose(model.prior[:32], torch.full((32,), 1 / 32))


# What is asked wrongly ----------------------------------------------------------------------------


def test_wrong_requests_are_told() -> None:
    model = tiny()
    with pytest.raises(ValueError, match="multiples of 32, not 40 x 64"):
        model.predict(torch.rand(1, 1, 40, 64))
    with pytest.raises(ValueError, match="one answer for a photo, not 3"):
        model.sample(torch.rand(1, 1, 64, 64), n=3)
    with pytest.raises(ValueError, match="no output 'rgb'; choose one of: hue_chroma, lab,"):
        create_model("lrac.test", output="rgb")
    with pytest.raises(TypeError, match="unexpected keyword argument 'places'"):
        create_model("lrac.test", places=3)


def test_the_compact_network_has_half_a_million_parameters_of_its_own() -> None:
    with torch.device("meta"):
        model = create_model("lrac.compact", pretrained=False)
    own = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert own == 977 * 384 + 384 + 385 * (64 + 64 + 256 + 2) == 524_162
    assert sum(p.numel() for p in model.parameters()) == own + 5_427_776
