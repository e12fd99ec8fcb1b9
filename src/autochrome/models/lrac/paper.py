"""The network of Larsson 2016, section 3.5 and figure 2: VGG-16 over gray photos, read at all its layers.

Section or equation -> name here
    3.5, "a fully convolutional version of VGG-16"        ``PaperNetwork``
    3.5, the layers of the hypercolumn, 12,417 channels   ``PaperNetwork.maps``, ``WIDTHS``, ``STRIDES``
    3.5, initialization from VGG-16                       ``PaperNetwork.load_backbone``
    3.5, balanced hypercolumns (E[X^2] = 1)               ``PaperNetwork.balance``
    3.5, h_fc1 and the output layers, sparse hypercolumns ``autochrome.nn.hypercolumns.HypercolumnHead``
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from autochrome.nn.hypercolumns import HypercolumnHead
from autochrome.nn.vgg import VGG16_WIDTHS, vgg16_convolutions, vgg16_fully_connected

HIDDEN = 1024
"""Channels of h_fc1."""

CONVOLUTIONS = tuple(
    f"conv{block}_{number}"
    for block, depth in enumerate((2, 2, 3, 3, 3), 1)
    for number in range(1, depth + 1)
)

POOLED = ("conv2_1", "conv3_1", "conv4_1", "conv5_1", "fc6")
"""What reads a max pool of what comes before it."""

LAYERS = ("data", *CONVOLUTIONS, "fc6", "fc7")
"""The 16 layers of the hypercolumn."""

WIDTHS = (1, *VGG16_WIDTHS, 4096, 4096)
"""Their channels, 12,417 together."""

STRIDES = (1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32)


class PaperNetwork(nn.Module):
    """VGG-16 over one channel, fc6 and fc7 as convolutions, without fc8 and batch normalization; and a head.

    3x3 convolutions with ReLU; a 2x2 max pool after each of the five blocks; fc6 is 7x7 with padding 3, so
    that it has the resolution of pool5. Dropout of one half follows fc6 and fc7 in training, and the
    hypercolumn reads what it leaves, as in the released network. 134,259,392 parameters without the head,
    147,041,024 with that of hue and chroma.

    Args:
        outputs: channels of each output by its name.
        widths: channels of each layer.
        hidden: channels of h_fc1.
    """

    def __init__(
        self, outputs: Mapping[str, int], *, widths: Sequence[int] = WIDTHS, hidden: int = HIDDEN
    ) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.strides = STRIDES
        self.layers = nn.ModuleDict()
        for name, width_in, width in zip(LAYERS[1:], self.widths[:-1], self.widths[1:], strict=True):
            kernel = {"fc6": 7, "fc7": 1}.get(name, 3)
            self.layers[name] = nn.Conv2d(width_in, width, kernel, padding=kernel // 2)
        for layer in self.layers.values():
            nn.init.kaiming_normal_(layer.get_parameter("weight"), nonlinearity="relu")
            nn.init.zeros_(layer.get_parameter("bias"))
        self.head = HypercolumnHead(self.widths, self.strides, hidden, outputs)

    def maps(self, gray: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b _c _hi _wi"]]:
        """The 16 layers of the hypercolumn, after their ReLU.

        Args:
            gray: (R + G + B) / 3 in [0, 1], sides multiples of 32.
        """
        x = gray
        maps = [x]
        for name, layer in self.layers.items():
            if name in POOLED:
                x = F.max_pool2d(x, 2)
            x = F.relu(layer(x), inplace=True)
            if name.startswith("fc"):
                x = F.dropout(x, 0.5, self.training)
            maps.append(x)
        return maps

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Initialize the trunk from a VGG-16; ``balance`` should follow.

        Filters over RGB become one over gray levels which answers to a gray photo as VGG's do, except where
        they reach beyond its edge: VGG saw the mean color there.

        Args:
            state: a torchvision or timm ``vgg16`` state dict; fc8 is not read.

        Raises:
            ValueError: tensors are missing or have other shapes (a ``vgg16_bn``, another network); the
                message begins with "not ", and nothing is changed then.
        """
        theirs = vgg16_convolutions(state, gain=1.0, offset=0.0) + vgg16_fully_connected(state)
        for layer, (weight, bias) in zip(self.layers.values(), theirs, strict=True):
            layer.load_state_dict({"weight": weight, "bias": bias})

    @torch.no_grad()
    def balance(self, images: Iterable[Float[Tensor, "_b 1 _h _w"]]) -> Float[Tensor, "15"]:
        """Scale every layer to unit second moment over gray photos: E[x^2] = 1 (section 3.5).

        A layer's filters and bias are multiplied by m = 1 / sqrt(E[x^2]), and the next one's filters divided
        by it. ReLU and max pooling let a positive factor through, so that each layer says the same in another
        unit. The data layer has no parameters and stays as it is. Do it before training a head, which reads
        the new units. The paper's appendix A.1 is not in the text that we follow.

        Args:
            images: batches of gray photos as ``maps`` takes them; they need not be of one size.

        Returns:
            The factor m of each layer from conv1_1 to fc7: what they give now is m times what they gave.

        Raises:
            ValueError: there are no images, or a layer is zero (or not finite) on all of them; nothing is
                changed then.
        """
        factors = 1 / self._second_moments(images).sqrt()
        for name, factor in zip(LAYERS[1:], factors.tolist(), strict=True):
            if not 0 < factor < float("inf"):
                raise ValueError(
                    f"{name} cannot be balanced: it is zero or not finite on all of these images"
                )
        before = 1.0
        for layer, factor in zip(self.layers.values(), factors.tolist(), strict=True):
            layer.get_parameter("weight").mul_(factor / before)
            layer.get_parameter("bias").mul_(factor)
            before = factor
        return factors

    def _second_moments(self, images: Iterable[Float[Tensor, "_b 1 _h _w"]]) -> Float[Tensor, "15"]:
        """Return the mean square of each layer over all images, channels and places, without dropout."""
        training = self.training
        self.eval()
        total, count = torch.zeros(len(LAYERS) - 1, dtype=torch.float64), 0
        for gray in images:
            squares = [layer.square().mean(dtype=torch.float64).cpu() for layer in self.maps(gray)[1:]]
            total += torch.stack(squares) * gray.numel()
            count += gray.numel()
        self.train(training)
        if not count:
            raise ValueError("there are no images to balance the layers on")
        return total / count
