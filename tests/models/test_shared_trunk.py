"""A trunk that is stored with the weights of cic.compact and borrowed by the other systems."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from autochrome.data.photos import TrainingPhotos
from autochrome.engine.recipe import load_recipe
from autochrome.engine.setup import starting_model, training_photos
from autochrome.errors import WeightsError
from autochrome.io.photo import Photo
from autochrome.models import registry
from autochrome.models.backbones import backbone_file, load_backbone_state
from autochrome.models.base import Colorizer
from autochrome.models.cic.compact import CompactCIC
from autochrome.models.registry import create_model, model_spec
from autochrome.models.shared_trunk import LENDER, borrowed_trunk, load_lent_trunk, make_trunk
from autochrome.models.weights import read_weights_metadata, save_weights
from autochrome.nn.pretrained import PretrainedTrunk
from autochrome.nn.seen import SEEN
from autochrome.pipeline.painter import ColorizeSettings, Painter
from tests.data.made_photos import write_folder
from tests.engine.tiny_run import write_recipe
from tests.models.small_trunk import lend, tiny_cic, with_statistics

BORROWERS = ("lrac.compact", "pixcolor.compact", "cgan.compact")


@pytest.fixture
def lender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CompactCIC:
    """A small cic.compact in the place of the shipped one."""
    return lend(tmp_path / "cic.safetensors", monkeypatch)


def trunk_of(model: Colorizer) -> PretrainedTrunk:
    [trunk] = [module for module in model.modules() if isinstance(module, PretrainedTrunk)]
    return trunk


def borrower(name: str, lender: CompactCIC, *, own_trunk: bool = False) -> Colorizer:
    """A system with random layers of its own over the lender's trunk."""
    model = create_model(name, pretrained=False, trunk="test", own_trunk=own_trunk)
    with_statistics(model, 7)
    load_lent_trunk(trunk_of(model), lender.state_dict())
    return model


def with_header(path: Path, **entries: str) -> Path:
    save_file(load_file(path), path, metadata={**read_weights_metadata(path), **entries})
    return path


# What is borrowed ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BORROWERS)
def test_the_systems_borrow_unless_they_are_told_to_own(name: str) -> None:
    borrowing = create_model(name, pretrained=False, trunk="test")
    found = borrowed_trunk(borrowing)
    assert found is not None
    prefix, trunk = found
    assert trunk is trunk_of(borrowing)
    inside = {key for key in borrowing.state_dict() if key.startswith(prefix)}
    assert inside == {prefix + key for key in trunk.state_dict()}
    assert borrowed_trunk(create_model(name, pretrained=False, trunk="test", own_trunk=True)) is None


def test_cic_and_the_papers_own_what_they_have() -> None:
    assert borrowed_trunk(create_model(LENDER, pretrained=False, trunk="test")) is None
    with torch.device("meta"):
        assert borrowed_trunk(create_model("lrac.paper", pretrained=False)) is None


def test_a_trunk_is_made_of_a_known_encoder() -> None:
    assert make_trunk("test", own=False).frozen
    assert not make_trunk("test", own=True).frozen
    with pytest.raises(ValueError, match="trunk must be one of lite0, lite1, lite2, test"):
        make_trunk("scratch", own=False)


def test_a_trunk_is_copied_whole() -> None:
    cic, trunk = tiny_cic(), PretrainedTrunk(tiny_cic().network.size, frozen=True)
    with_statistics(cic)
    load_lent_trunk(trunk, cic.state_dict())
    assert all(torch.equal(value, cic.network.state_dict()[key]) for key, value in trunk.state_dict().items())
    assert not any(p.requires_grad for p in trunk.parameters())


@pytest.mark.parametrize("change", ["missing", "shape"])
def test_another_network_s_weights_are_refused_and_change_nothing(change: str) -> None:
    trunk = PretrainedTrunk(tiny_cic().network.size)
    state = tiny_cic().state_dict()
    last = f"network.{list(trunk.state_dict())[-1]}"
    if change == "missing":
        del state[last]
    else:
        state[last] = torch.zeros(2, 2, 2)
    before = {key: value.clone() for key, value in trunk.state_dict().items()}
    message = rf"^not the weights of a cic\.compact with trunk=test: {last} is missing or of another shape"
    with pytest.raises(ValueError, match=message):
        load_lent_trunk(trunk, state)
    assert all(torch.equal(value, before[key]) for key, value in trunk.state_dict().items())


# Weights ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BORROWERS)
def test_weights_leave_the_borrowed_trunk_out_and_find_it_again(
    name: str, lender: CompactCIC, tmp_path: Path
) -> None:
    model = borrower(name, lender)
    path = tmp_path / "model.safetensors"
    save_weights(model, path, half=False)
    found = borrowed_trunk(model)
    assert found is not None
    saved = load_file(path)
    assert saved.keys() == {key for key in model.state_dict() if not key.startswith(found[0])}
    assert read_weights_metadata(path)["trunk"] == found[1].digest()
    again = create_model(name, weights=path)
    assert again.options == model.options == {"trunk": "test", "own_trunk": False}
    for key, value in again.state_dict().items():
        assert torch.equal(value, model.state_dict()[key]), key


def test_the_shipped_trunk_can_be_borrowed(tmp_path: Path) -> None:
    """Of lite0, from the bundled cic.compact; the smallest of the systems."""
    lender = create_model(LENDER)
    assert isinstance(lender, CompactCIC)
    model = create_model("cgan.compact", pretrained=False)
    load_lent_trunk(trunk_of(model), lender.state_dict())
    path = tmp_path / "model.safetensors"
    save_weights(model, path)
    assert path.stat().st_size < 1.5e6  # the trunk alone is 11 MB
    again = create_model("cgan.compact", weights=path)
    assert trunk_of(again).digest() == trunk_of(model).digest()
    assert trunk_of(again).identity == lender.network.identity != ""


@pytest.mark.parametrize("name", BORROWERS)
def test_weights_of_a_model_that_owns_its_trunk_are_complete(
    name: str, lender: CompactCIC, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = borrower(name, lender, own_trunk=True)
    path = tmp_path / "model.safetensors"
    save_weights(model, path, half=False)
    assert load_file(path).keys() == model.state_dict().keys()
    assert "trunk" not in read_weights_metadata(path)
    lend(tmp_path / "other.safetensors", monkeypatch, seed=1)  # which does not matter
    again = create_model(name, weights=path)
    assert again.options["own_trunk"] is True
    for key, value in again.state_dict().items():
        assert torch.equal(value, model.state_dict()[key]), key


def test_weights_over_another_trunk_are_refused(
    lender: CompactCIC, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another lender than the one they were trained with, and a header that says so."""
    model = borrower("cgan.compact", lender)
    path = tmp_path / "model.safetensors"
    save_weights(model, path)
    create_model("cgan.compact", weights=path)
    message = r"was trained over another trunk than that of the cic\.compact in this release"
    other = tmp_path / "other.safetensors"
    save_weights(model, other)
    with pytest.raises(WeightsError, match=message):
        create_model("cgan.compact", weights=with_header(other, trunk="0" * 64))
    lend(tmp_path / "newer.safetensors", monkeypatch, seed=1)
    with pytest.raises(WeightsError, match=message):
        create_model("cgan.compact", weights=path)


def test_a_trunk_that_is_in_the_weights_is_taken_from_there(
    lender: CompactCIC, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights that hold all, though the trunk was not trained, need no lender and name no digest."""
    model = borrower("cgan.compact", lender)
    path = tmp_path / "model.safetensors"
    save_weights(model, path, half=False)
    header = read_weights_metadata(path)
    del header["trunk"]
    save_file(dict(model.state_dict()), path, metadata=header)
    lend(tmp_path / "newer.safetensors", monkeypatch, seed=1)
    again = create_model("cgan.compact", weights=path)
    assert trunk_of(again).digest() == trunk_of(model).digest()


def test_what_else_is_missing_is_told_as_ever(lender: CompactCIC, tmp_path: Path) -> None:
    model = borrower("cgan.compact", lender)
    path = tmp_path / "model.safetensors"
    save_weights(model, path)
    state = load_file(path)
    del state["generator.last.bias"]
    save_file(state, path, metadata=read_weights_metadata(path))
    with pytest.raises(
        WeightsError, match=r"does not fit cgan\.compact:\n  1 missing: generator\.last\.bias"
    ):
        create_model("cgan.compact", weights=path)


@pytest.mark.parametrize("name", [LENDER, *BORROWERS])
def test_loaded_weights_give_every_system_the_same_identity(
    name: str, lender: CompactCIC, tmp_path: Path
) -> None:
    if name == LENDER:
        model = create_model(LENDER)
    else:
        save_weights(borrower(name, lender), tmp_path / "model.safetensors")
        model = create_model(name, weights=tmp_path / "model.safetensors")
    assert trunk_of(model).identity == lender.network.digest()


def test_weights_that_are_not_loaded_give_none() -> None:
    assert not trunk_of(create_model("cgan.compact", pretrained=False, trunk="test")).identity


# A backbone in training ---------------------------------------------------------------------------


def test_the_lender_s_weights_are_a_backbone_by_its_name(lender: CompactCIC) -> None:
    assert str(backbone_file(LENDER)) == model_spec(LENDER).weights
    state = load_backbone_state(LENDER)
    assert state.keys() == lender.state_dict().keys()


def test_the_shipped_lender_s_digest_is_demanded(monkeypatch: pytest.MonkeyPatch) -> None:
    spec, factory = registry._MODELS[LENDER]
    assert backbone_file(LENDER).name == spec.weights
    monkeypatch.setitem(registry._MODELS, LENDER, (replace(spec, sha256="0" * 64), factory))
    with pytest.raises(WeightsError, match="SHA-256"):
        backbone_file(LENDER)


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    return write_recipe(tmp_path / "tiny.yaml", write_folder(tmp_path / "photos"))


def start(file: Path, *overrides: str, resumed: bool = False) -> Colorizer:
    recipe = load_recipe(file, ["validation.size=64", *overrides])
    photos: TrainingPhotos = training_photos(recipe)
    return starting_model(recipe, photos, resumed=resumed)


@pytest.mark.parametrize("name", BORROWERS)
def test_training_borrows_the_trunk_without_being_told(
    name: str, lender: CompactCIC, recipe_file: Path
) -> None:
    options = "model.options={trunk: test}"
    trunk = trunk_of(start(recipe_file, f"model.name={name}", options))
    assert trunk.digest() == lender.network.digest()
    named = start(recipe_file, f"model.name={name}", options, f"model.backbone={LENDER}")
    assert trunk_of(named).digest() == lender.network.digest()
    assert named.training and not trunk_of(named).training


def test_a_trunk_of_one_s_own_starts_at_random_unless_a_backbone_is_named(
    lender: CompactCIC, recipe_file: Path
) -> None:
    options = ["model.name=cgan.compact", "model.options={trunk: test, own_trunk: true}"]
    assert trunk_of(start(recipe_file, *options)).digest() != lender.network.digest()
    named = trunk_of(start(recipe_file, *options, f"model.backbone={LENDER}"))
    assert named.digest() == lender.network.digest()
    assert named.training and not named.identity


def test_training_goes_on_from_weights_over_the_same_trunk(
    lender: CompactCIC, recipe_file: Path, tmp_path: Path
) -> None:
    model = borrower("cgan.compact", lender)
    save_weights(model, tmp_path / "old.safetensors", half=False)
    options = ["model.name=cgan.compact", "model.options={trunk: test}"]
    tuned = start(recipe_file, *options, f"model.weights={tmp_path / 'old.safetensors'}")
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in tuned.state_dict().items())


def test_a_resumed_model_borrows_nothing(lender: CompactCIC, recipe_file: Path) -> None:
    """Its checkpoint has everything."""
    options = ["model.name=cgan.compact", "model.options={trunk: test}"]
    trunk = trunk_of(start(recipe_file, *options, resumed=True))
    assert trunk.digest() != lender.network.digest()


# The pipeline -------------------------------------------------------------------------------------


@pytest.fixture
def nothing_seen() -> Iterator[None]:
    SEEN.clear()
    yield
    SEEN.clear()


def test_a_photo_that_four_systems_paint_is_encoded_once(
    lender: CompactCIC, tmp_path: Path, nothing_seen: None
) -> None:
    """By the first of them, which sees it and its mirror image; painting again needs no encoding, either."""
    photo = Photo(np.random.default_rng(0).integers(0, 256, (64, 96, 1), dtype=np.uint8))
    settings = ColorizeSettings(size=64)
    counts: dict[str, int] = {}
    for name in (LENDER, *BORROWERS):
        path = tmp_path / f"{name}.safetensors"
        save_weights(lender if name == LENDER else borrower(name, lender), path)
        painter = Painter(name, weights=path, device="cpu")
        calls: list[int] = []
        encoder = trunk_of(painter.model).encoder
        encoder.register_forward_hook(lambda *_, calls=calls: calls.append(1))  # type: ignore[misc]
        first, again = (painter.colorize(photo, settings)[0].pixels for _ in range(2))
        np.testing.assert_array_equal(first, again)
        counts[name] = len(calls)
    assert counts == {LENDER: 2} | dict.fromkeys(BORROWERS, 0)
