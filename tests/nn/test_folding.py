"""Folded networks give the answers of the networks that they were made from."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from autochrome.models.base import Colorizer, DistributionColorizer
from autochrome.models.pixcolor.model import PixColor
from autochrome.models.registry import create_model, list_models, model_spec
from autochrome.nn.folding import fold_norms
from autochrome.pipeline.painter import Painter

RANGES = {"lab": (0.0, 100.0), "hue_chroma": (0.0, 1.0), "ycbcr": (0.0, 1.0)}
MODELS = [name for name in list_models(internal=True) if model_spec(name).tag in ("compact", "test")]


def norms(module: nn.Module) -> int:
    return sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())


def with_random_norms(module: nn.Module) -> nn.Module:
    """Norms with statistics, gains and biases unlike those of initialization."""
    generator = torch.Generator().manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None and part.running_var is not None
            part.running_mean.normal_(generator=generator)
            part.running_var.uniform_(0.5, 2.0, generator=generator)
            if part.affine:
                nn.init.uniform_(part.weight, 0.5, 1.5, generator=generator)
                nn.init.normal_(part.bias, generator=generator)
    return module.eval()


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_a_chain_keeps_its_answer_and_loses_its_norms(affine: bool, bias: bool) -> None:
    chain = with_random_norms(
        nn.Sequential(
            nn.Conv2d(3, 5, 3, bias=bias),
            nn.BatchNorm2d(5, eps=1e-3, affine=affine),
            nn.ReLU(),
            nn.Conv2d(5, 2, 1),
        )
    )
    x = noise(2, 3, 9, 9)
    folded = fold_norms(chain)
    torch.testing.assert_close(folded(x), chain(x), rtol=1e-4, atol=1e-5)
    assert norms(folded) == 0
    assert norms(chain) == 1  # the original is as it was


def test_grouped_and_strided_convolutions_are_folded() -> None:
    chain = with_random_norms(
        nn.Sequential(nn.Conv2d(4, 8, 3, stride=2, padding=1, groups=4), nn.BatchNorm2d(8))
    )
    x = noise(1, 4, 10, 10)
    assert norms(fold_norms(chain)) == 0
    torch.testing.assert_close(fold_norms(chain)(x), chain(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "chain",
    [
        nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1)),
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)),
        nn.Sequential(nn.ConvTranspose2d(3, 4, 2), nn.BatchNorm2d(4)),
    ],
)
def test_a_norm_that_does_not_follow_a_convolution_stays(chain: nn.Module) -> None:
    x = noise(1, 3, 4, 4)
    with_random_norms(chain)
    assert norms(fold_norms(chain)) == 1
    torch.testing.assert_close(fold_norms(chain)(x), chain(x))


def test_training_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="eval"):
        fold_norms(nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)))


def answer(model: Colorizer, luma: Tensor) -> Tensor:
    """What the model's networks say, before anything discrete is drawn from it."""
    if isinstance(model, DistributionColorizer):
        return model.predict(luma)
    if isinstance(model, PixColor):
        return model.encode(luma)
    return model.sample(luma, generator=torch.Generator().manual_seed(3)).chroma


@pytest.mark.parametrize("name", MODELS)
def test_models_answer_alike(name: str) -> None:
    """The compact ones with the weights that ship."""
    model = create_model(name)
    if name.endswith(".test"):
        with_random_norms(model)
    low, high = RANGES.get(model.spec.space, (-1.0, 1.0))
    luma = torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(2)) * (high - low) + low
    folded = fold_norms(model)
    with torch.inference_mode():
        before, after = answer(model, luma), answer(folded, luma)
    assert (after - before).abs().max() <= 1e-4 * before.abs().max()
    if name != "cgan.test":  # its norms lie in a list of their own
        assert norms(folded) < norms(model)


def test_a_painter_folds_what_it_loads_but_not_what_it_is_given() -> None:
    model = create_model("cic.test")
    assert norms(Painter(model, device="cpu").model) == norms(model) > 0
    assert norms(Painter("cic.test", device="cpu").model) < norms(model)
