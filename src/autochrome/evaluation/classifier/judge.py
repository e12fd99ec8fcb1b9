"""A classifier that judges pictures: how a picture is brought before it, and what its answers stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.errors import WeightsError
from autochrome.evaluation.classifier.classes import CLASS_NAMES
from autochrome.models.weights import WeightsFile, mismatches
from autochrome.types import RGB

ANSWERS = 5
"""How many answers are asked for: CIC's test counts a picture as understood if its class is among five."""


@dataclass(frozen=True)
class Judge:
    """A trained classifier of sRGB pictures."""

    name: str
    """What a report calls it."""
    weights: str
    """Where its weights came from."""
    sha256: str
    """Of the weights' file."""
    classes: tuple[str, ...]
    """WordNet id of each of the network's outputs; empty where these are not known."""
    network: nn.Module = field(repr=False)
    """Logits "b classes" of pictures that ``view`` made."""
    view: Callable[[RGB], RGB] = field(repr=False)
    """From sRGB pictures in [0, 1] of any size to what the network takes, all of one size."""

    @torch.inference_mode()
    def answers(self, views: RGB, count: int = ANSWERS) -> Int[Tensor, "b count"]:
        """The most probable outputs of pictures that ``view`` made, best first.

        Args:
            views: what ``view`` gave, of one or several pictures.
            count: how many answers.
        """
        device = next(self.network.parameters()).device
        return self.network(views.to(device)).float().topk(count).indices.cpu()

    def output_of(self, wordnet_id: str | None) -> int | None:
        """Number of the output that stands for a class; None where the classifier does not know the class."""
        if wordnet_id is None or wordnet_id not in self.classes:
            return None
        return self.classes.index(wordnet_id)

    def class_name(self, output: int) -> str:
        """What an output stands for: a name in plain words, else its WordNet id, else its number."""
        if not self.classes:
            return f"class {output}"
        return CLASS_NAMES.get(self.classes[output], self.classes[output])


def read_tensors(file: WeightsFile) -> dict[str, Tensor]:
    """Tensors of a safetensors file by name.

    Raises:
        WeightsError: it is damaged.
    """
    try:
        return load_file(file.path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{file.source} is damaged or cut short ({error}); fetch it again") from error


def load_strictly(
    network: nn.Module,
    state: Mapping[str, Tensor],
    *,
    source: str,
    kind: str,
    device: str | torch.device = "cpu",
) -> None:
    """Make tensors the parameters of a network for inference, every one or none, widened to single precision.

    Args:
        network: of which the parameters may still be on the meta device.
        state: a tensor for each of its names.
        source: named by the error.
        kind: of network, named by the error.
        device: where it is to work.

    Raises:
        WeightsError: tensors are missing, unexpected or of another shape; the message lists them.
    """
    problems = mismatches(network.state_dict(), state)
    if problems:
        raise WeightsError("\n  ".join([f"{source} does not fit {kind}:", *problems]))
    network.load_state_dict(state, strict=True, assign=True)
    network.float().to(device).eval().requires_grad_(False)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def resized(rgb: RGB, height: int, width: int) -> Float[Tensor, "b 3 height width"]:
    """Pictures at another size, antialiased."""
    if rgb.shape[2:] == (height, width):
        return rgb
    return F.interpolate(rgb, (height, width), mode="bilinear", antialias=True).clamp(0, 1)
