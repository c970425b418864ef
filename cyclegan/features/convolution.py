"""Convolutions of trained networks, ready to run, with the batch norm after them folded in."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """A convolution with a bias: (N, C, H, W) -> (N, D, H', W')."""

    weight: Tensor
    bias: Tensor
    groups: int = 1

    def __call__(self, x: Tensor, *, stride: int = 1, padding: tuple[int, int] = (0, 0)) -> Tensor:
        """`padding` is of rows and columns, on both sides, with zeros."""
        return F.conv2d(x, self.weight, self.bias, stride, padding, groups=self.groups)

    @property
    def same_padding(self) -> tuple[int, int]:
        """Rows and columns that keep a picture's size under an odd kernel."""
        return self.weight.shape[2] // 2, self.weight.shape[3] // 2


def folded(
    weights: Mapping[str, Tensor], convolution: str, norm: str, *, eps: float, device: torch.device
) -> Convolution:
    """A convolution without bias and the batch norm after it, as one.

    Raises:
        KeyError: one of the tensors is missing.
    """
    kernel = weights[f"{convolution}.weight"].double()
    scale = weights[f"{norm}.weight"].double()
    scale = scale / (weights[f"{norm}.running_var"].double() + eps).sqrt()
    bias = weights[f"{norm}.bias"].double() - weights[f"{norm}.running_mean"].double() * scale
    return Convolution(
        (kernel * scale[:, None, None, None]).float().to(device),
        bias.float().to(device),
        groups=kernel.shape[0] if kernel.shape[1] == 1 else 1,
    )
