"""Fine detail and checkerboards, as a picture's power spectrum shows them.

A transposed convolution of stride 2 that covers its outputs unevenly draws a pattern of period 2
(Odena et al. 2016); two of them, as in CycleGAN's generators, one of period 4. Its power lies at
multiples of a quarter of the sampling rate, where photographs have no more than around it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from cyclegan.guard.values import LEVEL, Spectrum

_EMPTY = 1e-10
"""Power of a pattern of a thousandth of a level: as good as none."""


def spectrum(images: Tensor) -> Spectrum:
    """Of (N, C, H, W) in [-1, 1], all pictures and channels together; sides multiples of 4."""
    power = _power(images)
    peaks, around = _lattice(power)
    standing_out = (peaks - around).clamp_min(0).sum().sqrt() / LEVEL
    ratio = (peaks.sum() + _EMPTY) / (around.sum() + _EMPTY)
    return Spectrum(
        fine=float(_fine(power)),
        pattern=float(standing_out),
        peak=float(10 * torch.log10(ratio)),
    )


def _power(images: Tensor) -> Tensor:
    """(H, W) that sums to the mean square of a picture about its mean, under a Hann window."""
    height, width = images.shape[-2:]
    window = torch.outer(
        torch.hann_window(height, device=images.device),
        torch.hann_window(width, device=images.device),
    )
    centred = images - images.mean(dim=(2, 3), keepdim=True)
    power = torch.fft.fft2(centred * window).abs().square().mean(dim=(0, 1))
    scaled: Tensor = power / (height * width * window.square().sum())
    return scaled


def _lattice(power: Tensor) -> tuple[Tensor, Tensor]:
    """Power at the 15 points of period 4, and what it would be there if it were as around them.

    The window spreads a point over 3x3 frequencies; around it lies a ring of 24 others.
    """
    rows, columns = (torch.arange(4, device=power.device) * size // 4 for size in power.shape)

    def boxes(side: int) -> Tensor:
        padded = F.pad(power[None, None], (side // 2,) * 4, mode="circular")
        sums = F.avg_pool2d(padded, side, stride=1)[0, 0] * side**2
        return sums[rows][:, columns].flatten()[1:]  # the first is no pattern but the mean

    return boxes(3), (boxes(7) - boxes(5)) * 9 / 24


def _fine(power: Tensor) -> Tensor:
    """Power of detail of less than 4 pixels."""
    vertical, horizontal = (torch.fft.fftfreq(n, device=power.device).abs() for n in power.shape)
    return power[torch.maximum(vertical[:, None], horizontal[None]) > 0.25].sum()
