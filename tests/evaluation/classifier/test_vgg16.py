"""A person's VGG-16: against a forward pass written with torch's functions, and against the paper's sizes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from autochrome.errors import WeightsError
from autochrome.evaluation.classifier.vgg16 import VGG16, VGG16Settings, load_vgg16, vgg16_view
from autochrome.nn.vgg import VGG16_FEATURES

TINY = VGG16Settings(widths=(4, 6, 8, 8, 8), grid=2, hidden=16, classes=6)
"""The paper's thirteen convolutions with few channels, for pictures of 64 px."""


def made_state() -> dict[str, Tensor]:
    """torchvision's names and shapes, for ``TINY``."""
    generator = torch.Generator().manual_seed(16)
    shapes: dict[str, tuple[int, ...]] = {}
    widths = (4, 4, 6, 6, 8, 8, 8, 8, 8, 8, 8, 8, 8)
    for place, width, before in zip(VGG16_FEATURES, widths, (3, *widths), strict=False):
        shapes[f"features.{place}"] = (width, before, 3, 3)
    shapes |= {"classifier.0": (16, 32), "classifier.3": (16, 16), "classifier.6": (6, 16)}
    state = {}
    for name, shape in shapes.items():
        fan_in = torch.Size(shape[1:]).numel()
        state[f"{name}.weight"] = torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5
        state[f"{name}.bias"] = torch.randn(shape[0], generator=generator) * 0.1
    return state


def forward(state: dict[str, Tensor], rgb: Tensor) -> Tensor:
    """Configuration D: 2, 2, 3, 3, 3 convolutions with a max pool after each block, then three layers."""
    maps = (rgb - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[
        :, None, None
    ]
    for place in VGG16_FEATURES:
        maps = F.relu(
            F.conv2d(maps, state[f"features.{place}.weight"], state[f"features.{place}.bias"], padding=1)
        )
        if place in (2, 7, 14, 21, 28):
            maps = F.max_pool2d(maps, 2)
    for layer in (0, 3, 6):
        maps = F.linear(
            maps.flatten(1), state[f"classifier.{layer}.weight"], state[f"classifier.{layer}.bias"]
        )
        maps = F.relu(maps) if layer < 6 else maps
    return maps


def saved(path: Path, state: dict[str, Tensor]) -> Path:
    save_file(state, path)
    return path


def test_the_papers_network_has_138_million_parameters() -> None:
    """torchvision documents 138,357,544 for vgg16, and table 2 of the paper says 138 million."""
    with torch.device("meta"):
        network = VGG16()
    assert sum(p.numel() for p in network.parameters()) == 138_357_544
    convolutions = [int(name.split(".")[1]) for name in network.state_dict() if name.startswith("features")]
    assert tuple(dict.fromkeys(convolutions)) == VGG16_FEATURES
    assert (VGG16Settings().size, VGG16Settings().shorter_side) == (224, 256)


def test_it_answers_as_the_functions_do(tmp_path: Path) -> None:
    state = made_state()
    judge = load_vgg16(saved(tmp_path / "vgg16.safetensors", state), settings=TINY)
    rgb = torch.rand(3, 3, 64, 64)
    # The middle 64 px of 73 are what it sees.
    framed = F.pad(rgb, (4, 5, 4, 5))
    torch.testing.assert_close(judge.network(judge.view(framed)), forward(state, rgb), rtol=1e-4, atol=1e-5)
    assert judge.answers(judge.view(framed), 2).tolist() == forward(state, rgb).topk(2).indices.tolist()
    assert judge.classes == () and judge.output_of("n01440764") is None
    assert judge.class_name(3) == "class 3"


def test_the_view_is_the_middle_of_the_resized_picture() -> None:
    """A wide picture: its height becomes 256, and of its 512 columns the middle 224 are seen."""
    ramp = torch.linspace(0, 1, 512).view(1, 1, 1, 512).expand(1, 3, 256, 512)
    view = vgg16_view(ramp)
    assert view.shape == (1, 3, 224, 224)
    wanted = (ramp[0, 0, 0, 144:368] - 0.485) / 0.229
    torch.testing.assert_close(view[0, 0, 100], wanted)
    assert vgg16_view(torch.rand(1, 3, 90, 61)).shape == (1, 3, 224, 224)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_pickled_state_dicts_are_read(tmp_path: Path, suffix: str, zipped: bool) -> None:
    """torchvision's own vgg16 is a .pth in the old format."""
    state = made_state()
    torch.save(state, tmp_path / f"vgg16{suffix}", _use_new_zipfile_serialization=zipped)
    judge = load_vgg16(str(tmp_path / f"vgg16{suffix}"), settings=TINY)
    for name, value in judge.network.state_dict().items():
        assert torch.equal(value, state[name])
    assert len(judge.sha256) == 64


def test_timms_names_and_half_precision_are_read(tmp_path: Path) -> None:
    state = made_state()
    timm = {name: value.half() for name, value in state.items() if name.startswith("features")}
    for theirs, ours, shape in (
        ("pre_logits.fc1", "classifier.0", (16, 8, 2, 2)),
        ("pre_logits.fc2", "classifier.3", (16, 16, 1, 1)),
        ("head.fc", "classifier.6", (6, 16)),
    ):
        timm[f"{theirs}.weight"] = state[f"{ours}.weight"].half().reshape(shape)
        timm[f"{theirs}.bias"] = state[f"{ours}.bias"].half()
    judge = load_vgg16(saved(tmp_path / "timm.safetensors", timm), settings=TINY)
    for name, value in judge.network.state_dict().items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, state[name], rtol=1e-3, atol=1e-3)


def test_another_network_is_refused_with_names_and_shapes(tmp_path: Path) -> None:
    state = made_state()
    state["classifier.6.weight"] = torch.zeros(10, 16)
    state["features.1.running_mean"] = torch.zeros(4)
    del state["features.28.bias"]
    with pytest.raises(WeightsError) as error:
        load_vgg16(saved(tmp_path / "vgg16_bn.safetensors", state), settings=TINY)
    message = str(error.value)
    assert (
        "does not fit VGG-16 (give the state dict of torchvision's or timm's vgg16, not of vgg16_bn)"
        in message
    )
    assert "1 missing: features.28.bias" in message
    assert "1 unexpected: features.1.running_mean" in message
    assert "classifier.6.weight (10, 16) instead of (6, 16)" in message


class Trap:
    """What a pickle can do when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("sprung"),)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (Trap(), "cannot be read as a state dict of tensors alone"),
        ({"state_dict": {"a": torch.zeros(1)}}, "is not a state dict"),
        (torch.zeros(3), "is not a state dict"),
        (b"<html>", "cannot be read as a state dict of tensors alone"),
        (None, "cannot be read"),
    ],
    ids=["code", "wrapped", "tensor", "web page", "nothing"],
)
def test_other_files_are_refused_unrun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "vgg16.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(WeightsError, match=message):
        load_vgg16(path)
    assert not (tmp_path / "sprung").exists()


def test_a_network_of_1000_classes_has_imagenets(tmp_path: Path) -> None:
    state = made_state()
    state |= {"classifier.6.weight": torch.zeros(1000, 16), "classifier.6.bias": torch.zeros(1000)}
    judge = load_vgg16(saved(tmp_path / "vgg16.safetensors", state), settings=replace(TINY, classes=1000))
    assert judge.output_of("n01443537") == 1
    assert judge.output_of("n00000001") is None
    assert judge.class_name(1) == "goldfish"
