"""The shipped kind of conditional GAN: its size, where noise and condition enter, what it learns from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from autochrome.models.base import AdversarialColorizer, Batch
from autochrome.models.cgan.compact import CompactCGAN, CompactCGANSettings, CompactDiscriminator
from autochrome.models.cgan.compact_generator import CompactGenerator, GeneratorSize, NoisePlanes
from autochrome.models.cic.compact import ScratchNet
from autochrome.models.registry import create_model, model_spec
from autochrome.models.tone_curves import fit_curve
from autochrome.models.weights import load_weights, resolve_weights, save_weights

SMALL = GeneratorSize((4, 6, 8, 8), (1, 1, 1, 1), 6, (6, 5, 4), 3, 24, 3, 4, 2)


def small(**settings: float | int | str) -> CompactCGAN:
    torch.manual_seed(0)
    return CompactCGAN(
        model_spec("cgan.compact"),
        CompactGenerator(SMALL),
        CompactCGANSettings(**settings),  # type: ignore[arg-type]
    )


def batch(photos: int = 2) -> Batch:
    from autochrome.color.spaces import YUV

    rgb = torch.rand(photos, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    luma, chroma = YUV.split(rgb)
    return Batch(luma, chroma, rgb)


def gradients(module: torch.nn.Module) -> bool:
    return any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in module.parameters())


def test_the_generator_has_at_most_six_million_parameters() -> None:
    """Issue: at most 6M."""
    with torch.device("meta"):
        model = create_model("cgan.compact", pretrained=False)
    assert 5_000_000 < sum(p.numel() for p in model.parameters()) <= 6_000_000


def test_it_is_what_the_engine_asks_for() -> None:
    assert isinstance(small(), AdversarialColorizer)
    assert small().adversarial
    assert not small(adversarial=0.0).adversarial


def test_chroma_has_half_the_luma_s_sides() -> None:
    model = small().eval()
    luma = torch.rand(2, 1, 32, 48) * 2 - 1
    assert model.sample(luma, n=3).chroma.shape == (2, 3, 2, 16, 24)


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


def test_the_condition_starts_as_the_first_stages_of_the_compact_cic() -> None:
    model = create_model("cgan.compact", pretrained=False)
    assert isinstance(model, CompactCGAN)
    theirs = {f"network.{key}": value for key, value in ScratchNet().state_dict().items()}
    model.load_backbone(theirs)
    for key, value in model.generator.network.stages.state_dict().items():
        assert torch.equal(value, theirs[f"network.stages.{key}"])
    with pytest.raises(ValueError, match=r"^not the weights of a cic\.compact"):
        model.load_backbone({"a": torch.zeros(1)})


def test_each_lesson_reaches_what_it_teaches() -> None:
    """Bins the condition network alone; the energy score and the discriminator the layers too."""
    for settings, layers, bins in (
        ({"adversarial": 0.0, "energy": 0.0, "colors": 1.0}, False, True),
        ({"adversarial": 0.0, "energy": 1.0, "colors": 0.0}, True, False),
    ):
        model = small(**settings)
        model.training_losses(batch())["loss"].backward()
        assert gradients(model.generator.network)
        assert gradients(model.generator.layers) == layers
        assert gradients(model.generator.colors) == bins
    model = small(adversarial=1.0, energy=0.0, colors=0.0)
    discriminator = model.make_discriminator()
    model.generator_losses(discriminator, batch())["loss"].backward()
    assert gradients(model.generator.layers)
    assert gradients(model.generator.network)
    assert not gradients(discriminator)


def test_the_weights_of_the_lessons_add_up() -> None:
    model = small(adversarial=0.5, energy=2.0, colors=0.25)
    losses = model.generator_losses(model.make_discriminator(), batch())
    total = 0.5 * losses["fooling"] + 2 * losses["energy"] + 0.25 * losses["colors"]
    torch.testing.assert_close(losses["loss"], total)


def test_the_discriminator_s_losses_leave_the_generator_alone() -> None:
    model = small()
    discriminator = model.make_discriminator()
    losses = model.discriminator_losses(discriminator, batch())
    losses["loss"].backward()
    assert gradients(discriminator)
    assert not gradients(model.generator)
    assert 0 <= float(losses["accuracy"]) <= 1


def test_the_bins_are_learned_as_by_a_dense_cross_entropy() -> None:
    """The same loss from one-hot sums over all 313 bins, by torch's own cross_entropy."""
    from autochrome.color.bins import AB_BINS, soft_encode
    from autochrome.color.spaces import LAB

    model, photos = small(adversarial=0.0, energy=0.0, colors=1.0).eval(), batch()
    assert photos.rgb is not None
    weights, bins = soft_encode(F.avg_pool2d(LAB.split(photos.rgb)[1], 4))
    dense = torch.zeros(2, AB_BINS, 8, 8).scatter_(1, bins, weights)
    logits = model.generator.colors(F.avg_pool2d(model.generator.encode(photos.luma), 2))
    torch.testing.assert_close(model.training_losses(photos)["colors"], F.cross_entropy(logits, dense))


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
        ({"adversarial": 0.0, "energy": 0.0, "colors": 0.0}, "nothing to learn"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, float | str], told: str) -> None:
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
    true = (F.interpolate(photos.chroma, scale_factor=0.5, mode="area") + 1) / 2
    torch.testing.assert_close(model.truth_for_curves(photos.chroma), true)
    model.tone_curves.copy_(0.5 + 0.3 * (model.tone_curves - 0.5))
    torch.testing.assert_close(show(), 0.5 + 0.3 * (expected - 0.5))


def test_the_curves_are_saved_with_the_weights_unrounded(tmp_path: Path) -> None:
    model, other = small(), small()
    curve = torch.rand(2, 256, generator=seeded()).sort(1).values
    model.tone_curves.copy_(curve)
    save_weights(model, tmp_path / "new.safetensors")
    load_weights(other, resolve_weights(tmp_path / "new.safetensors"))
    assert torch.equal(other.tone_curves, curve)
