"""All models in one table: names are ``arch.tag``, and an arch alone stands for its default tag.

This module imports neither torch nor the systems, so that naming and listing models is instant.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from math import inf
from os import PathLike
from typing import TYPE_CHECKING

from autochrome.errors import UnknownModelError
from autochrome.models.spec import ModelSpec

if TYPE_CHECKING:
    from autochrome.models.base import Colorizer

_CIC = "Zhang, Isola, Efros 2016, Colorful Image Colorization, arXiv:1603.08511"
# T = 1/6 is the paper's choice (v1, section 3.3); the compact weights' own were chosen by looking.
_PAPER_DECODER = {"temperature": 1 / 6, "vibrance": 0.0}

PAPER = ModelSpec("cic", "paper", "lab", 176, 8, _CIC, defaults=_PAPER_DECODER)
COMPACT = ModelSpec(
    "cic",
    "compact",
    "lab",
    128,
    16,
    _CIC,
    weights="cic.compact.safetensors",
    sha256="4c2e1478c170ebf0be0cf379d807bb1b94ab164fba55da9cb4f0e12a91bad2a6",
    unsure_above=0.55,
    defaults={"temperature": 0.8, "vibrance": 0.0, "coherence": 0.5},
    looks={
        "accurate": {"temperature": 0.7, "fuse": "full", "size": 160},
        "vivid": {"temperature": 1.0, "saturation": 1.5},
    },
)
TEST = ModelSpec("cic", "test", "lab", 64, 32, _CIC, defaults=_PAPER_DECODER)
_PIXCOLOR = "Guadarrama and others 2017, PixColor: Pixel Recursive Colorization, arXiv:1705.07208"
# As the network learned: the paper's. The compact weights' own were chosen by looking.
_DRAWS = {"temperature": 1.0, "guidance": 0.0}
PIXCOLOR_PAPER = ModelSpec(
    "pixcolor",
    "paper",
    "ycbcr",
    224,
    8,
    _PIXCOLOR,
    unsure_above=inf,
    draws=True,
    refines=True,
    defaults=_DRAWS,
)
PIXCOLOR_COMPACT = ModelSpec(
    "pixcolor",
    "compact",
    "ycbcr",
    224,
    8,
    _PIXCOLOR,
    weights="pixcolor.compact.safetensors",
    sha256="2956427381bfdebe3922c21008fe0e9fd5804919e0e647caf39936aafc5404e8",
    unsure_above=22.0,
    draws=True,
    refines=True,
    ranks=True,
    defaults={"temperature": 0.85, "guidance": 0.2},
    looks={
        "accurate": {"temperature": 0.5, "saturation": 0.75},
        "vivid": {"temperature": 0.7, "guidance": 0.3, "saturation": 1.2},
    },
)
PIXCOLOR_TEST = ModelSpec(
    "pixcolor",
    "test",
    "ycbcr",
    64,
    8,
    _PIXCOLOR,
    unsure_above=inf,
    draws=True,
    refines=True,
    ranks=True,
    defaults=_DRAWS,
)
_LRAC = "Larsson and others 2016, Learning Representations for Automatic Colorization, arXiv:1603.06668"
LRAC_PAPER = ModelSpec("lrac", "paper", "hue_chroma", 256, 32, _LRAC, defaults={"temperature": 1.0})
LRAC_COMPACT = ModelSpec(
    "lrac",
    "compact",
    "hue_chroma",
    128,
    32,
    _LRAC,
    weights="lrac.compact.safetensors",
    sha256="f50c5fe4d38f9768ec68a436f2a27f42eb8c476a18040a1971dc1c733dd91c37",
    defaults={"temperature": 1.0, "vibrance": 0.4},
    # More vibrance would tint skin and white cloth pink.
    looks={"accurate": {"vibrance": 0.0, "fuse": "full"}, "vivid": {"vibrance": 0.5, "saturation": 1.4}},
    unsure_above=0.75,  # its bins of hue keep much entropy in gray places
)
LRAC_TEST = ModelSpec("lrac", "test", "hue_chroma", 64, 32, _LRAC, defaults={"temperature": 1.0})
_CAO = "Cao and others 2017, Unsupervised Diverse Colorization via GANs, arXiv:1702.06674"
_NOISE = {"temperature": 1.0}  # the noise as it was trained with
CGAN_PAPER = ModelSpec("cgan", "paper", "yuv", 64, 1, _CAO, unsure_above=inf, draws=True, defaults=_NOISE)
CGAN_COMPACT = ModelSpec(
    "cgan",
    "compact",
    "yuv",
    64,
    16,
    _CAO,
    weights="cgan.compact.safetensors",
    sha256="0d5134862b8e482c05e6189483203c3d36dc90a04c1254e0a3c15961827001dd",
    unsure_above=21.0,
    draws=True,
    defaults={"temperature": 0.6},
    looks={
        "accurate": {"temperature": 0.3, "saturation": 0.6},
        "vivid": {"temperature": 0.8, "saturation": 1.2},
    },
)
CGAN_TEST = ModelSpec("cgan", "test", "yuv", 16, 1, _CAO, unsure_above=inf, draws=True, defaults=_NOISE)
GRAY = ModelSpec("gray", "baseline", "lab", 32, 1, "the baseline of the four papers")

_MODELS: dict[str, tuple[ModelSpec, str]] = {
    "cgan.compact": (CGAN_COMPACT, "autochrome.models.cgan.model:compact"),
    "cgan.paper": (CGAN_PAPER, "autochrome.models.cgan.model:paper"),
    "cgan.test": (CGAN_TEST, "autochrome.models.cgan.model:tiny"),
    "cic.compact": (COMPACT, "autochrome.models.cic.model:compact"),
    "cic.paper": (PAPER, "autochrome.models.cic.model:paper"),
    "cic.test": (TEST, "autochrome.models.cic.model:tiny"),
    "gray.baseline": (GRAY, "autochrome.models.baselines:gray"),
    "lrac.compact": (LRAC_COMPACT, "autochrome.models.lrac.model:compact"),
    "lrac.paper": (LRAC_PAPER, "autochrome.models.lrac.model:paper"),
    "lrac.test": (LRAC_TEST, "autochrome.models.lrac.model:tiny"),
    "pixcolor.compact": (PIXCOLOR_COMPACT, "autochrome.models.pixcolor.model:compact"),
    "pixcolor.paper": (PIXCOLOR_PAPER, "autochrome.models.pixcolor.model:paper"),
    "pixcolor.test": (PIXCOLOR_TEST, "autochrome.models.pixcolor.model:tiny"),
}
_DEFAULT_TAGS = {
    "cgan": "compact",
    "cic": "compact",
    "gray": "baseline",
    "lrac": "compact",
    "pixcolor": "compact",
}
_WITHOUT_WEIGHTS = {
    "cgan.test",
    "cic.test",
    "gray.baseline",
    "lrac.test",
    "pixcolor.test",
}  # nothing to load: random on purpose, or no parameters


def list_models() -> list[str]:
    """Return the names of all models, sorted."""
    return sorted(_MODELS)


def model_spec(name: str) -> ModelSpec:
    """Return what is known of the model of that name, without loading it.

    Args:
        name: ``arch.tag``, or ``arch`` for its default tag (``cic`` is ``cic.compact``).

    Raises:
        UnknownModelError: no model has that name.
    """
    return _find(name)[0]


def default_names() -> dict[str, str]:
    """Return what each short name (``cic``) stands for."""
    return {arch: f"{arch}.{tag}" for arch, tag in _DEFAULT_TAGS.items()}


def needs_weights(name: str) -> bool:
    """Return whether the model is of no use before weights are loaded into it."""
    return _find(name)[0].name not in _WITHOUT_WEIGHTS


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
    except (TypeError, ValueError) as error:
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
    close = get_close_matches(name.lower(), [*_MODELS, *_DEFAULT_TAGS], n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"choose one of: {', '.join(list_models())}"
    raise UnknownModelError(f"no model is called {name!r}; {hint}")
