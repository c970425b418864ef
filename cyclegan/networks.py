"""Generators: float tensors (N, C, H, W) in [-1, 1] in, the same out.

The residual generator and the U-Net have the layer order of the public CycleGAN code, so that
its checkpoints load by name; `FastGenerator` is our own.

Shapes in comments: N batch, C channels, H height, W width, F filters.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cyclegan.config import (
    FastConfig,
    GeneratorConfig,
    IdentityConfig,
    Norm,
    ResnetConfig,
    UnetConfig,
)


class InstanceNorm(nn.Module):
    """Each channel of each picture to mean 0 and variance 1 (Ulyanov et al. 2016), no parameters.

    Group norm with a group for each channel is the same sum; torch's kernel for it keeps
    channels_last tensors as they are and took a quarter of `nn.InstanceNorm2d`'s time on a CPU.
    Its backward pass there took 25 times as long as batch norm's, though (bf16, 64 channels of
    128x128), and two fifths of a training step; so gradients go through batch norm, which for a
    picture by itself is the same sum again.

    `eps` is added to the variance: one that is not small beside it keeps pictures with little
    contrast from being made strong ones.
    """

    def __init__(self, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        has_gradient = x.requires_grad and torch.is_grad_enabled()
        if has_gradient and x.device.type == "cpu" and x.shape[2] * x.shape[3] > 1:
            parts = [
                F.batch_norm(each, None, None, training=True, eps=self.eps)
                for each in torch.split(x, 1)
            ]
            return torch.cat(parts) if len(parts) > 1 else parts[0]
        return F.group_norm(x, x.shape[1], eps=self.eps)


def norm_layer(norm: Norm, channels: int, eps: float = 1e-5) -> nn.Module:
    """Normalisation without parameters (instance) or with them (batch)."""
    return InstanceNorm(eps) if norm == "instance" else nn.BatchNorm2d(channels, eps)


class ResnetBlock(nn.Module):
    """x + conv_block(x), each convolution behind a reflected border."""

    def __init__(
        self,
        channels: int,
        *,
        norm: Norm,
        dropout: bool,
        separable: bool = False,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        bias = norm == "instance"

        def convolution() -> nn.Module:
            if not separable:
                return nn.Conv2d(channels, channels, 3, bias=bias)
            depthwise = nn.Conv2d(channels, channels, 3, groups=channels, bias=False)
            return nn.Sequential(depthwise, nn.Conv2d(channels, channels, 1, bias=bias))

        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            convolution(),
            norm_layer(norm, channels, eps),
            nn.ReLU(),
            *([nn.Dropout(0.5)] if dropout else []),
            nn.ReflectionPad2d(1),
            convolution(),
            norm_layer(norm, channels, eps),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        out: Tensor = x + self.conv_block(x)
        return out


class ResnetGenerator(nn.Module):
    """Two strided convolutions down, residual blocks, two transposed convolutions up."""

    def __init__(self, config: ResnetConfig) -> None:
        super().__init__()
        self.config = config
        f, norm, bias = config.filters, config.norm, config.norm == "instance"
        layers: list[nn.Module] = [
            nn.ReflectionPad2d(3),
            nn.Conv2d(config.channels, f, 7, bias=bias),
            norm_layer(norm, f),
            nn.ReLU(),
        ]
        for width in (f, 2 * f):
            down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=bias)
            layers += [down, norm_layer(norm, 2 * width), nn.ReLU()]
        layers += [
            ResnetBlock(4 * f, norm=norm, dropout=config.dropout) for _ in range(config.blocks)
        ]
        for width in (4 * f, 2 * f):
            up = nn.ConvTranspose2d(
                width, width // 2, 3, stride=2, padding=1, output_padding=1, bias=bias
            )
            layers += [up, norm_layer(norm, width // 2), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(f, config.channels, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) in [-1, 1] -> the same; H and W multiples of 4."""
        out: Tensor = self.model(x)
        return out


class UnetBlock(nn.Module):
    """One level of the U-Net: down, the levels below, up, and the skip around them.

    The skip carries the input *after* its leaky ReLU, as in the public code, which activates in
    place. (The ReLU above makes that equal to carrying the input itself.)
    """

    def __init__(
        self,
        outer: int,
        inner: int,
        below: nn.Module | None,
        *,
        norm: Norm,
        dropout: bool = False,
    ) -> None:
        super().__init__()
        bias = norm == "instance"
        down = nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=bias)
        fan_in = inner if below is None else 2 * inner
        up = nn.ConvTranspose2d(fan_in, outer, 4, stride=2, padding=1, bias=bias)
        middle = [] if below is None else [norm_layer(norm, inner), below]
        self.model = nn.Sequential(
            nn.LeakyReLU(0.2),
            down,
            *middle,
            nn.ReLU(),
            up,
            norm_layer(norm, outer),
            *([nn.Dropout(0.5)] if dropout else []),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 2C, H, W)."""
        x = self.model[0](x)
        y = x
        for layer in self.model[1:]:
            y = layer(y)
        return torch.cat([x, y], dim=1)


class UnetOutermost(nn.Module):
    """The first and last layers of the U-Net."""

    def __init__(self, config: UnetConfig, below: nn.Module) -> None:
        super().__init__()
        f = config.filters
        bias = config.norm == "instance"
        self.model = nn.Sequential(
            nn.Conv2d(config.channels, f, 4, stride=2, padding=1, bias=bias),
            below,
            nn.ReLU(),
            nn.ConvTranspose2d(2 * f, config.channels, 4, stride=2, padding=1),
            nn.Tanh(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) in [-1, 1] -> the same."""
        out: Tensor = self.model(x)
        return out


class UnetGenerator(nn.Module):
    """The encoder and decoder with skips; sides must be multiples of 2**downs."""

    def __init__(self, config: UnetConfig) -> None:
        super().__init__()
        self.config = config
        f, norm = config.filters, config.norm
        block = UnetBlock(8 * f, 8 * f, None, norm=norm)
        for _ in range(config.downs - 5):
            block = UnetBlock(8 * f, 8 * f, block, norm=norm, dropout=config.dropout)
        for outer in (4 * f, 2 * f, f):
            block = UnetBlock(outer, 2 * outer, block, norm=norm)
        self.model = UnetOutermost(config, block)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) in [-1, 1] -> the same; H and W multiples of 2**downs."""
        out: Tensor = self.model(x)
        return out


class FastGenerator(nn.Module):
    """A narrow residual generator that leaves the input's detail to the input.

    tanh(network(x) + input_share * x): the network only has to say what changes, which 16 filters
    can. It upsamples bilinearly before each convolution instead of transposing one, which
    cannot draw a checkerboard (Odena et al. 2016), and normalises nothing after the residual
    blocks: instance norm near the output lets one bright spot carry a picture's statistics, the
    white blobs of Karras et al. 2020, §2.

    A separable one takes two fifths of the time on a CPU without AMX. What narrows before it
    upsamples is the pointwise half: the two commute, and there are four times fewer pixels before.
    """

    def __init__(self, config: FastConfig) -> None:
        super().__init__()
        self.config = config
        f, eps = config.filters, config.norm_eps
        self.input_share = config.input_share
        self.stem = _conv_norm(config.channels, f, 7, eps=eps)
        self.down = nn.Sequential(
            _conv_norm(f, 2 * f, 3, stride=2, eps=eps),
            _conv_norm(2 * f, 4 * f, 3, stride=2, eps=eps),
        )
        self.blocks = nn.Sequential(
            *(
                ResnetBlock(
                    4 * f,
                    norm="instance",
                    dropout=False,
                    separable=config.separable,
                    eps=eps,
                )
                for _ in range(config.blocks)
            )
        )
        doubling = SeparableDoubling if config.separable else Doubling
        self.up = nn.Sequential(*(doubling(width, width // 2) for width in (4 * f, 2 * f)))
        self.head = nn.Conv2d(f, config.channels, 5, padding=2, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) in [-1, 1] -> the same; H and W multiples of 4."""
        y = self.up(self.blocks(self.down(self.stem(x))))
        return torch.tanh(self.head(y) + self.input_share * x)


class Doubling(nn.Conv2d):
    """Pictures scaled up, then a convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, outputs, 2H, 2W)."""
        return F.relu(super().forward(_doubled(x)))


class SeparableDoubling(nn.Module):
    """The same by two convolutions, the pointwise one first."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.depthwise = nn.Conv2d(
            outputs, outputs, 3, padding=1, padding_mode="reflect", groups=outputs
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, outputs, 2H, 2W)."""
        return F.relu(self.depthwise(_doubled(self.pointwise(x))))


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear")


class IdentityGenerator(nn.Module):
    """Gives back what it gets; exact to the level in fp32."""

    def __init__(self, config: IdentityConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) in [-1, 1] -> the same."""
        return x.clone()


def _conv_norm(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, eps: float
) -> nn.Sequential:
    conv = nn.Conv2d(
        inputs, outputs, kernel, stride=stride, padding=kernel // 2, padding_mode="reflect"
    )
    return nn.Sequential(conv, InstanceNorm(eps), nn.ReLU())


Generator = ResnetGenerator | UnetGenerator | FastGenerator | IdentityGenerator


def build_generator(config: GeneratorConfig) -> Generator:
    """A generator with torch's default weights; `init_weights` gives it CycleGAN's."""
    match config:
        case ResnetConfig():
            return ResnetGenerator(config)
        case UnetConfig():
            return UnetGenerator(config)
        case FastConfig():
            return FastGenerator(config)
        case IdentityConfig():
            return IdentityGenerator(config)


def init_weights(network: nn.Module, *, std: float = 0.02, seed: int) -> None:
    """Draw weights from N(0, std) and zero the biases, as CycleGAN does (Zhu et al. 2017, §7.2).

    Two halves of a convolution that nothing normalises are drawn so that their product's deviation
    is `std`.
    """
    random = torch.Generator().manual_seed(seed)
    halves = {
        half
        for module in network.modules()
        if isinstance(module, SeparableDoubling)
        for half in (module.pointwise, module.depthwise)
    }
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            spread = math.sqrt(std) if module in halves else std
            nn.init.normal_(module.weight, 0.0, spread, generator=random)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, std, generator=random)
            nn.init.zeros_(module.bias)
