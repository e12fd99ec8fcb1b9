"""The shipped kind of conditional GAN: its size, where noise and condition enter, what it learns from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from autochrome.color.lightness import LIGHTNESS_STEP
from autochrome.color.spaces import LAB, YUV
from autochrome.models.base import AdversarialColorizer, Batch
from autochrome.models.cgan.compact import CompactCGAN, CompactCGANSettings, CompactDiscriminator
from autochrome.models.cgan.compact_generator import CompactGenerator, GeneratorSize, NoisePlanes
from autochrome.models.registry import create_model, model_spec
from autochrome.models.tone_curves import fit_curve
from autochrome.models.weights import load_weights, resolve_weights, save_weights
from autochrome.nn.pretrained import TINY, PretrainedTrunk
from tests.models.small_trunk import tiny_cic

SMALL = GeneratorSize(condition=4, layers=3, width=24, shared_noise=3, regions=4, region_noise=2)


def small(*, own_trunk: bool = False, **settings: float | int | str) -> CompactCGAN:
    torch.manual_seed(0)
    return CompactCGAN(
        model_spec("cgan.compact"),
        CompactGenerator(PretrainedTrunk(TINY, frozen=not own_trunk), SMALL),
        CompactCGANSettings(**settings),  # type: ignore[arg-type]
    )


def batch(photos: int = 2) -> Batch:
    rgb = torch.rand(photos, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    luma, chroma = YUV.split(rgb)
    return Batch(luma, chroma, rgb)


def gradients(module: torch.nn.Module) -> bool:
    return any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in module.parameters())


def test_the_generator_has_at_most_six_million_parameters_and_few_of_its_own() -> None:
    """Issue: at most 6M."""
    with torch.device("meta"):
        model = create_model("cgan.compact", pretrained=False)
    assert sum(p.numel() for p in model.parameters()) <= 6_000_000
    assert 300_000 < sum(p.numel() for p in model.parameters() if p.requires_grad) < 500_000


def test_it_is_what_the_engine_asks_for() -> None:
    assert isinstance(small(), AdversarialColorizer)
    assert small().adversarial
    assert not small(adversarial=0.0).adversarial


def test_chroma_has_a_quarter_of_the_luma_s_sides() -> None:
    model = small().eval()
    luma = torch.rand(2, 1, 32, 48) * 2 - 1
    assert model.sample(luma, n=3).chroma.shape == (2, 3, 2, 8, 12)


def test_the_trunk_sees_the_lightness_of_the_gray() -> None:
    """cic.compact saw (L - 50) / 50 of a photo; of a gray one that is L* of its gray value, 2 Y - 1 here."""
    generator = small().eval().generator
    seen: list[torch.Tensor] = []
    generator.trunk.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    gray = torch.rand(1, 1, 32, 48)
    generator.encode(2 * gray - 1)
    lightness = LAB.split(gray.expand(-1, 3, -1, -1))[0]
    torch.testing.assert_close(50 * seen[0] + 50, lightness, rtol=0, atol=0.51 * LIGHTNESS_STEP)


@pytest.mark.parametrize("number", range(3))
def test_noise_and_condition_enter_every_layer(number: int) -> None:
    """What one layer alone is given changes the colors."""
    generator = small().eval().generator
    condition, z = generator.encode(torch.rand(1, 1, 32, 32)), generator.draw_noise(1)
    with torch.no_grad():
        before = generator(condition, z)
        for part in ("noise", "condition"):
            weight = getattr(generator.layers[number], part).weight
            kept = weight.clone()
            weight.zero_()
            assert not torch.equal(generator(condition, z), before)
            weight.copy_(kept)
        torch.testing.assert_close(generator(condition, z), before)


def test_several_samples_at_once_are_those_drawn_one_by_one() -> None:
    generator = small().eval().generator
    condition, z = generator.encode(torch.rand(2, 1, 32, 32)), generator.draw_noise(6)
    together = generator(condition, z)
    alone = torch.cat([generator(condition, part) for part in z.split(2)])
    torch.testing.assert_close(together, alone)


def test_a_place_has_the_noise_of_its_region() -> None:
    planes = NoisePlanes(SMALL)
    condition = torch.zeros(1, 4, 2, 2)
    condition[0, 0, :, 1] = 1.0
    with torch.no_grad():  # the right half is of region 2, the left of region 0
        planes.regions.weight.zero_()
        assert planes.regions.bias is not None
        planes.regions.bias.copy_(torch.tensor([50.0, 0.0, 0.0, 0.0]))
        planes.regions.weight[2, 0] = 100.0
        z = torch.arange(3 + 4 * 2).float()[None]
        laid = planes(condition, z)
    assert laid[0, :, 0, 0].tolist() == [0, 1, 2, 3, 4]  # shared noise, then the region's own two numbers
    assert laid[0, :, 0, 1].tolist() == [0, 1, 2, 7, 8]


def test_the_trunk_comes_from_a_compact_cic() -> None:
    model, theirs = small(), tiny_cic().state_dict()
    model.load_backbone(theirs)
    for key, value in model.generator.trunk.state_dict().items():
        assert torch.equal(value, theirs[f"network.{key}"])
    with pytest.raises(ValueError, match=r"^not the weights of a cic\.compact"):
        model.load_backbone({"a": torch.zeros(1)})


@pytest.mark.parametrize("own_trunk", [False, True])
@pytest.mark.parametrize(
    "settings", [{"adversarial": 0.0, "energy": 1.0}, {"adversarial": 1.0, "energy": 0.0}]
)
def test_each_lesson_reaches_all_that_learns(settings: dict[str, float], own_trunk: bool) -> None:
    """And the trunk only if it is the model's own."""
    model = small(own_trunk=own_trunk, **settings).train()
    if model.adversarial:
        discriminator = model.make_discriminator()
        model.generator_losses(discriminator, batch())["loss"].backward()
    else:
        model.training_losses(batch())["loss"].backward()
    generator = model.generator
    assert all(gradients(layer) for layer in generator.layers)
    assert gradients(generator.planes)
    assert gradients(generator.adaptation)
    assert gradients(generator.trunk) is own_trunk
    assert generator.trunk.training is own_trunk


def test_a_borrowed_trunk_gets_no_gradient_and_keeps_its_statistics() -> None:
    model = create_model("cgan.compact", pretrained=False, trunk="test", energy=1.0).train()
    assert isinstance(model, CompactCGAN)
    trunk = model.generator.trunk
    before = {name: value.clone() for name, value in trunk.state_dict().items()}
    model.training_losses(batch())["loss"].backward()
    assert all(p.grad is None and not p.requires_grad for p in trunk.parameters())
    assert all(torch.equal(value, before[name]) for name, value in trunk.state_dict().items())


def test_a_trunk_of_one_s_own_is_an_option_that_the_weights_remember() -> None:
    model = create_model("cgan.compact", pretrained=False, trunk="test", own_trunk=True)
    assert isinstance(model, CompactCGAN)
    assert model.options == {"trunk": "test", "own_trunk": True}
    assert all(p.requires_grad for p in model.generator.trunk.parameters())
    with pytest.raises(ValueError, match="trunk must be one of lite0, lite1, lite2, test"):
        create_model("cgan.compact", pretrained=False, trunk="resnet")


def test_the_weights_of_the_lessons_add_up() -> None:
    model = small(adversarial=0.5, energy=2.0)
    losses = model.generator_losses(model.make_discriminator(), batch())
    torch.testing.assert_close(losses["loss"], 0.5 * losses["fooling"] + 2 * losses["energy"])


def test_the_discriminator_s_losses_leave_the_generator_alone() -> None:
    model = small()
    discriminator = model.make_discriminator()
    losses = model.discriminator_losses(discriminator, batch())
    losses["loss"].backward()
    assert gradients(discriminator)
    assert not gradients(model.generator)
    assert 0 <= float(losses["accuracy"]) <= 1


def test_patches_and_the_whole_count_alike() -> None:
    discriminator = CompactDiscriminator(condition=1, width=8).eval()
    scores = discriminator(torch.rand(2, 4, 16, 16))
    assert scores.shape == (2, 2 * 16)
    assert (scores[:, 16:] == scores[:, 16:17]).all()
    assert not (scores[:, :16] == scores[:, :1]).all()


def test_noise_has_variance_one_wherever_regions_meet() -> None:
    torch.manual_seed(0)
    planes, condition = NoisePlanes(SMALL), torch.randn(1, 4, 3, 3)
    laid = planes(condition, torch.randn(4000, 11))
    torch.testing.assert_close(laid.std(0), torch.ones(5, 3, 3), atol=0.06, rtol=0)


def test_the_discriminator_sees_chroma_enlarged_ten_times() -> None:
    """A change of U or V does ten times as much as the same change of Y, weights being equal."""
    torch.manual_seed(0)
    discriminator = CompactDiscriminator(condition=1, width=8)
    image = torch.zeros(1, 4, 16, 16, requires_grad=True)
    inner = discriminator.patches[0]
    assert isinstance(inner, torch.nn.Conv2d)
    with torch.no_grad():
        inner.weight[:] = inner.weight[:, :1]  # all planes alike, but for the gains
    discriminator.patches[0](image * discriminator.get_buffer("gains")).sum().backward()
    assert image.grad is not None
    slopes = image.grad[0].sum((1, 2)).abs()
    torch.testing.assert_close(slopes[1:3], 10 * slopes[:1].expand(2))


def test_pictures_are_judged_alone() -> None:
    discriminator = CompactDiscriminator(condition=1, width=8)
    images = torch.rand(3, 4, 16, 16)
    torch.testing.assert_close(discriminator(images)[1:2], discriminator(images[1:2]))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"objective": "wgan_gp"}, "cgan.paper"),
        ({"energy": -1.0}, "energy is at least 0"),
        ({"samples": 1}, "samples is at least 2"),
        ({"adversarial": 0.0, "energy": 0.0}, "nothing to learn"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        small(**settings)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def test_before_it_is_fitted_the_curve_changes_nothing() -> None:
    model, luma = small().eval(), torch.rand(2, 1, 32, 32) * 2 - 1
    with torch.no_grad():
        own = model.generator(model.generator.encode(luma), model.generator.draw_noise(2, seeded()))
        drawn = model.sample(luma, temperature=1.0, generator=seeded()).chroma[:, 0]
    torch.testing.assert_close(drawn, own, atol=1e-6, rtol=0)


def test_samples_pass_through_the_curves_and_losses_do_not() -> None:
    model = small().eval()
    discriminator = model.make_discriminator()

    def losses() -> list[float]:
        torch.manual_seed(3)
        found = [
            model.training_losses(batch()),
            model.generator_losses(discriminator, batch()),
            model.discriminator_losses(discriminator, batch()),
        ]
        return [one["loss"].item() for one in found]

    before = losses()
    model.tone_curves[0], model.tone_curves[1] = 0.75, 0.25
    assert losses() == before
    chroma = model.sample(batch().luma, n=2).chroma
    assert (chroma[:, :, 0] == 0.5).all()  # .75 of the way from -1 to 1
    assert (chroma[:, :, 1] == -0.5).all()


def test_gray_stays_gray_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small().eval()
    noise = torch.randn(1, 2, 200, 200, generator=seeded())
    curve = fit_curve(0.5 + 0.02 * noise, 0.53 + 0.05 * noise, neutral=model.curve_neutral)
    model.tone_curves.copy_(curve)
    monkeypatch.setattr(model.generator, "forward", lambda condition, z: torch.zeros(len(z), 2, 16, 16))
    assert (model.sample(batch().luma, n=2).chroma == 0).all()


def test_what_the_curves_are_fitted_to() -> None:
    """Samples and truth on one grid and in [0, 1]; the samples as they are without curves, then with them."""
    model, photos = small().eval(), batch()
    (show,) = model.draws_for_curves(photos.luma, seeded())
    expected = (model.sample(photos.luma, generator=seeded()).chroma[:, 0] + 1) / 2
    torch.testing.assert_close(show(), expected)
    true = (F.interpolate(photos.chroma, scale_factor=0.25, mode="area") + 1) / 2
    torch.testing.assert_close(model.truth_for_curves(photos.chroma), true)
    model.tone_curves.copy_(0.5 + 0.3 * (model.tone_curves - 0.5))
    torch.testing.assert_close(show(), 0.5 + 0.3 * (expected - 0.5))


def test_the_curves_are_saved_with_the_weights_unrounded(tmp_path: Path) -> None:
    model, other = small(own_trunk=True), small(own_trunk=True)
    curve = torch.rand(2, 256, generator=seeded()).sort(1).values
    model.tone_curves.copy_(curve)
    save_weights(model, tmp_path / "new.safetensors")
    load_weights(other, resolve_weights(tmp_path / "new.safetensors"))
    assert torch.equal(other.tone_curves, curve)
