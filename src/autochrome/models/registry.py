"""All models in one table: names are ``arch.tag``, and an arch alone stands for its default tag.

This module imports neither torch nor the systems, so that naming and listing models is instant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from importlib import import_module
from math import inf
from os import PathLike
from typing import TYPE_CHECKING

from autochrome.errors import UnknownModelError
from autochrome.models.spec import ModelSpec

if TYPE_CHECKING:
    from autochrome.models.base import Colorizer

_COMPACT_PIXCOLOR = frozenset({"backbone", "known_colors", "rank", "refine", "tone_curves", "trunk"})

CIC_PAPER = ModelSpec(
    arch="cic",
    tag="paper",
    kind="distribution",
    can=frozenset({"backbone", "features", "prior"}),
    space="lab",
    working_size=176,
    multiple_of=8,
    paper="Zhang, Isola, Efros 2016, Colorful Image Colorization, arXiv:1603.08511",
    # T is the paper's choice (v1, section 3.3); that of the compact weights was chosen by looking.
    defaults={"temperature": 1 / 6, "vibrance": 0.0},
)
CIC_COMPACT = replace(
    CIC_PAPER,
    tag="compact",
    working_size=128,
    multiple_of=16,
    weights="cic.compact.safetensors",
    sha256="2a3d8aab43c6759a405dbc8ffe5530cd735efb2b654ada53f00b46ef8454b82f",
    unsure_above=0.55,
    defaults={"temperature": 0.7, "vibrance": 0.0, "coherence": 0.5},
    looks={
        "accurate": {"fuse": "full", "size": 160},
        "vivid": {"temperature": 1.0, "saturation": 1.5},
    },
)
CIC_TEST = replace(CIC_PAPER, tag="test", working_size=64, multiple_of=32)
LRAC_PAPER = ModelSpec(
    arch="lrac",
    tag="paper",
    kind="distribution",
    can=frozenset({"backbone", "features"}),
    space="hue_chroma",
    working_size=256,
    multiple_of=32,
    paper="Larsson and others 2016, Learning Representations for Automatic Colorization, arXiv:1603.06668",
    defaults={"temperature": 1.0},
)
LRAC_COMPACT = replace(
    LRAC_PAPER,
    tag="compact",
    working_size=128,
    multiple_of=16,
    weights="lrac.compact.safetensors",
    sha256="fdb2b12cce34ccc803060bb6be7ac0ba0ada53ba071c54f028c121dae470523e",
    unsure_above=0.73,  # its bins of hue keep much entropy in gray places
    defaults={"temperature": 1.0, "vibrance": 0.1},
    # More vibrance would tint skin and white cloth pink.
    looks={
        "accurate": {"vibrance": 0.0, "fuse": "full", "size": 160},
        "vivid": {"vibrance": 0.2, "saturation": 1.4},
    },
)
LRAC_TEST = replace(LRAC_PAPER, tag="test", working_size=64)
PIXCOLOR_PAPER = ModelSpec(
    arch="pixcolor",
    tag="paper",
    kind="samples",
    can=frozenset({"backbone", "refine"}),
    space="ycbcr",
    working_size=224,
    multiple_of=8,
    paper="Guadarrama and others 2017, PixColor: Pixel Recursive Colorization, arXiv:1705.07208",
    unsure_above=inf,
    # As the network learned: the paper's. Those of the compact weights were chosen by looking.
    defaults={"temperature": 1.0, "guidance": 0.0},
)
PIXCOLOR_COMPACT = replace(
    PIXCOLOR_PAPER,
    tag="compact",
    can=_COMPACT_PIXCOLOR,
    working_size=128,
    multiple_of=16,
    weights="pixcolor.compact.safetensors",
    sha256="ce6942842b131a07cb8eca5979fb6ce4977bf3f2f4b318ccec1750cd53f92d49",
    unsure_above=17.0,
    defaults={"temperature": 0.8, "guidance": 0.2},
    looks={
        "accurate": {"temperature": 0.5, "saturation": 0.75},
        "vivid": {"temperature": 0.7, "guidance": 0.3, "saturation": 1.2},
    },
)
PIXCOLOR_TEST = replace(PIXCOLOR_PAPER, tag="test", can=_COMPACT_PIXCOLOR, working_size=64, multiple_of=16)
CGAN_PAPER = ModelSpec(
    arch="cgan",
    tag="paper",
    kind="samples",
    space="yuv",
    working_size=64,
    multiple_of=1,
    paper="Cao and others 2017, Unsupervised Diverse Colorization via GANs, arXiv:1702.06674",
    unsure_above=inf,
    defaults={"temperature": 1.0},  # the noise as it was trained with
)
CGAN_COMPACT = replace(
    CGAN_PAPER,
    tag="compact",
    can=frozenset({"backbone", "known_colors", "tone_curves", "trunk"}),
    working_size=128,
    multiple_of=16,
    weights="cgan.compact.safetensors",
    sha256="7b0f65f451cbeb38b5fcad61a95eb6d2d3a4928c79b246fbd5c199ad465b35fd",
    unsure_above=14.5,
    defaults={"temperature": 0.6},
    looks={
        "accurate": {"temperature": 0.3, "saturation": 0.7},
        "vivid": {"temperature": 0.8, "saturation": 1.2},
    },
)
CGAN_TEST = replace(CGAN_PAPER, tag="test", working_size=16)
GRAY = ModelSpec(
    arch="gray",
    tag="baseline",
    kind="point",
    space="lab",
    working_size=32,
    multiple_of=1,
    paper="the baseline of the four papers",
)

_MODELS: dict[str, tuple[ModelSpec, str]] = {
    "cgan.compact": (CGAN_COMPACT, "autochrome.models.cgan.compact:compact"),
    "cgan.paper": (CGAN_PAPER, "autochrome.models.cgan.model:paper"),
    "cgan.test": (CGAN_TEST, "autochrome.models.cgan.compact:tiny"),
    "cic.compact": (CIC_COMPACT, "autochrome.models.cic.compact:compact"),
    "cic.paper": (CIC_PAPER, "autochrome.models.cic.model:paper"),
    "cic.test": (CIC_TEST, "autochrome.models.cic.compact:tiny"),
    "gray.baseline": (GRAY, "autochrome.models.baselines:Gray"),
    "lrac.compact": (LRAC_COMPACT, "autochrome.models.lrac.compact:compact"),
    "lrac.paper": (LRAC_PAPER, "autochrome.models.lrac.model:paper"),
    "lrac.test": (LRAC_TEST, "autochrome.models.lrac.compact:tiny"),
    "pixcolor.compact": (PIXCOLOR_COMPACT, "autochrome.models.pixcolor.compact:compact"),
    "pixcolor.paper": (PIXCOLOR_PAPER, "autochrome.models.pixcolor.model:paper"),
    "pixcolor.test": (PIXCOLOR_TEST, "autochrome.models.pixcolor.compact:tiny"),
}
_DEFAULT_TAGS = dict.fromkeys(("cgan", "cic", "gray", "lrac", "pixcolor"), "compact") | {"gray": "baseline"}
# Nothing to load and nothing to look at: random on purpose, or no parameters.
_INTERNAL_TAGS = ("baseline", "test")


def list_models(*, internal: bool = False) -> list[str]:
    """Return the names of the models to choose from, sorted.

    Args:
        internal: also those that color nothing: networks for tests, and the gray baseline.
    """
    return [name for name, (spec, _) in sorted(_MODELS.items()) if internal or not _is_internal(spec)]


def model_spec(name: str) -> ModelSpec:
    """Return what is known of the model of that name, without loading it.

    Args:
        name: ``arch.tag``, or ``arch`` for its default tag (``cic`` is ``cic.compact``).

    Raises:
        UnknownModelError: no model has that name.
    """
    return _find(name)[0]


def default_specs() -> dict[str, ModelSpec]:
    """Return the model that each short name (``cic``) stands for, of those to choose from."""
    specs = {arch: _MODELS[f"{arch}.{tag}"][0] for arch, tag in _DEFAULT_TAGS.items()}
    return {arch: spec for arch, spec in specs.items() if not _is_internal(spec)}


def default_names() -> dict[str, str]:
    """Return the name that each short name (``cic``) stands for, of the models to choose from."""
    return {arch: spec.name for arch, spec in default_specs().items()}


def needs_weights(name: str) -> bool:
    """Return whether the model is of no use before weights are loaded into it."""
    return not _is_internal(_find(name)[0])


def create_model(
    name: str,
    *,
    weights: str | PathLike[str] | None = None,
    pretrained: bool = True,
    **options: object,
) -> Colorizer:
    """Build a model, load its weights and set it to inference.

    Args:
        name: ``arch.tag``, or ``arch`` for its default tag.
        weights: where to take the weights from instead of the bundled ones; see `autochrome.models.weights`.
        pretrained: False leaves the parameters as they are initialized, for training.
        options: passed to the system's own factory (for CIC: fields of ``LossSettings``). Those that decide
            the network and are not given are taken from the weights, where these were saved with some.

    Returns:
        The model on the CPU, in evaluation mode.

    Raises:
        UnknownModelError: no model has that name.
        WeightsError: the weights are missing, damaged or another network's, or none are shipped.
    """
    spec, path = _find(name)
    module, factory = path.split(":")
    build: Callable[..., Colorizer] = getattr(import_module(module), factory)
    if weights is None and not (pretrained and needs_weights(name)):
        return build(spec, **options).eval()
    from autochrome.errors import WeightsError
    from autochrome.models.weights import load_weights, resolve_weights, saved_options

    file = resolve_weights(weights if weights is not None else spec.weights, spec=spec)
    saved = saved_options(file, spec)
    try:
        model = build(spec, **{**saved, **options})
    except Exception as error:  # of any kind, for a header may say anything
        if not saved:
            raise
        raise WeightsError(
            f"{file.source} was saved with options that {spec.name} does not take ({error}); "
            "use the release of Autochrome that they were trained with"
        ) from error
    load_weights(model, file)
    return model.eval()


def _find(name: str) -> tuple[ModelSpec, str]:
    full = f"{name}.{_DEFAULT_TAGS[name]}" if name in _DEFAULT_TAGS else name
    if full in _MODELS:
        return _MODELS[full]
    short = default_names()
    close = get_close_matches(name.lower(), [*short, *list_models()], n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"choose one of {', '.join(short)}"
    raise UnknownModelError(f"no model is called {name!r}; {hint} (`autochrome models` lists them all)")


def _is_internal(spec: ModelSpec) -> bool:
    return spec.tag in _INTERNAL_TAGS
