"""The same answers of a fast generator, in less time on a CPU: its end computed at half the size.

The last doubling and the head of a `FastGenerator` work on the most pixels, with so few channels
that a processor's matrix units have little to do and memory much. A pixel of twice the size is one
of four phases (left or right, upper or lower) of a pixel of the size itself, and all of this is
linear but for a ReLU, which knows no place: so scaling up and the convolution after it are one
convolution that makes four phases as channels, and the head is one from phases to phases (as in
Shi et al. 2016, "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
Convolutional Neural Network"). Only the picture itself is put together at full size.

Shapes: N pictures, h x w pixels before the doubling, f channels after it; phases come as channels
(4 * f), the upper left ones first, then the upper right ones.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cyclegan.networks import Doubling, FastGenerator, Generator, SeparableDoubling

# [phase, pixel, tap]: what of each of three pixels of a row a tap of three meets, at a pixel of
# either phase in the row scaled up.
_SPREAD = torch.tensor(
    [
        [[0.75, 0.25, 0.0], [0.25, 0.75, 0.75], [0.0, 0.0, 0.25]],
        [[0.25, 0.0, 0.0], [0.75, 0.75, 0.25], [0.0, 0.25, 0.75]],
    ]
)
_HEAD_TAPS = 5
_LANES = 16
"""Outputs of a convolution that oneDNN computes at once; 12 of them take it longer."""


def phased(network: Generator) -> nn.Module:
    """The network in a form that is fast on a CPU; itself where there is none.

    What comes out differs by rounding alone. It shares layers with the network, and is for
    inference alone: its convolutions are made of the network's weights, float32 on the CPU, as
    they are now.
    """
    # A class derived from it may answer otherwise.
    return _Phased(network) if type(network) is FastGenerator else network


class _Phased(nn.Module):
    """A `FastGenerator` of these weights."""

    def __init__(self, network: FastGenerator) -> None:
        super().__init__()
        self.input_share = network.input_share
        self.begin = nn.Sequential(network.stem, network.down, network.blocks)
        self.up = nn.ModuleList(_phased_doubling(doubling) for doubling in network.up)
        self.head = _phased_head(network.head)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) in [-1, 1] -> the same in float32; H and W multiples of 4."""
        y = self.begin(x)
        for number, doubling in enumerate(self.up):
            y = doubling(_interleaved(y) if number else y)
        picture = _picture(self.head(_mirrored(y)), x)
        return picture.add_(x, alpha=self.input_share).tanh_()


class _PhasedDoubling(nn.Module):
    """(N, C, h, w) -> the phases (N, 4 * f, h, w) of what a doubling makes of it."""

    def __init__(self, doubling: Doubling | SeparableDoubling) -> None:
        super().__init__()
        self.narrow: nn.Module
        after: nn.Conv2d
        if isinstance(doubling, SeparableDoubling):
            self.narrow, after = _repeated(doubling.pointwise), doubling.depthwise
        else:
            self.narrow, after = nn.Identity(), doubling
        kernels, bias = after.weight.detach(), after.bias
        assert bias is not None
        by_itself = after.groups > 1
        phases = torch.einsum("ysv,xtu,oivu->yxoist", _SPREAD, _SPREAD, kernels).flatten(0, 2)
        self.spread = _convolution(phases, bias.detach().repeat(4), depthwise=by_itself, padding=1)
        self.after = _convolution(kernels, bias.detach(), depthwise=by_itself)

    def forward(self, x: Tensor) -> Tensor:
        low = self.narrow(x)
        made = F.relu(self.spread(low))
        # That has met zeros at the border, and scaling up goes on there as an edge, and the
        # convolution after it as in a mirror: so the border is made as the doubling makes it.
        low = low[:, : self.after.in_channels]
        upper, lower = self._exact(torch.cat([low[:, :, :2], low[:, :, -2:]])).chunk(2)
        left, right = self._exact(torch.cat([low[..., :2], low[..., -2:]])).chunk(2)
        made[:, :, :1] = _split(upper)[:, :, :1]
        made[:, :, -1:] = _split(lower)[:, :, -1:]
        made[..., :1] = _split(left)[..., :1]
        made[..., -1:] = _split(right)[..., -1:]
        return made

    def _exact(self, strip: Tensor) -> Tensor:
        large = F.interpolate(strip, scale_factor=2.0, mode="bilinear")
        return F.relu(self.after(F.pad(large, (1, 1, 1, 1), mode="reflect")))


def _phased_doubling(doubling: nn.Module) -> _PhasedDoubling:
    assert isinstance(doubling, Doubling | SeparableDoubling)
    return _PhasedDoubling(doubling)


def _split(pixels: Tensor) -> Tensor:
    """(N, f, 2 * h, 2 * w) in phases, (N, 4 * f, h, w)."""
    count, channels, height, width = pixels.shape
    apart = pixels.view(count, channels, height // 2, 2, width // 2, 2)
    return apart.permute(0, 3, 5, 1, 2, 4).flatten(1, 3)


def _by_phase(phases: Tensor) -> Tensor:
    """(N, 4 * f, h, w) -> the same memory as (N, 2, 2, f, h, w): lower or upper, left or right."""
    count, _, height, width = phases.shape
    return phases.view(count, 2, 2, -1, height, width)


def _interleaved(phases: Tensor) -> Tensor:
    """What is in phases put together, (N, f, 2 * h, 2 * w); channels stay last."""
    apart = _by_phase(phases).permute(0, 4, 1, 5, 2, 3)
    return apart.flatten(1, 2).flatten(2, 3).permute(0, 3, 1, 2)


def _mirrored(phases: Tensor) -> Tensor:
    """With two pixels more on each side of what is in phases: (N, 4 * f, h + 2, w + 2)."""
    count, channels, height, width = phases.shape
    wide = phases.new_empty((count, height + 2, width + 2, channels)).permute(0, 3, 1, 2)
    wide[:, :, 1:-1, 1:-1] = phases
    inner, outer = _by_phase(phases), _by_phase(wide)
    outer[:, 0, :, :, 0, 1:-1] = inner[:, 0, :, :, 1]
    outer[:, 1, :, :, 0, 1:-1] = inner[:, 1, :, :, 0]
    outer[:, 0, :, :, -1, 1:-1] = inner[:, 0, :, :, -1]
    outer[:, 1, :, :, -1, 1:-1] = inner[:, 1, :, :, -2]
    outer[:, :, 0, :, :, 0] = outer[:, :, 0, :, :, 2]
    outer[:, :, 1, :, :, 0] = outer[:, :, 1, :, :, 1]
    outer[:, :, 0, :, :, -1] = outer[:, :, 0, :, :, -2]
    outer[:, :, 1, :, :, -1] = outer[:, :, 1, :, :, -3]
    return wide


def _phased_head(head: nn.Conv2d) -> nn.Conv2d:
    """From phases of its input, with a border of one pixel, to phases of its output."""
    places = torch.zeros(2, 3, 2, _HEAD_TAPS)
    for phase in range(2):
        for tap in range(_HEAD_TAPS):
            pixel, of = divmod(phase + tap - _HEAD_TAPS // 2, 2)
            places[phase, pixel + 1, of, tap] = 1
    weight = head.weight.detach()
    kernels = torch.einsum("ysqv,xtpu,oivu->yxoqpist", places, places, weight)
    kernels = kernels.flatten(3, 5).flatten(0, 2)
    assert head.bias is not None
    bias = head.bias.detach().repeat(4)
    missing = -len(kernels) % _LANES
    kernels = F.pad(kernels, (0, 0, 0, 0, 0, 0, 0, missing))
    return _convolution(kernels, F.pad(bias, (0, missing)))


def _picture(phases: Tensor, like: Tensor) -> Tensor:
    """Phases (N, 4 * C or more, h, w) as the picture they make, float32, of the shape of another.

    Planes, as what follows takes them.
    """
    picture = torch.empty_like(like, dtype=torch.float32, memory_format=torch.contiguous_format)
    channels = like.shape[1]
    for number in range(4):
        y, x = divmod(number, 2)
        picture[:, :, y::2, x::2] = phases[:, number * channels : (number + 1) * channels]
    return picture


def _repeated(pointwise: nn.Conv2d) -> nn.Conv2d:
    """The same outputs four times, one for each phase."""
    return _convolution(pointwise.weight.detach().repeat(4, 1, 1, 1), None)


def _convolution(
    kernels: Tensor, bias: Tensor | None, *, depthwise: bool = False, padding: int = 0
) -> nn.Conv2d:
    outputs, inputs, side = kernels.shape[:3]
    groups = outputs if depthwise else 1
    # On "meta": to draw weights, only to replace them, would change what a training draws next.
    made = nn.Conv2d(
        inputs * groups,
        outputs,
        side,
        padding=padding,
        groups=groups,
        bias=bias is not None,
        device="meta",
    )
    state = {"weight": kernels} | ({} if bias is None else {"bias": bias})
    made.load_state_dict(state, assign=True)
    return made
