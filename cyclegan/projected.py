"""Discriminators that judge what a trained network sees in pictures (Sauer et al. 2021, "Projected
GANs Converge Faster").

EfficientNet-Lite0 and two random mixtures of its features, of channels and of scales, stay as they
are; four small networks learn to tell them. They answer to what is in a picture from the first step
on, where a PatchGAN has to learn textures first.
"""

import math
from collections.abc import Iterator
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cyclegan.config import DiscriminatorConfig
from cyclegan.features import find_efficientnet
from cyclegan.features.efficientnet import PYRAMID_CHANNELS, EfficientNet
from cyclegan.features.shared import shared_efficientnet


class ProjectedDiscriminator(nn.Module):
    """Scores of places, of four scales: a quarter to a 32nd of the picture's side, finest first.

    `filters` of its configuration is the width of the heads, and of the mixtures half of that.
    Weights of the mixtures are drawn from `seed` and are no part of its state.

    Raises:
        FeaturesError: EfficientNet-Lite0 is not installed.
    """

    def __init__(self, config: DiscriminatorConfig, *, seed: int) -> None:
        super().__init__()
        find_efficientnet()  # what is not installed is said before the first step
        self._mixture = _Mixture(max(1, config.filters // 2), seed=seed)
        self.heads = nn.ModuleList(
            _head(self._mixture.width, config.filters, layers=layers) for layers in _HEAD_LAYERS
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) in [-1, 1] -> scores (N, 1, h, w) of each scale, the finest first."""
        mixed = self._mixture(self._seen(x))
        return tuple(head(each) for head, each in zip(self.heads, mixed, strict=True))

    def _seen(self, x: Tensor) -> tuple[Tensor, ...]:
        """Not a module, whose weights would be trained, kept and sent to each worker; read on the
        device where it is needed."""
        network: EfficientNet = shared_efficientnet(x.device)
        return network.pyramid(x)


_HEAD_LAYERS = (2, 2, 1, 1)
"""Convolutions before the scores; there is little left to look at on the coarse scales."""


def _head(inputs: int, filters: int, *, layers: int) -> nn.Sequential:
    widths = [inputs, *[filters] * layers]
    made: list[nn.Module] = []
    for before, after in pairwise(widths):
        made += [nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*made, nn.Conv2d(widths[-1], 1, 3, padding=1))


class _Mixture(nn.Module):
    """Random, and never learnt: each scale's channels mixed (§3.2, "CCM"), then each scale with all
    coarser ones ("CSM"), so that no head can do with a few features alone."""

    def __init__(self, width: int, *, seed: int) -> None:
        super().__init__()
        self.width = width
        random = torch.Generator().manual_seed(seed)
        for place, channels in enumerate(PYRAMID_CHANNELS):
            for name, inputs, side in (("channels", channels, 1), ("scales", width, 3)):
                # He et al. 2015: what comes out varies as what goes in.
                spread = math.sqrt(1 / (inputs * side * side))
                kernel = torch.randn(width, inputs, side, side, generator=random) * spread
                self.register_buffer(f"{name}{place}", kernel, persistent=False)

    def forward(self, features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Features from the finest scale to the coarsest; the same, `width` channels each."""
        return tuple(self._downwards(features))[::-1]

    def _downwards(self, features: tuple[Tensor, ...]) -> Iterator[Tensor]:
        coarser: Tensor | None = None
        for place in reversed(range(len(features))):
            mixed = F.conv2d(features[place], self.get_buffer(f"channels{place}"))
            if coarser is not None:
                larger = F.interpolate(coarser, mixed.shape[2:], mode="bilinear")
                mixed = (mixed + larger) / math.sqrt(2)
            coarser = F.conv2d(mixed, self.get_buffer(f"scales{place}"), padding=1)
            yield coarser
