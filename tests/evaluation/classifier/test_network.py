"""The bundled classifier: its shape, its weights, and strict loading of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from autochrome.errors import WeightsError
from autochrome.evaluation.classifier.classes import CLASS_NAMES
from autochrome.evaluation.classifier.network import (
    MEAN,
    SHA256,
    STD,
    WEIGHTS,
    Classifier,
    ClassifierSettings,
    ResidualBlock,
    load_classifier,
)
from autochrome.models.weights import read_weights_metadata, resolve_weights

TINY = ClassifierSettings(classes=3, widths=(4, 8), blocks=(1, 2))


def residual(before: int, width: int) -> int:
    """Parameters of a block: two convolutions of 3 x 3, one of 1 x 1 where the width changes, with norms."""
    body = 9 * before * width + 9 * width * width + 4 * width
    return body + (before * width + 2 * width if before != width else 0)


def test_its_parameters_are_these() -> None:
    """The stem's 5 x 5, then stages of 1, 2, 2, 1 blocks of 40, 80, 160, 320 channels, then 200 classes."""
    stages = [(40, 40), (40, 80), (80, 80), (80, 160), (160, 160), (160, 320)]
    wanted = 75 * 40 + 80 + sum(residual(*stage) for stage in stages) + 320 * 200 + 200
    assert sum(p.numel() for p in Classifier().parameters()) == wanted == 2_558_160
    assert wanted < 2_800_000


def test_every_stage_but_the_first_halves_the_maps() -> None:
    model = Classifier().eval()
    maps = torch.relu(model.stem(torch.zeros(1, 3, 64, 64)))
    assert maps.shape[1:] == (40, 32, 32)
    sides = [(maps := stage(maps)).shape[1:] for stage in model.stages]
    assert sides == [(40, 32, 32), (80, 16, 16), (160, 8, 8), (320, 4, 4)]
    assert model(torch.zeros(2, 3, 64, 64)).shape == (2, 200)


def test_a_block_is_two_convolutions_beside_a_shortcut() -> None:
    """Against the same written with torch's functions, norms folded by hand."""
    block = ResidualBlock(3, 5, stride=2).eval()
    for module in block.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values, low in ((module.running_mean, -0.5), (module.running_var, 0.5), (module.weight, 0.5)):
                assert values is not None
                values.data.uniform_(low, low + 1)
            module.bias.data.uniform_(-1, 1)

    def conv_norm(part: torch.nn.Module, maps: torch.Tensor, stride: int, padding: int) -> torch.Tensor:
        conv, norm = part.children()
        assert isinstance(conv, torch.nn.Conv2d) and isinstance(norm, torch.nn.BatchNorm2d)
        assert norm.running_mean is not None and norm.running_var is not None
        maps = F.conv2d(maps, conv.weight, None, stride, padding)
        mean, var = norm.running_mean[:, None, None], norm.running_var[:, None, None]
        return (maps - mean) / (var + 1e-5).sqrt() * norm.weight[:, None, None] + norm.bias[:, None, None]

    maps = torch.randn(2, 3, 8, 6)
    body = conv_norm(block.second, conv_norm(block.first, maps, 2, 1).clamp(min=0), 1, 1)
    halved = (
        maps[:, :, ::2, ::2] + maps[:, :, 1::2, ::2] + maps[:, :, ::2, 1::2] + maps[:, :, 1::2, 1::2]
    ) / 4
    wanted = (body + conv_norm(block.shortcut[1], halved, 1, 0)).clamp(min=0)
    torch.testing.assert_close(block(maps), wanted, rtol=1e-5, atol=1e-5)


def test_pictures_are_brought_to_its_scale() -> None:
    """A picture of the mean color is zero to the stem, one of mean + deviation is one."""
    model = Classifier(TINY).eval()
    mean, std = torch.tensor(MEAN), torch.tensor(STD)
    seen: list[torch.Tensor] = []
    model.stem.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    for color in (mean, mean + std):
        model(color.view(1, 3, 1, 1).expand(1, 3, 16, 16))
    torch.testing.assert_close(seen[0], torch.zeros(1, 3, 16, 16))
    torch.testing.assert_close(seen[1], torch.ones(1, 3, 16, 16))


def test_the_classes_are_sorted_wordnet_ids() -> None:
    ids = list(CLASS_NAMES)
    assert len(ids) == 200 and ids == sorted(ids)
    assert all(len(each) == 9 and each[0] == "n" and each[1:].isdecimal() for each in ids)
    assert len(set(CLASS_NAMES.values())) == 200
    assert CLASS_NAMES["n01443537"] == "goldfish" and CLASS_NAMES["n12267677"] == "acorn"


def test_the_bundled_weights_fit_and_are_the_ones_named() -> None:
    file = resolve_weights(WEIGHTS)
    assert file.sha256 == SHA256
    assert file.path.stat().st_size < 5_800_000
    judge = load_classifier()
    assert read_weights_metadata(file.path)["classes"].split() == list(judge.classes) == list(CLASS_NAMES)
    assert judge.sha256 == SHA256
    state = judge.network.state_dict()
    for name, value in load_file(file.path).items():
        torch.testing.assert_close(state[name], value.to(state[name].dtype), rtol=0, atol=0)
    assert not judge.network.training
    assert not any(p.requires_grad for p in judge.network.parameters())


def test_other_weights_are_refused_with_their_names(tmp_path: Path) -> None:
    state = load_file(resolve_weights(WEIGHTS).path)
    state["head.weight"] = state["head.weight"][:10]
    state["more"] = state.pop("head.bias")
    save_file(state, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=r"1 missing: head\.bias") as error:
        load_classifier(tmp_path / "other.safetensors")
    assert "1 unexpected: more" in str(error.value)
    assert "head.weight (10, 320) instead of (200, 320)" in str(error.value)


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    whole = resolve_weights(WEIGHTS).path.read_bytes()
    (tmp_path / WEIGHTS).write_bytes(whole[:-1000])
    with pytest.raises(WeightsError, match="damaged or cut short"):
        load_classifier(tmp_path / WEIGHTS)


def test_a_picture_of_any_size_is_squashed_to_64_px() -> None:
    judge = load_classifier()
    halves = torch.zeros(1, 3, 100, 200)
    halves[..., 100:] = 1
    view = judge.view(halves)
    assert view.shape == (1, 3, 64, 64)
    assert view[..., :30].max() < 0.01 and view[..., 34:].min() > 0.99
    small = torch.rand(1, 3, 64, 64)
    assert torch.equal(judge.view(small), small)


def test_answers_are_the_largest_logits_in_order() -> None:
    judge = load_classifier()
    views = torch.rand(3, 3, 64, 64)
    logits = judge.network(views)
    answers = judge.answers(views)
    assert answers.shape == (3, 5)
    for row, answer in zip(logits, answers, strict=True):
        assert answer.tolist() == sorted(range(200), key=lambda k: -float(row[k]))[:5]
