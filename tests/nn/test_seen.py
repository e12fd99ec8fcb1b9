"""Systems with one trunk encode a photo once: what is remembered, for how long, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

from autochrome.color.conversion import luma_of_lightness
from autochrome.color.lightness import LIGHTNESS_STEP, rounded
from autochrome.models.base import Colorizer
from autochrome.models.cic.compact import CompactCIC
from autochrome.models.registry import create_model
from autochrome.models.shared_trunk import identify_trunks, load_lent_trunk
from autochrome.nn.folding import fold_norms
from autochrome.nn.pretrained import TINY, PretrainedTrunk
from autochrome.nn.seen import SEEN, SeenPhotos

SYSTEMS = ("lrac.compact", "pixcolor.compact", "cgan.compact")


@pytest.fixture(autouse=True)
def nothing_seen() -> Iterator[None]:
    SEEN.clear()
    yield
    SEEN.clear()


def encodings(trunk: nn.Module) -> list[torch.Size]:
    """The shapes that a trunk's encoder is going to be shown."""
    seen: list[torch.Size] = []
    trunk.get_submodule("encoder").register_forward_hook(lambda _, args, __: seen.append(args[0].shape))
    return seen


def make_trunk(*, frozen: bool = False) -> PretrainedTrunk:
    torch.manual_seed(0)
    trunk = PretrainedTrunk(TINY, frozen=frozen).eval()
    trunk.identity = trunk.digest()
    return trunk


def photo(seed: int = 1, batch: int = 1) -> Tensor:
    return 2 * torch.rand(batch, 1, 64, 32, generator=torch.Generator().manual_seed(seed)) - 1


# The memory ---------------------------------------------------------------------------------------


def remembered(memory: SeenPhotos, trunk: str, x: Tensor) -> bool:
    """Ask the memory; return whether it knew."""
    asked: list[None] = []

    def compute() -> list[Tensor]:
        asked.append(None)
        return [x + 1]

    (found,) = memory.maps(trunk, x, compute)
    assert torch.equal(found, x + 1)
    return not asked


def test_a_photo_is_known_by_its_trunk_and_its_values() -> None:
    memory, x = SeenPhotos(), photo()
    assert not remembered(memory, "a", x)
    assert remembered(memory, "a", x.clone())
    assert not remembered(memory, "b", x)
    other = x.clone()
    other[0, 0, 3, 5] += 2.0**-20
    assert not remembered(memory, "a", other)
    assert not remembered(memory, "a", x.double())


def test_the_same_numbers_in_another_shape_are_another_photo() -> None:
    memory = SeenPhotos()
    assert not remembered(memory, "a", torch.zeros(1, 1, 4, 8))
    assert not remembered(memory, "a", torch.zeros(1, 1, 8, 4))


def test_layout_in_memory_does_not_matter() -> None:
    memory, x = SeenPhotos(), torch.rand(1, 1, 4, 8)
    assert not remembered(memory, "a", x)
    assert remembered(memory, "a", x.transpose(2, 3).contiguous().transpose(2, 3))


def test_the_photo_that_was_seen_longest_ago_is_forgotten_first() -> None:
    memory = SeenPhotos(kept=2)
    first, second, third = (photo(seed) for seed in (1, 2, 3))
    assert not remembered(memory, "a", first)
    assert not remembered(memory, "a", second)
    assert remembered(memory, "a", first)  # which makes the second the oldest
    assert not remembered(memory, "a", third)
    assert remembered(memory, "a", first)
    assert remembered(memory, "a", third)
    assert not remembered(memory, "a", second)


def test_all_is_forgotten_on_request() -> None:
    memory = SeenPhotos()
    remembered(memory, "a", photo())
    memory.clear()
    assert not remembered(memory, "a", photo())


def test_ways_to_compute_are_kept_apart() -> None:
    """Maps of autocast are coarser, and those of inference mode cannot be used where gradients flow."""
    memory, x = SeenPhotos(), photo()
    assert not remembered(memory, "a", x)
    with torch.autocast("cpu", torch.bfloat16):
        assert not remembered(memory, "a", x)
    with torch.inference_mode():
        assert not remembered(memory, "a", x)
    assert remembered(memory, "a", x)


def test_threads_may_share_it() -> None:
    memory = SeenPhotos(kept=3)
    photos = [photo(seed) for seed in range(5)]

    def ask(number: int) -> bool:
        x = photos[number % 5]
        (found,) = memory.maps("a", x, lambda: [x + 1])
        return torch.equal(found, x + 1)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(200)))


# The trunk ----------------------------------------------------------------------------------------


@torch.no_grad()
def test_a_trunk_encodes_a_photo_once() -> None:
    trunk = make_trunk()
    calls = encodings(trunk)
    first, again = trunk.maps(photo()), trunk.maps(photo())
    assert len(calls) == 1
    assert all(one is same for one, same in zip(first, again, strict=True))
    trunk.maps(photo(2))
    assert len(calls) == 2


@torch.no_grad()
def test_what_is_remembered_is_what_is_computed() -> None:
    trunk = make_trunk()
    trunk.maps(photo())
    found = trunk.maps(photo())
    trunk.identity = ""
    for kept, fresh in zip(found, trunk.maps(photo()), strict=True):
        torch.testing.assert_close(kept, fresh, rtol=0, atol=0)


@torch.no_grad()
def test_without_an_identity_nothing_is_remembered() -> None:
    trunk = make_trunk()
    trunk.identity = ""
    calls = encodings(trunk)
    trunk.maps(photo())
    trunk.maps(photo())
    assert len(calls) == 2


@torch.no_grad()
def test_batches_are_not_remembered() -> None:
    trunk = make_trunk()
    calls = encodings(trunk)
    for _ in range(2):
        trunk.maps(photo(batch=2))
    assert [shape[0] for shape in calls] == [2, 2]


def test_where_gradients_flow_nothing_is_remembered() -> None:
    trunk = make_trunk()
    calls = encodings(trunk)
    with torch.no_grad():
        trunk.maps(photo())
    for _ in range(2):
        maps = trunk.maps(photo())
        assert maps[-1].requires_grad
    assert len(calls) == 3
    with torch.no_grad():
        trunk.maps(photo())
    assert len(calls) == 3


def test_a_trunk_in_training_neither_looks_nor_rounds() -> None:
    trunk = make_trunk().train()
    trunk.identity = trunk.digest()  # as if nobody had taken it away
    calls, seen = encodings(trunk), []
    trunk.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        trunk.maps(photo())
        trunk.maps(photo())
    assert len(calls) == 2
    assert torch.equal(seen[0], photo())


def test_in_training_the_identity_is_lost() -> None:
    """The parameters are going to change."""
    trunk = make_trunk()
    assert trunk.eval().identity
    assert not trunk.train().identity
    assert not trunk.eval().identity


def test_a_frozen_trunk_keeps_mode_identity_and_parameters() -> None:
    trunk = make_trunk(frozen=True)
    identity = trunk.identity
    trunk.train()
    assert trunk.identity == identity
    assert not any(module.training for module in trunk.modules())
    assert not any(p.requires_grad for p in trunk.parameters())
    assert not trunk.maps(photo())[-1].requires_grad


def test_weights_that_are_loaded_anew_take_the_identity() -> None:
    trunk, other = make_trunk(), PretrainedTrunk(TINY)
    load_lent_trunk(trunk, {f"network.{name}": value for name, value in other.state_dict().items()})
    assert not trunk.identity


@torch.no_grad()
def test_folded_and_unfolded_trunks_are_kept_apart() -> None:
    """Their answers differ by roundings."""
    trunk = make_trunk()
    folded = fold_norms(trunk)
    assert folded.identity == trunk.identity
    calls = encodings(trunk), encodings(folded)
    for one in (trunk, folded, folded):
        one.maps(photo())
    assert [len(each) for each in calls] == [1, 1]


# The digest ---------------------------------------------------------------------------------------


def test_the_digest_is_that_of_the_weights_as_they_are_stored() -> None:
    trunk = make_trunk()
    digest = trunk.digest()
    for parameter in trunk.parameters():
        parameter.data = parameter.data.half().float()
    assert trunk.digest() == digest
    with torch.no_grad():
        next(trunk.parameters()).flatten()[0] += 0.5
    assert trunk.digest() != digest


def test_statistics_are_part_of_the_digest() -> None:
    trunk = make_trunk()
    digest = trunk.digest()
    norm = trunk.top[1]
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None
    norm.running_mean[0] += 2.0**-20
    assert trunk.digest() != digest


def test_cic_s_readout_is_no_part_of_the_digest() -> None:
    """The trunk of a CIC and that which others borrow of it are one."""
    lender = create_model("cic.compact", pretrained=False, trunk="test")
    assert isinstance(lender, CompactCIC)
    model = create_model("cgan.compact", pretrained=False, trunk="test")
    load_lent_trunk(trunk_of(model), lender.state_dict())
    assert trunk_of(model).digest() == trunk_of(lender).digest()


# Systems ------------------------------------------------------------------------------------------


def trunk_of(model: nn.Module) -> PretrainedTrunk:
    [trunk] = [module for module in model.modules() if isinstance(module, PretrainedTrunk)]
    return trunk


def seen_by(model: Colorizer, lightness: Tensor) -> Tensor:
    """A photo's luma in the space of the model, as the pipeline makes it."""
    return luma_of_lightness(rounded(lightness), model.spec.space)


@pytest.fixture(scope="module")
def systems() -> dict[str, Colorizer]:
    """All four over one small trunk."""
    torch.manual_seed(0)
    lender = create_model("cic.compact", pretrained=False, trunk="test")
    found = {"cic.compact": lender}
    for name in SYSTEMS:
        model = found[name] = create_model(name, pretrained=False, trunk="test")
        load_lent_trunk(trunk_of(model), lender.state_dict())
    for model in found.values():
        identify_trunks(model)
    return found


@torch.inference_mode()
def test_four_systems_encode_a_photo_once(systems: dict[str, Colorizer]) -> None:
    """Whichever is the first: the others see the same lightness, though in other color spaces."""
    lightness = 100 * torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(4))
    calls = {name: encodings(trunk_of(model)) for name, model in systems.items()}
    for model in systems.values():
        model.sample(seen_by(model, lightness), n=1)
    assert {name: len(each) for name, each in calls.items()} == {"cic.compact": 1} | dict.fromkeys(SYSTEMS, 0)
    SEEN.clear()
    for name in reversed(systems):
        systems[name].sample(seen_by(systems[name], lightness), n=1)
    assert {name: len(each) for name, each in calls.items()} == {
        **dict.fromkeys(SYSTEMS, 0),
        "cic.compact": 1,
        "cgan.compact": 1,
    }


@torch.inference_mode()
def test_no_system_changes_what_is_remembered(systems: dict[str, Colorizer]) -> None:
    lightness = 100 * torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(5))
    x = rounded(lightness) / 50 - 1
    maps = trunk_of(systems["cic.compact"]).maps(x)
    before = [layer.clone() for layer in maps]
    for model in systems.values():
        model.sample(seen_by(model, lightness), n=1)
    again = trunk_of(systems["cic.compact"]).maps(x)
    for kept, layer, old in zip(maps, again, before, strict=True):
        assert kept is layer
        assert torch.equal(layer, old)


@pytest.mark.parametrize("space", ["lab", "hue_chroma", "ycbcr", "yuv"])
def test_every_step_of_lightness_survives_a_system_s_luma(space: str, systems: dict[str, Colorizer]) -> None:
    """From L* 0 to 100 in steps of the grid, what reaches the encoder is bit for bit what Lab's would be."""
    [model] = [model for model in systems.values() if model.spec.space == space]
    lightness = (torch.arange(112 * 115) * LIGHTNESS_STEP).clamp(max=100).view(1, 1, 112, 115)
    lightness = torch.nn.functional.pad(lightness, (0, 13))
    assert lightness.max() == 100
    seen: list[Tensor] = []
    hook = trunk_of(model).encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        model.sample(seen_by(model, lightness), n=1)
    hook.remove()
    assert torch.equal(seen[0], (lightness - 50) / 50)
