"""The network of Zhang 2016, section 3.4 and figure 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jaxtyping import Float
from torch import Tensor, nn

from autochrome.color.bins import AB_BINS
from autochrome.models.cic.readout import LIGHTNESS_CENTER, Readout
from autochrome.nn.vgg import vgg16_convolutions

PAPER_BLOCKS: tuple[tuple[str, int, tuple[int, ...], int], ...] = (
    # name, width, strides of its convolutions, dilation
    ("conv1", 64, (1, 2), 1),
    ("conv2", 128, (1, 2), 1),
    ("conv3", 256, (1, 1, 2), 1),
    ("conv4", 512, (1, 1, 1), 1),
    ("conv5", 512, (1, 1, 1), 2),
    ("conv6", 512, (1, 1, 1), 2),
    ("conv7", 512, (1, 1, 1), 1),
)

VGG16_BLOCKS = ("conv1", "conv2", "conv3", "conv4", "conv5")


class PaperNet(nn.Module):
    """Figure 3: eight blocks of convolutions, no pooling, dilation in conv5 and conv6, output stride 4.

    Every block ends in a BatchNorm without gain and bias (a Caffe BatchNorm without Scale), after its last
    ReLU; conv8 has none. The readouts of conv6 and conv7 (deep supervision) read the features before it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleDict()
        self.norms = nn.ModuleDict()
        width_in = 1
        for name, width, strides, dilation in PAPER_BLOCKS:
            self.blocks[name] = _conv_relu_chain(width_in, width, strides, dilation)
            # Momentum 1e-3 is Caffe's running factor of .999.
            self.norms[name] = nn.BatchNorm2d(width, eps=1e-5, momentum=1e-3, affine=False)
            width_in = width
        self.blocks["conv8"] = nn.Sequential(
            nn.ConvTranspose2d(512, 256, 4, stride=2, padding=1),
            nn.ReLU(inplace=True),
            *_conv_relu_chain(256, 256, (1, 1), 1),
        )
        self.readouts = nn.ModuleDict(
            {
                "conv6": nn.Conv2d(512, AB_BINS, 1),
                "conv7": nn.Conv2d(512, AB_BINS, 1),
                "conv8": nn.Conv2d(256, AB_BINS, 1),
            }
        )
        for layer in self.blocks.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, centered: Float[Tensor, "b 1 h w"]) -> list[Readout]:
        """Readouts of conv6, conv7 (stride 8; in training alone) and conv8 (stride 4), from L - 50."""
        found = []
        x = centered
        for name, _, _, _ in PAPER_BLOCKS:
            x = self.blocks[name](x)
            if self.training and name in self.readouts:
                found.append(Readout(self.readouts[name](x), stride=8))
            x = self.norms[name](x)
        return [*found, Readout(self.readouts["conv8"](self.blocks["conv8"](x)), stride=4)]

    def layers(self, centered: Float[Tensor, "b 1 h w"]) -> list[Float[Tensor, "b c hi wi"]]:
        """The outputs of conv1 to conv7, normalized, from L - 50."""
        found = []
        x = centered
        for name, _, _, _ in PAPER_BLOCKS:
            x = self.norms[name](self.blocks[name](x))
            found.append(x)
        return found

    def load_vgg16(self, state: Mapping[str, Tensor]) -> None:
        """Initialize conv1 to conv5 from a VGG-16 (section 3.4).

        The three filters over RGB are summed into one over lightness, rescaled so that the first layer
        answers to a gray photo as VGG's does (gray value taken as L/100; VGG saw ``(rgb - mean) / std``).

        Args:
            state: a torchvision or timm ``vgg16`` state dict: keys ``features.<n>.weight`` and ``.bias``.

        Raises:
            ValueError: tensors are missing or have other shapes (a ``vgg16_bn``, another network); nothing
                is changed then.
        """
        ours = [m for name in VGG16_BLOCKS for m in self.blocks[name].children() if isinstance(m, nn.Conv2d)]
        theirs = vgg16_convolutions(state, gain=1 / 100, offset=LIGHTNESS_CENTER / 100)
        for conv, (weight, bias) in zip(ours, theirs, strict=True):
            conv.load_state_dict({"weight": weight, "bias": bias})


def _conv_relu_chain(width_in: int, width: int, strides: Sequence[int], dilation: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for stride in strides:
        layers += [
            nn.Conv2d(width_in, width, 3, stride=stride, padding=dilation, dilation=dilation),
            nn.ReLU(inplace=True),
        ]
        width_in = width
    return nn.Sequential(*layers)
