"""Discriminators: float tensors (N, C, H, W) in [-1, 1] in, scores of overlapping patches out."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from cyclegan.config import DiscriminatorConfig, DiscriminatorNorm
from cyclegan.networks import init_weights, norm_layer
from cyclegan.projected import ProjectedDiscriminator


class PatchDiscriminator(nn.Module):
    """One unbounded score (a logit) for each patch; of one scale.

    It has the layer order of the public CycleGAN code, so that its checkpoints load by name.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        f, bias = config.filters, config.norm != "batch"
        layers: list[nn.Module] = [
            nn.Conv2d(config.channels, f, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
        ]
        widths = [f * min(2**layer, 8) for layer in range(config.layers + 1)]
        strides = [2] * (config.layers - 1) + [1]
        for inputs, outputs, stride in zip(widths, widths[1:], strides, strict=False):
            conv = nn.Conv2d(inputs, outputs, 4, stride=stride, padding=1, bias=bias)
            layers += [conv, _norm_layer(config.norm, outputs), nn.LeakyReLU(0.2)]
        layers += [nn.Conv2d(widths[-1], 1, 4, padding=1)]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) in [-1, 1] -> scores (N, 1, h, w); of 3 layers H/8 - 2, W/8 - 2."""
        out: Tensor = self.model(x)
        return out


def _norm_layer(norm: DiscriminatorNorm, channels: int) -> nn.Module:
    """Spectral norm is the convolutions' own: nothing stands in its place."""
    return nn.Identity() if norm == "spectral" else norm_layer(norm, channels)


class MultiScaleDiscriminator(nn.Module):
    """Several of them, each on a picture of half the side (Wang et al. 2018, §3.2)."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.scales = nn.ModuleList(PatchDiscriminator(config) for _ in range(config.scales))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, C, H, W) in [-1, 1] -> scores (N, 1, h, w) of each scale, the finest first."""
        scores = []
        for place, scale in enumerate(self.scales):
            if place > 0:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            scores.append(scale(x))
        return tuple(scores)


class CombinedDiscriminator(nn.Module):
    """Pixels and features, judged side by side; all scores have the same weight."""

    def __init__(self, pixels: nn.Module, features: ProjectedDiscriminator) -> None:
        super().__init__()
        self.pixels, self.features = pixels, features

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) in [-1, 1] -> scores (N, 1, h, w): of pixels, then of features."""
        of_pixels = self.pixels(x)
        scores = of_pixels if isinstance(of_pixels, tuple) else (of_pixels,)
        return (*scores, *self.features(x))


Discriminator = (
    PatchDiscriminator | MultiScaleDiscriminator | ProjectedDiscriminator | CombinedDiscriminator
)


def new_discriminator(config: DiscriminatorConfig, *, seed: int) -> Discriminator:
    """A discriminator with CycleGAN's initial weights, drawn from `seed` alone.

    Raises:
        FeaturesError: it judges features, and their network is not installed.
    """
    match config.kind:
        case "patch":
            return _of_pixels(config, seed=seed)
        case "projected":
            return _of_features(config, seed=seed)
        case "both":
            return CombinedDiscriminator(
                _of_pixels(config, seed=seed), _of_features(config, seed=seed)
            )


def _of_pixels(
    config: DiscriminatorConfig, *, seed: int
) -> PatchDiscriminator | MultiScaleDiscriminator:
    network = PatchDiscriminator(config) if config.scales == 1 else MultiScaleDiscriminator(config)
    init_weights(network, seed=seed)
    if config.norm == "spectral":
        _bound(network, seed=seed)
    return network


def _of_features(config: DiscriminatorConfig, *, seed: int) -> ProjectedDiscriminator:
    network = ProjectedDiscriminator(config, seed=seed)
    init_weights(network.heads, seed=seed)
    _bound(network.heads, seed=seed)
    return network


def _bound(network: nn.Module, *, seed: int) -> None:
    """Spectral norm (Miyato et al. 2018) on all convolutions of a network, as they now are.

    It estimates the norms of the weights that it finds, from vectors that it draws of torch's own
    random numbers; those are left as they were.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in list(network.modules()):
            if isinstance(module, nn.Conv2d):
                spectral_norm(module)
