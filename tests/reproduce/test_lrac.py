"""The tables of docs/papers/lrac.md, on tiny photos and a tiny network."""

from __future__ import annotations

import re
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
import torch

from autochrome.color.spaces import HUE_CHROMA
from autochrome.models.registry import create_model
from reproduce import lrac
from tests.data.made_photos import write_folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "photos", 3)


def rows(text: str) -> dict[str, list[str]]:
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line
    ]
    return {row[0]: row[1:] for row in cells}


def test_every_output_and_transfer_has_its_row(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    lrac.main([str(photos), "--model", "lrac.test", "--photos", "2"])
    found = rows(capsys.readouterr().out)
    outputs = [name.replace("/", "-") for name in lrac.OUTPUTS]
    assert {*outputs, *lrac.TRANSFERS, "most accurate", "default", "gray"} <= set(found)
    # Fading takes color away and gives none.
    vivid, faded = (
        float(found[name.replace("/", "-")][3].split()[0]) for name in lrac.OUTPUTS if "hue" in name
    )
    assert faded <= vivid
    difference = found["energy minimization (E) - none"][0]
    assert re.fullmatch(r"[+-]\d+\.\d\d \[[+-]\d+\.\d\d, [+-]\d+\.\d\d\]", difference)


def test_every_set_of_layers_has_its_row(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--data", str(photos), "--model", "lrac.test", "--steps", "2", "--photos", "2"]
    lrac.main([str(photos), *options])
    found = rows(capsys.readouterr().out)
    assert set(lrac.LAYERS) <= set(found)
    assert "all layers - top alone (strides 16 and 32)" in found


def test_the_names_of_the_layers_are_those_of_the_shipped_network() -> None:
    with torch.device("meta"):
        network: Any = create_model("lrac.compact", pretrained=False).network
    assert network.strides == (1, 4, 8, 16, 32, 16, 8, 4)
    strides = {row: [network.strides[i] for i in chosen] for row, chosen in lrac.LAYERS.items()}
    assert lrac.LAYERS["all layers"] == tuple(range(len(network.strides)))
    assert strides["way down alone (photo to stride 32)"] == [1, 4, 8, 16, 32]
    assert strides["way up alone (strides 16, 8, 4)"] == [16, 8, 4]
    assert strides["last layer alone (stride 4)"] == [4]
    assert strides["top alone (strides 16 and 32)"] == [16, 32]
    assert strides["finest alone (photo and way down at stride 4)"] == [1, 4]
    finest = "without the finest (photo and way down at stride 4)"
    assert strides[finest] == [8, 16, 32, 16, 8, 4]


def test_heads_learn_over_their_own_layers_and_leave_the_trunk() -> None:
    torch.manual_seed(0)
    model: Any = create_model("lrac.test")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    crop = torch.rand(4, 3, 1, 1).mul(255).byte().expand(4, 3, lrac.SIDE, lrac.SIDE)
    heads = {str(c): lrac.SomeLayers(model.network, c, 16) for c in ((0, 1), (5,))}

    def losses() -> list[float]:
        maps = model.network.maps(HUE_CHROMA.split(crop / 255)[0])
        size = (lrac.SIDE, lrac.SIDE)
        truth = (crop / 255)[:, :, ::32, ::32]
        answers = [h.head.dense(h.choose(maps), 32, size)["hue_chroma"] for h in heads.values()]
        return [float(model.output.loss(answer, truth)["loss"].detach()) for answer in answers]

    first = losses()
    lrac.train_heads(model.network, heads, repeat(crop), 150)
    assert all(after < 0.9 * start for after, start in zip(losses(), first, strict=True))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("options", [[], ["--data", "none"]])
def test_missing_photos_are_named(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        lrac.main([str(tmp_path / "none"), *options])
    assert "is not a folder of photos" in capsys.readouterr().err
