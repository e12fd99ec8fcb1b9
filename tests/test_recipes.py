"""The recipes that ship."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, replace
from fnmatch import fnmatch
from pathlib import Path

import pytest
import torch

from autochrome.data.photos import CropSettings
from autochrome.engine import setup
from autochrome.engine.optimizer import LR_SCALE, make_optimizer
from autochrome.engine.recipe import SourceRecipe, dump_recipe, load_recipe
from autochrome.engine.schedule import learning_rate_factor
from autochrome.models.cgan import model as cgan
from autochrome.models.cgan.compact import CompactCGANSettings
from autochrome.models.cgan.generator import PaperGenerator
from autochrome.models.cgan.settings import CGANSettings
from autochrome.models.cic import compact as cic
from autochrome.models.cic.model import CIC, LossSettings
from autochrome.models.lrac import model as lrac
from autochrome.models.lrac.settings import LRACSettings
from autochrome.models.pixcolor import model as pixcolor
from autochrome.models.pixcolor.compact import CompactPixColorSettings
from autochrome.models.pixcolor.conditioning import PaperConditioning
from autochrome.models.pixcolor.settings import PixColorSettings
from autochrome.models.registry import create_model, model_spec
from autochrome.models.shared_trunk import LENDER, borrowed_trunk
from autochrome.nn.pretrained import PretrainedSize

ROOT = Path(__file__).parent.parent / "recipes"
RECIPES = sorted(ROOT.glob("*.yaml"))
CAO = ROOT / "cgan-paper.yaml"
TRUNK = {"trunk", "own_trunk"}
"""Options of the systems that stand on the shared trunk."""


def test_there_are_recipes() -> None:
    names = {path.name for path in RECIPES}
    assert {"cic-paper.yaml", "trunk-lite0.yaml", "trunk-scratch.yaml", "finetune.yaml"} <= names
    assert {"pixcolor-paper.yaml", "pixcolor-compact.yaml", "pixcolor-compact-refinement.yaml"} <= names
    assert {"lrac-paper.yaml", "lrac-compact.yaml", "cgan-paper.yaml", "cgan-compact.yaml"} <= names


def known_options(model: str) -> set[str]:
    """What ``model.options`` of a recipe may hold: fields of the system's settings."""
    if model_spec(model).arch == "cic":
        own = {"trunk", "frozen_norms", "dropout"} if model == "cic.compact" else set()
        return own | {field.name for field in fields(LossSettings)}
    if model_spec(model).arch == "lrac":
        own = {"output"} | (TRUNK if model == "lrac.compact" else set())
        return own | {field.name for field in fields(LRACSettings)}
    if model == "cgan.compact":
        return TRUNK | {field.name for field in fields(CompactCGANSettings)}
    if model_spec(model).arch == "cgan":
        parameters = inspect.signature(cgan.paper).parameters
        own = {name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
        return own | {field.name for field in fields(CGANSettings)}
    if model != "pixcolor.paper":
        return TRUNK | {field.name for field in fields(CompactPixColorSettings)}
    own = {name for name in inspect.signature(pixcolor.paper).parameters if name.startswith("multiplier_")}
    return own | {field.name for field in fields(PixColorSettings)}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_loads_names_a_model_and_round_trips(path: Path, tmp_path: Path) -> None:
    recipe = load_recipe(path)
    spec = model_spec(recipe.model.name)
    assert recipe.data.crops.size % spec.multiple_of == 0
    assert recipe.validation.size % spec.multiple_of == 0
    assert set(recipe.model.options) <= known_options(recipe.model.name)
    (tmp_path / "saved.yaml").write_text(dump_recipe(recipe))
    assert load_recipe(tmp_path / "saved.yaml") == recipe


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_names_no_place_of_one_machine(path: Path) -> None:
    recipe = load_recipe(path)
    places = [source.path for source in recipe.data.sources] + [recipe.data.prior, recipe.validation.photos]
    # Beside the data there are files of the repository, whose root is where the commands are typed.
    root = path.parent.parent
    assert all(
        place is None or place.startswith("${AUTOCHROME_DATA}/") or (root / place).is_file()
        for place in places
    )


def test_the_networks_of_recipes_fit_what_they_start_from() -> None:
    """A recipe goes on from the network that the recipe before it trains, whose folder its comment names."""
    outcomes: dict[str, tuple[str, object]] = {}
    for path in RECIPES:
        recipe = load_recipe(path)
        folder = re.search(rf"train {path.stem} .*-o (runs/\S+)", path.read_text())
        if folder:
            outcomes[folder.group(1)] = recipe.model.name, recipe.model.options.get("trunk")
    chains = ["trunk-scratch-128px", "trunk-lite0-144px", "trunk-lite0-longer"]
    for name in (*chains, "pixcolor-compact-refinement", "pixcolor-compact-ranker"):
        model = load_recipe(ROOT / f"{name}.yaml").model
        assert model.weights is not None
        assert outcomes[str(Path(model.weights).parent)] == (model.name, model.options.get("trunk"))


@pytest.mark.parametrize("name", ["lrac-compact", "pixcolor-compact", "cgan-compact"])
def test_the_compact_systems_start_from_the_shipped_trunk_and_leave_it(name: str) -> None:
    """The backbone by its name, and no parameter of it to train."""
    recipe = load_recipe(ROOT / f"{name}.yaml")
    assert recipe.model.backbone == LENDER
    assert recipe.model.weights is None
    with torch.device("meta"):
        model = create_model(recipe.model.name, pretrained=False, **recipe.model.options)
    found = borrowed_trunk(model)
    assert found is not None
    trained = [key for key, p in model.named_parameters() if p.requires_grad]
    assert trained and not any(key.startswith(found[0]) for key in trained)
    assert found[1].size == PretrainedSize("lite0")  # as that of cic.compact by default


@pytest.mark.parametrize("name", ["trunk-lite0", "trunk-lite0-144px", "finetune"])
def test_the_encoder_of_cic_compact_learns_slower_than_the_rest(name: str) -> None:
    recipe = load_recipe(ROOT / f"{name}.yaml")
    with torch.device("meta"):
        model = cic.compact(model_spec(recipe.model.name), **recipe.model.options)
        groups = make_optimizer(model, recipe.optimizer).param_groups
    slow = {id(p) for group in groups if group[LR_SCALE] < 1 for p in group["params"]}
    parts = {name.split(".")[1] for name, p in model.named_parameters() if id(p) in slow}
    assert parts == {"encoder"}
    assert model.network.encoder.frozen_norms


@pytest.mark.parametrize("name", ["trunk-lite0", "trunk-lite0-144px", "lrac-compact", "pixcolor-compact"])
def test_the_shard_that_chooses_the_weights_is_not_trained_on(name: str) -> None:
    recipe = load_recipe(ROOT / f"{name}.yaml")
    assert recipe.validation.keep_best and recipe.validation.photos
    folder, shard = recipe.validation.photos.rsplit("/", 1)
    patterns = [s.path.removeprefix(folder + "/") for s in recipe.data.sources if s.path.startswith(folder)]
    assert patterns and not any(fnmatch(shard, pattern) for pattern in patterns)


@pytest.mark.parametrize(
    ("name", "backbone"), [("trunk-lite0", "efficientnet-lite0"), ("trunk-lite0-144px", None)]
)
def test_the_first_part_of_the_trunk_starts_from_imagenet(name: str, backbone: str | None) -> None:
    assert load_recipe(ROOT / f"{name}.yaml").model.backbone == backbone


def test_zhang_s_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sections 3.1 to 3.4, and the released solver.prototxt and train_val.prototxt."""
    recipe = load_recipe(ROOT / "cic-paper.yaml")
    (tmp_path / "a.jpg").touch()
    own = replace(recipe.data, sources=[SourceRecipe(str(tmp_path))])
    monkeypatch.setattr(setup, "_set_prior", lambda *_: None)  # the photo is empty
    model = setup.starting_model(recipe, setup.training_photos(replace(recipe, data=own)))
    assert isinstance(model, CIC)
    assert model.loss_settings == LossSettings(
        neighbors=10,
        sigma=5.0,
        rebalance_mix=0.5,
        gray_threshold=5.0,
        supervision=(0.25, 0.5, 1.0),
        area_average=False,
    )
    optimizer, trainer = recipe.optimizer, recipe.trainer
    assert (optimizer.name, optimizer.lr, optimizer.betas, optimizer.weight_decay) == (
        "adam",
        3e-5,
        (0.9, 0.99),
        1e-3,
    )
    assert (trainer.steps, trainer.batch_size, trainer.precision, trainer.ema) == (500_000, 40, "32-true", 0)
    assert recipe.data.crops == CropSettings(size=176, squash=256, mirror=True)
    assert recipe.data.faults is None
    rates = [learning_rate_factor(step, trainer.steps, recipe.schedule) for step in (0, 225_000, 450_000)]
    assert rates == pytest.approx([1, 0.1, 0.01])


def test_guadarrama_s_values() -> None:
    """Table 2 of arXiv:1705.07208; papers.md on Adam's "momentum" and the values of the multiplier."""
    recipe = load_recipe(ROOT / "pixcolor-paper.yaml")
    with torch.device("meta"):
        model = pixcolor.paper(model_spec(recipe.model.name), **recipe.model.options)
    assert isinstance(model.conditioning, PaperConditioning)
    multiplier = model.conditioning.multiplier
    assert (multiplier.before, multiplier.after, multiplier.at) == (0, 1, 100_000)
    settings = model.settings
    assert (settings.part, settings.freeze_backbone) == ("colorization", False)
    assert settings.colorness_threshold == 0.05
    assert settings.jitter == pytest.approx(4 / 255)
    optimizer, trainer = recipe.optimizer, recipe.trainer
    assert (optimizer.name, optimizer.lr, optimizer.betas) == ("adam", 3e-4, (0.9, 0.999))
    assert (optimizer.weight_decay, optimizer.clip) == (0, 0)
    assert (trainer.steps, trainer.batch_size, trainer.precision, trainer.ema) == (360_000, 64, "32-true", 0)
    assert trainer.accumulate == 1  # so that the multiplier's passes are steps
    assert recipe.data.crops.size == 224
    assert recipe.data.faults is None
    rates = [learning_rate_factor(step, trainer.steps, recipe.schedule) for step in (0, 100_000, 359_999)]
    assert rates == [1, 1, 1]


def test_guadarrama_s_second_run_trains_the_refinement_network_from_the_first() -> None:
    """As the recipe's own comment has it."""
    overrides = [
        "model.options.part=refinement",
        "model.weights=runs/pixcolor-paper-chroma/model.safetensors",
    ]
    path = ROOT / "pixcolor-paper.yaml"
    text = path.read_text()
    assert all(f"--set {override}" in text for override in overrides)
    recipe = load_recipe(path, overrides)
    assert recipe.model.options["colorness_threshold"] == 0.05  # the file's others stay
    with torch.device("meta"):
        model = pixcolor.paper(model_spec(recipe.model.name), **recipe.model.options)
    trained = {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {"refinement"}


def test_larsson_s_values() -> None:
    """Sections 3.2, 3.5 and 4 of arXiv:1603.06668, and the released solver as papers.md has it."""
    recipe = load_recipe(ROOT / "lrac-paper.yaml")
    with torch.device("meta"):
        model = lrac.paper(model_spec(recipe.model.name), **recipe.model.options)
    assert isinstance(model, lrac.LRAC)
    assert model.settings == LRACSettings(locations=128, window=1, hue_weight=5.0)
    assert model.output.name == "hue_chroma"
    optimizer, trainer = recipe.optimizer, recipe.trainer
    assert (optimizer.name, optimizer.lr, optimizer.betas[0]) == ("sgd", 1e-3, 0.9)
    assert optimizer.weight_decay == 5e-4
    assert trainer.steps * trainer.batch_size == 1_200_000  # one epoch
    rates = [learning_rate_factor(int(s * trainer.steps), trainer.steps, recipe.schedule) for s in (0.4, 0.6)]
    assert rates == pytest.approx([1, 0.1])
    last = learning_rate_factor(trainer.steps - 1, trainer.steps, recipe.schedule)
    assert last == pytest.approx(1e-3)  # 1.0, 1.5 and 1.75 of 2 million


def test_cao_s_values() -> None:
    """Algorithm 1's defaults and section 4 of arXiv:1702.06674; papers.md on what the text leaves out."""
    recipe = load_recipe(CAO)
    model = cgan.paper(model_spec(recipe.model.name), **recipe.model.options)
    assert isinstance(model.generator, PaperGenerator)
    assert sum(p.numel() for p in model.parameters()) == 898_550  # both of its switches on "multi"
    assert (model.generator.noise_size, model.space) == (100, "yuv")
    assert model.settings.objective == "gan"
    assert (recipe.adversary.steps, recipe.adversary.generator_steps) == (1, 1)
    for optimizer in (recipe.optimizer, recipe.adversary.optimizer):
        assert (optimizer.name, optimizer.lr, optimizer.betas) == ("adam", 2e-4, (0.5, 0.999))
        assert (optimizer.weight_decay, optimizer.clip) == (0, 0)
    trainer = recipe.trainer
    assert (trainer.batch_size, trainer.accumulate, trainer.precision, trainer.ema) == (64, 1, "32-true", 0)
    assert trainer.steps == 20 * (503_900 // (2 * 64))  # 20 epochs; each player has batches of its own
    assert recipe.data.crops == CropSettings(
        size=64, min_area=1.0, max_stretch=1.0, mirror=False, center=True
    )
    assert recipe.data.faults is None
    rates = [learning_rate_factor(step, trainer.steps, recipe.schedule) for step in (0, trainer.steps - 1)]
    assert rates == [1, 1]


def overrides_in(text: str, objective: str) -> list[str]:
    """The ``--set`` values of a recipe's comment that names an objective."""
    lines = text.split(f"model.options.objective={objective} ")[1].split("#\n")[0].splitlines()
    found = [re.findall(r"--set (\S+)", line) for line in lines]
    return [f"model.options.objective={objective}", *(value.strip('"') for line in found for value in line)]


def test_cao_s_wasserstein_run_is_that_of_the_released_code() -> None:
    """papers.md: RMSProp of decay .9, 2e-4 and 1e-4, five steps of the critic, clipped to .01; 40 epochs."""
    recipe = load_recipe(CAO, overrides_in(CAO.read_text(), "wgan"))
    model = cgan.paper(model_spec(recipe.model.name), **recipe.model.options)
    assert (model.settings.objective, model.settings.clip) == ("wgan", 0.01)
    assert (recipe.adversary.steps, recipe.adversary.generator_steps) == (5, 1)
    critic, generator = recipe.adversary.optimizer, recipe.optimizer
    assert (critic.name, critic.lr, critic.betas[1]) == ("rmsprop", 2e-4, 0.9)
    assert (generator.name, generator.lr, generator.betas[1]) == ("rmsprop", 1e-4, 0.9)
    assert recipe.trainer.steps == 40 * (503_900 // (6 * 64))


def test_cao_s_penalized_run_is_that_of_the_released_code() -> None:
    """papers.md: weight 10, Adam of beta1 .5 at the same rates."""
    recipe = load_recipe(CAO, overrides_in(CAO.read_text(), "wgan_gp"))
    model = cgan.paper(model_spec(recipe.model.name), **recipe.model.options)
    assert (model.settings.objective, model.settings.gradient_penalty) == ("wgan_gp", 10)
    critic, generator = recipe.adversary.optimizer, recipe.optimizer
    assert (critic.name, critic.lr, critic.betas[0]) == ("adam", 2e-4, 0.5)
    assert (generator.name, generator.lr, generator.betas[0]) == ("adam", 1e-4, 0.5)
    assert recipe.adversary.steps == 5
