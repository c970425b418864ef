"""The Inception network of published FIDs: the one of 2015-12-05, in its public PyTorch conversion.

The file, `pt_inception-2015-12-05-6726825d.pth`, is the user's to bring. The network differs from
torchvision's Inception v3 in its weights, in average pools that leave the border's zeros out, and
in a max pool where the last block should have an average one.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from cyclegan.checkpoint import WeightsError
from cyclegan.features.convolution import Convolution, folded
from cyclegan.features.files import read_state_dict

SIDE = 299
_EPS = 1e-3  # of its batch norms


class Inception:
    """The 2048 features of its last pool ("pool3").

    Raises:
        WeightsError: the file is damaged, or of another network.
    """

    name = "Inception (2015-12-05)"

    def __init__(self, path: Path, *, device: torch.device) -> None:
        weights = read_state_dict(path)
        names = [key.removesuffix(".conv.weight") for key in weights if ".conv.weight" in key]
        try:
            self._layers = {name: _layer(weights, name, device) for name in names}
            self._device = device
            with torch.inference_mode():
                width = self(torch.zeros(1, 3, 8, 8, dtype=torch.uint8)).shape[1]
        except (KeyError, RuntimeError, IndexError) as exc:
            raise WeightsError(
                f"{path} does not hold the Inception network of FID ({exc}): "
                "give pt_inception-2015-12-05-6726825d.pth"
            ) from exc
        assert width == 2048

    def __call__(self, images: Tensor) -> Tensor:
        """Uint8 (N, 3, H, W) -> float32 (N, 2048).

        Pictures are scaled to 299 x 299 as pytorch-fid does it: bilinear, not antialiased.
        """
        x = images.to(self._device).float() / 255
        x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False) * 2 - 1
        x = self._open(x, "Conv2d_1a_3x3", stride=2)
        x = self._chain(self._open(x, "Conv2d_2a_3x3"), "Conv2d_2b_3x3")
        x = self._chain(F.max_pool2d(x, 3, 2), "Conv2d_3b_1x1")
        x = F.max_pool2d(self._open(x, "Conv2d_4a_3x3"), 3, 2)
        for letter in "bcd":
            x = self._block_5(x, f"Mixed_5{letter}.")
        x = self._block_6a(x, "Mixed_6a.")
        for letter in "bcde":
            x = self._block_6(x, f"Mixed_6{letter}.")
        x = self._block_7a(x, "Mixed_7a.")
        x = self._block_7(x, "Mixed_7b.", _average(x))
        x = self._block_7(x, "Mixed_7c.", F.max_pool2d(x, 3, 1, 1))
        return x.mean((2, 3))

    def _open(self, x: Tensor, name: str, *, stride: int = 1) -> Tensor:
        """One layer without a border of zeros."""
        return F.relu(self._layers[name](x, stride=stride))

    def _chain(self, x: Tensor, *names: str) -> Tensor:
        """Layers that keep the size."""
        for name in names:
            layer = self._layers[name]
            x = F.relu(layer(x, padding=layer.same_padding))
        return x

    def _block_5(self, x: Tensor, at: str) -> Tensor:
        double = [f"{at}branch3x3dbl_{place}" for place in (1, 2, 3)]
        return torch.cat(
            [
                self._chain(x, f"{at}branch1x1"),
                self._chain(x, f"{at}branch5x5_1", f"{at}branch5x5_2"),
                self._chain(x, *double),
                self._chain(_average(x), f"{at}branch_pool"),
            ],
            1,
        )

    def _block_6a(self, x: Tensor, at: str) -> Tensor:
        double = self._chain(x, f"{at}branch3x3dbl_1", f"{at}branch3x3dbl_2")
        return torch.cat(
            [
                self._open(x, f"{at}branch3x3", stride=2),
                self._open(double, f"{at}branch3x3dbl_3", stride=2),
                F.max_pool2d(x, 3, 2),
            ],
            1,
        )

    def _block_6(self, x: Tensor, at: str) -> Tensor:
        return torch.cat(
            [
                self._chain(x, f"{at}branch1x1"),
                self._chain(x, *(f"{at}branch7x7_{place}" for place in (1, 2, 3))),
                self._chain(x, *(f"{at}branch7x7dbl_{place}" for place in (1, 2, 3, 4, 5))),
                self._chain(_average(x), f"{at}branch_pool"),
            ],
            1,
        )

    def _block_7a(self, x: Tensor, at: str) -> Tensor:
        seven = self._chain(x, *(f"{at}branch7x7x3_{place}" for place in (1, 2, 3)))
        return torch.cat(
            [
                self._open(self._chain(x, f"{at}branch3x3_1"), f"{at}branch3x3_2", stride=2),
                self._open(seven, f"{at}branch7x7x3_4", stride=2),
                F.max_pool2d(x, 3, 2),
            ],
            1,
        )

    def _block_7(self, x: Tensor, at: str, pooled: Tensor) -> Tensor:
        three = self._chain(x, f"{at}branch3x3_1")
        double = self._chain(x, f"{at}branch3x3dbl_1", f"{at}branch3x3dbl_2")
        return torch.cat(
            [
                self._chain(x, f"{at}branch1x1"),
                self._chain(three, f"{at}branch3x3_2a"),
                self._chain(three, f"{at}branch3x3_2b"),
                self._chain(double, f"{at}branch3x3dbl_3a"),
                self._chain(double, f"{at}branch3x3dbl_3b"),
                self._chain(pooled, f"{at}branch_pool"),
            ],
            1,
        )


def _average(x: Tensor) -> Tensor:
    """The mean of each 3 x 3 neighbourhood; at the border, of the places that are there."""
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def _layer(weights: Mapping[str, Tensor], name: str, device: torch.device) -> Convolution:
    return folded(weights, f"{name}.conv", f"{name}.bn", eps=_EPS, device=device)
