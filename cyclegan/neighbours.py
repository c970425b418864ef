"""What a generator owes a film: a camera that moves a little, and noise, change no more than that.

Neighbouring frames of a film differ by a small movement of the camera and by the noise of sensor
and codec. A photograph moved by a known affine map (shift, zoom, turn) makes two such frames whose
flow is known exactly, without a film.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from cyclegan import losses

MOST_SHIFT = 1 / 32
"""Of a picture's side, each way."""
MOST_ZOOM = 0.02
MOST_TURN = 0.02
"""Radians, about one degree."""
MARGIN = 1 / 16
"""Of a picture's side: all that these movements can bring in from outside, 0.031 + 0.02 / 2 +
0.02 / 2, and a little for the kernel.
"""
LEVEL = 2 / 255
"""One level of 8 bits, where black is -1 and white is 1."""


def random_movements(images: Tensor) -> Tensor:
    """Of each picture of (N, C, H, W) one movement, (N, 2, 3) as `affine_grid` takes them.

    Shift, zoom and turn are uniform and independent. The numbers are torch's own random ones, as
    those of all that a step draws.
    """
    count, device = len(images), images.device
    drawn = 2 * torch.rand(4, count, device=device) - 1
    angle, zoom = MOST_TURN * drawn[2], 1 + MOST_ZOOM * drawn[3]
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    across, down = 2 * MOST_SHIFT * drawn[0], 2 * MOST_SHIFT * drawn[1]  # sides go from -1 to 1
    rows = torch.stack([cos, -sin, across]), torch.stack([sin, cos, down])
    return torch.stack(rows).permute(2, 0, 1)


def moved(images: Tensor, movements: Tensor) -> Tensor:
    """Pictures (N, C, H, W) as a camera sees them that has moved: (N, C, H, W), float32.

    Bicubic, so that a shift by a share of a pixel softens as little as can be; what comes in from
    outside is reflected.
    """
    grid = F.affine_grid(movements, list(images.shape), align_corners=False)
    return F.grid_sample(
        images.float(), grid, mode="bicubic", padding_mode="reflection", align_corners=False
    )


def noisy(images: Tensor, *, levels: float) -> Tensor:
    """With Gaussian noise of that standard deviation, in levels of 8 bits."""
    return images + levels * LEVEL * torch.randn_like(images)


def inner(images: Tensor) -> Tensor:
    """(N, C, H, W) without the margin into which a movement brings what was not there."""
    down, across = (math.ceil(MARGIN * side) for side in images.shape[2:])
    return images[:, :, down:-down, across:-across]


def unsteadiness(
    generator: Callable[[Tensor], Tensor], images: Tensor, translated: Tensor, *, levels: float
) -> Tensor:
    """How far a generator is from doing to a neighbouring frame what it did to this one, a scalar.

    `translated` is what it made of `images`, both (N, C, H, W); `levels` is of the noise.
    """
    movements = random_movements(images)
    neighbour = noisy(moved(images, movements), levels=levels)
    expected = moved(translated.detach(), movements)
    return losses.stability_loss(inner(expected), inner(generator(neighbour)))
