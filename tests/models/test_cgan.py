"""The conditional GAN of Cao 2017: its two algorithms, on the tiny network."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autochrome.color.spaces import YUV
from autochrome.models.base import AdversarialColorizer, Batch
from autochrome.models.cgan.discriminator import PaperDiscriminator
from autochrome.models.cgan.model import CGAN
from autochrome.models.cgan.objectives import discriminator_loss, generator_loss
from autochrome.models.cgan.settings import CGANSettings, Objective
from autochrome.models.registry import create_model, model_spec

OBJECTIVES: tuple[Objective, ...] = ("gan", "non_saturating", "wgan", "wgan_gp")


def tiny(**options: Any) -> CGAN:
    torch.manual_seed(0)
    model = create_model("cgan.test", **options)
    assert isinstance(model, CGAN)
    return model


def batch(count: int = 4) -> Batch:
    rgb = torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    luma, chroma = YUV.split(rgb)
    return Batch(luma, chroma, rgb)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Painter(nn.Module):
    """A generator of one color, and a parameter that a gradient can reach."""

    def __init__(self, color: tuple[float, ...]) -> None:
        super().__init__()
        self.color = nn.Parameter(torch.tensor(color))

    def encode(self, luma: Tensor) -> Tensor:
        return luma

    def draw_noise(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        return torch.zeros(n, 1)

    def forward(self, condition: Tensor, z: Tensor) -> Tensor:
        height, width = condition.shape[2:]
        return self.color[None, :, None, None].expand(len(z), -1, height, width)


class Witness(nn.Module):
    """A discriminator that keeps what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.shown: list[Tensor] = []

    def forward(self, image: Tensor) -> Tensor:
        self.shown.append(image.detach())
        return (self.weight * image).sum((1, 2, 3))[:, None]


def painting(color: tuple[float, ...], **settings: Any) -> CGAN:
    space = "rgb" if len(color) == 3 else "yuv"
    return CGAN(
        model_spec("cgan.test"), Painter(color), Witness, CGANSettings(**settings), space=space
    ).train()


# Options ------------------------------------------------------------------------------------------


def test_the_paper_s_model_is_what_the_registry_makes() -> None:
    model = create_model("cgan.paper", pretrained=False)
    assert isinstance(model, CGAN)
    assert isinstance(model, AdversarialColorizer)
    assert sum(p.numel() for p in model.parameters()) == 898_550  # the discriminator is no part of it
    assert sum(p.numel() for p in model.make_discriminator().parameters()) == 4_832_769
    assert model.settings == CGANSettings(objective="gan", lightness_weight=1.0)
    assert model.space == model.spec.space == "yuv"
    single = create_model("cgan.paper", pretrained=False, noise="single", space="rgb")
    assert sum(p.numel() for p in single.parameters()) == 895_350 + 25 * 33 + 1
    assert single.spec.space == "yuv"  # of the luma


@pytest.mark.parametrize("name", ["cgan.paper", "cgan.test"])
@pytest.mark.parametrize(
    ("choice", "known"), [("noise", "multi, single"), ("condition", "multi, single"), ("space", "yuv, rgb")]
)
def test_an_unknown_choice_is_answered_with_the_known(name: str, choice: str, known: str) -> None:
    with pytest.raises(ValueError, match=f"{choice} must be one of {known}, not 'triple'"):
        create_model(name, pretrained=False, **{choice: "triple"})


def test_a_penalized_critic_judges_each_picture_alone() -> None:
    for objective in OBJECTIVES:
        discriminator = tiny(objective=objective).make_discriminator()
        assert isinstance(discriminator, PaperDiscriminator)
        alone = not any(isinstance(layer, nn.BatchNorm2d) for layer in discriminator.modules())
        assert alone == (objective == "wgan_gp")


# Algorithm 2 and its plain form -------------------------------------------------------------------


@pytest.mark.parametrize("space", ["yuv", "rgb"])
def test_samples_are_chroma_of_the_luma_s_size(space: str) -> None:
    samples = tiny(space=space).sample(torch.rand(2, 1, 12, 20), n=3)
    assert samples.chroma.shape == (2, 3, 2, 12, 20)
    assert samples.space == "yuv"
    assert samples.chroma.abs().max() <= 1.001  # the printed coefficients of U and V sum to 1 within .001


def test_algorithm_2_rearranges_rounds_by_photo() -> None:
    """Sample k of photo j is what round k gave it, in a batch normalized as in training."""
    model = tiny()
    luma = batch(4).luma
    before = copy.deepcopy(model.state_dict())
    samples = model.sample(luma, n=3, generator=seeded(), statistics="batch").chroma
    noise = seeded()
    network = copy.deepcopy(model).train().generator
    for k in range(3):
        x = network(luma, network.draw_noise(4, noise))
        for j in range(4):
            torch.testing.assert_close(samples[j, k], x[j])
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(module.training for module in model.modules())


def test_a_photo_s_colors_depend_on_its_batch_only_with_the_batch_s_statistics() -> None:
    model = tiny()
    luma = batch(3).luma
    others = torch.cat([luma[:1], luma[1:] / 2])
    for statistics in ("running", "batch"):
        one, two = (
            model.sample(photos, generator=seeded(), statistics=statistics).chroma[0]
            for photos in (luma, others)
        )
        assert torch.allclose(one, two, atol=1e-9) == (statistics == "running")


def test_a_batch_of_identical_photos_is_refused_as_the_paper_warns() -> None:
    model = tiny()
    same = batch(1).luma.expand(4, -1, -1, -1)
    with pytest.raises(ValueError, match="all different, but of 4 only 1 are"):
        model.sample(same, statistics="batch")
    with pytest.raises(ValueError, match="at least 2 photos"):
        model.sample(same[:1], n=8, statistics="batch")
    assert model.sample(same, n=2).chroma.shape[:2] == (4, 2)  # running statistics take it


def test_a_seed_gives_one_sample_whatever_their_number() -> None:
    model = tiny()
    luma = batch(1).luma
    four = model.sample(luma, n=4, generator=seeded(3)).chroma
    one = model.sample(luma, generator=seeded(3)).chroma
    assert torch.equal(four[:, :1], one)
    assert not torch.equal(four[:, 1], four[:, 0])
    assert not torch.equal(model.sample(luma, generator=seeded(4)).chroma, one)


def test_temperature_scales_the_noise() -> None:
    model = tiny()
    luma = batch(1).luma
    cold = model.sample(luma, n=3, temperature=0.0, generator=seeded()).chroma
    assert torch.equal(cold[:, 0], cold[:, 1])
    torch.testing.assert_close(cold[:, 0], model.generator(luma, torch.zeros(1, 8)))
    half = model.sample(luma, temperature=0.5, generator=seeded()).chroma[:, 0]
    z = model.generator.draw_noise(1, seeded())
    torch.testing.assert_close(half, model.generator(luma, z / 2))
    assert torch.equal(  # the spec's default is the noise of training
        model.sample(luma, generator=seeded()).chroma[:, 0], model.generator(luma, z)
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n": 0}, "at least 1, not 0"),
        ({"temperature": 1.5}, "temperature must lie within 0 and 1, not 1.5"),
        ({"temperature": -0.1}, "temperature must lie within 0 and 1"),
        ({"statistics": "moving"}, "statistics must be one of running, batch, not 'moving'"),
    ],
)
def test_what_cannot_be_sampled_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny().sample(batch(2).luma, **wrong)


def test_rgb_answers_with_its_chroma() -> None:
    """Red, in papers.md's numbers: U = -.169 * 255 / 127.5, V = .5 * 255 / 127.5."""
    samples = painting((1.0, -1.0, -1.0)).sample(batch(1).luma, n=2)
    wanted = torch.tensor([-0.338, 1.0]).view(1, 1, 2, 1, 1).expand(1, 2, 2, 16, 16)
    torch.testing.assert_close(samples.chroma, wanted)


# Algorithm 1 --------------------------------------------------------------------------------------


@pytest.mark.parametrize("color", [(0.25, -0.5), (0.25, -0.5, 0.75)])
def test_the_discriminator_is_shown_the_photo_and_the_picture(color: tuple[float, ...]) -> None:
    model, witness, photos = painting(color), Witness(), batch(2)
    model.discriminator_losses(witness, photos)
    model.generator_losses(witness, photos)
    painted = torch.tensor(color)[None, :, None, None].expand(2, -1, 16, 16)
    assert photos.rgb is not None
    if model.space == "yuv":
        real = torch.cat([photos.luma, photos.chroma], 1)
        fake = torch.cat([photos.luma, painted], 1)
    else:
        real, fake = photos.rgb * 2 - 1, painted
    for shown, wanted in zip(witness.shown, (real, fake, fake), strict=True):
        torch.testing.assert_close(shown, wanted)
    assert real.min() >= -1
    assert real.max() <= 1


def test_equation_6_adds_the_lightness_of_rgb() -> None:
    """Red's gray is 2 * .299 - 1."""
    photos = batch(2)
    witness = Witness()
    found = painting((1.0, -1.0, -1.0), lightness_weight=3.0).generator_losses(witness, photos)
    distance = (photos.luma - (2 * 0.299 - 1)).abs().mean()
    torch.testing.assert_close(found["lightness"], distance)
    score = witness(witness.shown[0])
    torch.testing.assert_close(found["loss"], generator_loss("gan", score) + 3 * distance)
    assert "lightness" not in painting((0.1, 0.2)).generator_losses(witness, photos)


def test_rgb_needs_a_batch_with_rgb() -> None:
    photos = batch(2)
    photos.rgb = None
    with pytest.raises(ValueError, match="space='rgb' needs batches with their rgb"):
        painting((0.0, 0.0, 0.0)).discriminator_losses(Witness(), photos)


@pytest.mark.parametrize("space", ["yuv", "rgb"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_each_player_s_loss_moves_that_player_alone(objective: Objective, space: str) -> None:
    model = tiny(objective=objective, space=space).train()
    discriminator = model.make_discriminator()
    losses = model.discriminator_losses(discriminator, batch())
    losses["loss"].backward()
    assert all(p.grad is None for p in model.parameters())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in discriminator.parameters())
    assert 0 <= float(losses["accuracy"]) <= 1
    model.generator_losses(discriminator.requires_grad_(False), batch())["loss"].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert any(p.grad is not None and p.grad.any() for p in model.parameters())


@pytest.mark.parametrize("objective", ["gan", "wgan"])
def test_photos_and_pictures_are_judged_in_batches_of_their_own(objective: Objective) -> None:
    """The discriminator's batch norm must not see them mixed."""
    model = tiny(objective=objective).train()
    discriminator, photos = model.make_discriminator(), batch()
    torch.manual_seed(5)
    found = model.discriminator_losses(discriminator, photos)["loss"]
    torch.manual_seed(5)
    z = model.generator.draw_noise(4)
    with torch.no_grad():
        fake = torch.cat([photos.luma, model.generator(photos.luma, z)], 1)
    real = torch.cat([photos.luma, photos.chroma], 1)
    wanted = discriminator_loss(objective, discriminator(real), discriminator(fake))
    torch.testing.assert_close(found, wanted)


def test_the_penalty_is_taken_between_photo_and_picture_with_a_share_for_each() -> None:
    model, witness, photos = painting((0.25, -0.5), objective="wgan_gp"), Witness(), batch(4)
    found = model.discriminator_losses(witness, photos)
    real, fake, between = witness.shown
    share = ((between - fake)[:, 1:] / (real - fake)[:, 1:]).flatten(1)
    torch.testing.assert_close(share, share[:, :1].expand_as(share), rtol=1e-3, atol=1e-3)
    assert len({round(x, 3) for x in share[:, 0].tolist()}) == 4
    # The witness is linear with all weights 1: |gradient| is the root of 3 * 16 * 16.
    assert float(found["penalty"].detach()) == pytest.approx(((3 * 256) ** 0.5 - 1) ** 2, rel=1e-5)
    wanted = discriminator_loss("wgan_gp", witness(real), witness(fake)) + 10 * found["penalty"]
    torch.testing.assert_close(found["loss"], wanted)


def test_noise_comes_from_torch_s_generator_new_for_each_loss() -> None:
    model = tiny().train()
    discriminator, photos = model.make_discriminator(), batch()

    def losses(seed: int) -> list[float]:
        torch.manual_seed(seed)
        with torch.no_grad():
            return [float(model.generator_losses(discriminator, photos)["loss"]) for _ in range(2)]

    first = losses(1)
    assert first == losses(1)
    assert first[0] != first[1]
    assert first != losses(2)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_only_the_clipped_critic_is_clipped(objective: Objective) -> None:
    model = tiny(objective=objective, clip=0.005)
    discriminator = model.make_discriminator()
    model.constrain(discriminator)
    largest = max(float(p.detach().abs().max()) for p in discriminator.parameters())
    assert largest == (pytest.approx(0.005) if objective == "wgan" else 1)  # the norms' gains begin as 1


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_each_player_learns_against_a_still_one(objective: Objective) -> None:
    """Ten steps of the discriminator, then of the generator, each lower the player's own loss."""
    model = tiny(objective=objective).train()
    discriminator, photos = model.make_discriminator(), batch(8)
    for player, losses in ((discriminator, model.discriminator_losses), (model, model.generator_losses)):
        optimizer = torch.optim.Adam(player.parameters(), lr=2e-3, betas=(0.5, 0.999))
        seen = []
        for _ in range(10):
            optimizer.zero_grad()
            loss = losses(discriminator, photos)["loss"]
            loss.backward()
            optimizer.step()
            seen.append(float(loss.detach()))
        assert sum(seen[-3:]) < sum(seen[:3])
