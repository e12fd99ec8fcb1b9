"""ResNet-101 up to conv4 at stride 8, with the names of torchvision's parameters (He and others 2016)."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

EXPANSION = 4
"""Maps that a bottleneck writes for each of its inner ones."""

LAYERS: tuple[tuple[int, int, int, int], ...] = ((3, 64, 2, 1), (4, 128, 2, 1), (23, 256, 1, 2))
"""Bottlenecks, inner maps, stride of the first bottleneck and dilation of layer1, layer2, layer3."""


class ResNet101Conv4(nn.Module):
    """The first 91 of a ResNet-101's convolutions on its main path, at stride 8.

    There is no max-pool: the first bottleneck has its stride instead. layer3 (conv4) keeps its resolution,
    and all its 3x3 convolutions are dilated by 2, as in Caffe's DeepLab (torchvision's leaves out the first).
    """

    width = EXPANSION * LAYERS[-1][1]
    """Channels of the features."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _layer(64, *LAYERS[0])
        self.layer2 = _layer(EXPANSION * LAYERS[0][1], *LAYERS[1])
        self.layer3 = _layer(EXPANSION * LAYERS[1][1], *LAYERS[2])
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1024 h8 w8"]:
        """Features at an eighth of the resolution, from RGB normalized by ``IMAGENET_MEAN`` and ``_STD``."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return self.layer3(self.layer2(self.layer1(x)))

    def load_torchvision(self, state: Mapping[str, Tensor]) -> None:
        """Take the weights of a ResNet-101 of torchvision or timm, or of a DeepLab that has one inside.

        Names may begin with anything that is common to all of them, such as ``backbone.`` in torchvision's
        ``deeplabv3_resnet101`` or ``module.``. What comes after conv4 (``layer4``, ``fc``, a segmentation
        head) is not read, and old files may lack the norms' ``num_batches_tracked``.

        Raises:
            ValueError: tensors are missing, too many or of other shapes (a ResNet-50 or -152, a ResNet-D), or
                there are several ResNets; nothing is changed then. The message begins with "not ".
        """
        prefix = _prefix(state)
        theirs = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        own = self.state_dict()
        for key, value in own.items():
            if key not in theirs and key.endswith("num_batches_tracked"):
                theirs[key] = value
            found = f"shape {tuple(theirs[key].shape)}" if key in theirs else "nothing"
            if found != f"shape {tuple(value.shape)}":
                raise _other(f"{prefix}{key} should have shape {tuple(value.shape)}, found {found}")
        parts = tuple(f"{name}." for name, _ in self.named_children())
        extra = [key for key in theirs if key.startswith(parts) and key not in own]
        if extra:
            raise _other(f"one has no {prefix}{extra[0]}")
        self.load_state_dict({key: theirs[key] for key in own})


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions with batch normalization, around which the input passes.

    The stride is in the 3x3 convolution, as in torchvision and timm, whose weights are made for that
    ("ResNet v1.5"; He and others, and Caffe's DeepLab after them, have it in the first 1x1). Names and shapes
    of the parameters are the same either way.
    """

    def __init__(self, width_in: int, width: int, *, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        width_out = EXPANSION * width
        self.conv1 = nn.Conv2d(width_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(
            width, width, 3, stride=stride, padding=dilation, dilation=dilation, bias=False
        )
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width_out)
        self.downsample = None
        if stride > 1 or width_in != width_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(width_in, width_out, 1, stride=stride, bias=False), nn.BatchNorm2d(width_out)
            )

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """Four times ``width`` maps at 1/stride of the resolution."""
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)), inplace=True)


def _layer(width_in: int, depth: int, width: int, stride: int, dilation: int) -> nn.Sequential:
    first = Bottleneck(width_in, width, stride=stride, dilation=dilation)
    rest = (Bottleneck(EXPANSION * width, width, dilation=dilation) for _ in range(depth - 1))
    return nn.Sequential(first, *rest)


def _prefix(state: Mapping[str, Tensor]) -> str:
    """What all names of the ResNet in a state dict begin with."""
    probe = "layer1.0.conv1.weight"
    found = [key.removesuffix(probe) for key in state if key == probe or key.endswith(f".{probe}")]
    if not found:
        raise _other(f"no name in it ends with {probe}")
    if len(found) > 1:
        names = ", ".join(f"{prefix}{probe}" for prefix in sorted(found)[:3])
        raise _other(f"it holds {len(found)} networks, see {names}")
    return found[0]


def _other(reason: str) -> ValueError:
    return ValueError(
        f"not a ResNet-101 state dict: {reason}; give torchvision's or timm's resnet101, "
        "or torchvision's deeplabv3_resnet101"
    )


def normalized(picture: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 3 h w"]:
    """Return sRGB in [0, 1] normalized as ImageNet's networks take it; one plane becomes a gray photo's."""
    mean, std = (picture.new_tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (picture - mean) / std
