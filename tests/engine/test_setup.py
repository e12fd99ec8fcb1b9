from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from autochrome.color.bins import AB_BINS, smooth_prior
from autochrome.data.priors import estimate_prior, save_prior
from autochrome.data.sources import open_source
from autochrome.engine.recipe import load_recipe
from autochrome.engine.setup import set_up, starting_model, training_photos
from autochrome.errors import DataError, RecipeError, WeightsError
from autochrome.models.base import Colorizer
from autochrome.models.cic.model import CIC
from autochrome.models.cic.paper import PaperNet
from autochrome.models.lrac.model import HypercolumnColorizer
from autochrome.models.pixcolor.compact import CompactPixColor
from autochrome.models.pixcolor.model import PixColor
from autochrome.models.registry import create_model
from autochrome.models.weights import save_weights
from autochrome.nn.vgg import VGG16_FEATURES
from tests.data.made_photos import write_folder
from tests.models.small_trunk import tiny_cic


def start(file: Path, overrides: Sequence[str] = (), *, resumed: bool = False) -> CIC:
    recipe = load_recipe(file, overrides)
    torch.manual_seed(0)
    colorizer: Colorizer = starting_model(recipe, training_photos(recipe), resumed=resumed)
    assert isinstance(colorizer, CIC)
    return colorizer


def vgg16_state() -> dict[str, Tensor]:
    widths = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    state, before = {}, 3
    for place, width in zip(VGG16_FEATURES, widths, strict=True):
        state[f"features.{place}.weight"] = torch.randn(width, before, 3, 3) * 0.01
        state[f"features.{place}.bias"] = torch.randn(width)
        before = width
    return state


def test_a_new_model_trains_with_the_prior_of_its_photos(recipe_file: Path, photos: Path) -> None:
    colorizer = start(recipe_file)
    assert colorizer.training
    torch.testing.assert_close(
        colorizer.prior, smooth_prior(estimate_prior(open_source(photos)).double()).float()
    )


def test_a_named_prior_wins(recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = torch.rand(AB_BINS)
    save_prior(counts, tmp_path / "prior.txt", about="made up")
    monkeypatch.setenv("PRIORS", str(tmp_path))
    colorizer = start(recipe_file, ["data.prior=${PRIORS}/prior.txt"])
    torch.testing.assert_close(colorizer.prior, smooth_prior(counts / counts.sum()))


def test_fine_tuning_starts_from_weights_and_keeps_their_prior(recipe_file: Path, tmp_path: Path) -> None:
    trained = start(recipe_file)
    trained.set_prior(torch.rand(AB_BINS))
    save_weights(trained, tmp_path / "old.safetensors", half=False)
    weights = f"model.weights={tmp_path / 'old.safetensors'}"
    tuned = start(recipe_file, [weights, "trainer.seed=9"])
    assert all(
        torch.equal(a, b)
        for a, b in zip(tuned.state_dict().values(), trained.state_dict().values(), strict=True)
    )
    save_prior(torch.ones(AB_BINS), tmp_path / "flat.txt", about="flat")
    other = start(recipe_file, [weights, f"data.prior={tmp_path / 'flat.txt'}"])
    assert not torch.allclose(other.prior, trained.prior)


def test_a_resumed_model_needs_neither_weights_nor_prior(recipe_file: Path) -> None:
    start(recipe_file, ["model.weights=gone.safetensors", "data.prior=gone.txt"], resumed=True)
    with pytest.raises(WeightsError, match="gone"):
        start(recipe_file, ["model.weights=gone.safetensors"])


def test_vgg16_fills_the_papers_first_blocks(recipe_file: Path, tmp_path: Path) -> None:
    state = vgg16_state()
    save_file(state, tmp_path / "vgg16.safetensors")
    colorizer = start(
        recipe_file, ["model.name=cic.paper", f"model.backbone={tmp_path / 'vgg16.safetensors'}"]
    )
    assert isinstance(colorizer.network, PaperNet)
    second = colorizer.network.blocks["conv1"].get_submodule("2")
    assert torch.equal(second.get_parameter("weight"), state["features.2.weight"])


def test_what_cannot_start_from_a_backbone_is_told(recipe_file: Path, tmp_path: Path) -> None:
    state = vgg16_state()
    del state["features.7.weight"]
    save_file(state, tmp_path / "half.safetensors")
    paper = "model.name=cic.paper"
    with pytest.raises(
        WeightsError, match=r"half\.safetensors is not a VGG-16 state dict: features\.7\.weight"
    ):
        start(recipe_file, [paper, f"model.backbone={tmp_path / 'half.safetensors'}"])
    with pytest.raises(WeightsError, match=r"no weights at none\.safetensors"):
        start(recipe_file, [paper, "model.backbone=none.safetensors"])
    with pytest.raises(WeightsError, match="not for a trunk that is trained from scratch"):
        start(recipe_file, [f"model.backbone={tmp_path / 'half.safetensors'}"])


def test_a_compact_cic_fills_the_trunk_of_a_pixcolor(recipe_file: Path, tmp_path: Path) -> None:
    cic = tiny_cic()
    save_weights(cic, tmp_path / "cic.safetensors", half=False)
    backbone = f"model.backbone={tmp_path / 'cic.safetensors'}"
    recipe = load_recipe(recipe_file, ["model.name=pixcolor.test", backbone])
    colorizer = starting_model(recipe, training_photos(recipe))
    assert isinstance(colorizer, CompactPixColor)
    assert colorizer.training
    for key, value in colorizer.trunk.state_dict().items():
        assert torch.equal(value, cic.state_dict()[f"network.{key}"])


def test_layers_are_balanced_on_photos_after_the_backbone(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cic = create_model("cic.compact", pretrained=False, trunk="test")
    save_weights(cic, tmp_path / "cic.safetensors", half=False)
    seen: list[torch.Size] = []

    def balance(self: HypercolumnColorizer, images: Iterable[Tensor]) -> None:
        name, value = next(iter(self.network.trunk.state_dict().items()))
        assert torch.equal(value, cic.state_dict()[f"network.{name}"])
        seen.extend(image.shape for image in images)

    monkeypatch.setattr(HypercolumnColorizer, "balance", balance)
    backbone = f"model.backbone={tmp_path / 'cic.safetensors'}"
    own = ["model.name=lrac.compact", "model.options={trunk: test, own_trunk: true}", "validation.size=64"]
    recipe = load_recipe(recipe_file, [*own, backbone])
    photos = training_photos(recipe)
    starting_model(recipe, photos)
    size = recipe.data.crops.size
    assert 0 < len(seen) <= 64
    assert set(seen) == {(1, 1, size, size)}
    seen.clear()
    starting_model(load_recipe(recipe_file, own), photos)
    assert not seen


def test_a_resumed_model_needs_no_backbone(recipe_file: Path) -> None:
    recipe = load_recipe(recipe_file, ["model.name=pixcolor.test", "model.backbone=gone.safetensors"])
    photos = training_photos(recipe)
    assert isinstance(starting_model(recipe, photos, resumed=True), PixColor)
    with pytest.raises(WeightsError, match="gone"):
        starting_model(recipe, photos)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "pixcolor.test",
            r"not the weights of a cic\.compact with trunk=test: network\.encoder\.stem\.0\.weight",
        ),
        ("pixcolor.paper", r"not a ResNet-101 state dict: layer1\.0\.bn1\.weight should have shape \(64,\)"),
    ],
)
def test_what_a_pixcolor_cannot_start_from_is_told(
    recipe_file: Path, tmp_path: Path, name: str, message: str
) -> None:
    state = {"conv1.weight": (64, 3, 7, 7), "layer1.0.conv1.weight": (64, 64, 1, 1)} | {
        f"bn1.{value}": (64,) for value in ("weight", "bias", "running_mean", "running_var")
    }
    file = tmp_path / "cut.safetensors"
    save_file({key: torch.zeros(shape) for key, shape in state.items()}, file)
    recipe = load_recipe(recipe_file, [f"model.name={name}", f"model.backbone={file}"])
    photos = training_photos(recipe)
    with (
        torch.device("meta"),  # 64M parameters need not be initialized for this
        pytest.raises(WeightsError, match=rf"^model\.backbone: \S*cut\.safetensors is {message}"),
    ):
        starting_model(recipe, photos)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.name=cic.none", "no model is called 'cic.none'"),
        ("model.name=gray.baseline", "gray.baseline has nothing to train"),
        ("model.options={rebalance: 1}", "unexpected keyword argument 'rebalance'"),
        ("data.crops.size=48", "data.crops.size: cic.test needs a multiple of 32, not 48"),
        ("validation.size=40", "validation.size: cic.test needs a multiple of 32, not 40"),
        ("data.sources=[]", "the recipe names no photos: set data.sources, or give --data FOLDER"),
    ],
)
def test_recipes_that_ask_for_what_there_is_not(recipe_file: Path, override: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        start(recipe_file, [override])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "option", "message"),
    [
        ("pixcolor.test", "multiplier_at: 1", "unexpected keyword argument 'multiplier_at'"),
        ("pixcolor.paper", "multiplier_at: -1", "at training pass 0 or later, not -1"),
        ("pixcolor.paper", "part: ranker", "pixcolor.paper has nothing to train"),
    ],
)
def test_options_that_a_pixcolor_does_not_have(
    recipe_file: Path, name: str, option: str, message: str
) -> None:
    recipe = load_recipe(recipe_file, [f"model.name={name}", f"model.options={{{option}}}"])
    with torch.device("meta"), pytest.raises(RecipeError) as caught:
        starting_model(recipe, training_photos(recipe))
    assert message in str(caught.value)


def test_photos_that_are_held_out_are_not_trained_on(recipe_file: Path, photos: Path, tmp_path: Path) -> None:
    write_folder(photos, 10)
    held = set_up(load_recipe(recipe_file, ["validation.hold_out=true"]), tmp_path / "a", resume=False)
    shown = set_up(load_recipe(recipe_file), tmp_path / "b", resume=False)
    assert held.validator and shown.validator
    assert held.validator.held_out and not shown.validator.held_out
    assert (len(held.photos.source), len(shown.photos.source)) == (8, 10)
    trained = [held.photos.source.read(i) for i in range(8)]
    assert len({*trained}) == 8
    assert not torch.equal(held.validator.truth, shown.validator.truth)


def test_an_epoch_without_photos(recipe_file: Path, photos: Path) -> None:
    with pytest.raises(RecipeError, match="an epoch would be empty"):
        start(recipe_file, [f'data.sources=[{{"path": "{photos}", "repeats": 0}}]'])
    with pytest.raises(DataError, match="no photos at"):
        start(recipe_file, ['data.sources=[{"path": "nowhere"}]'])
